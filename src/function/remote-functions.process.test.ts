import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startLambdaServer } from '../testing/lambda-server.ts';
import { openLocalFunction } from '../testing/local-function.ts';
import { temporaryDirectory } from '../testing/run-command.ts';
import type { Identity } from '../testing/scripted-function.ts';
import { describeRemoteFunction } from './remote-function-contract.ts';

describeRemoteFunction('local', (conditions) => {
  const directory = temporaryDirectory();
  const made = openLocalFunction({ ...conditions, directory });
  return { function: made, directory, cleanup: () => made.close() };
});

describeRemoteFunction('Lambda', async (conditions) => {
  const directory = temporaryDirectory();
  const server = await startLambdaServer({
    name: 'javumbo-api',
    open: () => openLocalFunction({ ...conditions, directory }),
  });
  return { function: server.client(), directory, cleanup: () => server.close() };
});

test('a local function is not called after its end, where nobody would end its containers', async () => {
  const made = openLocalFunction();
  made.close();
  await expect(made.invoke('{}')).rejects.toMatchObject({ kind: 'internal' });
});

test('a local function whose container does not start certainly did not run', async () => {
  const directory = temporaryDirectory();
  const program = join(directory, 'ends-at-once.mjs');
  writeFileSync(program, 'process.exit(3);');
  const made = openLocalFunction({ directory, timeoutMs: 60_000, idleMs: 1, program });
  await expect(made.invoke('{}')).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/did not start: its process ended with exit code 3$/),
  });
  expect(readdirSync(directory)).toEqual(['ends-at-once.mjs']);
  made.close();
});

test('a container of a local function is in a session of its own, which no Ctrl-C reaches', async () => {
  const made = openLocalFunction({ timeoutMs: 60_000, idleMs: 60_000 });
  try {
    const { pid } = JSON.parse((await made.invoke('{}')).payload) as Identity;
    const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' });
    expect(Number(group)).toBe(pid);
  } finally {
    made.close();
  }
});
