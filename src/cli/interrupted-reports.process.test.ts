/** What an interrupted command still says, to whoever reads its output and in its reports. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Report } from '../report/document.ts';
import { killGroup, type RunningScript, SCRIPTS, startScript } from '../testing/child-process.ts';
import { busy } from '../testing/long-command.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

const BUCKET = 'bucket';

let env: Record<string, string>;
let server: S3Server | undefined;
const started: { readonly pid: number }[] = [];

beforeEach(() => {
  env = { ...freshMachine() };
});

afterEach(async () => {
  // What a failed test has left running would run for ever.
  for (const running of started.splice(0)) killGroup(running);
  await server?.close();
  server = undefined;
});

async function onS3(): Promise<S3Server> {
  server = await startS3Server({ buckets: [BUCKET] });
  const keys = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };
  env = { ...env, ...keys, S3_BUCKET: BUCKET, AWS_ENDPOINT_URL_S3: server.endpoint };
  return server;
}

function start(...argv: string[]): RunningScript {
  const running = startScript(SCRIPTS.javumbo, [...argv, '--quiet'], env);
  started.push(running);
  return running;
}

async function must(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand([...argv, '--quiet'], { env });
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

// The first rows that are found are more than any pipe holds, so that no SQL runs while it waits: a signal there would end
// the process at once.
const MANY =
  "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5000) SELECT printf('%01000d', x) FROM c";

test.each([{ signals: 1 }, { signals: 2 }])(
  'a result that nobody reads is not cut short without a word: $signals × Ctrl-C',
  async ({ signals }) => {
    await must('db', 'create', 'alice');
    const argv = [SCRIPTS.javumbo, 'db', 'query', 'alice', MANY, '--json', '--quiet'];
    const child = spawn(process.execPath, argv, { env: { PATH: process.env.PATH, ...env }, detached: true });
    started.push({ pid: child.pid ?? 0 });
    const stderr = text(child.stderr);
    const exited = once(child, 'exit');
    // It has begun to print, and is not read any further.
    await once(child.stdout, 'readable');
    for (let sent = 0; sent < signals; sent++) {
      child.kill('SIGINT');
      await sleep(400);
    }
    const [code, signal] = await exited;
    // The second one ends the process at once, if it has not ended by then: 130 to a shell, either way.
    const status = signal === 'SIGINT' && signals > 1 ? 130 : code;
    expect({ code: status, error: JSON.parse(await stderr).error }).toEqual({
      code: 130,
      error: expect.objectContaining({
        kind: 'interrupted',
        message: 'interrupted while the result was being printed',
      }),
    });
  },
);

test('a comparison of very many samples is stopped, and not done once more', async () => {
  const file = join(env.HOME ?? '', 'report.json');
  await must('bench', 'latency', '--requests', '2', '--rtt', '0', '--report', `json=${file}`);
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const samples = Array.from({ length: 200_000 }, (_, index) => 1 + ((index * 7_919) % 1_000));
  const metrics = Object.entries(report.metrics).map(([name, metric]) => [
    name,
    { ...metric, count: samples.length, samples },
  ]);
  writeFileSync(file, JSON.stringify({ ...report, metrics: Object.fromEntries(metrics) }));
  const running = start('bench', 'compare', file, file);
  await busy(running.pid);
  running.signal('SIGINT');
  expect(await running.ended).toMatchObject({ signal: 'SIGINT', stdout: '', stderr: '' });
});

test.each([
  ['bench', 'latency'],
  ['verify', 'day2'],
])('a clean-up of %s that fails after Ctrl-C is told', async (...argv) => {
  const s3 = await onS3();
  s3.inject({ fault: 'refuse-before', operation: 'DeleteObjects', status: 403, code: 'AccessDenied', times: 1_000 });
  const running = start(...argv);
  s3.beforeWork = ({ operation }) => {
    if (operation === 'PutObject') running.signal('SIGINT');
  };
  const { code, stderr } = await running.ended;
  expect({ code, left: s3.keys(BUCKET).length }).toEqual({ code: 130, left: 1 });
  expect(stderr).toMatch(/^warning: test data of run [0-9a-f]{12} may be left: javumbo clean all removes it \(.+\)\n/);
});

test.each([
  ['verify', 'day2'],
  ['bench', 'latency'],
])(
  'a report of %s to a pipe that nobody opens keeps nobody after Ctrl-C, and the other one is written',
  async (...argv) => {
    const [fifo, file] = [join(env.HOME ?? '', 'fifo'), join(env.HOME ?? '', 'report.json')];
    execFileSync('mkfifo', [fifo]);
    const running = start(...argv, '--report', `json=${fifo}`, '--report', `json=${file}`);
    await sleep(1_000);
    running.signal('SIGINT');
    expect((await running.ended).code).toBe(130);
    expect((JSON.parse(readFileSync(file, 'utf8')) as Report).failureReasons[0]).toBe('interrupted');
  },
);
