import type { Metric } from '../document.ts';
import { bears } from '../percentiles.ts';
import { type Content, html } from './markup.ts';
import { course, cumulative, histogram, type Series, sharedBins, valueScale } from './metric-charts.ts';
import { table } from './page.ts';
import type { Scale } from './scale.ts';
import { number, quantity } from './text.ts';

const FEW = '–';

/** The columns of a row of `statistics`. */
export const STATISTICS = ['samples', 'min', 'mean', 'median', 'p95', 'p99', 'max'].map((name) => ({
  name,
  isNumber: true,
}));

/** Returns the cells of a metric; a dash stands for a percentile that so few samples cannot bear. */
export function statistics({ count, unit, min, mean, p50, p95, p99, max }: Metric): string[] {
  const borne = (p: number, value: number): string => (bears(count, p) ? quantity(value, unit) : FEW);
  return [
    number(count),
    ...[min, mean].map((value) => quantity(value, unit)),
    borne(50, p50),
    borne(95, p95),
    borne(99, p99),
    quantity(max, unit),
  ];
}

/** Says what the dashes of `statistics` stand for, where there are any. */
export function fewSamples(metrics: Readonly<Record<string, Metric>>): Content {
  const cells = Object.values(metrics).flatMap(statistics);
  if (!cells.includes(FEW)) return undefined;
  return html`<p class="faint">${FEW}: fewer samples than the median (2), p95 (20) or p99 (100) takes.</p>`;
}

export function seriesOf({ samples, p50 }: Metric, colour: Series['colour'] = 'first', name?: string): Series {
  return {
    ...(name === undefined ? {} : { name }),
    colour,
    samples,
    sorted: [...samples].sort((a, b) => a - b),
    median: p50,
  };
}

/** Draws a metric: its distribution, the same cumulatively, and its course. A single sample is told instead. */
export function metricSection(name: string, metric: Metric): Content {
  const { unit, count, max } = metric;
  if (count === 1) return html`<h3>${name}</h3><p>One sample: ${quantity(max, unit)}.</p>`;
  const series = seriesOf(metric);
  return distributions(name, unit, [series], (scale) => course(name, unit, series, scale));
}

/** Draws the distributions of one or two runs on one axis, and `more` beside them. */
export function distributions(
  name: string,
  unit: string,
  series: readonly Series[],
  more?: (scale: Scale) => Content,
): Content {
  const charted = { name, unit, series };
  const scale = valueScale(series);
  const bins = sharedBins(series, scale);
  const rows = (bins[0] ?? []).map(({ low, high }, index) => [
    `${quantity(low, unit)} to ${quantity(high, unit)}`,
    ...bins.map((each) => number(each[index]?.count ?? 0)),
  ]);
  const columns = [{ name: 'range' }, ...series.map(({ name: run = 'samples' }) => ({ name: run, isNumber: true }))];
  return html`<h3>${name}</h3>
<div class="figures">${histogram(charted, scale)}${cumulative(charted, scale)}${more?.(scale)}</div>
<details><summary>${name} as a table</summary>${table(`distribution of ${name}`, columns, rows)}</details>
`;
}
