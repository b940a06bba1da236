import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../core/random.ts';
import type { Report } from '../report/document.ts';
import { compareMetrics, doubtsAboutPair, refuseUnlike, regressionsBeyond, type Verdict } from './compare.ts';
import { holmAdjusted, leastPossibleP, mannWhitney, mannWhitneyP } from './mann-whitney.ts';
import { metricOf } from './stats.ts';

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('the rank test', () => {
  test.each([
    // wilcox.test of R's own documentation (Hollander and Wolfe 1973, 69f.): W = 35, one-sided p = 0.1272, twice that.
    {
      name: 'permeability of membranes, exact, as R has it',
      left: [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46],
      right: [1.15, 0.88, 0.9, 0.74, 1.21],
      p: 0.254412,
    },
    // scipy.stats.mannwhitneyu's documentation: U = 17, exact two-sided p = 1/9.
    {
      name: 'ages at diagnosis, exact, as SciPy has it',
      left: [19, 22, 16, 29, 24],
      right: [20, 11, 17, 12],
      p: 1 / 9,
    },
    { name: 'three against three, all above: two of twenty', left: [1, 2, 3], right: [4, 5, 6], p: 0.1 },
    { name: 'one against one', left: [1], right: [2], p: 1 },
    { name: 'ties: 1, 1 against 1, 2, half of the choices as extreme', left: [1, 1], right: [1, 2], p: 1 },
    { name: 'all equal', left: [5, 5, 5], right: [5, 5, 5], p: 1 },
    { name: 'nothing', left: [], right: [1], p: 1 },
    // By hand: z = (450 - 0.5) / sqrt(30 * 30 * 61 / 12) = 6.6455, 2 * (1 - Phi(z)) = 3.02e-11.
    {
      name: 'thirty against thirty, all above, by the normal curve',
      left: numbers(1, 30),
      right: numbers(31, 60),
      p: 3.02e-11,
    },
  ])('$name', ({ left, right, p }) => {
    expect(mannWhitneyP(left, right) / p).toBeCloseTo(1, 2);
    expect(mannWhitneyP(right, left)).toBeCloseTo(mannWhitneyP(left, right), 12);
  });

  test.each([
    { name: 'all above', left: [1, 2, 3], right: [4, 5, 6], superiority: 1 },
    { name: 'all below', left: [4, 5, 6], right: [1, 2, 3], superiority: 0 },
    { name: 'all equal', left: [5, 5], right: [5, 5, 5], superiority: 0.5 },
    { name: 'three of four pairs above and one equal', left: [1, 2], right: [2, 3], superiority: 3.5 / 4 },
    { name: 'nothing', left: [], right: [1], superiority: 0.5 },
  ])('tells the direction: $name', ({ left, right, superiority }) => {
    expect(mannWhitney(left, right).superiority).toBeCloseTo(superiority, 12);
    expect(mannWhitney(right, left).superiority).toBeCloseTo(1 - superiority, 12);
  });

  /** Every choice of positions, one by one: slow and plain. */
  function enumeratedP(left: readonly number[], right: readonly number[]): number {
    const all = [...left, ...right];
    const uOf = (chosen: readonly number[]): number => {
      const others = all.filter((_, index) => !chosen.includes(index));
      const wins = chosen.flatMap((index) => others.map((other) => Math.sign((all[index] ?? 0) - other)));
      return Math.abs(wins.reduce((sum, win) => sum + win, 0));
    };
    const choices = (size: number, from: number): number[][] =>
      size === 0
        ? [[]]
        : numbers(from, all.length - size).flatMap((first) =>
            choices(size - 1, first + 1).map((rest) => [first, ...rest]),
          );
    const observed = uOf(numbers(0, left.length - 1));
    const us = choices(left.length, 0).map(uOf);
    return us.filter((u) => u >= observed).length / us.length;
  }

  test('is what enumerating every choice gives, ties and unequal sizes included', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 60; round++) {
      const draw = (size: number): number[] => Array.from({ length: size }, () => Math.floor(random.fraction() * 6));
      const [left, right] = [draw(1 + (round % 5)), draw(1 + (round % 4))];
      expect({ left, right, p: mannWhitneyP(left, right) }).toEqual({
        left,
        right,
        p: expect.closeTo(enumeratedP(left, right), 12),
      });
    }
  });

  test('goes over from exact to approximate without a jump', () => {
    const random = seededRandom(6);
    for (let round = 0; round < 20; round++) {
      const draw = (size: number, shift: number): number[] =>
        Array.from({ length: size }, () => random.fraction() + shift);
      const [left, right] = [draw(20, 0), draw(20, 0.25)];
      const exact = mannWhitneyP(left, right);
      // One value more, in the middle of the others, says next to nothing, and takes the other way.
      const approximate = mannWhitneyP([...left, 0.62], right);
      expect(Math.abs(exact - approximate)).toBeLessThan(0.05);
    }
  });

  test('has a least p-value, below which no samples of these sizes get', () => {
    expect(leastPossibleP(3, 3)).toBeCloseTo(0.1, 12);
    expect(leastPossibleP(10, 10)).toBeCloseTo(2 / 184_756, 15);
    expect(leastPossibleP(1, 50)).toBeCloseTo(2 / 51, 12);
  });
});

// As R's p.adjust(method = "holm") has them.
test.each([
  { ps: [0.01, 0.02, 0.03, 0.04], adjusted: [0.04, 0.06, 0.06, 0.06] },
  { ps: [0.04, 0.01], adjusted: [0.04, 0.02] },
  { ps: [0.9, 0.8], adjusted: [1, 1] },
  { ps: [], adjusted: [] },
])("Holm's correction of $ps", ({ ps, adjusted }) => {
  holmAdjusted(ps).forEach((p, index) => {
    expect(p).toBeCloseTo(adjusted[index] ?? Number.NaN, 12);
  });
});

/** Times as networks have them: log-normal, a fifth up or down in two of three. */
function latencies(random: Random, size: number, factor = 1): ReturnType<typeof metricOf> {
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction());
  return metricOf(Array.from({ length: size }, () => 100 * factor * Math.exp(0.2 * normal())));
}

describe('of 100 seeded pairs', () => {
  test.each<{
    name: string;
    size: number;
    metrics: number;
    factor: number;
    told: Verdict;
    least: number;
    most: number;
  }>([
    { name: 'drawn alike, 50 samples', size: 50, metrics: 1, factor: 1, told: 'inconclusive', least: 99, most: 100 },
    { name: 'drawn alike, 10 samples', size: 10, metrics: 1, factor: 1, told: 'inconclusive', least: 99, most: 100 },
    {
      name: 'drawn alike, 4 metrics of 10',
      size: 10,
      metrics: 4,
      factor: 1,
      told: 'inconclusive',
      least: 99,
      most: 100,
    },
    { name: 'slower by 30 %, 50 samples', size: 50, metrics: 1, factor: 1.3, told: 'worse', least: 99, most: 100 },
    { name: 'faster by 30 %, 50 samples', size: 50, metrics: 1, factor: 0.7, told: 'better', least: 99, most: 100 },
    // A warning, not a wish: ten samples of this noise see a third of such a change about every third time.
    { name: 'slower by 30 %, 10 samples', size: 10, metrics: 1, factor: 1.3, told: 'worse', least: 15, most: 70 },
  ])('$name: $told in $least or more', ({ size, metrics, factor, told, least, most }) => {
    const random = seededRandom(20_261_124);
    let count = 0;
    for (let pair = 0; pair < 100; pair++) {
      const run = (by: number): Report['metrics'] =>
        Object.fromEntries(numbers(1, metrics).map((index) => [`m${index}`, latencies(random, size, by)]));
      const verdicts = Object.values(compareMetrics(run(1), run(factor), random)).map(({ verdict }) => verdict);
      if (verdicts.every((verdict) => verdict === told)) count++;
    }
    expect(count).toBeGreaterThanOrEqual(least);
    expect(count).toBeLessThanOrEqual(most);
  });
});

describe('a comparison of metrics', () => {
  const compared = (before: readonly number[], after: readonly number[]) =>
    compareMetrics({ m: metricOf(before) }, { m: metricOf(after) }, seededRandom(1)).m;

  test('replays from a seed', () => {
    const [before, after] = [latencies(seededRandom(2), 30), latencies(seededRandom(3), 30, 1.2)];
    const once = compareMetrics({ m: before }, { m: after }, seededRandom(4));
    expect(compareMetrics({ m: before }, { m: after }, seededRandom(4))).toEqual(once);
    expect(once.m?.ratioLow).toBeLessThan(once.m?.ratio ?? 0);
    expect(once.m?.ratioHigh).toBeGreaterThan(once.m?.ratio ?? 0);
    expect(once.m?.ratio).toBe(after.p50 / before.p50);
  });

  test.each([
    {
      name: 'a certain difference of less than 5 %',
      before: numbers(1000, 1020),
      after: numbers(1040, 1060),
      reason: 'under 5 %',
    },
    { name: 'three samples each', before: [1, 2, 3], after: [10, 20, 30], reason: 'few samples' },
    { name: 'one sample', before: [1], after: [9], reason: 'few samples' },
    { name: 'no difference', before: numbers(1, 20), after: numbers(1, 20), reason: 'within noise' },
    {
      name: 'an earlier median of 0',
      before: Array(20).fill(0),
      after: numbers(1, 20),
      reason: 'median of 0',
    },
  ])('is inconclusive for $name, and says so', ({ before, after, reason }) => {
    expect(compared(before, after)).toMatchObject({ verdict: 'inconclusive', reason });
  });

  test('has no verdict where the median is slower and the ranks are faster, as hits and misses mix', () => {
    const mix = (random: Random, share: number, of: number, others: number): number[] =>
      Array.from({ length: 1_000 }, () => (random.fraction() < share ? of : others) + random.fraction() / 10);
    const [before, after] = [mix(seededRandom(1), 0.45, 100, 10), mix(seededRandom(2), 0.6, 11.5, 5)];
    expect(compared(before, after)).toMatchObject({ verdict: 'inconclusive', reason: 'ranks oppose' });
    expect(compared(after, before)).toMatchObject({ verdict: 'inconclusive', reason: 'ranks oppose' });
    expect(compared(before, after)?.ratioLow).toBeGreaterThan(1.05);
    expect(compared(before, after)).toMatchObject({ pAdjusted: expect.closeTo(0, 6) });
    expect(compared(before, after)?.superiority).toBeLessThan(0.5);
  });

  test('one outlier in fifty moves nothing', () => {
    const before = latencies(seededRandom(8), 50);
    expect(compared(before.samples, [...before.samples.slice(1), 100_000])?.verdict).toBe('inconclusive');
  });

  test('leaves out what only one of the runs has', () => {
    expect(compareMetrics({ a: metricOf([1]) }, { b: metricOf([1]) }, seededRandom(1))).toEqual({});
  });

  test('fails a gate only where the ratio and its whole interval are beyond it', () => {
    const comparison = { m: compared(numbers(100, 120), numbers(140, 160)) } as ReturnType<typeof compareMetrics>;
    expect(comparison.m).toMatchObject({ verdict: 'worse' });
    const { ratio = 0, ratioLow = 0 } = comparison.m ?? {};
    const percentOf = (value: number): number => (value - 1) * 100;
    expect(regressionsBeyond(comparison, 10)).toEqual([
      expect.stringMatching(/^m is 36\.4 % slower, at least [\d.]+ %; 10 % are allowed$/),
    ]);
    expect(regressionsBeyond(comparison, percentOf((ratio + ratioLow) / 2))).toEqual([]);
    expect(regressionsBeyond(comparison, percentOf(ratio) + 1)).toEqual([]);
    expect(regressionsBeyond({ m: compared(numbers(140, 160), numbers(100, 120)) } as typeof comparison, 10)).toEqual(
      [],
    );
  });
});

const RUN = {
  kind: 'bench',
  name: 'concurrent',
  deployment: { kind: 'aws', bucket: 'b', region: 'us-east-1', rttMs: 20 },
  simulated: true,
  parameters: { workers: 10, notes: 5 },
  environment: { node: '20.0.0', cpuModel: 'x', commit: 'a' },
  metrics: {},
  passed: true,
  failureReasons: [],
} as unknown as Report;

describe('a run whose samples', () => {
  const doubts = (samples: readonly number[]): string[] =>
    doubtsAboutPair(RUN, { ...RUN, startedAt: 'today', metrics: { totalMs: metricOf(samples) } });

  test('drifted is doubted', () => {
    expect(doubts(numbers(100, 120))).toEqual([expect.stringMatching(/^totalMs drifted during the run of today: /)]);
  });

  test.each([
    { name: 'come in any order', samples: latencies(seededRandom(3), 50).samples },
    { name: 'are too few to tell', samples: numbers(1, 6) },
    { name: 'are equal', samples: Array(20).fill(3) },
  ])('$name is not', ({ samples }) => {
    expect(doubts(samples)).toEqual([]);
  });
});

describe('two runs', () => {
  test.each<{ name: string; change: Partial<Report>; says: string }>([
    {
      name: 'another scenario',
      change: { name: 'latency' },
      says: 'name is concurrent in the first and latency in the second',
    },
    { name: 'verify', change: { kind: 'verify' }, says: 'kind is bench' },
    {
      name: 'other workers',
      change: { parameters: { workers: 9, notes: 5 } },
      says: 'parameters.workers is 10 in the first and 9 in the second',
    },
    { name: 'another size', change: { parameters: { workers: 10, notes: 6 } }, says: 'parameters.notes is 5' },
    {
      name: 'a parameter more',
      change: { parameters: { workers: 10, notes: 5, lease: true } },
      says: 'parameters.lease is absent in the first and true',
    },
    {
      name: 'another deployment',
      change: { deployment: { ...RUN.deployment, kind: 'local' } },
      says: 'deployment.kind is aws in the first and local',
    },
    {
      name: 'another round trip',
      change: { deployment: { kind: 'aws', rttMs: 30 } },
      says: 'deployment.rttMs is 20 in the first and 30',
    },
    {
      name: 'a real network',
      change: { simulated: false, deployment: { kind: 'aws' } },
      says: 'deployment.rttMs is 20 in the first and absent in the second; simulated is true',
    },
  ])('that differ in $name are refused, and the field is named', ({ change, says }) => {
    const refusal = expect.objectContaining({ kind: 'usage', message: expect.stringContaining(says) });
    expect(() => refuseUnlike(RUN, { ...RUN, ...change })).toThrow(refusal);
  });

  test('that are alike are compared, those of verify never', () => {
    expect(() => refuseUnlike(RUN, { ...RUN })).not.toThrow();
    const verify = { ...RUN, kind: 'verify' } as Report;
    expect(() => refuseUnlike(verify, verify)).toThrow(/only benchmarks are compared/);
  });

  test('on other machines, in other regions or without success are doubted; another commit is the point', () => {
    const other = {
      ...RUN,
      deployment: { ...RUN.deployment, region: 'eu-west-1' },
      environment: { ...RUN.environment, node: '22.0.0', commit: 'b' },
      passed: false,
      startedAt: 'today',
      failureReasons: ['DATA LOSS'],
    } as Report;
    expect(doubtsAboutPair(RUN, other)).toEqual([
      expect.stringMatching(/^node is 20\.0\.0 in the first and 22\.0\.0/),
      expect.stringMatching(/^region is us-east-1 /),
      'the run of today did not pass: DATA LOSS',
    ]);
    expect(doubtsAboutPair(RUN, RUN)).toEqual([]);
  });

  test('of an open loop are doubted: its samples depend on each other', () => {
    const open = { ...RUN, parameters: { loop: 'open' } } as Report;
    expect(doubtsAboutPair(open, open)).toEqual([
      expect.stringMatching(/^requests of an open loop wait for one another/),
    ]);
  });
});
