import { expect, test } from 'vitest';
import { findLimit } from './find-limit.ts';

test.each([
  { name: 'above the rate at which it begins', start: 10, limit: 137 },
  { name: 'below it', start: 500, limit: 137 },
  { name: 'at it', start: 137, limit: 137 },
])('the limit is named to 3 %: $name', async ({ start, limit }) => {
  const { knee, broken } = await findLimit(start, async (ratePerSecond) => ({
    ratePerSecond,
    held: ratePerSecond <= limit,
  }));
  expect(knee?.ratePerSecond).toBeLessThanOrEqual(limit);
  expect(broken?.ratePerSecond).toBeGreaterThan(limit);
  expect((broken?.ratePerSecond ?? 0) / (knee?.ratePerSecond ?? 0)).toBeLessThanOrEqual(1.03);
});

test('one break that does not come again decides nothing', async () => {
  let calls = 0;
  const { knee, steps } = await findLimit(10, async (ratePerSecond) => {
    calls++;
    return { ratePerSecond, held: ratePerSecond <= 100 && calls !== 2 };
  });
  expect(knee?.ratePerSecond).toBeGreaterThan(97);
  expect(steps.slice(0, 3).map(({ ratePerSecond, held }) => `${ratePerSecond} ${held}`)).toEqual([
    '10 true',
    '20 false',
    '20 true',
  ]);
});

test.each([
  { name: 'nothing holds', held: false },
  { name: 'everything holds', held: true },
])('$name: the search ends, and names no limit', async ({ held }) => {
  const { knee, broken, steps } = await findLimit(1, async (ratePerSecond) => ({ ratePerSecond, held }));
  expect([knee === undefined, broken === undefined]).toEqual([!held, held]);
  expect(steps.length).toBeLessThanOrEqual(40);
});
