/** A delete has one effect on a real engine that ignores the condition of a DELETE: Ceph RGW. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SILENT } from '../aws/client-options.ts';
import { DatabaseCache } from '../cache/cache.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { type DeletionProbe, deletionKindOf, probeDeletion } from '../probes/deletion-probe.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore, DeleteOutcome } from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { S3DatabaseStore } from '../store/s3-store.ts';
import { describeDatabaseStore } from '../store/store-contract.ts';
import type { DeletionKind } from '../store/tombstone.ts';
import type { EngineEnvironment } from '../testing/engines/engine.ts';
import { UserDatabases } from './user-databases.ts';

const engine = inject('cephRgw');

const RACING_USERS = 10;
const RACES = 300;

/** A meeting point for two: the first waits for the second, and later ones pass. */
class Meeting {
  #arrived = 0;
  #meet = (): void => {};
  readonly #met = new Promise<void>((resolve) => {
    this.#meet = resolve;
  });

  arrive(): Promise<void> {
    this.#arrived++;
    if (this.#arrived === 2) this.#meet();
    return this.#met;
  }
}

describe.runIf(engine !== undefined)('deletes on Ceph RGW', () => {
  const { AWS_ENDPOINT_URL_S3: endpoint, ...keys } = (engine ?? {}) as EngineEnvironment;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    logger: SILENT,
  });
  const sources = { clock: systemClock, random: systemRandom };
  let directory: string;
  let probe: DeletionProbe;
  let found: DeletionKind;
  let bucket: string;
  let machines = 0;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'javumbo-one-effect-'));
    bucket = await newBucket();
    const comparing = new RetryingDatabaseStore(new S3DatabaseStore(client, { bucket, endpoint }), sources);
    probe = await probeDeletion(comparing, systemRandom, { id: systemRandom.hex(4) });
    found = deletionKindOf(probe);
  });

  afterAll(() => {
    client.destroy();
    rmSync(directory, { recursive: true, force: true });
  });

  async function newBucket(): Promise<string> {
    const name = `javumbo-test-${systemRandom.hex(8)}`;
    await client.send(new CreateBucketCommand({ Bucket: name }));
    return name;
  }

  /** A store without retries that deletes as the probe found. */
  const open = (name = bucket): S3DatabaseStore =>
    new S3DatabaseStore(client, {
      bucket: name,
      endpoint,
      deletion: { kind: async () => found, random: systemRandom },
    });
  const retrying = (store: DatabaseStore = open()): DatabaseStore =>
    new RetryingDatabaseStore(new CountingDatabaseStore(store), sources);

  /** A machine with its own cache. */
  function machine(store: DatabaseStore = retrying()): UserDatabases {
    const root = join(directory, `machine-${machines++}`);
    const cache = new DatabaseCache({ root, deployment: 'test', ...sources });
    return new UserDatabases({
      store,
      cache,
      sqlite: async () => betterSqlite,
      caching: true,
      stalenessMaxMs: 0,
      ...sources,
    });
  }

  /** A store that calls `before` ahead of each write of one kind. */
  function interposed(write: 'put' | 'delete', before: (username: string) => Promise<unknown>): DatabaseStore {
    const inner = open();
    return retrying({
      get: (...call) => inner.get(...call),
      head: (...call) => inner.head(...call),
      trace: (...call) => inner.trace(...call),
      list: (...call) => inner.list(...call),
      put: async (...call) => {
        if (write === 'put') await before(call[0]);
        return inner.put(...call);
      },
      delete: async (...call) => {
        if (write === 'delete') await before(call[0]);
        return inner.delete(...call);
      },
    });
  }

  const create = (database: SqliteDatabase): unknown => database.exec('CREATE TABLE t (x)');
  const insert = (database: SqliteDatabase): unknown => database.exec('INSERT INTO t VALUES (1)');
  const rows = (databases: UserDatabases, username: string): Promise<number> =>
    databases.read(username, ({ database }) => database.prepare('SELECT x FROM t').all().length);

  test('the probe finds that the condition is ignored, so a delete leaves a tombstone', () => {
    expect(probe).toMatchObject({ condition: 'ignores', races: 8 });
    expect(found).toBe('tombstone');
  });

  for (const name of ['s3', 'retrying(counting(s3))']) {
    const needsWriteIds = name !== 's3';
    const wrapped = (store: DatabaseStore): DatabaseStore => (needsWriteIds ? retrying(store) : store);
    describeDatabaseStore(
      `${name}, deleting as the probe found`,
      async () => {
        const own = await newBucket();
        return { store: wrapped(open(own)), otherHandle: () => wrapped(open(own)), cleanup: () => {} };
      },
      // Tombstones make a delete compare here too.
      { overNothing: 'either', needsWriteIds, racesMayEndUnknown: !needsWriteIds },
    );
  }

  test(`${RACES} races of an update and a delete: both are acknowledged only where the delete came later`, async () => {
    // In every other round both requests wait for each other; in the rest the delete starts after a random delay.
    const starts = new Map<string, Meeting>();
    const meet = (username: string): Promise<void> | undefined => starts.get(username)?.arrive();
    const writer = machine(interposed('put', async (username) => meet(username)));
    const deleter = machine(interposed('delete', async (username) => meet(username)));
    const store = retrying();
    const ends: Record<string, number> = {};
    const wrong: string[] = [];
    const race = async (username: string, together: boolean): Promise<void> => {
      starts.delete(username);
      let base = (await store.head(username))?.version;
      base ??= (await writer.create(username, create)).version;
      await rows(writer, username);
      if (together) starts.set(username, new Meeting());
      const told = (error: unknown): string => (error as { kind?: string }).kind ?? String(error);
      const [written, deleted] = await Promise.all([
        writer.update(username, insert, { retries: 3 }).then(({ version }) => ({ version }), told),
        systemClock
          .sleep(together ? 0 : systemRandom.fraction() * 60)
          .then(() => deleter.delete(username))
          .then((version) => ({ version }), told),
      ]);
      const now = (await store.head(username))?.version;
      const end = [written, deleted].map((each) => (typeof each === 'string' ? each : 'done')).join(', ');
      ends[end] = (ends[end] ?? 0) + 1;
      const isRight = (): boolean => {
        if (typeof written !== 'string' && typeof deleted !== 'string')
          return deleted.version === written.version && now === undefined;
        if (typeof written !== 'string')
          return now === written.version && ['conflict', 'unknown'].includes(`${deleted}`);
        if (typeof deleted !== 'string') return now === undefined && deleted.version === base;
        // Both lost: allowed only if at least one of them is in doubt.
        return written === 'unknown' || deleted === 'unknown';
      };
      if (!isRight()) wrong.push(JSON.stringify({ username, base, written, deleted, now }));
    };
    await Promise.all(
      Array.from({ length: RACING_USERS }, async (_, user) => {
        for (let round = 0; round < RACES / RACING_USERS; round++) await race(`racer-${user}`, round % 2 === 0);
      }),
    );
    expect(wrong).toEqual([]);
    const { 'done, done': both = 0, 'done, conflict': updated = 0, 'conflict, done': deleted = 0, ...other } = ends;
    // A race with only one kind of winner would prove nothing.
    expect({ both: both > 0, updated: updated > 0, deleted: deleted > 0 }, JSON.stringify(ends)).toEqual({
      both: true,
      updated: true,
      deleted: true,
    });
    process.stderr.write(`races of an update and a delete: ${JSON.stringify(ends)}\n`);
    const unclear = Object.keys(other).filter((end) => !/unknown|not-found/.test(end));
    expect(unclear, JSON.stringify(ends)).toEqual([]);
  });

  test('a commit between the HEAD and the request that deletes is never removed', async () => {
    const other = machine();
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const username = `between-${index}`;
        await other.create(username, create);
        let version: string | undefined;
        const store = interposed('delete', async () => {
          version = (await other.update(username, insert, { retries: 0 })).version;
        });
        const failure = await machine(store)
          .delete(username)
          .catch((error: unknown) => error);
        expect(failure).toMatchObject({ kind: 'conflict', actualVersion: version });
        expect(await rows(other, username)).toBe(1);
      }),
    );
  });

  test('a delete that arrives late removes nothing that was made since', async () => {
    const databases = machine();
    const first = (await databases.create('late', create)).version;
    const late = (): Promise<DeleteOutcome> => open().delete('late', { ifVersion: first, writes: ['d'.repeat(32)] });
    expect(await databases.delete('late')).toBe(first);
    expect(await late()).toMatchObject({ kind: 'conflict' });
    await databases.create('late', create);
    await databases.update('late', insert, { retries: 0 });
    expect(await late()).toMatchObject({ kind: 'conflict' });
    expect(await rows(databases, 'late')).toBe(1);
  });

  test('a tombstone reads as no database, keeps late creates away, and a create goes over it', async () => {
    const databases = machine();
    const store = retrying();
    await databases.create('alice', create);
    await databases.create('bob', create);
    await databases.delete('alice');
    expect(await store.head('alice')).toBeUndefined();
    expect(await store.trace('alice')).toMatchObject({ kind: 'tombstone', closing: false });
    expect(await store.get('alice', join(directory, 'got'))).toMatchObject({ kind: 'absent' });
    const listed = (await store.list()).databases.map(({ username }) => username);
    expect({ alice: listed.includes('alice'), bob: listed.includes('bob') }).toEqual({ alice: false, bob: true });
    await expect(rows(databases, 'alice')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(databases.delete('alice')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(databases.update('alice', insert, { retries: 3 })).rejects.toMatchObject({ kind: 'not-found' });

    const source = join(directory, 'late-create');
    writeFileSync(source, 'sent before the delete');
    const lateCreate = { condition: { kind: 'absent' }, writes: ['c'.repeat(32), 'new'] } as const;
    expect(await open().put('alice', source, lateCreate)).toMatchObject({ kind: 'conflict' });

    expect(await databases.create('alice', create)).toMatchObject({ outcome: 'committed' });
    expect(await rows(machine(), 'alice')).toBe(0);
  });

  const ages: readonly { name: string; olderThan: () => number; ends: DeleteOutcome['kind']; left: string }[] = [
    {
      name: 'one that is younger than was said stays',
      olderThan: () => Date.now() - 60_000,
      ends: 'absent',
      left: 'tombstone',
    },
    { name: 'one that is older goes', olderThan: () => Date.now() + 60_000, ends: 'deleted', left: 'nothing' },
  ];
  for (const [index, { name, olderThan, ends, left }] of ages.entries()) {
    test(`clean-up of tombstones: ${name}`, async () => {
      const username = `cleaned-${index}`;
      const databases = machine();
      await databases.create(username, create);
      await databases.delete(username);
      const store = open();
      expect((await store.removeTombstone(username, olderThan())).kind).toBe(ends);
      expect((await store.trace(username)).kind).toBe(left);
      expect(await databases.create(username, create)).toMatchObject({ outcome: 'committed' });
      // It never removes a database, however old.
      expect(await store.removeTombstone(username, Date.now() + 60_000)).toEqual({ kind: 'absent' });
      expect(await rows(databases, username)).toBe(0);
    });
  }
});
