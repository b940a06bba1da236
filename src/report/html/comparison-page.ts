import { formatMs } from '../../core/format.ts';
import type { Report } from '../document.ts';
import { apart, n, picture, WIDTH } from './chart.ts';
import { type Content, html, type Markup } from './markup.ts';
import { distributions, seriesOf } from './metrics.ts';
import { list, page, section, table, type Verdict } from './page.ts';
import { type Scale, scaleFor } from './scale.ts';
import { moment, number } from './text.ts';

/** How one metric of the later run differs. */
interface Compared {
  readonly before: { readonly count: number; readonly p50: number };
  readonly after: { readonly count: number; readonly p50: number };
  readonly ratio?: number;
  readonly ratioLow?: number;
  readonly ratioHigh?: number;
  readonly pAdjusted: number;
  readonly verdict: 'better' | 'worse' | 'inconclusive';
  readonly reason?: string;
}

interface Run {
  readonly file: string;
  readonly startedAt: string;
  readonly commit?: string | undefined;
}

/** What `bench compare` found, as far as its page tells it. */
export interface ComparedRuns {
  readonly name: string;
  readonly before: Run;
  readonly after: Run;
  readonly metrics: Readonly<Record<string, Compared>>;
  readonly failOnRegressionPercent?: number;
  readonly warnings: readonly string[];
  readonly passed: boolean;
  readonly failureReasons: readonly string[];
}

/** Renders a comparison as one page: its verdict, the interval of each change, and both distributions on one axis. */
export function comparisonHtml(found: ComparedRuns, before: Report['metrics'], after: Report['metrics']): string {
  const metrics = Object.entries(found.metrics);
  return page(`javumbo bench compare: ${found.name}`, verdictOf(found), [
    found.warnings.length === 0 ? undefined : html`<div class="warnings" role="note">${list(found.warnings)}</div>`,
    section(
      'Change of the median',
      html`<div class="figures">${intervals(metrics)}</div>`,
      table(
        'change of the median',
        [
          { name: 'metric' },
          { name: 'verdict' },
          ...['before', 'after', 'change', '95 % interval', 'samples', 'p'].map((name) => ({ name, isNumber: true })),
        ],
        metrics.map(([name, { before, after, ratio, ratioLow, ratioHigh, pAdjusted, verdict, reason }]) => [
          name,
          html`<span class="${CLASSES[verdict]}">${SIGNS[verdict]} ${verdict}${reason === undefined ? '' : `: ${reason}`}</span>`,
          formatMs(before.p50),
          formatMs(after.p50),
          percent(ratio),
          ratio === undefined ? '–' : `${percent(ratioLow)} to ${percent(ratioHigh)}`,
          `${number(before.count)}, ${number(after.count)}`,
          pAdjusted < 0.0001 ? '< 0.0001' : pAdjusted.toFixed(4),
        ]),
      ),
      html`<p class="faint">Better and worse take three things at once: a rank test (p, corrected for the number of metrics, at most 0.0025), a 95 % interval of the change that leaves out 0, and a change of at least 5 %.</p>`,
    ),
    section(
      'Distributions',
      metrics.map(([name]) => {
        const [old, now] = [before[name], after[name]];
        if (old === undefined || now === undefined) return undefined;
        return distributions(name, old.unit, [seriesOf(old, 'first', 'before'), seriesOf(now, 'second', 'after')]);
      }),
    ),
    section(
      'Runs',
      table(
        'runs',
        [{ name: 'run' }, { name: 'file' }, { name: 'started' }, { name: 'commit' }],
        (['before', 'after'] as const).map((run) => {
          const { file, startedAt, commit } = found[run];
          return [run, file, moment(startedAt), commit ?? 'not known'];
        }),
      ),
    ),
  ]);
}

const SIGNS = { better: '▼', worse: '▲', inconclusive: '·' } as const;
const CLASSES = { better: 'passed', worse: 'failed', inconclusive: 'faint' } as const;

function verdictOf({ metrics, failOnRegressionPercent: gate, passed, failureReasons }: ComparedRuns): Verdict {
  const named = (wanted: Compared['verdict']): string[] =>
    Object.entries(metrics).flatMap(([name, { verdict }]) => (verdict === wanted ? [name] : []));
  const counts = (['worse', 'better', 'inconclusive'] as const).flatMap((verdict) => {
    const names = named(verdict);
    return names.length === 0 ? [] : [`${verdict}: ${names.join(', ')}`];
  });
  const isWorse = named('worse').length > 0;
  const isBetter = named('better').length > 0;
  const tone = isWorse === isBetter ? 'plain' : isWorse ? 'bad' : 'good';
  const words = isWorse ? (isBetter ? 'Worse and better' : 'Worse') : isBetter ? 'Better' : 'No difference is proven';
  return {
    tone: gate === undefined ? tone : passed ? 'good' : 'bad',
    words: gate === undefined ? words : passed ? 'Passed' : 'Failed',
    lines: [
      `${counts.join('; ')}.`,
      gate === undefined
        ? 'No gate was set, so nothing could fail.'
        : `The gate fails for a metric that is certainly slower by more than ${number(gate)} %.`,
      ...failureReasons.map((reason) => html`<span class="failed">${reason}</span>`),
    ],
  };
}

function percent(ratio: number | undefined): string {
  if (ratio === undefined) return '–';
  const value = (ratio - 1) * 100;
  return `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(1)} %`;
}

const TOP = 8;
const ROW = 40;

/** Draws the interval of each metric's change around none. */
function intervals(metrics: readonly (readonly [string, Compared])[]): Content {
  const rows = metrics.flatMap(([name, compared]) =>
    compared.ratio === undefined ? [] : [{ name, ...compared, ratio: compared.ratio }],
  );
  if (rows.length === 0) return undefined;
  const ends = rows.flatMap(({ ratio, ratioLow = ratio, ratioHigh = ratio }) => [ratioLow, ratioHigh]);
  const scale = changeScale(Math.min(...ends, 0.98), Math.max(...ends, 1.02));
  const x = (ratio: number): number => 30 + scale.at((ratio - 1) * 100) * (WIDTH - 60);
  const bottom = TOP + rows.length * ROW;
  const drawing = picture(
    {
      title: 'Change of the median, with its 95 % interval',
      description: rows.map(({ name, ratio, verdict }) => `${name} ${percent(ratio)}, ${verdict}`).join('; '),
    },
    WIDTH,
    bottom + 44,
    [
      html`<line class="axis" x1="30" x2="${WIDTH - 30}" y1="${bottom}" y2="${bottom}"/>`,
      rows.map((row, index) => interval(row, x, TOP + index * ROW)),
      apart(
        scale.ticks.map((tick) => ({ at: x(1 + tick / 100), text: tick > 0 ? `+${number(tick)}` : number(tick) })),
        WIDTH,
      ).map(
        ({ at, text }) => html`<text class="tick" x="${n(at)}" y="${bottom + 18}" text-anchor="middle">${text}</text>`,
      ),
      html`<text class="name" x="${WIDTH - 30}" y="${bottom + 38}" text-anchor="end">% change of the median; above 0 is slower</text>`,
    ],
  );
  return html`<figure>${drawing}<figcaption>The dot is the change, the line its 95 % interval, and the dashed mark no change.</figcaption></figure>`;
}

function interval(
  { name, ratio, ratioLow = ratio, ratioHigh = ratio, verdict }: Compared & { name: string; ratio: number },
  x: (ratio: number) => number,
  top: number,
): Markup {
  const y = top + 28;
  const look = `change ${verdict}`;
  return html`<text class="mark" x="30" y="${top + 14}">${SIGNS[verdict]} ${name} ${percent(ratio)}</text><line class="marker" x1="${n(x(1))}" x2="${n(x(1))}" y1="${y - 8}" y2="${y + 8}"/><line class="${look}" x1="${n(x(ratioLow))}" x2="${n(x(ratioHigh))}" y1="${y}" y2="${y}"/><circle class="${look}" cx="${n(x(ratio))}" cy="${y}" r="4.5"><title>${name}: ${percent(ratioLow)} to ${percent(ratioHigh)}</title></circle>`;
}

/** Ticks around no change, on both sides. */
function changeScale(low: number, high: number): Scale {
  const from = (low - 1) * 100;
  const reach = scaleFor(0, (high - low) * 100);
  const step = (reach.ticks[1] ?? 1) - (reach.ticks[0] ?? 0);
  const [first, last] = [Math.floor(from / step), Math.ceil(((high - 1) * 100) / step)];
  return {
    ...reach,
    low: first * step,
    high: last * step,
    ticks: Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step),
    at: (value) => (value - first * step) / ((last - first) * step),
  };
}
