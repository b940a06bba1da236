/**
 * Ctrl-C stops a command, whatever it does at that moment: in SQL the system ends it at once; elsewhere it cleans up, exits
 * with 130, and never says anything about a write that is not true.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Report } from '../report/document.ts';
import { killGroup, type RunningScript, SCRIPTS, startScript } from '../testing/child-process.ts';
import { type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { busy, ENDLESS, handlesInterrupt, waitsAt } from '../testing/long-command.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

const BUCKET = 'bucket';
// Enough as a rule. Earlier, the answer is the same.
const TO_BEGIN_WAITING_MS = 300;

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

function start(...argv: string[]): RunningScript {
  const running = startScript(SCRIPTS.javumbo, [...argv, '--quiet'], env);
  started.push(running);
  return running;
}

async function onS3(): Promise<S3Server> {
  server = await startS3Server({ buckets: [BUCKET] });
  const keys = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };
  env = { ...env, ...keys, S3_BUCKET: BUCKET, AWS_ENDPOINT_URL_S3: server.endpoint };
  return server;
}

async function must(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand([...argv, '--quiet'], { env });
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

describe('in the middle of SQL that does not end', () => {
  beforeEach(() => must('db', 'create', 'alice'));

  /** What a process that the system ended leaves: its status, and not a word. */
  const endedBy = (signal: NodeJS.Signals) => expect.objectContaining({ code: null, signal, stdout: '', stderr: '' });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends the command', async (signal) => {
    const running = start('db', 'query', 'alice', ENDLESS, '--json');
    await busy(running.pid);
    running.signal(signal);
    expect(await running.ended).toEqual(endedBy(signal));
  });

  test('a change is not stored, and its lease lives as long as it was asked for', async () => {
    const before = await must('db', 'info', 'alice');
    const running = start('db', 'exec', 'alice', `CREATE TABLE t AS ${ENDLESS}`, '--lease', '--lease-ttl', '3s');
    await busy(running.pid);
    running.signal('SIGINT');
    expect(await running.ended).toEqual(endedBy('SIGINT'));
    expect(await must('db', 'info', 'alice')).toBe(before);
    await must('db', 'exec', 'alice', 'CREATE TABLE t (x)', '--lease');
    expect(readdirSync(join(env.JAVUMBO_CACHE_DIR ?? ''), { recursive: true }).join()).not.toContain('working-copy');
  });

  test('in a trigger that SQL of the operator’s runs', async () => {
    const endless = ENDLESS.replace('SELECT count(*) FROM c', 'SELECT x FROM c');
    await must('db', 'exec', 'alice', 'CREATE TABLE counts (n)');
    await must(
      'db',
      'exec',
      'alice',
      `CREATE TRIGGER endless AFTER INSERT ON notes BEGIN INSERT INTO counts SELECT count(*) FROM (${endless}); END`,
    );
    const insert = "INSERT INTO notes VALUES (1, 'g', 1, 1, 1, '', 'a', 'a', 1, 0, '')";
    const running = start('db', 'exec', 'alice', insert);
    await busy(running.pid);
    running.signal('SIGINT');
    expect(await running.ended).toEqual(endedBy('SIGINT'));
  });

  test.each([
    ['db', 'push', 'bob'],
    ['db', 'create', 'bob', '--from'],
  ])('in a file that is to be stored: %s %s', async (...argv) => {
    const file = join(env.HOME ?? '', 'locked.anki2');
    const database = new Database(file);
    database.exec('CREATE TABLE notes (id); BEGIN EXCLUSIVE');
    const running = start(...argv, file);
    // SQLite waits five seconds for the lock.
    await waitsAt(running.pid, file);
    running.signal('SIGINT');
    expect(await running.ended).toEqual(endedBy('SIGINT'));
    database.close();
    expect(JSON.parse(await must('db', 'list', '--json')).databases).toHaveLength(1);
  });
});

describe('in the middle of a request', () => {
  let s3: S3Server;

  beforeEach(async () => {
    s3 = await onS3();
    await must('db', 'create', 'alice');
  });

  /** Sends the signal when that operation has arrived, for the so-many-th time. */
  function signalAt(running: () => RunningScript, operation: string, nth = 1): Promise<void> {
    return new Promise((resolve) => {
      let seen = 0;
      s3.beforeWork = (request) => {
        if (request.operation !== operation || ++seen !== nth) return;
        running().signal('SIGINT');
        resolve();
      };
    });
  }

  test.each(['hang-before', 'hang-after'] as const)(
    'a write of which nobody knows whether it landed is unknown: %s',
    async (fault) => {
      for (const argv of [
        ['db', 'exec', 'alice', 'CREATE TABLE t (x)'],
        ['db', 'create', 'bob'],
      ]) {
        const hung = s3.inject({ fault, operation: 'PutObject' });
        const running = start(...argv, '--json');
        while (hung.fired === 0) await sleep(20);
        running.signal('SIGINT');
        const { code, stdout, stderr } = await running.ended;
        expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
        expect(JSON.parse(stderr).error).toMatchObject({ kind: 'unknown', username: argv[2] });
        hung.remove();
      }
    },
  );

  test.each([
    { argv: ['db', 'delete', '--yes', 'alice'], operation: 'DeleteObject' },
    { argv: ['db', 'add-note', 'alice', '--field', 'a', '--field', 'b'], operation: 'PutObject' },
  ] as const)('so it is for $argv, and npm passing the signal on is no second one', async ({ argv, operation }) => {
    const hung = s3.inject({ fault: 'hang-after', operation });
    const running = start(...argv);
    while (hung.fired === 0) await sleep(20);
    running.signal('SIGINT');
    await sleep(50);
    running.signal('SIGINT');
    expect(await running.ended).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        /^error: database "alice": it is not known whether the write was stored: interrupted/,
      ),
    });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('a second signal, %s, waits for nothing', async (second) => {
    const hung = s3.inject({ fault: 'hang-after', operation: 'PutObject' });
    const running = start('db', 'exec', 'alice', 'CREATE TABLE t (x)');
    while (hung.fired === 0) await sleep(20);
    running.signal('SIGINT');
    await sleep(400);
    running.signal(second);
    expect(await running.ended).toMatchObject({ code: null, signal: second, stdout: '', stderr: '' });
  });

  test('a write that is under way is waited for, and its outcome is the answer', async () => {
    s3.inject({ fault: 'slow-first-byte', operation: 'PutObject', delayMs: 600 });
    const running = start('db', 'exec', 'alice', 'CREATE TABLE t (x)', '--json');
    await signalAt(() => running, 'PutObject');
    const { code, stdout } = await running.ended;
    expect({ code, outcome: JSON.parse(stdout).outcome }).toEqual({ code: 0, outcome: 'committed' });
    await must('db', 'query', 'alice', 'SELECT * FROM t');
  });

  test.each([
    { operation: 'GetObject', argv: ['db', 'query', 'alice', 'SELECT 1'] },
    { operation: 'GetObject', argv: ['db', 'exec', 'alice', 'CREATE TABLE t (x)'] },
    { operation: 'GetObject', argv: ['db', 'pull', 'alice', '--out', 'OUT'] },
    { operation: 'ListObjectsV2', argv: ['db', 'list'] },
    { operation: 'HeadObject', argv: ['db', 'delete', '--yes', 'alice'] },
  ] as const)('a request that only reads is given up: $operation of $argv', async ({ operation, argv }) => {
    env = { ...env, JAVUMBO_CACHE_DIR: `${env.JAVUMBO_CACHE_DIR}-empty` };
    const hung = s3.inject({ fault: 'hang-before', operation });
    const running = start(...argv.map((word) => (word === 'OUT' ? `${env.HOME}/alice.anki2` : word)));
    while (hung.fired === 0) await sleep(20);
    running.signal('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout, stderr }).toEqual({
      code: 130,
      stdout: '',
      stderr: expect.stringMatching(/^error: interrupted\n/),
    });
    expect(s3.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });

  test.each([1, 3, 6])('verify stops at its request %i, removes its data, and its report says so', async (nth) => {
    const running = start('verify', 'day2', '--json');
    await signalAt(() => running, 'PutObject', nth);
    const { code, stdout } = await running.ended;
    const report = JSON.parse(stdout) as Report;
    expect({ code, passed: report.passed, reason: report.failureReasons[0] }).toEqual({
      code: 130,
      passed: false,
      reason: 'interrupted',
    });
    expect(report.checks.map(({ id }) => id)).toEqual(['2.1', '2.2', '2.3']);
    expect(s3.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });

  test('bench stops, shows what it has measured, and removes its data', async () => {
    const running = start('bench', 'latency', '--requests', '500');
    await signalAt(() => running, 'PutObject', 3);
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout, stderr }).toEqual({
      code: 130,
      stdout: expect.stringMatching(/^bench latency\nmetric .*\ndownloadMs +[12] [\s\S]*\nfailed: interrupted\n$/),
      stderr: expect.stringMatching(/^error: interrupted\n/),
    });
    expect(s3.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });

  test('bench concurrent stops its workers too', async () => {
    const running = start('bench', 'concurrent', '--workers', '3', '--requests', '300');
    await signalAt(() => running, 'PutObject', 10);
    expect((await running.ended).code).toBe(130);
    expect(s3.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });

  test.each([
    ['verify', 'day2'],
    ['bench', 'latency'],
  ])('%s whose write hangs gives it up, cleans up, and reports', async (...argv) => {
    s3.inject({ fault: 'hang-after', operation: 'PutObject' });
    const file = join(env.HOME ?? '', 'report.json');
    const running = start(...argv, '--json', '--report', `json=${file}`);
    await signalAt(() => running, 'PutObject');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(130);
    if (argv[0] === 'verify') {
      const { passed, failureReasons, checks } = JSON.parse(stdout) as Report;
      expect({ passed, reason: failureReasons[0] }).toEqual({ passed: false, reason: 'interrupted' });
      expect(checks.map(({ status }) => status)).toEqual(['skipped', 'skipped', 'skipped']);
    } else expect(JSON.parse(stderr).error.kind).toBe('interrupted');
    const written = JSON.parse(readFileSync(file, 'utf8')) as Report;
    expect({ passed: written.passed, reason: written.failureReasons[0] }).toEqual({
      passed: false,
      reason: 'interrupted',
    });
    expect(s3.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });

  test('with --keep the data of an interrupted run stays, and is named', async () => {
    s3.inject({ fault: 'hang-after', operation: 'PutObject' });
    const running = startScript(SCRIPTS.javumbo, ['bench', 'latency', '--keep'], env);
    started.push(running);
    await signalAt(() => running, 'PutObject');
    const { code, stderr } = await running.ended;
    const [kept = ''] = s3.keys(BUCKET).filter((key) => key.includes('javumbo-test-'));
    expect({ code, kept }).toEqual({ code: 130, kept: expect.stringMatching(/-latency\.anki2$/) });
    expect(stderr).toContain(`note: kept ${kept}; javumbo clean s3 removes it\n`);
  });

  test('a second Ctrl-C leaves test data, which clean all finds', async () => {
    s3.inject({ fault: 'hang-after', operation: 'PutObject' });
    const running = start('bench', 'latency');
    await signalAt(() => running, 'PutObject');
    await sleep(400);
    running.signal('SIGINT');
    expect((await running.ended).signal).toBe('SIGINT');
    expect(s3.keys(BUCKET)).toHaveLength(2);
    await must('clean', 'all');
    expect(s3.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });

  test.each([
    { operation: 'ListObjectsV2', code: 130, error: /^error: interrupted\n/ },
    { operation: 'DeleteObjects', code: 6, error: /^error: interrupted while deleting objects, 1 in all/ },
  ] as const)('clean stops in $operation', async ({ operation, code, error }) => {
    await must('bench', 'latency', '--requests', '1', '--keep');
    const hung = s3.inject({ fault: 'hang-before', operation });
    const running = start('clean', 's3');
    while (hung.fired === 0) await sleep(20);
    running.signal('SIGINT');
    expect(await running.ended).toMatchObject({ code, stderr: expect.stringMatching(error) });
  });
});

test('an account of which nobody knows whether it was made is unknown', async () => {
  await onS3();
  const dynamo = await startDynamoServer();
  try {
    const table = await dynamo.createTable('users');
    env = { ...env, AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint, DYNAMODB_USERS_TABLE: table };
    let arrived = (): void => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const meanwhile = (): Promise<void> => {
      arrived();
      return sleep(5_000);
    };
    dynamo.inject({ operation: 'PutItem', fault: { kind: 'lost-reply' }, meanwhile });
    const running = startScript(
      SCRIPTS.javumbo,
      ['user', 'create', 'alice', '--name', 'Alice', '--password-stdin', '--json', '--quiet'],
      env,
      { input: 'a password of hers' },
    );
    started.push(running);
    await arrival;
    running.signal('SIGTERM');
    const { code, stderr } = await running.ended;
    expect({ code, error: JSON.parse(stderr).error }).toMatchObject({
      code: 6,
      error: { kind: 'unknown', username: 'alice', message: expect.stringMatching(/alice.*it is not known/) },
    });
  } finally {
    await dynamo.close();
  }
});

test.each(['SIGINT', 'SIGHUP'] as const)('%s ends the waiting for a lease, and for a password', async (signal) => {
  const argv = ['db', 'exec', 'alice', 'SELECT 1', '--lease'];
  await must('db', 'create', 'alice');
  const holder = start('db', 'exec', 'alice', ENDLESS, '--lease', '--lease-ttl', '10m');
  await busy(holder.pid);
  const waiting = start(...argv);
  await handlesInterrupt(waiting.pid);
  await sleep(TO_BEGIN_WAITING_MS);
  waiting.signal(signal);
  expect(await waiting.ended).toMatchObject({ code: 130, stderr: expect.stringMatching(/^error: interrupted\n/) });
  holder.signal('SIGKILL');
  const typing = spawn(
    process.execPath,
    [SCRIPTS.javumbo, 'user', 'create', 'bob', '--name', 'Bob', '--password-stdin'],
    {
      env: { PATH: process.env.PATH, ...env },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  started.push({ pid: typing.pid ?? 0 });
  await handlesInterrupt(typing.pid ?? 0);
  await sleep(TO_BEGIN_WAITING_MS);
  typing.kill(signal);
  expect(await once(typing, 'exit')).toEqual([130, null]);
});

describe('deployment create', () => {
  let dynamo: DynamoServer;

  beforeEach(async () => {
    await onS3();
    dynamo = await startDynamoServer();
    env = { ...env, AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint, S3_BUCKET: 'another' };
  });

  afterEach(() => dynamo.close());

  async function bucketNames(): Promise<unknown[]> {
    const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
    const client = new S3Client({ endpoint: server?.endpoint ?? '', region: 'us-east-1', credentials });
    const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
    client.destroy();
    return Buckets.map(({ Name }) => Name).sort();
  }

  test.each([
    { at: 'HeadBucket', code: 130, error: /^interrupted at bucket another; nothing had been made before$/ },
    { at: 'CreateBucket', code: 6, error: /^interrupted at bucket another; nothing had been made before$/ },
    {
      at: 'GetBucketVersioning',
      code: 130,
      error: /^interrupted at bucket another: versioning; made before: bucket another$/,
    },
    // Of the probe, in its scratch bucket.
    { at: 'HeadObject', code: 130, error: /; made before: bucket another/ },
  ] as const)('stopped at $at it says what it has made', async ({ at, code, error }) => {
    const hung = server?.inject({ fault: 'hang-before', operation: at });
    const running = start('deployment', 'create', '--json');
    while (hung?.fired === 0) await sleep(20);
    running.signal('SIGINT');
    const { code: ended, stdout, stderr } = await running.ended;
    expect({ ended, stdout, message: JSON.parse(stderr).error.message }).toEqual({
      ended: code,
      stdout: '',
      message: expect.stringMatching(error),
    });
    expect(await bucketNames()).toEqual(at === 'HeadBucket' || at === 'CreateBucket' ? [BUCKET] : ['another', BUCKET]);
    hung?.remove();
    await must('deployment', 'create');
  });
});
