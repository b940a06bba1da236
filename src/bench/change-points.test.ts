/** The method on series whose changes are known: how often it cries wolf, and how often it sees one. */
import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../core/random.ts';
import { changePoints, FALSE_ALARMS, SIDE_MIN } from './change-points.ts';

const SERIES = 200;

/** A log-normal value, as times are: skewed, around 1, with so much spread. */
function noise(random: Random, spread: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction());
  return Math.exp(spread * normal);
}

function seriesOf(levels: readonly number[], seed: number, spread: number): number[] {
  const random = seededRandom(seed);
  return levels.map((level) => level * noise(random, spread));
}

const flat = (runs: number, level = 100): number[] => Array(runs).fill(level);

describe('a history without a change', () => {
  test.each([
    { runs: 10, spread: 0.1, tests: 1 },
    { runs: 30, spread: 0.1, tests: 1 },
    { runs: 60, spread: 0.5, tests: 1 },
    { runs: 30, spread: 0.1, tests: 4 },
  ])('of $runs runs is given one in about 1 % of cases, $tests metrics together', ({ runs, spread, tests }) => {
    let alarms = 0;
    for (let seed = 1; seed <= SERIES; seed++) {
      const random = seededRandom(seed + 10_000);
      const metrics = Array.from({ length: tests }, (_, metric) =>
        changePoints(seriesOf(flat(runs), seed * 31 + metric * 7_919, spread), random, tests),
      );
      if (metrics.some(({ length }) => length > 0)) alarms++;
    }
    // Two are expected; more than eight would come once in two thousand tests, and the seeds are fixed.
    expect(alarms).toBeLessThanOrEqual(FALSE_ALARMS * SERIES * 4);
  });
});

describe('a change', () => {
  test.each([
    { name: 'of 20 % in the middle', levels: [...flat(15), ...flat(15, 120)], at: [15] },
    { name: 'of 30 % that eight runs follow', levels: [...flat(30), ...flat(8, 130)], at: [30] },
    { name: 'to the better', levels: [...flat(12, 130), ...flat(12)], at: [12] },
    { name: 'and back again', levels: [...flat(15), ...flat(15, 150), ...flat(15)], at: [15, 30] },
  ])('$name is found where it is, in 28 of 30 cases or more', ({ levels, at }) => {
    let found = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const changes = changePoints(seriesOf(levels, seed, 0.05), seededRandom(seed));
      const near = at.every((index, nth) => Math.abs((changes[nth]?.index ?? -100) - index) <= 1);
      if (changes.length === at.length && near) found++;
    }
    expect(found).toBeGreaterThanOrEqual(28);
  });

  test('names both levels by their medians', () => {
    const [change] = changePoints([...flat(10), ...flat(10, 150)], seededRandom(1));
    expect(change).toMatchObject({ index: 10, before: 100, after: 150 });
    expect(change?.p).toBeLessThanOrEqual(FALSE_ALARMS);
  });

  test.each([
    { name: 'of less than 5 % is none, however certain', values: [...flat(20), ...flat(20, 104)] },
    { name: 'in the last two runs is not seen yet', values: [...flat(20), ...flat(SIDE_MIN - 2, 200)] },
    { name: 'cannot be in seven runs', values: [...flat(4), ...flat(3, 200)] },
    { name: 'is not in a series that never varies', values: flat(30) },
  ])('$name', ({ values }) => {
    expect(changePoints(values, seededRandom(1))).toEqual([]);
  });
});
