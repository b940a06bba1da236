import { formatCount } from '../../core/format.ts';
import { type ChartText, chart, figureOf, labelAbove, n, type Plot, widthOf } from './chart.ts';
import {
  type Bin,
  binCount,
  binsOf,
  courseOf,
  cumulativeOf,
  type Outlier,
  outliersOf,
  type Stretch,
} from './distribution.ts';
import { html, type Markup } from './markup.ts';
import { countScale, placeScale, type Scale, scaleFor } from './scale.ts';
import { number, quantity, unitName } from './text.ts';

/** The samples of one run, and how they are told apart from another's. */
export interface Series {
  /** Undefined where it is the only one. */
  readonly name?: string;
  readonly colour: 'first' | 'second';
  readonly samples: readonly number[];
  readonly sorted: readonly number[];
  readonly median: number;
}

/** What its pictures tell of a metric. */
export interface Charted {
  readonly name: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

const STEPS_MAX = 300;
const COLUMNS_MAX = 300;
// More rings hide each other and what lies below.
const RINGS_MAX = 60;

/** Returns one scale for all samples of a metric, so that its pictures can be compared. */
export function valueScale(series: readonly Series[]): Scale {
  const ends = series.flatMap(({ sorted }) => [sorted[0] ?? 0, sorted.at(-1) ?? 0]);
  return scaleFor(Math.min(...ends), Math.max(...ends), Math.max(...series.map(({ median }) => median)));
}

/** Returns the bins of each series: the same for all, so that they can be compared. */
export function sharedBins(series: readonly Series[], scale: Scale): readonly (readonly Bin[])[] {
  const size = binCount(Math.min(...series.map(({ samples }) => samples.length)), scale);
  return series.map(({ samples }) => binsOf(samples, scale, size));
}

/** Draws a distribution: in samples, or of several series in shares, since their counts may differ. */
export function histogram({ name, unit, series }: Charted, scale: Scale): Markup {
  const bins = sharedBins(series, scale);
  const alone = series.length === 1;
  const shares = bins.map((each, index) => each.map(({ count }) => heightOf(count, series[index], alone)));
  const most = Math.max(...shares.flat());
  const text = {
    title: `Distribution of ${name}`,
    description: `Samples by value, ${series.map(sentence(unit)).join('; ')}.`,
  };
  const y = { name: alone ? 'samples' : '% of samples', scale: alone ? countScale(most) : scaleFor(0, most) };
  const drawing = chart(text, { name: unitName(unit), scale }, y, (plot) => [
    series.map((each, index) =>
      alone
        ? (bins[index] ?? []).map((bin) => bar(plot, bin, unit))
        : outline(plot, bins[index] ?? [], shares[index] ?? [], each),
    ),
    ...(alone ? series.map((each) => medianMark(plot, each, unit)) : legend(series)),
  ]);
  const size = bins[0]?.length ?? 0;
  return figureOf(
    'Distribution',
    drawing,
    `${series.map(({ name: run, samples }) => `${formatCount(samples.length, 'sample')}${run === undefined ? '' : ` ${run}`}`).join(', ')} in ${size} bins of equal width${scale.isLogarithmic ? ' on the logarithmic axis' : ''}. Extremes are included.`,
  );
}

function heightOf(count: number, series: Series | undefined, alone: boolean): number {
  return alone ? count : (count / (series?.samples.length ?? 1)) * 100;
}

function bar(plot: Plot, { low, high, count }: Bin, unit: string): Markup | undefined {
  if (count === 0) return undefined;
  // A single sample among thousands is still seen.
  const height = Math.max(plot.bottom - plot.y(count), 1.5);
  const width = Math.max(plot.x(high) - plot.x(low) - 0.8, 0.8);
  return html`<rect class="first fill" x="${n(plot.x(low))}" y="${n(plot.bottom - height)}" width="${n(width)}" height="${n(height)}"><title>${quantity(low, unit)} to ${quantity(high, unit)}: ${formatCount(count, 'sample')}</title></rect>`;
}

function outline(plot: Plot, bins: readonly Bin[], heights: readonly number[], { colour }: Series): Markup {
  const path = bins.map(({ low, high }, index) => {
    const y = n(plot.y(heights[index] ?? 0));
    return `${n(plot.x(low))},${y} ${n(plot.x(high))},${y}`;
  });
  return html`<polyline class="${colour} stroke" points="${n(plot.left)},${n(plot.bottom)} ${path.join(' ')} ${n(plot.right)},${n(plot.bottom)}"/>`;
}

function medianMark(plot: Plot, { median }: Series, unit: string): Markup {
  const x = plot.x(median);
  return html`<line class="marker" x1="${n(x)}" x2="${n(x)}" y1="${plot.top - 6}" y2="${plot.bottom}"/>${labelAbove(plot, x, `median ${quantity(median, unit)}`)}`;
}

/** Draws the share of samples at or below each value. */
export function cumulative({ name, unit, series }: Charted, scale: Scale): Markup {
  const text = {
    title: `Cumulative distribution of ${name}`,
    description: `Share of samples at or below each value, ${series.map(sentence(unit)).join('; ')}.`,
  };
  const y = { name: '% of samples at or below', scale: scaleFor(0, 100) };
  const drawing = chart(text, { name: unitName(unit), scale }, y, (plot) => [
    series.map(({ sorted, colour }) => {
      const steps = cumulativeOf(sorted, STEPS_MAX);
      let points = `${n(plot.x(sorted[0] ?? 0))},${n(plot.bottom)}`;
      let height = plot.bottom;
      for (const { value, share } of steps) {
        const x = n(plot.x(value));
        points += ` ${x},${n(height)} ${x},${n(plot.y(share * 100))}`;
        height = plot.y(share * 100);
      }
      return html`<polyline class="${colour} stroke" points="${points} ${n(plot.right)},${n(height)}"/>`;
    }),
    ...(series.length === 1 ? [] : legend(series)),
  ]);
  const thinned = series.some(({ samples }) => samples.length > STEPS_MAX);
  return figureOf(
    'Cumulative distribution',
    drawing,
    thinned
      ? `Drawn at ${STEPS_MAX} evenly spaced ranks, including the minimum and the maximum.`
      : 'Each step is one sample.',
  );
}

/** Draws the samples of one run in order, and marks its outliers. */
export function course(name: string, unit: string, { samples, sorted, median }: Series, scale: Scale): Markup {
  const outliers = outliersOf(samples, sorted);
  const shown = outliers.slice(0, RINGS_MAX);
  const stretches = courseOf(samples, COLUMNS_MAX);
  const single = stretches.length === samples.length;
  const text: ChartText = {
    title: `${name} in order`,
    description: `Samples in the order they were taken; ${number(outliers.length)} of ${number(samples.length)} are outliers.`,
  };
  const x = { name: 'sample number', scale: placeScale(samples.length) };
  const drawing = chart(text, x, { name: unitName(unit), scale }, (plot) => [
    html`<line class="marker" x1="${plot.left}" x2="${plot.right}" y1="${n(plot.y(median))}" y2="${n(plot.y(median))}"/>`,
    stretches.map(({ from, to, min, max, median: middle }) => {
      const at = n(plot.x((from + to) / 2));
      if (single) return html`<circle class="first fill" cx="${at}" cy="${n(plot.y(middle))}" r="2"/>`;
      return html`<line class="first range" x1="${at}" x2="${at}" y1="${n(plot.y(min) + 0.5)}" y2="${n(plot.y(max) - 0.5)}"/><circle class="first fill" cx="${at}" cy="${n(plot.y(middle))}" r="1"/>`;
    }),
    shown.map((outlier) => ring(plot, outlier, unit)),
    shown[0] === undefined ? undefined : labelAbove(plot, plot.x(shown[0].place), quantity(shown[0].value, unit)),
  ]);
  const columns = single
    ? 'Each dot is one sample.'
    : `Each line spans the minimum to the maximum of ${spanText(stretches)}; the dot is their median.`;
  return figureOf('In order', drawing, `${columns} The dashed line is the median. ${outlierText(outliers)}`);
}

/** Says how many samples share a column: `2 to 3 consecutive samples`, since they rarely divide evenly. */
function spanText(stretches: readonly Stretch[]): string {
  const sizes = stretches.map(({ from, to }) => to - from + 1);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  return `${least === most ? '' : `${number(least)} to `}${number(most)} consecutive samples`;
}

function ring(plot: Plot, { place, value }: Outlier, unit: string): Markup {
  return html`<circle class="outlier" cx="${n(plot.x(place))}" cy="${n(plot.y(value))}" r="4.5"><title>sample ${number(place)}: ${quantity(value, unit)}</title></circle>`;
}

function outlierText(outliers: readonly Outlier[]): string {
  const { length } = outliers;
  if (length === 0) return 'No outliers.';
  const rings = length > RINGS_MAX ? `the ${RINGS_MAX} farthest have` : length === 1 ? 'it has' : 'each has';
  return `${formatCount(length, 'outlier')}, more than three interquartile ranges from the middle half: ${rings} a ring${length === 1 ? '' : ', and the farthest is labelled'}.`;
}

/** Names the series beside a piece of their line, above the plot. */
function legend(series: readonly Series[]): Markup[] {
  let x = 54;
  return series.map(({ name = '', colour }) => {
    const at = x;
    x += 40 + widthOf(name);
    return html`<line class="${colour} stroke" x1="${at}" x2="${at + 22}" y1="26" y2="26"/><text class="mark" x="${at + 28}" y="30">${name}</text>`;
  });
}

function sentence(unit: string): (series: Series) => string {
  return ({ name, sorted, median }) =>
    `${name === undefined ? '' : `${name} `}from ${quantity(sorted[0] ?? 0, unit)} to ${quantity(sorted.at(-1) ?? 0, unit)}, half of them up to ${quantity(median, unit)}`;
}
