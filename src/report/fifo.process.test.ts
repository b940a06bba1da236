import { execFileSync, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, test } from 'vitest';
import { temporaryDirectory } from '../testing/run-command.ts';
import { openFifo } from './fifo.ts';

// More than any pipe holds.
const LONG = 'x'.repeat(3_000_000);

let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), 'fifo');
  execFileSync('mkfifo', [path]);
});

test.each([{ interrupted: false }, { interrupted: true }])(
  'whoever reads it gets all of it, more than a pipe holds; interrupted: $interrupted',
  async ({ interrupted }) => {
    const stopping = new AbortController();
    const opening = openFifo(path, stopping.signal);
    // Started after the writer, which waits for it.
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const read = text(reader.stdout);
    const fifo = await opening;
    if (interrupted) stopping.abort();
    await fifo.write(LONG);
    expect((await read).length).toBe(LONG.length);
  },
);

test('that nobody opens is waited for until it is interrupted, and the end says so', async () => {
  const stopping = new AbortController();
  const opening = openFifo(path, stopping.signal);
  setTimeout(() => stopping.abort(), 100);
  await expect((await opening).write('text')).rejects.toThrow('nobody reads it');
});

test('that is open and never read is given up once it is interrupted', async () => {
  const held = await open(path, 'r+');
  try {
    const stopping = new AbortController();
    const writing = (await openFifo(path, stopping.signal)).write(LONG);
    setTimeout(() => stopping.abort(), 100);
    await expect(writing).rejects.toThrow('nobody reads it');
  } finally {
    await held.close();
  }
});

test('whose reader went is an error that says so', async () => {
  spawn('head', ['-c', '1', path], { stdio: 'ignore' });
  await expect((await openFifo(path, undefined)).write(LONG)).rejects.toThrow('EPIPE');
});
