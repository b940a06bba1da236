import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { interrupted } from '../core/interruptible.ts';
import { systemRandom } from '../core/random.ts';
import { confirm } from './prompt.ts';

const ASKED = { what: 'this deletes everything', word: 'bucket', yes: false };

/** A terminal at which nobody types until told to. */
function terminal(signal: AbortSignal): { context: Context; stdin: PassThrough; shown: () => string } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  let shown = '';
  const stderr = { isTTY: true, write: (text: string) => (shown += text) };
  const stdout = { write: () => expect.fail('a question on stdout') };
  const cleanUps = new CleanUps();
  const context: Context = {
    env: {},
    stdin,
    stdout,
    stderr,
    clock: systemClock,
    random: systemRandom,
    signal,
    cleanUps,
  };
  return { context, stdin, shown: () => shown };
}

test('Ctrl-C at the question is answer enough, and what follows stands in a line of its own', async () => {
  const stopping = new AbortController();
  const { context, shown } = terminal(stopping.signal);
  const asking = confirm(context, ASKED);
  setImmediate(() => stopping.abort(interrupted()));
  await expect(asking).rejects.toMatchObject({ kind: 'interrupted' });
  expect(shown()).toBe('this deletes everything.\nType bucket to go on: \n');
});

test('who was interrupted before is not asked', async () => {
  const { context } = terminal(AbortSignal.abort(interrupted()));
  await expect(confirm(context, ASKED)).rejects.toMatchObject({ kind: 'interrupted' });
});

test('nobody is asked at an input that has ended', async () => {
  const { context, stdin, shown } = terminal(new AbortController().signal);
  stdin.end();
  for await (const _ of stdin);
  await expect(confirm(context, ASKED)).rejects.toMatchObject({ kind: 'usage', try: expect.stringContaining('--yes') });
  expect(shown()).toBe('');
});

test.each([
  { typed: 'bucket\n', kind: undefined },
  { typed: 'yes\n', kind: 'usage' },
])('$typed is still read to its line end', async ({ typed, kind }) => {
  const { context, stdin } = terminal(new AbortController().signal);
  stdin.write(typed);
  const answer = await confirm(context, ASKED).then(
    () => undefined,
    (error) => error.kind,
  );
  expect(answer).toBe(kind);
});
