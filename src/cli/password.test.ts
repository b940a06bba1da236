import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { systemRandom } from '../core/random.ts';
import { askPassword } from './prompt.ts';

/** Somebody at a terminal who answers each prompt in turn, once it is there. */
function typist(answers: readonly string[]): { context: Context; shown: () => string } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  let shown = '';
  let asked = 0;
  stderr.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const prompts = shown.match(/Password|The same again/g)?.length ?? 0;
    // A prompt is drawn anew with each key: what counts is that the next one is there.
    if (asked === 0 ? prompts > 0 : asked === 1 && shown.includes('The same again')) {
      const answer = answers[asked++];
      if (answer !== undefined) setImmediate(() => stdin.write(answer));
    }
  });
  const context: Context = {
    env: {},
    stdin,
    stdout: { write: () => expect.fail('a prompt on stdout') },
    stderr,
    clock: systemClock,
    random: systemRandom,
    cleanUps: new CleanUps(),
  };
  return { context, shown: () => shown };
}

describe('a password at a terminal', () => {
  test('is asked twice where a typing error would lock somebody out, and never shown', async () => {
    const { context, shown } = typist(['correct horse\r', 'correct horse\r']);
    expect(await askPassword(context, { fromStdin: false, twice: true })).toBe('correct horse');
    expect(shown()).not.toContain('horse');
  });

  test('that is typed differently the second time is refused', async () => {
    const { context } = typist(['correct horse\r', 'correct house\r']);
    await expect(askPassword(context, { fromStdin: false, twice: true })).rejects.toMatchObject({
      kind: 'usage',
      message: 'the two passwords differ',
    });
  });

  test('is asked once where it is only compared, also with --password-stdin', async () => {
    const { context, shown } = typist(['correct horse\r']);
    expect(await askPassword(context, { fromStdin: true, twice: false })).toBe('correct horse');
    expect(shown()).not.toContain('The same again');
  });

  test('that is not given is an interruption', async () => {
    const { context } = typist(['\u0003']);
    await expect(askPassword(context, { fromStdin: false, twice: true })).rejects.toMatchObject({
      kind: 'interrupted',
    });
  });
});

describe('a password through a pipe', () => {
  const cases: {
    readonly name: string;
    readonly chunks: readonly (string | Buffer)[];
    readonly is: string | RegExp;
  }[] = [
    { name: 'as it is', chunks: ['correct horse'], is: 'correct horse' },
    { name: 'without one line end', chunks: ['correct horse\n'], is: 'correct horse' },
    { name: 'without one line end of Windows', chunks: ['correct horse\r\n'], is: 'correct horse' },
    { name: 'with its blanks', chunks: [' correct horse '], is: ' correct horse ' },
    {
      name: 'whose character came in two pieces',
      chunks: [Buffer.from('h\u00e4user').subarray(0, 2), Buffer.from('h\u00e4user').subarray(2)],
      is: 'h\u00e4user',
    },
    { name: 'of two lines', chunks: ['correct\nhorse\n'], is: /more than one line/ },
    { name: 'of nothing', chunks: ['\n'], is: /no password/ },
    { name: 'that is a file', chunks: ['x'.repeat(5000)], is: /more than 4096 bytes/ },
    { name: 'without a byte order mark', chunks: ['\ufeffcorrect horse\r\n'], is: 'correct horse' },
    { name: 'with a byte order mark inside', chunks: ['correct\ufeffhorse'], is: 'correct\ufeffhorse' },
    { name: 'that is no text', chunks: [Buffer.from([0xc3, 0x28])], is: /not UTF-8: byte 1, on line 1/ },
    { name: 'in Latin-1', chunks: [Buffer.from('caf\u00e9 correct', 'latin1')], is: /not UTF-8: byte 4/ },
    { name: 'in UTF-16', chunks: [Buffer.from('\ufeffhorses', 'utf16le')], is: /not UTF-8: byte 1/ },
  ];
  test.each(cases)('$name', async ({ chunks, is }) => {
    const { context } = typist([]);
    const asking = askPassword({ ...context, stdin: Readable.from(chunks) }, { fromStdin: true, twice: true });
    if (typeof is === 'string') expect(await asking).toBe(is);
    else await expect(asking).rejects.toMatchObject({ kind: 'usage', message: expect.stringMatching(is) });
  });
});
