import type { Metric } from '../report/document.ts';

export type { Metric } from '../report/document.ts';

/** Summarises at least one sample. The mean of nothing is no number, so nothing is refused. */
export function metricOf(samples: readonly number[]): Metric {
  if (samples.length === 0) throw new RangeError('there are no samples');
  const sorted = [...samples].sort((a, b) => a - b);
  const mean = sum(samples) / samples.length;
  const squares = sum(samples.map((sample) => (sample - mean) ** 2));
  return {
    unit: 'ms',
    count: samples.length,
    min: sorted[0] ?? Number.NaN,
    mean,
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
    max: sorted.at(-1) ?? Number.NaN,
    stddev: samples.length === 1 ? 0 : Math.sqrt(squares / (samples.length - 1)),
    samples,
  };
}

/** Summarises each that has samples, of a run that may not have come to all of them. */
export function metricsOf(samples: Readonly<Record<string, readonly number[]>>): Record<string, Metric> {
  return Object.fromEntries(
    Object.entries(samples).flatMap(([name, values]) => (values.length === 0 ? [] : [[name, metricOf(values)]])),
  );
}

/**
 * The p-th percentile of sorted samples, between the two nearest ranks by linear interpolation: method 7 of Hyndman and
 * Fan (1996), which R, NumPy and spreadsheets use by default.
 */
export function percentile(sorted: readonly number[], p: number): number {
  const rank = ((sorted.length - 1) * p) / 100;
  const below = sorted[Math.floor(rank)] ?? Number.NaN;
  const above = sorted[Math.ceil(rank)] ?? Number.NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
