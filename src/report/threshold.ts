import { JavumboError } from '../core/failure.ts';
import { formatCount } from '../core/format.ts';
import type { Metric, Report } from './document.ts';
import { bears, samplesFor } from './percentiles.ts';

const OPERATORS = {
  '<': (actual: number, limit: number) => actual < limit,
  '<=': (actual: number, limit: number) => actual <= limit,
  '>': (actual: number, limit: number) => actual > limit,
  '>=': (actual: number, limit: number) => actual >= limit,
  '==': (actual: number, limit: number) => actual === limit,
} as const;

const STATISTICS = ['min', 'mean', 'p50', 'p95', 'p99', 'max', 'stddev', 'count'] as const satisfies (keyof Metric)[];

const REQUESTS = ['get', 'put', 'head', 'delete', 'list', 'bytesUp', 'bytesDown'] as const;

/** A claim about one figure of a report, such as `totalMs.p95<400`. */
export interface Threshold {
  readonly expression: string;
  /** `<metric>.<statistic>`, `derived.<name>`, `requests.<name>` or `costUsdPerMillion`. */
  readonly figure: string;
  readonly operator: keyof typeof OPERATORS;
  readonly limit: number;
}

/** Parses `<figure><operator><number>` with a finite number (1e999 would always hold). Throws `usage`, naming `option`. */
export function parseThreshold(expression: string, option = '--threshold'): Threshold {
  const match = /^\s*([A-Za-z][\w.-]*)\s*(<=|>=|==|<|>)\s*(-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*$/i.exec(expression);
  const [, figure, operator, limit] = match ?? [];
  if (figure === undefined || operator === undefined || !Number.isFinite(Number(limit))) {
    throw new JavumboError('usage', `${option} ${JSON.stringify(expression)} is no comparison with a number`, {
      try: `${option} 'totalMs.p50<400', with <, <=, >, >= or ==`,
    });
  }
  return { expression, figure, operator: operator as Threshold['operator'], limit: Number(limit) };
}

/** The figures that a scenario can measure; a run may not measure all. */
export interface FigureNames {
  readonly metrics: readonly string[];
  readonly derived: readonly string[];
}

/** Throws `usage`, listing the known figures, for a threshold on a figure that the scenario never measures. */
export function refuseUnknownFigures(
  thresholds: readonly Threshold[],
  { metrics, derived }: FigureNames,
  option = '--threshold',
): void {
  const known = new Set([
    ...metrics.flatMap((name) => STATISTICS.map((statistic) => `${name}.${statistic}`)),
    ...derived.map((name) => `derived.${name}`),
    ...REQUESTS.map((name) => `requests.${name}`),
    'costUsdPerMillion',
  ]);
  const stray = thresholds.find(({ figure }) => !known.has(figure));
  if (stray === undefined) return;
  throw new JavumboError('usage', `${option} ${stray.expression}: there is no figure "${stray.figure}"`, {
    try: `${metrics.join('|')} with .${STATISTICS.join('|.')}; ${derived.map((name) => `derived.${name}`).join(', ')}; requests.${REQUESTS.join('|')}; costUsdPerMillion`,
  });
}

type Measured = Pick<Report, 'metrics' | 'derived' | 'requests' | 'costUsdPerMillion'>;

/** Judges a threshold. A figure that was not measured misses it, as does a percentile that the samples cannot bear. */
export function judgeThreshold(threshold: Threshold, measured: Measured): Report['thresholds'][number] {
  const { expression, figure, operator, limit } = threshold;
  const actual = measuredValue(figure, measured);
  if (actual === undefined) return { expression, passed: false };
  const reason = unborne(figure, measured);
  if (reason !== undefined) return { expression, passed: false, reason };
  return { expression, passed: OPERATORS[operator](actual, limit), actual };
}

/** Returns which percentile of an objective or a threshold is meant, if one is: 99 of `totalMs.p99`. */
export function percentileOf(figure: string): number | undefined {
  const percentile = /\.p(\d+)$/.exec(figure)?.[1];
  return percentile === undefined ? undefined : Number(percentile);
}

/** Says why a percentile cannot be judged: the tables show a dash for it. */
function unborne(figure: string, { metrics }: Measured): string | undefined {
  const p = percentileOf(figure);
  const { count = 0 } = metrics[figure.slice(0, figure.indexOf('.'))] ?? {};
  if (p === undefined || bears(count, p)) return undefined;
  return `${formatCount(count, 'sample')} cannot bear p${p}, which takes ${samplesFor(p)}`;
}

function measuredValue(
  figure: string,
  { metrics, derived, requests, costUsdPerMillion }: Measured,
): number | undefined {
  if (figure === 'costUsdPerMillion') return costUsdPerMillion;
  const dot = figure.indexOf('.');
  const [group, name] = [figure.slice(0, dot), figure.slice(dot + 1)];
  if (group === 'derived') return derived[name];
  if (group === 'requests') return requests[name as (typeof REQUESTS)[number]];
  return metrics[group]?.[name as (typeof STATISTICS)[number]];
}

/** Returns the figure that was judged, or why there is none. */
export function figureOrReason(
  { actual, reason = 'not measured' }: Report['thresholds'][number],
  format: (actual: number) => string,
): string {
  return actual === undefined ? reason : format(actual);
}

/** Returns the text for `failureReasons`. */
export function missedReason({ expression, actual, reason }: Report['thresholds'][number]): string {
  const is = actual === undefined ? 'not measured' : `it is ${Number(actual.toPrecision(6))}`;
  return `threshold ${expression}: ${reason ?? is}`;
}
