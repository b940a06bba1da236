import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { Report } from '../report/document.ts';
import { holmAdjusted, leastPossibleP, mannWhitney, mannWhitneyP } from './mann-whitney.ts';

export type Verdict = 'better' | 'worse' | 'inconclusive';

/** How one metric of two runs compares. A ratio above 1 is slower. */
export interface MetricComparison {
  readonly unit: 'ms';
  readonly before: { readonly count: number; readonly p50: number };
  readonly after: { readonly count: number; readonly p50: number };
  /** Of the medians. Absent where the earlier median is 0. */
  readonly ratio?: number;
  /** The 95 % interval of the ratio. */
  readonly ratioLow?: number;
  readonly ratioHigh?: number;
  /** Of the rank test, as it is and corrected for the number of metrics. */
  readonly p: number;
  readonly pAdjusted: number;
  /** Of all pairs of samples, the share in which the later one is slower; equal ones count half. */
  readonly superiority: number;
  readonly verdict: Verdict;
  /** Why there is no verdict. */
  readonly reason?: string;
}

// Promised is that of pairs drawn alike at most 1 % are told apart, all their metrics together: a gate that cries wolf is
// switched off. At 0.01 it was 0.96 % of 10,000 pairs; a quarter keeps the promise with room, and costs no power that the
// interval had left.
const SIGNIFICANCE = 0.0025;
// What a user would not notice is not worth a red build, however certain it is.
const EFFECT_MIN = 0.05;
const CONFIDENCE = 0.95;
const RESAMPLES = 2_000;

/**
 * Compares the metrics that both runs have. What is compared is the median: it is in every report, and one lost packet
 * among fifty requests moves a mean by more than the regressions that are looked for. A metric is better or worse only
 * where three agree: the rank test after Holm's correction, the bootstrap's interval, and a difference of 5 %. Medians
 * and ranks may differ in direction, as where hits and misses mix: then there is no verdict.
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

/** Draws the median of a sample drawn from the samples, with replacement. Counting what is drawn saves sorting it. */
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

/** Why a gate of so many percent fails: for each metric whose ratio and whole interval lie beyond it. */
export function regressionsBeyond(metrics: Readonly<Record<string, MetricComparison>>, percent: number): string[] {
  const limit = 1 + percent / 100;
  return Object.entries(metrics).flatMap(([name, { verdict, ratio = 1, ratioLow = 1 }]) => {
    if (verdict !== 'worse' || ratio <= limit || ratioLow <= limit) return [];
    const slower = (value: number): string => `${((value - 1) * 100).toFixed(1)} %`;
    return [`${name} is ${slower(ratio)} slower, at least ${slower(ratioLow)}; ${percent} % are allowed`];
  });
}

/** Throws `usage` for two runs that measured different things, and says which fields differ. */
export function refuseUnlike(before: Report, after: Report): void {
  const told = (report: Report): Record<string, string> => ({
    kind: report.kind,
    name: report.name,
    'deployment.kind': report.deployment.kind,
    'deployment.rttMs': String(report.deployment.rttMs ?? 'absent'),
    simulated: String(report.simulated),
    ...Object.fromEntries(
      Object.entries(report.parameters).map(([name, value]) => [`parameters.${name}`, String(value)]),
    ),
  });
  const differences = differencesOf(told(before), told(after));
  if (differences.length > 0) {
    throw new JavumboError('usage', `the two runs are unlike: ${differences.join('; ')}`, {
      try: 'two runs of one benchmark with the same options',
    });
  }
  if (before.kind !== 'bench') {
    throw new JavumboError('usage', 'verify passes or fails, and only benchmarks are compared', {
      try: 'reports of javumbo bench',
    });
  }
}

/** What may explain a difference beside the change that is looked for. */
export function doubtsAboutPair(before: Report, after: Report): string[] {
  const told = ({ environment, deployment }: Report): Record<string, string> => {
    const { commit: _, ...machine } = environment;
    const { region, endpoint, bucket } = deployment;
    return named({ ...machine, region, endpoint, bucket });
  };
  return [
    ...differencesOf(told(before), told(after)).map((difference) => `${difference}: run both in one place`),
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

/** All of the above takes samples for independent. Those of a busy machine are not: one half differs from the other. */
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
