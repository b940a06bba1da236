import type { Metric } from '../report/document.ts';

export type { Metric } from '../report/document.ts';

/** What a run measures, as its report has it. */
export interface Figures {
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly derived: Readonly<Record<string, number>>;
}

/** Summarises at least one sample. Throws RangeError for none, which have no mean. */
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

/** Summarises every metric that has samples. */
export function metricsOf(samples: Readonly<Record<string, readonly number[]>>): Record<string, Metric> {
  return Object.fromEntries(
    Object.entries(samples).flatMap(([name, values]) => (values.length === 0 ? [] : [[name, metricOf(values)]])),
  );
}

/**
 * Returns the p-th percentile of sorted samples, interpolated between the nearest ranks: method 7 of Hyndman and Fan
 * (1996), the default of R, NumPy and spreadsheets.
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
