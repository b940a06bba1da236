import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { keyOf, usernameOf } from '../core/username.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { LocalDatabaseStore } from '../store/local-store.ts';
import { MemoryDatabaseStore } from '../store/memory-store.ts';
import type { S3ErrorCode } from '../testing/s3-server/error.ts';
import { CEPH_16, type S3Server, type S3ServerOptions, startS3Server } from '../testing/s3-server/server.ts';
import { DatabaseObjectVersions, LocalObjectVersions } from './local-object-versions.ts';
import { listAll, type ObjectVersions } from './object-versions.ts';
import { deleteAll, describeObjectVersions, type ObjectsUnderTest } from './object-versions-contract.ts';
import { S3ObjectVersions } from './s3-object-versions.ts';

const BUCKET = 'bucket';

/** The databases of a store as objects; all keys are those of databases. */
function overStore(store: DatabaseStore, objects: ObjectVersions, cleanup: () => void): ObjectsUnderTest {
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-objects-'));
  const username = (key: string): string => usernameOf(key) ?? '';
  return {
    objects,
    put: async (key, text) => {
      const source = join(directory, 'source');
      writeFileSync(source, text);
      const current = await store.head(username(key));
      await store.put(username(key), source, {
        condition: current === undefined ? { kind: 'absent' } : { kind: 'version', version: current.version },
        writes: [systemRandom.hex(16)],
      });
    },
    delete: async (key) => {
      await store.delete(username(key));
    },
    cleanup: () => {
      cleanup();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const inMemory = async (): Promise<ObjectsUnderTest> => {
  const store = new MemoryDatabaseStore(systemClock);
  return overStore(store, new DatabaseObjectVersions(store), () => {});
};

describeObjectVersions('memory', inMemory, { versions: false, compares: true });

describeObjectVersions(
  'local',
  async () => {
    const root = mkdtempSync(join(tmpdir(), 'javumbo-objects-'));
    const store = new LocalDatabaseStore(root, { clock: systemClock, random: systemRandom, sqlite: betterSqlite });
    return overStore(store, new LocalObjectVersions(store), () => {
      store.close();
      rmSync(root, { recursive: true, force: true });
    });
  },
  { versions: true, compares: true },
);

test('files that a killed put has left are versions of the local deployment, and what a database names is not', async () => {
  const root = mkdtempSync(join(tmpdir(), 'javumbo-objects-'));
  const store = new LocalDatabaseStore(root, { clock: systemClock, random: systemRandom, sqlite: betterSqlite });
  const objects = new LocalObjectVersions(store);
  const under = overStore(store, objects, () => rmSync(root, { recursive: true, force: true }));
  for (const username of ['a', 'b', 'c']) await under.put(keyOf(username), username);
  for (const username of ['a', 'c', 'never-stored']) {
    mkdirSync(join(root, 'databases', username), { recursive: true });
    writeFileSync(join(root, 'databases', username, 'left.anki2'), 'left');
  }
  const listed = await listAll(objects, '', true);
  const names = listed.map(({ key, kind, versionId }) => `${usernameOf(key)} ${kind} ${versionId ?? ''}`.trim());
  expect(names).toEqual([
    'a object 1',
    'a old-version left.anki2',
    'b object 2',
    'c object 3',
    'c old-version left.anki2',
    'never-stored old-version left.anki2',
  ]);
  const left = listed.filter(({ kind }) => kind === 'old-version');
  // A file that has become a database since it was listed, and a path that leads elsewhere, are left alone.
  const [current] = readdirSync(join(root, 'databases', 'b'));
  const tricks = [
    { ...left[0], key: keyOf('b'), versionId: current },
    { ...left[0], versionId: '../b/../../index.sqlite' },
  ];
  expect(await objects.delete([...left, ...(tricks as typeof left)])).toEqual([]);
  expect((await listAll(objects, '', true)).map(({ key }) => usernameOf(key))).toEqual(['a', 'b', 'c']);
  expect(readdirSync(join(root, 'databases')).sort()).toEqual(['a', 'b', 'c']);
  store.close();
  await under.cleanup();
});

interface S3UnderTest extends ObjectsUnderTest {
  readonly server: S3Server;
  readonly client: S3Client;
}

async function onS3(options: S3ServerOptions, as: 'aws' | 'endpoint', versioned: boolean): Promise<S3UnderTest> {
  const server = await startS3Server({ buckets: [BUCKET], ...options });
  const client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    ...(as === 'endpoint'
      ? { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }
      : {}),
  });
  if (versioned) {
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
  }
  const endpoint = as === 'endpoint' ? server.endpoint : undefined;
  return {
    server,
    client,
    objects: new S3ObjectVersions(client, { bucket: BUCKET, endpoint, clock: systemClock }),
    put: async (key, text) => void server.putObject(BUCKET, key, text),
    delete: async (key) => server.deleteObject(BUCKET, key),
    cleanup: async () => {
      client.destroy();
      await server.close();
    },
  };
}

for (const versions of [true, false]) {
  const bucket = versions ? 'a versioned bucket' : 'an unversioned bucket';
  describeObjectVersions(`AWS, ${bucket}`, () => onS3({}, 'aws', versions), { versions, compares: true });
  const ceph = { ...CEPH_16 };
  describeObjectVersions(`an engine like Ceph, ${bucket}`, () => onS3(ceph, 'endpoint', versions), {
    versions,
    compares: false,
  });
}

describe('on S3', () => {
  let under: S3UnderTest;
  // Codes by key, for the next delete of that key; answered once or always.
  let refusals: Map<string, { readonly code: S3ErrorCode; readonly once: boolean }>;

  beforeEach(async () => {
    refusals = new Map();
    const refuseDelete = (key: string): S3ErrorCode | undefined => {
      const refusal = refusals.get(key);
      if (refusal?.once === true) refusals.delete(key);
      return refusal?.code;
    };
    under = await onS3({ refuseDelete }, 'aws', true);
  });

  afterEach(() => under.cleanup());

  test('3,500 versions and markers are listed page by page and deleted a thousand at a time', async () => {
    for (let index = 0; index < 1000; index++) {
      for (let version = 0; version < 2; version++) await under.put(keyOf(`a-${index % 500}`), `${index} ${version}`);
      await under.put(keyOf(`a-${index % 500}`), String(index));
    }
    for (let index = 0; index < 500; index++) await under.delete(keyOf(`a-${index}`));
    await under.put(keyOf('b'), 'stays');
    under.server.resetCounts();
    expect(await deleteAll(under.objects, 'user_dbs/a-')).toBe(3_500);
    const operations = under.server.log.map(({ operation }) => operation);
    expect(operations.filter((operation) => operation === 'ListObjectVersions')).toHaveLength(4);
    expect(operations.filter((operation) => operation === 'DeleteObjects')).toHaveLength(4);
    expect((await listAll(under.objects, '', true)).map(({ key }) => key)).toEqual([keyOf('b')]);
  });

  test('a key that is refused for now in a reply of 200 is deleted at the next try', async () => {
    for (const username of ['a', 'b', 'c']) await under.put(keyOf(username), username);
    refusals.set(keyOf('b'), { code: 'InternalError', once: true });
    expect(await deleteAll(under.objects, '')).toBe(3);
    expect(await listAll(under.objects, '', true)).toEqual([]);
  });

  test.each(['AccessDenied', 'SlowDown'] as const)(
    'a key that is refused with %s is named, and the others go',
    async (code) => {
      for (const username of ['a', 'b', 'c']) await under.put(keyOf(username), username);
      refusals.set(keyOf('b'), { code, once: false });
      const failures = await under.objects.delete(await listAll(under.objects, '', true));
      expect(failures.map(({ object, reason }) => [object.key, reason])).toEqual([
        [keyOf('b'), expect.stringMatching(new RegExp(`^${code}`))],
      ]);
      expect((await listAll(under.objects, '', true)).map(({ key }) => key)).toEqual([keyOf('b')]);
    },
  );

  test('an engine that keeps no versions and does not know the question is asked for its objects', async () => {
    await under.put(keyOf('a'), 'one');
    under.server.inject({
      fault: 'refuse-before',
      operation: 'ListObjectVersions',
      status: 501,
      code: 'NotImplemented',
      times: 9,
    });
    expect(await listAll(under.objects, '', true)).toMatchObject([{ key: keyOf('a'), versionId: undefined }]);
  });

  test('a list of versions that breaks off is no whole list', async () => {
    for (let index = 0; index <= 1_000; index++) await under.put(keyOf(`u${index}`), 'one');
    under.server.inject({ fault: 'refuse-before', operation: 'ListObjectVersions', status: 405, after: 1, times: 9 });
    await expect(listAll(under.objects, '', true)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test.each([
    { operation: 'ListObjectVersions', versions: true },
    { operation: 'ListObjectsV2', versions: false },
  ] as const)('a refused $operation is unavailable, and names the bucket', async ({ operation, versions }) => {
    under.server.inject({ fault: 'refuse-before', operation, status: 403, code: 'AccessDenied', times: 9 });
    await expect(listAll(under.objects, '', versions)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('bucket "bucket"'),
    });
  });

  test('a bucket that does not exist is not found', async () => {
    const objects = new S3ObjectVersions(under.client, { bucket: 'nowhere', clock: systemClock });
    await expect(listAll(objects, '', true)).rejects.toMatchObject({ kind: 'not-found' });
  });
});
