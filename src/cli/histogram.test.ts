import { expect, test } from 'vitest';
import { histogramLines } from './histogram.ts';

const ASCII = ' .:-=+*#@';

test('each metric is a line of 80 columns at most: least, how many samples fall where, greatest', () => {
  const samples = [1, 1, 1, 1, 2, 2, 3, 100].map((sample) => sample * 1000);
  const lines = histogramLines({ totalMs: samples, withRetriesSuccessMs: [5, 5] }, ASCII);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines[0]).toMatch(/^totalMs +1000 ms @ += +: 3000 ms$/);
  expect(lines[2]).toMatch(/^withRetriesSuccessMs +5\.00 ms @ +5\.00 ms$/);
});

test('outliers are named below, the slowest first, and do not press the others together', () => {
  const usual = Array.from({ length: 50 }, (_, index) => 100 + (index % 10));
  const [line, named] = histogramLines({ totalMs: [...usual, 900, 500, 600, 700, 800] }, ASCII);
  expect(line).toMatch(/ 109 ms$/);
  expect(named).toBe('  beyond it: no. 51 (900 ms), no. 55 (800 ms), no. 54 (700 ms) and 2 more');
});

test.each([
  { name: 'of seven samples nothing is an outlier', samples: [1, 1, 1, 1, 1, 1, 900], lines: 1 },
  { name: 'of eight it may be', samples: [1, 1, 1, 1, 1, 1, 1, 900], lines: 2 },
  { name: 'one sample is no distribution', samples: [1], lines: 0 },
])('$name', ({ samples, lines }) => {
  expect(histogramLines({ totalMs: samples }, ASCII)).toHaveLength(lines);
});
