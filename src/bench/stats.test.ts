import { describe, expect, test } from 'vitest';
import { metricOf, percentile } from './stats.ts';

describe('a metric of known numbers', () => {
  // mean, percentiles and deviations as NumPy 2 has them: mean, percentile(method='linear'), std(ddof=1).
  test.each<{ name: string; samples: number[]; is: Record<string, number> }>([
    { name: 'one sample', samples: [7], is: { count: 1, min: 7, mean: 7, p50: 7, p95: 7, p99: 7, max: 7, stddev: 0 } },
    {
      name: 'two',
      samples: [1, 3],
      is: { count: 2, min: 1, mean: 2, p50: 2, p95: 2.9, p99: 2.98, max: 3, stddev: Math.SQRT2 },
    },
    {
      name: 'one to ten, out of order',
      samples: [10, 2, 8, 4, 6, 5, 7, 3, 9, 1],
      is: { count: 10, min: 1, mean: 5.5, p50: 5.5, p95: 9.55, p99: 9.91, max: 10, stddev: 3.0276503540974917 },
    },
    {
      name: 'one to a hundred and one',
      samples: Array.from({ length: 101 }, (_, index) => 101 - index),
      is: { count: 101, min: 1, mean: 51, p50: 51, p95: 96, p99: 100, max: 101, stddev: 29.300170647967224 },
    },
    {
      name: 'equal samples',
      samples: [4, 4, 4, 4],
      is: { count: 4, min: 4, mean: 4, p50: 4, p95: 4, p99: 4, max: 4, stddev: 0 },
    },
    {
      name: 'Wikipedia’s example of a deviation',
      samples: [2, 4, 4, 4, 5, 5, 7, 9],
      is: { count: 8, mean: 5, p50: 4.5, stddev: 2.138089935299395 },
    },
    {
      name: 'numbers of one digit and of two, which are no text',
      samples: [9, 10, 100, 2],
      is: { min: 2, max: 100, p50: 9.5 },
    },
  ])('$name', ({ samples, is }) => {
    const metric: object = metricOf(samples);
    for (const [name, value] of Object.entries(is))
      expect({ [name]: metric }).toHaveProperty([name, name], expect.closeTo(value, 10));
  });

  test('keeps the samples as they came', () => {
    const samples = [3, 1, 2];
    expect(metricOf(samples)).toMatchObject({ unit: 'ms', samples: [3, 1, 2] });
    expect(samples).toEqual([3, 1, 2]);
  });

  test('nothing has no mean', () => {
    expect(() => metricOf([])).toThrow(RangeError);
  });
});

test.each([
  { p: 0, is: 10 },
  { p: 25, is: 17.5 },
  { p: 50, is: 25 },
  { p: 75, is: 32.5 },
  { p: 100, is: 40 },
])('the percentile $p of 10, 20, 30, 40 is $is', ({ p, is }) => {
  expect(percentile([10, 20, 30, 40], p)).toBe(is);
});
