/** A large database is copied, checked and digested by two threads, and nothing that is promised of a small one is dropped. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import type Database from 'better-sqlite3';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { DatabaseCache } from '../cache/cache.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { contentDigestOf } from '../store/content-digest.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { DigestThread } from '../store/digest-thread.ts';
import { LocalDatabaseStore } from '../store/local-store.ts';
import { MemoryDatabaseStore } from '../store/memory-store.ts';
import { S3DatabaseStore } from '../store/s3-store.ts';
import { temporaryDirectory } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';
import { UserDatabases } from './user-databases.ts';

// One that a thread helps with as soon as it runs.
const LARGE_BYTES = 9_000_000;
const ROWS = Math.ceil(LARGE_BYTES / 1000);
const clock = systemClock;
const random = systemRandom;

function fill(database: SqliteDatabase): void {
  database.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) INSERT INTO t SELECT i, randomblob(1000) FROM n`);
}

const change = (database: SqliteDatabase): unknown => database.exec("UPDATE t SET x = 'changed' WHERE id = 7");

async function changedRow(databases: UserDatabases): Promise<unknown> {
  return databases.read('alice', ({ database }) => database.prepare('SELECT id, x FROM t WHERE id = 7').get());
}
const CHANGED = { id: 7, x: 'changed' };

interface Machine {
  readonly databases: UserDatabases;
  readonly cache: DatabaseCache;
  readonly store: CountingDatabaseStore;
}

const ended: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

function machine(inner: DatabaseStore, { root = temporaryDirectory(), digests = threadOf(undefined) } = {}): Machine {
  const store = new CountingDatabaseStore(inner);
  const cache = new DatabaseCache({ root, deployment: 'test', clock, random });
  const sqlite = async () => betterSqlite;
  const more = { caching: true, clock, random, stalenessMaxMs: Number.MAX_SAFE_INTEGER };
  const databases = new UserDatabases({ store, cache, sqlite, digests, ...more });
  ended.push(() => {
    databases.closeFiles();
    cache.close();
  });
  return { databases, cache, store };
}

function local(): DatabaseStore {
  const store = new LocalDatabaseStore(temporaryDirectory(), { clock, random, sqlite: betterSqlite });
  ended.push(() => store.close());
  return store;
}

function s3(server: S3Server, endpoint: string | undefined): DatabaseStore {
  const client = new S3Client({
    endpoint: server.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    maxAttempts: 1,
    expectContinueHeader: false,
    ...(endpoint === undefined ? {} : { requestChecksumCalculation: 'WHEN_REQUIRED' as const }),
  });
  ended.push(() => client.destroy());
  return new S3DatabaseStore(client, { bucket: BUCKET, endpoint });
}

const BUCKET = 'b';

/** Each needs another digest of what it stores. */
const STORES: readonly { needs: string; open: (server: S3Server) => DatabaseStore }[] = [
  { needs: 'MD5, of an S3 engine', open: (server) => s3(server, server.endpoint) },
  { needs: 'CRC32, of AWS', open: (server) => s3(server, undefined) },
  { needs: 'SHA-256, of the local deployment', open: local },
  { needs: 'none, of a memory', open: () => new MemoryDatabaseStore(clock) },
];

/** Programs of a thread, by what becomes of it. */
const PROGRAMS = {
  'is the one of the package': undefined,
  'is not there': '/no/such/program.cjs',
  'cannot be loaded': "require('no-such-module')",
  'ends without an answer': "require('node:worker_threads').parentPort.on('message', () => process.exit(3))",
  'fails in the middle':
    "require('node:worker_threads').parentPort.on('message', () => { throw new Error('too much') })",
};

/** One that runs, unless it cannot. */
function threadOf(program: string | undefined): DigestThread {
  const path = program?.startsWith('/') === false ? join(temporaryDirectory(), 'program.cjs') : program;
  if (path !== undefined && path !== program) writeFileSync(path, program ?? '');
  const thread = new DigestThread(path);
  thread.start();
  return thread;
}

describe.each(STORES)('a store that needs $needs', ({ open }) => {
  test.each(Object.entries(PROGRAMS))('gets sound bytes and their digest where the thread %s', async (_, program) => {
    const server = await startS3Server({ buckets: [BUCKET] });
    ended.push(() => server.close());
    const inner = open(server);
    const started: unknown[] = [];
    const noted = (worker: unknown): void => void started.push(worker);
    process.on('worker', noted);
    ended.push(() => void process.off('worker', noted));
    const { databases, store } = machine(inner, { digests: threadOf(program) });
    await databases.create('alice', fill);
    // Later the thread is there already, or known not to be.
    for (const row of [8, 7]) {
      await databases.update('alice', (database) => database.exec(`UPDATE t SET x = 'changed' WHERE id = ${row}`));
    }
    expect(started).toHaveLength(1);
    expect(store.counts()).toMatchObject({ get: 0, head: 0, put: 3 });
    const path = join(temporaryDirectory(), 'stored');
    const found = await inner.get('alice', path);
    expect(found).toMatchObject({ kind: 'found', digest: await contentDigestOf(path), sizeBytes: statSync(path).size });
    if (inner.bodyDigest === 'sha256') {
      expect(found).toMatchObject({ version: createHash('sha256').update(readFileSync(path)).digest('hex') });
    }
    expect(await changedRow(machine(inner).databases)).toEqual(CHANGED);
  });
});

describe('nothing is sent, and the next commit is', () => {
  const inner = new MemoryDatabaseStore(clock);

  test.each<{ name: string; kind?: string; edit: (database: SqliteDatabase) => unknown; program?: string }>([
    {
      name: 'if the edit damages the database',
      kind: 'corrupt',
      edit: (database) => {
        change(database);
        (database as unknown as Database.Database).unsafeMode(true);
        database.exec("PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 3 WHERE name = 't'");
      },
    },
    {
      name: 'if the edit stores what a CHECK forbids',
      kind: 'corrupt',
      edit: (database) => {
        database.exec('CREATE TABLE checked (n CHECK (n > 0)); PRAGMA ignore_check_constraints = ON');
        database.exec('INSERT INTO checked VALUES (-1)');
      },
    },
    {
      name: 'if the thread cannot read it',
      edit: change,
      program: `const { parentPort } = require('node:worker_threads');
        parentPort.on('message', ({ id }) => parentPort.postMessage({ id, error: { message: 'i/o error', code: 'EIO' } }))`,
    },
  ])('$name', async ({ kind, edit, program }) => {
    const { databases, store, cache } = machine(inner, { digests: threadOf(program) });
    await inner.delete('alice');
    const begun = machine(inner);
    await begun.databases.create('alice', fill);
    await databases.read('alice', () => {});
    const before = await inner.head('alice');
    const failure = await databases.update('alice', edit, { retries: 0 }).catch((error) => error);
    expect(failure).toMatchObject(kind === undefined ? { message: 'i/o error', code: 'EIO' } : { kind });
    expect({ ...store.counts(), stored: await inner.head('alice') }).toMatchObject({ put: 0, stored: before });
    expect(readdirSync(join(cache.directory, 'work'), { recursive: true }).filter(isWorkingCopy)).toEqual([]);
    await begun.databases.update('alice', change, { retries: 0 });
    expect(await changedRow(begun.databases)).toEqual(CHANGED);
  });
});

const isWorkingCopy = (path: unknown): boolean => String(path).endsWith('working-copy.anki2');

/** Mounts a file system, or says why not. Only root may mount one. */
function mounted(name: string, make: (path: string) => readonly (readonly string[])[]): string | { reason: string } {
  const path = join(temporaryDirectory(), name);
  mkdirSync(path);
  try {
    for (const [command = '', ...argv] of make(path)) execFileSync(command, argv, { stdio: 'pipe' });
    return path;
  } catch (error) {
    return { reason: `nothing can be mounted here: ${(error as Error).message}` };
  }
}

const SMALL_DISK_BYTES = 3 * LARGE_BYTES;

const smallDisk = mounted('small', (path) => [
  ['mount', '-t', 'tmpfs', '-o', `size=${SMALL_DISK_BYTES}`, 'tmpfs', path],
]);
const xfs = mounted('xfs', (path) => {
  const image = `${path}.image`;
  writeFileSync(image, '');
  truncateSync(image, 320_000_000);
  return [
    ['mkfs.xfs', '-q', '-m', 'reflink=1', image],
    ['mount', '-o', 'loop', image, path],
  ];
});

afterAll(() => {
  for (const path of [smallDisk, xfs]) if (typeof path === 'string') execFileSync('umount', ['--lazy', path]);
});

describe('a byte that changed in the cache is found before anything builds on it', () => {
  const PLACES: readonly { name: string; root: () => string | { reason: string } }[] = [
    { name: 'where the copy is read and written', root: temporaryDirectory },
    { name: 'where the copy shares its blocks', root: () => xfs },
  ];
  const BYTES: readonly { name: string; position: (size: number) => number }[] = [
    { name: 'the first', position: () => 0 },
    { name: 'of a change counter', position: () => 26 },
    { name: 'in the middle', position: (size) => Math.floor(size / 2) },
    { name: 'the last', position: (size) => size - 1 },
  ];
  const cases = PLACES.flatMap((place) => BYTES.map((byte) => ({ place, byte })));
  test.each(cases)('$byte.name, $place.name', async ({ place, byte }) => {
    const root = place.root();
    if (typeof root !== 'string') return;
    const inner = new MemoryDatabaseStore(clock);
    const { databases, store, cache } = machine(inner, { root });
    await databases.create('alice', fill);
    const path = cache.lookup('alice')?.path ?? '';
    const copy = (): void => copyFileSync(path, join(root, 'copy'), constants.COPYFILE_FICLONE_FORCE);
    if (place.name.includes('shares')) expect(copy).not.toThrow();
    else expect(copy).toThrow();
    flip(path, byte.position(statSync(path).size));
    const outcome = await databases.update('alice', change, { retries: 0 });
    expect(outcome).toMatchObject({ outcome: 'committed', attempts: 1 });
    expect(store.counts()).toMatchObject({ get: 1, put: 2 });
    expect(await changedRow(machine(inner).databases)).toEqual(CHANGED);
    rmSync(cache.directory, { recursive: true });
  });
});

/** Changes a byte like a disk, leaving everything else as it was. */
function flip(path: string, position: number): void {
  const { atime, mtime, mode } = statSync(path);
  chmodSync(path, 0o600);
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, position);
  writeSync(file, Buffer.from([byte.readUInt8() ^ 0x02]), 0, 1, position);
  closeSync(file);
  chmodSync(path, mode);
  utimesSync(path, atime, mtime);
}

test('a disk that is full in the middle of the copy is told as such, and the copy is gone', async ({ skip }) => {
  if (typeof smallDisk !== 'string') return skip(smallDisk.reason);
  const inner = new MemoryDatabaseStore(clock);
  const { databases, store, cache } = machine(inner, { root: join(smallDisk, 'cache') });
  await machine(inner).databases.create('alice', fill);
  await databases.read('alice', () => {});
  const filling = join(smallDisk, 'filling');
  writeFileSync(filling, Buffer.alloc(SMALL_DISK_BYTES - 1.5 * LARGE_BYTES));
  const failure = await databases.update('alice', change, { retries: 0 }).catch((error) => error);
  expect(failure).toMatchObject({ kind: 'unavailable', message: expect.stringMatching(/no space is left/) });
  expect(failure.message).toContain(cache.directory);
  expect(store.counts()).toMatchObject({ get: 1, put: 0 });
  expect(readdirSync(join(cache.directory, 'work'), { recursive: true }).filter(isWorkingCopy)).toEqual([]);
  rmSync(filling);
  await databases.update('alice', change, { retries: 0 });
  expect(await changedRow(databases)).toEqual(CHANGED);
});
