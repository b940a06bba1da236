/**
 * Ctrl-C stops a command, whatever it does at that moment; it cleans up, exits with 130, and never says anything about a
 * write that is not true.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Report } from '../report/document.ts';
import { killGroup, type RunningScript, SCRIPTS, startScript } from '../testing/child-process.ts';
import { freshMachine, type Json, runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server.ts';
import { busy, ENDLESS, workOf } from '../testing/supervised-command.ts';
import { truthAbout } from './aftermath.ts';
import { choose } from './choice.ts';
import { Knowledge } from './knowledge.ts';
import { SUPERVISED, type SupervisedMessage } from './messages.ts';

const BUCKET = 'bucket';

let env: Record<string, string>;
let server: S3Server | undefined;
const started: RunningScript[] = [];

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

describe('in the middle of a long SQL statement', () => {
  beforeEach(() => must('db', 'create', 'alice'));

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends the command with 130, and it says why',
    async (signal) => {
      const running = start('db', 'query', 'alice', ENDLESS);
      await busy(running);
      running.signal(signal);
      expect(await running.ended).toMatchObject({
        code: 130,
        stdout: '',
        stderr: 'error: interrupted\ntry:   the same command again\n',
      });
    },
  );

  test('the error is a document with --json, and a second Ctrl-C does not wait', async () => {
    const running = start('db', 'query', 'alice', ENDLESS, '--json');
    await busy(running);
    running.signal('SIGINT');
    await sleep(400);
    running.signal('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout, error: JSON.parse(stderr) }).toEqual({
      code: 130,
      stdout: '',
      error: { error: { kind: 'interrupted', message: 'interrupted', try: 'the same command again' } },
    });
  });

  test('a change is not stored, its lease is not left, and the next command goes on', async () => {
    const running = start('db', 'exec', 'alice', `CREATE TABLE t AS ${ENDLESS}`, '--lease', '--lease-ttl', '10m');
    await busy(running);
    running.signal('SIGINT');
    expect((await running.ended).code).toBe(130);
    await must('db', 'exec', 'alice', 'CREATE TABLE t (x)', '--lease');
  });

  test('work that is killed by something else is a defect that is told, and its lease is not left', async () => {
    const running = start('db', 'exec', 'alice', `CREATE TABLE t AS ${ENDLESS}`, '--lease', '--lease-ttl', '10m');
    await busy(running);
    process.kill(await workOf(running), 'SIGKILL');
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('error: the process was ended by SIGKILL'),
    });
    await must('db', 'exec', 'alice', 'CREATE TABLE t (x)', '--lease');
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
    { argv: ['db', 'delete', 'alice'], operation: 'DeleteObject' },
    { argv: ['db', 'add-note', 'alice', '--field', 'a', '--field', 'b'], operation: 'PutObject' },
  ] as const)('without a supervisor of its own $argv is stopped alike', async ({ argv, operation }) => {
    const hung = s3.inject({ fault: 'hang-after', operation });
    const running = start(...argv);
    while (hung.fired === 0) await sleep(20);
    running.signal('SIGINT');
    await sleep(400);
    running.signal('SIGINT');
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({
      code: 6,
      stderr: expect.stringContaining('nobody can tell whether that was stored'),
    });
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
    { operation: 'HeadObject', argv: ['db', 'delete', 'alice'] },
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

  test('bench stops and removes its data', async () => {
    const running = start('bench', 'latency', '--requests', '500');
    await signalAt(() => running, 'PutObject', 3);
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout, stderr }).toEqual({
      code: 130,
      stdout: '',
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
  ])('%s that has to be killed is cleaned up after, and reports all the same', async (...argv) => {
    s3.inject({ fault: 'hang-after', operation: 'PutObject' });
    const file = join(env.HOME ?? '', 'report.json');
    const running = start(...argv, '--json', '--report', `json=${file}`);
    await signalAt(() => running, 'PutObject');
    await sleep(400);
    expect(s3.keys(BUCKET)).toHaveLength(2);
    running.signal('SIGINT');
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

  test('with --keep the data of a killed run stays, and is named', async () => {
    s3.inject({ fault: 'hang-after', operation: 'PutObject' });
    const running = start('bench', 'latency', '--keep');
    await signalAt(() => running, 'PutObject');
    await sleep(400);
    running.signal('SIGINT');
    const { code, stderr } = await running.ended;
    const [kept = ''] = s3.keys(BUCKET).filter((key) => key.includes('javumbo-test-'));
    expect({ code, kept }).toEqual({ code: 130, kept: expect.stringMatching(/-latency\.anki2$/) });
    expect(stderr).toContain(`note: kept ${kept}; javumbo clean s3 removes it\n`);
  });

  test('should the supervisor be killed, the work stops in order', async () => {
    const running = start('bench', 'latency', '--requests', '500');
    await new Promise<void>((resolve) => {
      s3.beforeWork = ({ operation }) => {
        if (operation !== 'PutObject') return;
        running.signal('SIGKILL');
        resolve();
      };
    });
    expect((await running.ended).signal).toBe('SIGKILL');
    expect(s3.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });
});

describe('of work that was killed', () => {
  test.each<{ name: string; messages: SupervisedMessage[]; killedBy?: string; kind: string; message: RegExp }>([
    { name: 'that announced nothing', messages: [], kind: 'interrupted', message: /^interrupted$/ },
    {
      name: 'in the middle of a write',
      messages: [{ kind: 'writing', subject: 'database', username: 'alice' }],
      kind: 'unknown',
      message: /database "alice": interrupted while .* nobody can tell/,
    },
    {
      name: 'in the middle of writing an account',
      messages: [{ kind: 'writing', subject: 'account', username: 'alice' }],
      kind: 'unknown',
      message: /^account "alice": interrupted while/,
    },
    {
      name: 'after a write that was stored',
      messages: [
        { kind: 'writing', subject: 'database', username: 'alice' },
        { kind: 'written', subject: 'database', username: 'alice', version: 'v2' },
      ],
      kind: 'interrupted',
      message: /database "alice": interrupted after it was stored as version v2/,
    },
    {
      name: 'after a write that was refused',
      messages: [
        { kind: 'writing', subject: 'database', username: 'alice' },
        { kind: 'written', subject: 'database', username: 'alice' },
      ],
      kind: 'interrupted',
      message: /^interrupted$/,
    },
    {
      name: 'in a second write, after one that was refused',
      messages: [
        { kind: 'writing', subject: 'database', username: 'alice' },
        { kind: 'written', subject: 'database', username: 'alice' },
        { kind: 'writing', subject: 'database', username: 'alice' },
      ],
      kind: 'unknown',
      message: /alice/,
    },
    {
      name: 'in the middle of one of several writes',
      messages: [
        { kind: 'writing', subject: 'account', username: 'ann' },
        { kind: 'writing', subject: 'account', username: 'bob' },
        { kind: 'written', subject: 'account', username: 'bob' },
      ],
      kind: 'unknown',
      message: /^account "ann": interrupted while it was/,
    },
    {
      name: 'in the middle of several writes',
      messages: [
        { kind: 'writing', subject: 'account', username: 'ann' },
        { kind: 'writing', subject: 'database', username: 'ann' },
      ],
      kind: 'unknown',
      message: /^account "ann", database "ann": interrupted while they were/,
    },
    {
      name: 'in the middle of writing test data',
      messages: [{ kind: 'writing', subject: 'database', username: 'javumbo-test-aa-2-1' }],
      kind: 'interrupted',
      message: /^interrupted$/,
    },
    { name: 'by the system', messages: [], killedBy: 'SIGKILL', kind: 'internal', message: /ended by SIGKILL/ },
    {
      name: 'by the system in the middle of a write',
      messages: [{ kind: 'writing', subject: 'database', username: 'alice' }],
      killedBy: 'SIGSEGV',
      kind: 'unknown',
      message: /ended by SIGSEGV while/,
    },
  ])('$name it is said that it is $kind', ({ messages, killedBy, kind, message }) => {
    const known = new Knowledge();
    for (const each of messages) known.add(each);
    expect(truthAbout({ known, killedBy })).toMatchObject({ kind, message: expect.stringMatching(message) });
  });
});

describe('a supervisor', () => {
  test.each([
    { argv: ['db', 'query', 'alice', 'SELECT 1'], kind: 'supervisor' },
    { argv: ['--bucket', 'b', 'db', 'exec', 'alice', 'DELETE FROM t'], kind: 'supervisor' },
    { argv: ['verify', 'all'], kind: 'supervisor' },
    { argv: ['bench', 'latency'], kind: 'supervisor' },
    { argv: ['db', 'push', 'alice', 'file'], kind: 'supervisor' },
    { argv: ['db', 'list'], kind: 'watched' },
    { argv: ['cache', 'stats'], kind: 'watched' },
    { argv: ['clean', 'all'], kind: 'watched' },
    { argv: [], kind: 'asked' },
    { argv: ['--version'], kind: 'asked' },
    { argv: ['db', 'query', '--help'], kind: 'asked' },
    { argv: ['help', 'verify'], kind: 'asked' },
    { argv: ['db', 'help', 'query'], kind: 'asked' },
    { argv: ['verify', '-h'], kind: 'asked' },
    { argv: ['db', 'exec', 'help', 'DELETE FROM t'], kind: 'supervisor' },
    { argv: ['db', 'query', 'alice', 'SELECT ?', '--', '-h'], kind: 'supervisor' },
    { argv: ['--bucket', '-V', 'db', 'query', 'alice', 'SELECT 1'], kind: 'supervisor' },
    { argv: ['--bucket', 'help', 'db', 'query', 'alice', 'SELECT 1'], kind: 'supervisor' },
    { argv: ['user', 'delete', 'help'], kind: 'watched' },
  ])('$argv is $kind', ({ argv, kind }) => {
    expect(choose(argv, {}, false)).toEqual({ kind });
  });

  test('is not started for what has one, and what that starts knows nothing of it', () => {
    const environment: Json = { [SUPERVISED]: 'abc', OTHER: 'x' };
    expect(choose(['verify', 'all'], environment, true)).toEqual({ kind: 'supervised', runId: 'abc' });
    expect(environment).toEqual({ OTHER: 'x' });
    // Nobody listens: the variable alone is no supervisor.
    expect(choose(['verify', 'all'], { [SUPERVISED]: 'abc' }, false)).toEqual({ kind: 'supervisor' });
  });
});
