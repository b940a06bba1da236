import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { systemRandom } from '../core/random.ts';
import { type LineReader, readLinesFrom } from './line-reader.ts';

/** A terminal; `later` arrives piece by piece, each while somebody waits for more. */
function terminal(later: string[] = []): { lines: LineReader; type: (keys: string) => void; isRaw: () => boolean } {
  let isRaw = false;
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => {
      isRaw = raw;
      return stdin;
    },
  });
  const context: Context = {
    env: {},
    stdin,
    stdout: { write: () => true },
    stderr: new PassThrough().resume(),
    clock: {
      ...systemClock,
      sleep: async () => {
        const keys = later.shift();
        if (keys !== undefined) stdin.write(keys);
        await new Promise((resolve) => setImmediate(resolve));
      },
    },
    random: systemRandom,
    cleanUps: new CleanUps(),
  };
  const lines = readLinesFrom(context, { history: [], complete: () => [[], ''] });
  return { lines, type: (keys) => void stdin.write(keys), isRaw: () => isRaw };
}

async function next({ lines }: { lines: LineReader }, meanwhile: () => void = () => {}): Promise<string> {
  const entered = lines.next('> ');
  meanwhile();
  const { kind, line } = { line: '', ...(await entered) };
  expect(kind).toBe('line');
  return line;
}

test('what is pasted at once is read line by line', async () => {
  const shown = terminal();
  expect(await next(shown, () => shown.type('a\rb\rc'))).toBe('a');
  expect(await next(shown)).toBe('b');
  expect(await next(shown, () => shown.type('d\r'))).toBe('cd');
});

test('what is pasted behind a line can be dropped, also what has not been read yet', async () => {
  const shown = terminal(['d\re', 'f\r']);
  expect(await next(shown, () => shown.type('a\rb\rc'))).toBe('a');
  expect(await shown.lines.dropPasted()).toBe(true);
  expect(shown.isRaw()).toBe(false);
  expect(await next(shown, () => shown.type('g\r'))).toBe('g');
  expect(await shown.lines.dropPasted()).toBe(false);
  expect(await next(shown, () => shown.type('h\r'))).toBe('h');
});
