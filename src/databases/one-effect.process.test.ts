/** Each operation has at most one effect, whatever is late, lost, or done by others meanwhile. (docs/consistency.md) */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SILENT } from '../aws/client-options.ts';
import { type CacheStep, DatabaseCache } from '../cache/cache.ts';
import { bytesOf } from '../core/file.ts';
import { keyOf } from '../core/username.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { DatabaseStore, PutOutcome } from '../store/database-store.ts';
import { LocalDatabaseStore } from '../store/local-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { S3DatabaseStore } from '../store/s3-store.ts';
import { BUCKET, type CommandDeployment, openOnS3 } from '../testing/command-deployments.ts';
import { type Json, temporaryDirectory } from '../testing/run-command.ts';
import { CEPH_16, type S3Server, type ScriptedFault, startS3Server } from '../testing/s3-server/server.ts';
import { Workbench } from '../testing/workbench.ts';
import { UserDatabases } from './user-databases.ts';

const NO_RETRIES = { retries: 0 };

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
});

afterEach(() => {
  bench.remove();
});

function create(database: SqliteDatabase): void {
  database.exec('CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1)');
}

function insert(value: number): (database: SqliteDatabase) => unknown {
  return (database) => database.prepare('INSERT INTO t VALUES (?)').run(value);
}

async function values(databases: UserDatabases): Promise<number[]> {
  return databases.read('alice', ({ database }) =>
    (database.prepare('SELECT x FROM t ORDER BY x').all() as { x: number }[]).map(({ x }) => x),
  );
}

/** Copies what is stored now, like a backup. */
async function backUp(databases: UserDatabases): Promise<string> {
  const file = join(bench.directory, `backup-${bench.random.hex(8)}`);
  await databases.withFile('alice', async (path) => copyFileSync(path, file));
  return file;
}

/** Makes a backup current again, over whatever is stored. */
function restore(databases: UserDatabases, backup: string): Promise<{ outcome: string; version: string }> {
  return databases.replace('alice', { kind: 'anything' }, async (path) => copyFileSync(backup, path));
}

/** A store with another `put`. */
function withPut(inner: DatabaseStore, put: DatabaseStore['put']): DatabaseStore {
  return {
    get: (...call) => inner.get(...call),
    head: (...call) => inner.head(...call),
    trace: (...call) => inner.trace(...call),
    delete: (...call) => inner.delete(...call),
    list: (...call) => inner.list(...call),
    put,
  };
}

/** A network that keeps a copy of each put until released; `arrives`: the original arrives too. */
function keeping(inner: DatabaseStore, arrives: boolean): { store: DatabaseStore; letGo: () => Promise<PutOutcome[]> } {
  const kept: (() => Promise<PutOutcome>)[] = [];
  const store = withPut(inner, async (username, source, options) => {
    const copy = join(bench.directory, `late-${bench.random.hex(8)}`);
    writeFileSync(copy, await bytesOf(source));
    kept.push(() => inner.put(username, copy, options));
    return arrives ? inner.put(username, source, options) : { kind: 'unknown', cause: new Error('no answer in time') };
  });
  return { store, letGo: () => Promise.all(kept.map((put) => put())) };
}

const STORES: readonly { name: string; open: () => Promise<{ store: DatabaseStore; close(): Promise<void> }> }[] = [
  { name: 'in memory', open: async () => ({ store: bench.memory, close: async () => {} }) },
  {
    name: 'the local one',
    open: async () => {
      const store = new LocalDatabaseStore(join(bench.directory, 'local'), { ...bench, sqlite: betterSqlite });
      return { store, close: async () => store.close() };
    },
  },
  {
    name: 'S3',
    open: async () => {
      const server = await startS3Server({ buckets: [BUCKET] });
      const { endpoint } = server;
      const credentials = { accessKeyId: 'test', secretAccessKey: 'secret' };
      const options = { endpoint, credentials, forcePathStyle: true, region: 'us-east-1', maxAttempts: 1 };
      const client = new S3Client({ ...options, logger: SILENT });
      const close = async (): Promise<void> => {
        client.destroy();
        await server.close();
      };
      return { store: new S3DatabaseStore(client, { bucket: BUCKET, endpoint }), close };
    },
  },
];

describe.each(STORES)('a restore of identical bytes, in the store $name', ({ open }) => {
  let store: DatabaseStore;
  let close: () => Promise<void>;
  let one: UserDatabases;
  let two: UserDatabases;

  beforeEach(async () => {
    ({ store, close } = await open());
    [one, two] = [bench.machine({ store }).databases, bench.machine({ store }).databases];
    await one.create('alice', create);
  });

  afterEach(() => close());

  test('is not undone by a put from before that arrives late', async () => {
    const late = keeping(store, false);
    const slow = bench.machine({ store: late.store }).databases;
    const backup = await backUp(one);
    await expect(slow.update('alice', insert(9), NO_RETRIES)).rejects.toMatchObject({ kind: 'unknown' });
    await two.update('alice', insert(2), NO_RETRIES);
    expect(await restore(one, backup)).toMatchObject({ outcome: 'committed' });
    expect(await late.letGo()).toMatchObject([{ kind: 'conflict' }]);
    expect(await values(two)).toEqual([1]);
  });

  test('does not let a write land that was told that it is in conflict', async () => {
    const late = keeping(store, true);
    const slow = bench.machine({ store: late.store }).databases;
    const backup = await backUp(one);
    expect(await values(slow)).toEqual([1]);
    await two.update('alice', insert(2), NO_RETRIES);
    // It builds on its cached version, which was current until a moment ago.
    await expect(slow.update('alice', insert(9), NO_RETRIES)).rejects.toMatchObject({ kind: 'conflict' });
    await restore(one, backup);
    expect(await late.letGo()).toMatchObject([{ kind: 'conflict' }]);
    expect(await values(two)).toEqual([1]);
  });

  test('is a version that never was, each time', async () => {
    const backup = await backUp(one);
    const versions = [(await store.head('alice'))?.version];
    for (let round = 2; round < 6; round++) {
      expect(await values(two)).toEqual([1]);
      versions.push((await two.update('alice', insert(round), NO_RETRIES)).version);
      versions.push((await restore(one, backup)).version);
    }
    expect(new Set(versions).size).toBe(9);
  });

  test('carries on the write ids, and so does the next write of a machine that had the same content cached', async () => {
    const newest = async (): Promise<string> => (await store.head('alice'))?.writes[0] ?? '';
    const backup = await backUp(one);
    expect(await values(one)).toEqual([1]);
    const lineage = [await newest(), 'new'];
    await two.update('alice', insert(2), NO_RETRIES);
    lineage.unshift(await newest());
    await restore(two, backup);
    lineage.unshift(await newest());
    expect(new Set(lineage).size).toBe(4);
    expect((await store.head('alice'))?.writes).toEqual(lineage);
    // A 304 here would keep the list of the first version.
    expect(await values(one)).toEqual([1]);
    await one.update('alice', insert(3), NO_RETRIES);
    expect((await store.head('alice'))?.writes.slice(1)).toEqual(lineage);
  });

  test('whose reply is lost is told committed, also after a machine wrote on top that had the same content', async () => {
    const backup = await backUp(one);
    expect(await values(one)).toEqual([1]);
    await two.update('alice', insert(2), NO_RETRIES);
    const losing = withPut(store, async (...call) => {
      expect(await store.put(...call)).toMatchObject({ kind: 'committed' });
      expect(await values(one)).toEqual([1]);
      await one.update('alice', insert(3), NO_RETRIES);
      return { kind: 'unknown', cause: new Error('the connection was reset') };
    });
    const three = bench.machine({ store: new RetryingDatabaseStore(losing, bench) }).databases;
    expect(await restore(three, backup)).toMatchObject({ outcome: 'committed' });
    expect(await values(two)).toEqual([1, 3]);
  });
});

describe('an entry that another process takes away while it is made', () => {
  const DISTURBANCES: readonly { name: string; disturb: (other: DatabaseCache) => void }[] = [
    { name: 'forgets the user', disturb: (other) => other.invalidate('alice') },
    { name: 'clears the cache', disturb: (other) => void other.clear() },
    {
      // Like a cleaner of /tmp.
      name: 'removes the directory of the user',
      disturb: (other) => rmSync(join(other.directory, 'entries', 'alice'), { recursive: true, force: true }),
    },
  ];
  const OPERATIONS: readonly { name: string; run: (databases: UserDatabases) => Promise<unknown>; ends: unknown }[] = [
    { name: 'a read', run: values, ends: [1] },
    {
      name: 'a session of a caller',
      run: async (databases) => {
        const session = await databases.openForReading('alice');
        const rows = session.database.prepare('SELECT x FROM t').all();
        session.close();
        return rows;
      },
      ends: [{ x: 1 }],
    },
    { name: 'a revalidation', run: (databases) => databases.revalidate('alice'), ends: undefined },
    {
      name: 'a pull',
      run: (databases) => databases.withFile('alice', async (path) => readFileSync(path).length),
      ends: 8192,
    },
    {
      name: 'an update',
      run: async (databases) => (await databases.update('alice', insert(2), NO_RETRIES)).outcome,
      ends: 'committed',
    },
  ];
  for (const step of ['entry-written', 'entry-renamed'] as const satisfies readonly CacheStep[]) {
    for (const { name, disturb } of DISTURBANCES) {
      for (const { name: operation, run, ends } of OPERATIONS) {
        test(`another process ${name} at the step ${step}: ${operation} succeeds all the same`, async () => {
          const { clock, random, store } = bench;
          await bench.machine().databases.create('alice', create);
          const shared = { root: join(bench.directory, 'shared'), deployment: 'test', clock, random };
          const other = new DatabaseCache(shared);
          let disturbed = 0;
          const atStep = (reached: CacheStep): void => {
            if (reached !== step || disturbed++ > 0) return;
            // Later than the request began, or its mark would not count.
            bench.clock.advance(1);
            disturb(other);
          };
          const cache = new DatabaseCache({ ...shared, atStep });
          const common = { store, sqlite: async () => betterSqlite, caching: true, clock, random };
          const stalenessMaxMs = Number.MAX_SAFE_INTEGER;
          const databases = new UserDatabases({ ...common, cache, stalenessMaxMs });
          expect(await run(databases)).toEqual(ends);
          expect(disturbed).toBeGreaterThan(0);
          const rows = ends === 'committed' ? [1, 2] : [1];
          for (const each of [databases, new UserDatabases({ ...common, cache: other, stalenessMaxMs })]) {
            expect(await values(each)).toEqual(rows);
          }
        });
      }
    }
  }
});

describe('commands at an engine', () => {
  let deployment: CommandDeployment | undefined;

  afterEach(async () => {
    await deployment?.close();
    deployment = undefined;
  });

  const LOSSES: readonly { name: string; faults: readonly ScriptedFault[] }[] = [
    { name: 'one lost request', faults: [{ fault: 'reset-before', operation: 'PutObject' }] },
    { name: 'three lost requests', faults: [{ fault: 'reset-before', operation: 'PutObject', times: 3 }] },
    { name: 'one lost reply', faults: [{ fault: 'reset-after', operation: 'PutObject' }] },
    {
      name: 'one lost request and one lost reply',
      faults: [
        { fault: 'reset-before', operation: 'PutObject' },
        { fault: 'reset-after', operation: 'PutObject' },
      ],
    },
    {
      name: 'a 500 after which nothing is there',
      faults: [{ fault: 'refuse-before', operation: 'PutObject', status: 500 }],
    },
    { name: 'a 500 although it is there', faults: [{ fault: 'error-after', operation: 'PutObject' }] },
  ];
  for (const { name, faults } of LOSSES) {
    for (const by of ['javumbo', 'another program']) {
      test(`a push over a version of ${by} that is not cached, with ${name}, is committed`, async () => {
        deployment = await openOnS3();
        const server = deployment.server as S3Server;
        const file = join(temporaryDirectory(), 'new.anki2');
        await deployment.json('db', 'create', 'alice');
        await deployment.json('db', 'exec', 'alice', 'CREATE TABLE t (x); INSERT INTO t VALUES (1)');
        await deployment.json('db', 'pull', 'alice', '--out', file);
        const { version } = await deployment.json<Json>('db', 'exec', 'alice', 'INSERT INTO t VALUES (2)');
        if (by !== 'javumbo') {
          const { body } = server.object(BUCKET, keyOf('alice')) as NonNullable<ReturnType<S3Server['object']>>;
          server.putObject(BUCKET, keyOf('alice'), body);
        }
        for (const fault of faults) server.inject(fault);
        const ended = await deployment.runElsewhere(['db', 'push', 'alice', file, '--if-version', version, '--json']);
        expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
        expect(ended.json()).toMatchObject({ outcome: 'committed' });
        const { rows } = await deployment.json<Json>('db', 'query', 'alice', 'SELECT x FROM t');
        expect(rows).toEqual([{ x: 1 }]);
      });
    }
  }

  // A tombstone shows that the create had landed.
  const ENGINES = [
    { name: 'an engine that compares', options: {}, puts: 1, code: 6 },
    { name: 'Ceph 16', options: CEPH_16, puts: 2, code: 0 },
  ] as const;
  for (const { name, options, puts, code } of ENGINES) {
    for (const argv of [
      ['create', 'bob'],
      ['push', 'bob', 'FILE'],
    ]) {
      test(`db ${argv[0]} that landed unheard, and was deleted by another, does not come back, on ${name}`, async () => {
        const here = await openOnS3(options);
        deployment = here;
        const server = here.server as S3Server;
        const file = join(temporaryDirectory(), 'bob.anki2');
        await here.json('db', 'create', 'alice');
        await here.json('db', 'pull', 'alice', '--out', file);
        const key = keyOf('bob');
        server.beforeReply = async (event) => {
          if (event.operation !== 'PutObject' || event.key !== key) return;
          server.beforeReply = undefined;
          // Another machine sees it, and deletes it; only then the reply is lost.
          expect((await here.runElsewhere(['db', 'info', 'bob'])).code).toBe(0);
          expect((await here.runElsewhere(['db', 'delete', '--yes', 'bob'])).code).toBe(0);
          server.inject({ fault: 'reset-after', operation: 'PutObject', key });
        };
        const ended = await here.run(['db', ...argv.map((word) => (word === 'FILE' ? file : word))]);
        expect({ code: ended.code, stderr: ended.stderr }).toEqual({
          code,
          stderr: code === 0 ? '' : expect.stringMatching(/^error: .*"bob".*it is not known/),
        });
        expect((await here.runElsewhere(['db', 'info', 'bob'])).code).toBe(3);
        const sent = server.log.filter(({ operation, key: on }) => operation === 'PutObject' && on === key);
        expect(sent).toHaveLength(puts);
      });
    }
  }
});
