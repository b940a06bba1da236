import type { Random } from '../core/random.ts';
import { ranksOf } from './mann-whitney.ts';
import { percentile } from './stats.ts';

/** Where the level of a series changes. */
export interface ChangePoint {
  /** The first value of the new level, from 0. */
  readonly index: number;
  /** The medians of the two levels. */
  readonly before: number;
  readonly after: number;
  /** How often a series without a change would look so much like one. */
  readonly p: number;
}

/** How certain a change must be: of a hundred series without one, one is given one. */
export const FALSE_ALARMS = 0.01;

/** So many values must lie on either side: fewer cannot differ in rank by more than chance. */
export const SIDE_MIN = 4;

const PERMUTATIONS = 4_999;

// As in a comparison of two runs: nobody notices less.
const EFFECT_MIN = 0.05;

/**
 * Finds the changes of level in a series, in order: the split at which the Mann-Whitney statistic is greatest (Pettitt
 * 1979), in the series or in a part of it, so that a change that is undone is found too (seeded binary segmentation, Kovács
 * et al. 2023); then the same on either side of it. How great it gets without a change is found by permutation: that
 * assumes independent values, and nothing of how they are distributed. A change of less than 5 % is not one. `tests`: how
 * many series are looked at together, which share the false alarms.
 */
export function changePoints(values: readonly number[], random: Random, tests = 1): ChangePoint[] {
  const found: { index: number; readonly p: number }[] = [];
  const search = (from: number, to: number): void => {
    const split = splitOf(values.slice(from, to), FALSE_ALARMS / tests, random);
    if (split === undefined) return;
    const index = from + split.at;
    search(from, index);
    found.push({ index, p: split.p });
    search(index, to);
  };
  search(0, values.length);
  const boundOf = (nth: number): number => (nth < 0 ? 0 : (found[nth]?.index ?? values.length));
  // Ranks say that there is a change, and only roughly where.
  found.forEach((change, nth) => {
    change.index = closestSplit(values, boundOf(nth - 1), boundOf(nth + 1));
  });
  const levelOf = (nth: number): number => medianOf(values.slice(boundOf(nth - 1), boundOf(nth)));
  return found
    .map(({ index, p }, nth) => ({ index, p, before: levelOf(nth), after: levelOf(nth + 1) }))
    .filter(({ before, after }) => Math.abs(after / before - 1) >= EFFECT_MIN);
}

/** Returns the split of a part from whose two medians the values are the least distance away. */
function closestSplit(values: readonly number[], from: number, to: number): number {
  const distance = (start: number, end: number): number => {
    const part = values.slice(start, end);
    const median = medianOf(part);
    return part.reduce((sum, value) => sum + Math.abs(value - median), 0);
  };
  let [best, least] = [from, Number.POSITIVE_INFINITY];
  for (let index = from + SIDE_MIN; index <= to - SIDE_MIN; index++) {
    const here = distance(from, index) + distance(index, to);
    if (here < least) [best, least] = [index, here];
  }
  return best;
}

function medianOf(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    50,
  );
}

/** Returns the split of a series that has a change, as far as `significance` demands. */
function splitOf(
  values: readonly number[],
  significance: number,
  random: Random,
): { readonly at: number; readonly p: number } | undefined {
  if (values.length < 2 * SIDE_MIN) return undefined;
  const ranks = ranksOf(values).doubled;
  const intervals = intervalsOf(values.length);
  const observed = greatest(ranks, intervals);
  const shuffled = [...ranks];
  let asGreat = 0;
  for (let round = 0; round < PERMUTATIONS; round++) {
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = Math.floor(random.fraction() * (last + 1));
      [shuffled[last], shuffled[other]] = [shuffled[other] ?? 0, shuffled[last] ?? 0];
    }
    if (greatest(shuffled, intervals).z >= observed.z) asGreat++;
    // It can only get worse.
    if ((asGreat + 1) / (PERMUTATIONS + 1) > significance) return undefined;
  }
  return { at: observed.at, p: (asGreat + 1) / (PERMUTATIONS + 1) };
}

type Interval = readonly [from: number, to: number];

/** Returns seeded intervals: all of a series, and ever shorter parts that overlap by half. */
function intervalsOf(all: number): Interval[] {
  const intervals: Interval[] = [];
  for (let length = all; length >= 2 * SIDE_MIN; length = Math.floor(length / Math.SQRT2)) {
    const steps = Math.ceil((2 * (all - length)) / length);
    for (let step = 0; step <= steps; step++) {
      const from = steps === 0 ? 0 : Math.round((step * (all - length)) / steps);
      intervals.push([from, from + length]);
    }
  }
  return intervals;
}

/** Returns the split at which the standardised rank sum is greatest in one of the intervals. */
function greatest(
  ranks: readonly number[],
  intervals: readonly Interval[],
): { readonly at: number; readonly z: number } {
  let [at, z] = [0, -1];
  for (const [from, to] of intervals) {
    const count = to - from;
    let [total, squares] = [0, 0];
    for (let index = from; index < to; index++) {
      total += ranks[index] ?? 0;
      squares += (ranks[index] ?? 0) ** 2;
    }
    const mean = total / count;
    const variance = (squares - total * mean) / (count - 1);
    if (variance <= 0) continue;
    let sum = 0;
    for (let left = 1; left <= count - SIDE_MIN; left++) {
      sum += ranks[from + left - 1] ?? 0;
      if (left < SIDE_MIN) continue;
      const here = Math.abs(sum - left * mean) / Math.sqrt((variance * left * (count - left)) / count);
      if (here > z) [at, z] = [from + left, here];
    }
  }
  return { at, z };
}
