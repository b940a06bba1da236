import { describe, expect, test } from 'vitest';
import { milliseconds, positiveMilliseconds, seconds } from './duration.ts';
import { bytesIn } from './size.ts';

test.each<[text: string, ms: number | undefined]>([
  ['171ms', 171],
  ['0.5s', 500],
  [' 5s ', 5_000],
  ['2m', 120_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['1w', 604_800_000],
  ['0', 0],
  ['0.0', 0],
  ['0s', 0],
  ['20', undefined],
  ['1.5', undefined],
  ['-5ms', undefined],
  ['5 parsecs', undefined],
  ['5 ms', undefined],
  ['1e3ms', undefined],
  ['1.ms', undefined],
  ['s', undefined],
  ['', undefined],
])('%j is a duration of %j milliseconds', (text, ms) => {
  expect(milliseconds(text)).toBe(ms);
  expect(positiveMilliseconds(text)).toBe(ms === 0 ? undefined : ms);
});

test.each<[text: string, seconds: number | undefined]>([
  ['300', 300],
  ['0.5', 0.5],
  ['5m', 300],
  ['0', 0],
  ['x', undefined],
])('%j is a time to live of %j seconds', (text, expected) => {
  expect(seconds(text)).toBe(expected);
});

describe('sizes', () => {
  test.each<[text: string, bytes: number | undefined]>([
    ['1500MB', 1_500_000_000],
    ['1.5 GB', 1_500_000_000],
    ['24kb', 24_000],
    ['7B', 7],
    ['1TB', 1e12],
    ['0', 0],
    ['1500', undefined],
    ['MB', undefined],
    ['-1MB', undefined],
  ])('%j is %j bytes', (text, bytes) => {
    expect(bytesIn(text)).toBe(bytes);
  });
});
