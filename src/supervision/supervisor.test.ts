/** What becomes of a command when it, its supervisor, or whoever reads what it prints does not play along. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Report } from '../report/document.ts';
import { killGroup, type RunningScript, SCRIPTS, startScript } from '../testing/child-process.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server.ts';
import { busy, ENDLESS, gone, workOf } from '../testing/supervised-command.ts';

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

// More than any pipe holds.
const MANY = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 50000) SELECT x FROM c';

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
    const [code] = await exited;
    expect({ code, error: JSON.parse(await stderr).error }).toEqual({
      code: 130,
      error: expect.objectContaining({
        kind: 'interrupted',
        message: 'interrupted while the result was being printed',
      }),
    });
  },
);

test('a user whose name is help is no question, and Ctrl-C stops her statement as any other', async () => {
  await must('db', 'create', 'help');
  const running = start(
    'db',
    'exec',
    'help',
    `CREATE TABLE t AS ${ENDLESS}`,
    '--lease',
    '--lease-ttl',
    '10m',
    '--json',
  );
  await busy(running);
  running.signal('SIGINT');
  const { code, stderr } = await running.ended;
  expect({ code, kind: JSON.parse(stderr).error.kind }).toEqual({ code: 130, kind: 'interrupted' });
  await must('db', 'exec', 'help', 'CREATE TABLE t (x)', '--lease');
});

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
  await busy(running);
  running.signal('SIGINT');
  expect(await running.ended).toMatchObject({
    code: 130,
    stdout: '',
    stderr: expect.stringMatching(/^error: interrupted\n/),
  });
});

describe('should the supervisor be killed', () => {
  test('a statement without end is ended too', async () => {
    await must('db', 'create', 'alice');
    const running = start('db', 'query', 'alice', ENDLESS);
    const work = await busy(running);
    // What watches over it is not started with it.
    await sleep(1_000);
    running.signal('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
    await gone(work);
  });

  test('a signal ends what then hangs', async () => {
    const server = await onS3();
    const hung = server.inject({ fault: 'hang-before', operation: 'PutObject' });
    const running = start('db', 'create', 'alice', '--timeout', '10m');
    while (hung.fired === 0) await sleep(20);
    const work = await workOf(running);
    running.signal('SIGKILL');
    await sleep(500);
    process.kill(work, 'SIGTERM');
    expect((await running.ended).signal).toBe('SIGKILL');
    await gone(work);
  });
});

test.each([
  ['verify', 'day2'],
  ['bench', 'latency'],
])('%s that the system killed reports that, and no earlier report stays', async (...argv) => {
  const file = join(env.HOME ?? '', 'report.json');
  writeFileSync(file, 'stale');
  const running = start(...argv, '--rtt', '10s', '--json', '--report', `json=${file}`);
  const work = await workOf(running);
  await sleep(500);
  process.kill(work, 'SIGKILL');
  const { code, stdout, stderr } = await running.ended;
  const reason = 'the process was ended by SIGKILL';
  expect({ code, stdout, error: JSON.parse(stderr).error }).toEqual({
    code: 1,
    stdout: '',
    error: { kind: 'internal', message: reason, try: expect.stringContaining('memory') },
  });
  const { passed, failureReasons } = JSON.parse(readFileSync(file, 'utf8')) as Report;
  expect({ passed, failureReasons }).toEqual({ passed: false, failureReasons: [reason] });
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
    await workOf(running);
    await sleep(1_000);
    running.signal('SIGINT');
    expect((await running.ended).code).toBe(130);
    expect((JSON.parse(readFileSync(file, 'utf8')) as Report).failureReasons[0]).toBe('interrupted');
  },
);
