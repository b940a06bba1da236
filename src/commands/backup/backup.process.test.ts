/** Backups of a bucket and a table of accounts, and what each request of them is for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openUserDatabases } from '../../library/open.ts';
import { newCollectionFile } from '../../testing/backup-rig.ts';
import { BUCKET, type CommandDeployment, openOnAws, openOnS3 } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { populate } from '../../testing/populated.ts';
import { IMPATIENT, type Json, temporaryDirectory } from '../../testing/run-command.ts';
import { CEPH_16, type S3Server } from '../../testing/s3-server/server.ts';

let deployment: CommandDeployment;
let server: S3Server;
let folder: string;

beforeEach(async () => {
  ({ deployment } = await openOnAws());
  server = deployment.server as S3Server;
  folder = join(temporaryDirectory(), 'backup');
});

afterEach(() => deployment.close());

const keyOf = (username: string): string => `user_dbs/${username}.anki2`;

/** Puts an object of another program. */
const place = (username: string, bytes: Uint8Array): void => void server.putObject(BUCKET, keyOf(username), bytes);

async function collectionBytes(change: (database: Database.Database) => void = () => {}): Promise<Buffer> {
  const path = join(temporaryDirectory(), 'collection.anki2');
  await newCollectionFile(path);
  const database = new Database(path);
  change(database);
  database.close();
  return readFileSync(path);
}

/** Puts a thousand sound databases of another program, each of a content of its own. */
async function placeMany(count: number): Promise<void> {
  const bytes = await collectionBytes((database) => database.pragma('user_version = 7'));
  const at = 60;
  for (let index = 0; index < count; index++) {
    bytes.writeUInt32BE(index + 1, at);
    place(`user-${String(index).padStart(4, '0')}`, bytes);
  }
}

describe('requests', () => {
  test('a backup after ten changes among 1,000 users makes one LIST and exactly ten GETs', async () => {
    await placeMany(1_000);
    server.resetCounts();
    const first = await deployment.json<Json>('backup', 'create', folder);
    expect(first).toMatchObject({ counts: { stored: 1_000 }, run: { complete: true } });
    expect(server.counts.operations).toMatchObject({ GetObject: 1_000, ListObjectsV2: 1, PutObject: 0 });
    const bytes = await collectionBytes();
    for (let index = 0; index < 10; index++) {
      bytes.writeUInt32BE(1_000_000 + index, 60);
      place(`user-${String(index * 97).padStart(4, '0')}`, bytes);
    }
    server.resetCounts();
    const second = await deployment.json<Json>('backup', 'create', folder);
    expect(second.counts).toEqual({ stored: 10, unchanged: 990 });
    expect(server.counts.operations).toMatchObject({ GetObject: 10, HeadObject: 0, ListObjectsV2: 1, PutObject: 0 });
    expect(readdirSync(join(folder, 'databases'))).toHaveLength(1_010);
  });

  test('a restore makes one GET to look, one PUT, and one GET to compare', async () => {
    await placeMany(20);
    await deployment.json('backup', 'create', folder);
    for (const key of server.keys(BUCKET)) server.deleteObject(BUCKET, key);
    server.resetCounts();
    expect(await deployment.json('backup', 'restore', folder)).toMatchObject({ counts: { committed: 20 }, equal: 20 });
    expect(server.counts.operations).toMatchObject({ GetObject: 40, PutObject: 20, HeadObject: 0 });
    server.resetCounts();
    expect(await deployment.json('backup', 'restore', folder)).toMatchObject({ counts: { unchanged: 20 }, equal: 20 });
    expect(server.counts.operations).toMatchObject({ GetObject: 20, PutObject: 0, HeadObject: 0 });
  });
});

describe('a bucket with accounts in DynamoDB', () => {
  test('comes back equal, by the bytes of each database and by each account', async () => {
    // The SDK takes its credentials from what the last command was given.
    await deployment.run(['db', 'list']);
    const databases = await openUserDatabases({
      bucket: BUCKET,
      endpointUrl: server.endpoint,
      dynamodbEndpointUrl: deployment.env.AWS_ENDPOINT_URL_DYNAMODB ?? '',
      cacheDirectory: deployment.env.JAVUMBO_CACHE_DIR ?? '',
    });
    await populate(databases, 20, { bytesMax: 100_000 });
    databases.close();
    const before = await deployment.json<Json>('user', 'list');
    expect(await deployment.json('backup', 'create', folder)).toMatchObject({ run: { databases: 20, accounts: 17 } });
    expect((await deployment.json<Json>('backup', 'verify', folder)).counts).toEqual({ sound: 20 });
    const { deployment: empty } = await openOnAws();
    try {
      const restored = await empty.json<Json>('backup', 'restore', folder);
      expect(restored).toMatchObject({ counts: { committed: 20 }, equal: 20 });
      const sorted = ({ users }: Json): Json => users.sort((a: Json, b: Json) => (a.username < b.username ? -1 : 1));
      expect(sorted(await empty.json<Json>('user', 'list'))).toEqual(sorted(before));
      // The counters differ, as those of no two commits are equal.
      const contents = (from: CommandDeployment): Buffer[] =>
        (from.server?.keys(BUCKET) ?? []).map((key) => {
          const body = Buffer.from(from.server?.object(BUCKET, key)?.body ?? '');
          return body.fill(0, 24, 28).fill(0, 92, 96);
        });
      expect(contents(empty).length).toBe(20);
      expect(contents(empty).every((bytes, index) => bytes.equals(contents(deployment)[index] as Buffer))).toBe(true);
    } finally {
      await empty.close();
    }
  });

  test('of which the accounts cannot be read is backed up without them only when that is said', async () => {
    await placeMany(1);
    const without = { env: { AWS_ENDPOINT_URL_DYNAMODB: '' } };
    expectFailure(await deployment.run(['backup', 'create', folder], without), {
      code: 2,
      error: /./,
      hint: /--without-accounts/,
    });
    expect((await deployment.run(['backup', 'create', folder, '--without-accounts'], without)).code).toBe(0);
    for (const key of server.keys(BUCKET)) server.deleteObject(BUCKET, key);
    // What has no accounts needs no table of them.
    expect((await deployment.run(['backup', 'restore', folder], without)).code).toBe(0);
  });
});

describe('objects of other programs', () => {
  test('come back, whatever their mode and their counters are', async () => {
    const wal = await collectionBytes((database) => database.pragma('journal_mode = WAL'));
    const stale = await collectionBytes();
    // As a SQLite before 3.7 leaves it: the page count counts for nothing.
    stale.writeUInt32BE(9, 24);
    stale.writeUInt32BE(8, 92);
    stale.writeUInt32BE(1, 28);
    place('wal', wal);
    place('stale', stale);
    expect((await deployment.json<Json>('backup', 'create', folder)).counts).toEqual({ stored: 2 });
    expect((await deployment.json<Json>('backup', 'verify', folder)).counts).toEqual({ sound: 2 });
    expect(readdirSync(join(folder, 'databases'))).toHaveLength(2);
    for (const key of server.keys(BUCKET)) server.deleteObject(BUCKET, key);
    expect(await deployment.json('backup', 'restore', folder)).toMatchObject({ counts: { committed: 2 }, equal: 2 });
    expect(await deployment.json('backup', 'restore', folder)).toMatchObject({ counts: { unchanged: 2 }, equal: 2 });
  });

  test.each([
    { name: 'rubbish', bytes: async () => Buffer.from('rubbish '.repeat(1000)) },
    { name: 'empty', bytes: async () => Buffer.alloc(0) },
    { name: 'truncated', bytes: async () => (await collectionBytes()).subarray(0, 8192) },
    { name: 'damaged inside', bytes: async () => (await collectionBytes()).fill(0x5a, 4096, 8192) },
  ])('that are broken ($name) do not stop the others', async ({ bytes }) => {
    await placeMany(3);
    place('broken', await bytes());
    const created = await deployment.run(['backup', 'create', folder, '--json']);
    expect(created.code).toBe(7);
    expect(created.json()).toMatchObject({ counts: { stored: 3, damaged: 1 }, run: { complete: true } });
    const line = await deployment.run(['backup', 'create', folder]);
    expect(line.stdout).toMatch(/^broken\tdamaged\t[0-9a-f]{64}\.anki2\t\S/);
    for (const key of server.keys(BUCKET)) server.deleteObject(BUCKET, key);
    const restored = await deployment.run(['backup', 'restore', folder, '--json']);
    expect(restored.code).toBe(7);
    expect(restored.json()).toMatchObject({ counts: { committed: 3, damaged: 1 }, equal: 3 });
  });
});

test('what was deleted comes back on an engine where a delete leaves a tombstone', async () => {
  const ceph = await openOnS3(CEPH_16);
  try {
    for (const username of ['alice', 'bob']) await ceph.json('db', 'create', username);
    await ceph.json('backup', 'create', folder, '--without-accounts');
    await ceph.json('db', 'delete', '--yes', 'alice');
    expect(ceph.server?.keys(BUCKET)).toHaveLength(2);
    expect(await ceph.json('backup', 'create', folder, '--without-accounts')).toMatchObject({
      counts: { unchanged: 1 },
    });
    const { runs } = await ceph.json<Json>('backup', 'list', folder);
    const restored = await ceph.json('backup', 'restore', folder, '--run', runs[1].startedAt);
    expect(restored).toMatchObject({ counts: { committed: 1, unchanged: 1 }, equal: 2 });
    expect((await ceph.json<Json>('db', 'list')).databases).toHaveLength(2);
  } finally {
    await ceph.close();
  }
});

test('a database that cannot be fetched leaves the run open, and the next one fetches it alone', async () => {
  await placeMany(5);
  server.inject({
    fault: 'refuse-before',
    operation: 'GetObject',
    key: keyOf('user-0002'),
    // As often as one request is sent.
    times: 5,
    status: 503,
    code: 'SlowDown',
  });
  const first = await deployment.run(['backup', 'create', folder, '--json'], { clock: IMPATIENT });
  expect({ code: first.code, complete: first.json().run.complete }).toEqual({ code: 5, complete: false });
  expect((await deployment.run(['backup', 'restore', folder])).code).toBe(3);
  server.resetCounts();
  expect((await deployment.json<Json>('backup', 'create', folder)).counts).toEqual({ stored: 1, unchanged: 4 });
  expect(server.counts.operations.GetObject).toBe(1);
});
