import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { Report } from '../report/document.ts';
import { holmAdjusted, leastPossibleP, mannWhitney, mannWhitneyP } from './mann-whitney.ts';

export type Verdict = 'better' | 'worse' | 'inconclusive';

/** One metric of two runs compared. A ratio above 1 means slower. */
export interface MetricComparison {
  readonly unit: 'ms';
  readonly before: { readonly count: number; readonly p50: number };
  readonly after: { readonly count: number; readonly p50: number };
  /** Of the medians. Absent if the earlier median is 0. */
  readonly ratio?: number;
  /** The ratio's 95 % interval. */
  readonly ratioLow?: number;
  readonly ratioHigh?: number;
  /** Of the rank test, before and after the correction for the number of metrics. */
  readonly p: number;
  readonly pAdjusted: number;
  /** The share of sample pairs in which the later run is slower; ties count half. */
  readonly superiority: number;
  readonly verdict: Verdict;
  /** Why there is no verdict. */
  readonly reason?: string;
}

// At most 1 % of the pairs of equal runs may get a verdict on any of their metrics: people switch off a gate that cries
// wolf. At 0.01, 0.96 % of 10,000 pairs did; a quarter of that is safe, and the interval leaves no power to lose.
const SIGNIFICANCE = 0.0025;
// However certain, a difference that no user notices is not worth a red build.
const EFFECT_MIN = 0.05;
const CONFIDENCE = 0.95;
const RESAMPLES = 2_000;

/**
 * Compares the medians of the metrics that both runs have: one lost packet in fifty requests moves a mean by more than a
 * typical regression. A verdict needs the rank test after Holm's correction, the bootstrap's interval and a difference of
 * 5 % to agree. Where medians and ranks point in opposite directions, as in a mix of hits and misses, there is none.
 */
export function compareMetrics(
  before: Report['metrics'],
  after: Report['metrics'],
  random: Random,
): Record<string, MetricComparison> {
  const common = Object.keys(before).flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    return old === undefined || now === undefined ? [] : [{ name, old, now, ...mannWhitney(old.samples, now.samples) }];
  });
  const adjusted = holmAdjusted(common.map(({ p }) => p));
  return Object.fromEntries(
    common.map(({ name, old, now, p, superiority }, index) => {
      const figures = {
        unit: old.unit,
        before: { count: old.count, p50: old.p50 },
        after: { count: now.count, p50: now.p50 },
        p,
        pAdjusted: adjusted[index] ?? 1,
        superiority,
      };
      if (old.p50 === 0) return [name, { ...figures, verdict: 'inconclusive', reason: 'median of 0' }];
      const ratio = now.p50 / old.p50;
      const [ratioLow, ratioHigh] = intervalOfRatio(old.samples, now.samples, random);
      const measured = { ...figures, ratio, ratioLow, ratioHigh };
      const few = leastPossibleP(old.count, now.count) * common.length > SIGNIFICANCE;
      return [name, { ...measured, ...judge(measured, few) }];
    }),
  );
}

type Judged = Required<Pick<MetricComparison, 'ratio' | 'ratioLow' | 'ratioHigh' | 'pAdjusted' | 'superiority'>>;

function judge(
  { ratio, ratioLow, ratioHigh, pAdjusted, superiority }: Judged,
  few: boolean,
): Pick<MetricComparison, 'verdict' | 'reason'> {
  if (few) return { verdict: 'inconclusive', reason: 'few samples' };
  const excludesOne = ratioLow > 1 || ratioHigh < 1;
  if (pAdjusted > SIGNIFICANCE || !excludesOne) return { verdict: 'inconclusive', reason: 'within noise' };
  if (ratio > 1 !== superiority > 0.5) return { verdict: 'inconclusive', reason: 'ranks oppose' };
  if (Math.abs(ratio - 1) < EFFECT_MIN) return { verdict: 'inconclusive', reason: 'under 5 %' };
  return { verdict: ratio > 1 ? 'worse' : 'better' };
}

/** The percentile bootstrap of the ratio of medians. */
function intervalOfRatio(before: readonly number[], after: readonly number[], random: Random): [number, number] {
  const [old, now] = [resampledMedians(before, random), resampledMedians(after, random)];
  const ratios = Float64Array.from({ length: RESAMPLES }, () => now() / old()).sort();
  const at = (share: number): number => ratios[Math.round(share * (RESAMPLES - 1))] ?? Number.NaN;
  return [at((1 - CONFIDENCE) / 2), at((1 + CONFIDENCE) / 2)];
}

/** Returns a function that draws the median of a resample. Counting the drawn samples saves sorting them. */
function resampledMedians(samples: readonly number[], random: Random): () => number {
  const sorted = Float64Array.from(samples).sort();
  const size = sorted.length;
  const drawn = new Uint32Array(size);
  return () => {
    drawn.fill(0);
    for (let index = 0; index < size; index++) {
      const which = Math.floor(random.fraction() * size);
      drawn[which] = (drawn[which] ?? 0) + 1;
    }
    const [low, high] = [Math.floor((size - 1) / 2), Math.floor(size / 2)];
    let seen = 0;
    let lower = Number.NaN;
    for (let index = 0; index < size; index++) {
      seen += drawn[index] ?? 0;
      const value = sorted[index] ?? Number.NaN;
      if (Number.isNaN(lower) && seen > low) lower = value;
      if (seen > high) return (lower + value) / 2;
    }
    return lower;
  };
}

/** Returns why a gate fails: each metric whose ratio and whole interval exceed so many percent. */
export function regressionsBeyond(metrics: Readonly<Record<string, MetricComparison>>, percent: number): string[] {
  const limit = 1 + percent / 100;
  return Object.entries(metrics).flatMap(([name, { verdict, ratio = 1, ratioLow = 1 }]) => {
    if (verdict !== 'worse' || ratio <= limit || ratioLow <= limit) return [];
    const slower = (value: number): string => `${((value - 1) * 100).toFixed(1)} %`;
    return [`${name} is ${slower(ratio)} slower, at least ${slower(ratioLow)}; ${percent} % are allowed`];
  });
}

/** Returns what must be equal in two runs that are compared. */
export function likenessOf(report: Report): Record<string, string> {
  return {
    kind: report.kind,
    name: report.name,
    'deployment.kind': report.deployment.kind,
    'deployment.rttMs': String(report.deployment.rttMs ?? 'absent'),
    simulated: String(report.simulated),
    ...Object.fromEntries(
      Object.entries(report.parameters).map(([name, value]) => [`parameters.${name}`, String(value)]),
    ),
  };
}

/** Throws `usage` for runs that measured different things, and names the fields that differ. */
export function refuseUnlike(before: Report, after: Report): void {
  const differences = differencesOf(likenessOf(before), likenessOf(after));
  if (differences.length > 0) {
    throw new JavumboError('usage', `the two runs are not comparable: ${differences.join('; ')}`, {
      try: 'two runs of one benchmark with the same options',
    });
  }
  if (before.kind !== 'bench') {
    throw new JavumboError('usage', 'verify passes or fails, and only benchmarks are compared', {
      try: 'reports of javumbo bench',
    });
  }
}

/** Returns what else may explain a difference than the change under test. */
export function doubtsAboutPair(before: Report, after: Report): string[] {
  const told = ({ environment, deployment }: Report): Record<string, string> => {
    const { commit: _, ...machine } = environment;
    const { region, endpoint, bucket } = deployment;
    return named({ ...machine, region, endpoint, bucket });
  };
  return [
    ...differencesOf(told(before), told(after)).map((difference) => `${difference}: run both in one place`),
    // The tests assume independent samples, and those of a queue wait for one another.
    ...(before.parameters.loop === 'open'
      ? ['requests of an open loop wait for one another: a verdict is less certain than it says; compare several runs']
      : []),
    ...[before, after].flatMap(({ passed, startedAt, failureReasons }) =>
      passed ? [] : [`the run of ${startedAt} did not pass: ${failureReasons.join('; ')}`],
    ),
    ...[before, after].flatMap(({ startedAt, metrics }) => {
      const unsteady = Object.keys(metrics).filter((name) => drifted(metrics[name]?.samples ?? []));
      if (unsteady.length === 0) return [];
      return [
        `${unsteady.join(', ')} drifted during the run of ${startedAt}: the machine was busy, or something warmed up; measure again`,
      ];
    }),
  ];
}

/** The tests assume independent samples. On a busy machine one half of them differs from the other. */
function drifted(samples: readonly number[]): boolean {
  const half = Math.floor(samples.length / 2);
  return mannWhitneyP(samples.slice(0, half), samples.slice(half)) <= SIGNIFICANCE;
}

function named(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value ?? 'absent')]));
}

function differencesOf(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} is ${before[name] ?? 'absent'} in the first and ${after[name] ?? 'absent'} in the second`);
}
