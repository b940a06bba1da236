import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';
import { addNote, createCollection, type OpenedUserDatabases, openUserDatabases, type Retry } from './index.ts';

let directory: string;
let server: S3Server;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-library-'));
  server = await startS3Server({ buckets: ['b'] });
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('JAVUMBO_HOME', join(directory, 'records'));
  // What the command would read, and a program does not mean.
  vi.stubEnv('S3_BUCKET', 'somebody-elses');
  vi.stubEnv('DB_CACHE_TTL', '300');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

const cacheDirectory = (name: string): string => join(directory, `cache-${name}`);

const PLACES: readonly { name: string; open: (machine: string) => Promise<OpenedUserDatabases> }[] = [
  {
    name: 'a directory',
    open: (machine) =>
      openUserDatabases({ directory: join(directory, 'home'), cacheDirectory: cacheDirectory(machine) }),
  },
  {
    name: 'a bucket',
    open: (machine) =>
      openUserDatabases({ bucket: 'b', endpointUrl: server.endpoint, cacheDirectory: cacheDirectory(machine) }),
  },
];

const countNotes = (databases: OpenedUserDatabases): Promise<unknown> =>
  databases.read('alice', ({ database }) => database.prepare('SELECT count(*) AS n FROM notes').get());

describe.each(PLACES)('in $name', ({ open }) => {
  test('a collection is made, changed from two machines, read and listed', async () => {
    const [one, other] = [await open('one'), await open('other')];
    try {
      await one.create('alice', (database) => createCollection(database));
      await other.update('alice', (database) => addNote(database, { fields: ['front', 'back'] }));
      const { outcome, attempts } = await one.update('alice', (database) =>
        addNote(database, { fields: ['another', 'back'] }),
      );
      expect({ outcome, attempts }).toEqual({ outcome: 'committed', attempts: 2 });
      expect(await countNotes(other)).toEqual({ n: 2 });
      const listed = [];
      for await (const { username } of one.list()) listed.push(username);
      expect(listed).toEqual(['alice']);
      expect(one.usage().store).toMatchObject({ put: 3, get: 1, list: 1 });
    } finally {
      one.close();
      other.close();
    }
  });
});

test('nothing is cached for a time that the program did not ask for', async () => {
  const databases = await openUserDatabases({
    bucket: 'b',
    endpointUrl: server.endpoint,
    cacheDirectory: cacheDirectory('one'),
  });
  try {
    await databases.create('alice', (database) => createCollection(database));
    await countNotes(databases);
    expect(databases.usage().store).toMatchObject({ get: 1 });
  } finally {
    databases.close();
  }
});

test('each request is sent once, and each retry is told', async () => {
  const told: Retry[] = [];
  const databases = await openUserDatabases({
    bucket: 'b',
    endpointUrl: server.endpoint,
    cacheDirectory: cacheDirectory('one'),
    onRetry: (retry) => told.push(retry),
  });
  try {
    server.inject({ operation: 'PutObject', fault: 'refuse-before', status: 503 });
    await databases.create('alice', (database) => createCollection(database));
    expect(told).toMatchObject([{ attempt: 2, attemptsMax: 5, cause: { kind: 'unavailable' } }]);
    expect(server.counts.requests).toBe(databases.usage().store.put);
  } finally {
    databases.close();
  }
});

test.each<{ name: string; work: (databases: OpenedUserDatabases) => Promise<unknown> }>([
  {
    name: 'update',
    work: (databases) => databases.update('alice', async (database) => database.exec('DELETE FROM notes')),
  },
  { name: 'read', work: (databases) => databases.read('alice', async () => 1) },
  { name: 'create', work: (databases) => databases.create('bob', async (database) => createCollection(database)) },
])('an asynchronous function is refused by $name, and nothing is stored', async ({ work }) => {
  const databases = await openUserDatabases({
    directory: join(directory, 'home'),
    cacheDirectory: cacheDirectory('one'),
  });
  try {
    await databases.create('alice', (database) => createCollection(database));
    await expect(work(databases)).rejects.toMatchObject({ kind: 'usage', message: /asynchronous/ });
    expect(databases.usage().store.put).toBe(1);
  } finally {
    databases.close();
  }
});

test('accounts are in the directory', async () => {
  const databases = await openUserDatabases({
    directory: join(directory, 'home'),
    cacheDirectory: cacheDirectory('one'),
  });
  try {
    const accounts = await databases.accounts();
    await accounts.create('alice', { name: 'Alice', password: 'correct horse' });
    expect(await accounts.authenticate('alice', 'correct horse')).toBe(true);
  } finally {
    databases.close();
  }
});

test.each([
  { name: 'neither a bucket nor a directory', options: {} },
  { name: 'both', options: { bucket: 'b', directory: '/tmp/d' } },
  { name: 'an age below zero', options: { bucket: 'b', stalenessMaxMs: -1 } },
  { name: 'an age that is no number', options: { bucket: 'b', stalenessMaxMs: Number.NaN } },
  { name: 'an empty bucket', options: { bucket: '' } },
  { name: 'an empty directory', options: { directory: '' } },
])('$name is a usage error', async ({ options }) => {
  await expect(openUserDatabases(options)).rejects.toMatchObject({ kind: 'usage', try: expect.any(String) });
});
