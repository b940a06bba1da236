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
