import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { progressOn } from './progress.ts';

function terminal(columns = 80, isTTY = true) {
  let text = '';
  const write = (more: string): void => {
    text += more;
  };
  return { stderr: { write, isTTY, columns }, text: () => text };
}

test('what ends within a second shows nothing', async () => {
  const { stderr, text } = terminal();
  const progress = progressOn({ stderr, clock: systemClock }, false);
  progress.show('one');
  await sleep(20);
  progress.show('two');
  progress.done();
  await sleep(1_100);
  expect(text()).toBe('');
});

test('one long step is shown after a second although it says nothing new, cut to the terminal, and goes again', async () => {
  const { stderr, text } = terminal(20);
  const progress = progressOn({ stderr, clock: systemClock }, false);
  progress.show('fetching a large database');
  while (text() === '') await sleep(20);
  expect(text()).toBe('\r\u001b[2Kfetching a large da');
  progress.done();
  expect(text()).toMatch(/da\r.\[2K$/);
});

test('as JSON it is a line a second at most, on a terminal or not', async () => {
  const { stderr, text } = terminal(80, false);
  let now = 0;
  const progress = progressOn({ stderr, clock: { ...systemClock, monotonic: () => now } }, false, true);
  for (now = 0; now <= 2_000; now += 400) progress.show(`at ${now}`);
  progress.done();
  expect(text()).toBe('{"progress":{"text":"at 0","elapsedMs":0}}\n{"progress":{"text":"at 1200","elapsedMs":1200}}\n');
});

test('bytes on their way are shown with the total and, after a second of them, their rate', async () => {
  const { stderr, text } = terminal();
  let now = 0;
  let done = 0;
  const progress = progressOn({ stderr, clock: { ...systemClock, monotonic: () => now } }, false);
  now = 1_500;
  progress.show('fetching', { direction: 'down', totalBytes: 4_000_000, doneBytes: () => done });
  [now, done] = [3_500, 3_000_000];
  // The timer draws.
  while (!text().includes('3.0 MB')) await sleep(20);
  progress.done();
  expect(text().split('\r\u001b[2K')).toEqual([
    '',
    'fetching: 0 B of 4.0 MB (1 s)',
    'fetching: 3.0 MB of 4.0 MB, 1.5 MB/s (3 s)',
    '',
  ]);
});

test('bytes as JSON are numbers, and what was moved is said at the end, however short it took', () => {
  const { stderr, text } = terminal(80, false);
  let now = 0;
  let done = 0;
  const progress = progressOn({ stderr, clock: { ...systemClock, monotonic: () => now } }, false, true);
  progress.show('fetching', { direction: 'down', totalBytes: 4_000, doneBytes: () => done });
  [now, done] = [500, 4_000];
  progress.done();
  progress.done();
  const lines = text().trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).progress)).toEqual([
    { text: 'fetching', elapsedMs: 0, doneBytes: 0, totalBytes: 4_000 },
    { text: 'fetching', elapsedMs: 500, doneBytes: 4_000, totalBytes: 4_000, bytesPerSecond: 8_000 },
  ]);
});

test.each([
  { name: 'without a terminal', isTTY: false, quiet: false },
  { name: 'with --quiet', isTTY: true, quiet: true },
])('$name there is nothing', async ({ isTTY, quiet }) => {
  const { stderr, text } = terminal(80, isTTY);
  const progress = progressOn({ stderr, clock: systemClock }, quiet);
  progress.show('one');
  await sleep(1_100);
  progress.show('two');
  progress.done();
  expect(text()).toBe('');
});
