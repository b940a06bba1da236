import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import type { RequestCounts } from '../core/usage.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqlDatabase, SqliteEngine } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { createTable, failureOf, insert, interposed, NO_RETRIES, values } from '../testing/values-table.ts';
import { Workbench } from '../testing/workbench.ts';

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
});

afterEach(() => {
  bench.remove();
});

/** The requests that `work` made, by name, without those that it made none of. */
async function requestsOf(work: () => Promise<unknown>): Promise<Partial<RequestCounts>> {
  const before = bench.store.counts();
  await work();
  const after = bench.store.counts();
  const names = ['get', 'put', 'head', 'delete', 'list'] as const;
  return Object.fromEntries(
    names.flatMap((name) => (after[name] > before[name] ? [[name, after[name] - before[name]]] : [])),
  );
}

describe('an edit that throws', () => {
  test('stores nothing, and leaves the cache as it was', async () => {
    const { databases, cache } = bench.machine();
    await databases.create('alice', createTable);
    const before = cache.lookup('alice');
    const failing = databases.update(
      'alice',
      (database) => {
        insert(1)(database);
        throw new Error('no');
      },
      NO_RETRIES,
    );
    await expect(failing).rejects.toThrow('no');
    expect(cache.lookup('alice')?.version).toBe(before?.version);
    expect(await values(databases)).toEqual([]);
  });

  test('on an old copy runs again on the current version before it is reported', async () => {
    const [one, two] = [bench.machine(), bench.machine()];
    await one.databases.create('alice', (database) => database.exec('CREATE TABLE u (y)'));
    await values(two.databases).catch(() => {});
    await one.databases.update('alice', createTable, NO_RETRIES);
    // On two's copy there is no table t; on the current version there is.
    expect(await two.databases.update('alice', insert(1), NO_RETRIES)).toMatchObject({
      outcome: 'committed',
      attempts: 1,
    });
    expect(await values(one.databases)).toEqual([1]);
  });

  test('on an old copy that is still current costs one conditional GET and is reported once', async () => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    let runs = 0;
    const work = () =>
      databases
        .update(
          'alice',
          () => {
            runs++;
            throw new Error('no');
          },
          NO_RETRIES,
        )
        .catch(() => {});
    expect(await requestsOf(work)).toEqual({ get: 1 });
    expect(runs).toBe(1);
  });
});

describe('open or create', () => {
  test('makes a database for an unknown user with one GET and one PUT', async () => {
    const { databases } = bench.machine();
    const work = () => databases.update('alice', insert(1), { retries: 0, create: createTable });
    expect(await requestsOf(work)).toEqual({ get: 1, put: 1 });
    expect(await values(databases)).toEqual([1]);
  });

  test('never makes one after a GET that failed', async () => {
    const failing: DatabaseStore = {
      ...interposed(bench.store, (...call) => bench.store.put(...call)),
      get: async () => {
        throw new JavumboError('unavailable', 'no network');
      },
    };
    const { databases } = bench.machine({ store: failing });
    const failure = await failureOf(databases.update('alice', insert(1), { retries: 0, create: createTable }));
    expect(failure.kind).toBe('unavailable');
    expect(await bench.memory.head('alice')).toBeUndefined();
  });

  test('that loses the race to create continues on the winner', async () => {
    const [one, two] = [bench.machine(), bench.machine()];
    const session = await one.databases.openForWriting('alice', { create: createTable });
    await two.databases.update('alice', insert(2), { retries: 0, create: createTable });
    expect((await session.commit()).kind).toBe('conflict');
    await one.databases.update('alice', insert(1), { retries: 0, create: createTable });
    expect(await values(two.databases)).toEqual([1, 2]);
  });
});

describe('an edit that ends its transaction itself', () => {
  test.each(['COMMIT', 'ROLLBACK', 'END'])('%s is refused as usage, and nothing is stored', async (end) => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    const failure = await failureOf(
      databases.update(
        'alice',
        (database) => {
          insert(1)(database);
          database.exec(end);
        },
        NO_RETRIES,
      ),
    );
    expect(failure.kind).toBe('usage');
    expect(await values(databases)).toEqual([]);
  });
});

describe('a session that turns WAL mode on', () => {
  test('is stored whole and in rollback mode', async () => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    const session = await databases.openForWriting('alice');
    session.database.exec('PRAGMA journal_mode = WAL');
    insert(1)(session.database);
    expect((await session.commit()).kind).toBe('committed');
    const stranger = bench.machine();
    expect(await values(stranger.databases)).toEqual([1]);
    await stranger.databases.read('alice', ({ database }) => {
      expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'delete' });
    });
  });
});

describe('a stored file in WAL mode', () => {
  beforeEach(async () => {
    const file = join(bench.directory, 'wal.anki2');
    const database = new Database(file);
    database.pragma('journal_mode = WAL');
    database.exec('CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1)');
    database.close();
    await bench.memory.put('alice', file, { condition: { kind: 'absent' }, writes: ['a'] });
  });

  test('is read without anything being written beside the cached file', async () => {
    const { databases, cache } = bench.machine();
    expect(await values(databases)).toEqual([1]);
    expect(readdirSync(cache.lookup('alice')?.directory ?? '').sort()).toEqual(['alice.anki2', 'entry.json']);
  });

  test('is changed, and a no-op on it stays unchanged', async () => {
    const { databases } = bench.machine();
    expect((await databases.update('alice', () => {}, NO_RETRIES)).outcome).toBe('unchanged');
    expect((await databases.update('alice', insert(2), NO_RETRIES)).outcome).toBe('committed');
    expect(await values(bench.machine().databases)).toEqual([1, 2]);
  });
});

describe('what is not a sound database is corrupt and names the user', () => {
  const store = async (bytes: Buffer): Promise<void> => {
    const file = join(bench.directory, 'bad');
    writeFileSync(file, bytes);
    await bench.memory.put('alice', file, { condition: { kind: 'absent' }, writes: ['a'] });
  };
  const sound = (): Buffer => {
    const database = new Database(':memory:');
    database.exec('CREATE TABLE t (x INTEGER)');
    const insertMany = database.prepare('INSERT INTO t VALUES (?)');
    for (let row = 0; row < 5_000; row++) insertMany.run(row);
    return database.serialize();
  };
  const damages = [
    { name: 'text', bytes: () => Buffer.from('<html>not found</html>'.repeat(50)) },
    { name: 'nothing', bytes: () => Buffer.alloc(0) },
    { name: 'half a database', bytes: () => sound().subarray(0, 8192) },
    { name: 'a database whose schema page is overwritten', bytes: () => Buffer.from(sound()).fill(0xff, 100, 4096) },
  ];

  test.each(damages)('reading $name', async ({ bytes }) => {
    await store(bytes());
    const { databases } = bench.machine();
    expect(await failureOf(values(databases))).toMatchObject({ kind: 'corrupt', username: 'alice' });
  });

  test.each(damages)('changing $name', async ({ bytes }) => {
    await store(bytes());
    const { databases, root } = bench.machine();
    expect(await failureOf(databases.update('alice', insert(1), NO_RETRIES))).toMatchObject({
      kind: 'corrupt',
      username: 'alice',
    });
    // The working copy is gone as well.
    expect(readdirSync(root, { recursive: true }).filter((name) => String(name).includes('working-copy'))).toEqual([]);
  });

  test('a copy that is damaged in a place that the edit does not touch is not stored', async () => {
    const bytes = Buffer.from(sound());
    bytes.fill(0xee, 3 * 4096, 3 * 4096 + 600);
    await store(bytes);
    const before = await bench.memory.head('alice');
    const { databases } = bench.machine();
    const failure = await failureOf(
      databases.update('alice', (database) => database.exec('CREATE TABLE u (y)'), NO_RETRIES),
    );
    expect(failure).toMatchObject({ kind: 'corrupt', username: 'alice' });
    expect(await bench.memory.head('alice')).toEqual(before);
  });
});

describe('a cached copy that is damaged on this disk', () => {
  for (const work of ['read', 'update'] as const) {
    test(`is dropped, and the ${work} goes on with what the store holds`, async () => {
      const { databases, cache } = bench.machine({ stalenessMaxMs: 3_600_000 });
      await databases.create('alice', (database) => {
        createTable(database);
        for (let value = 0; value < 2_000; value++) insert(1)(database);
      });
      const path = cache.lookup('alice')?.path ?? '';
      chmodSync(path, 0o600);
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0, 4096, 4096 + 2 * 4096));
      if (work === 'update') await databases.update('alice', insert(1), NO_RETRIES);
      expect((await values(databases)).length).toBe(work === 'update' ? 2_001 : 2_000);
    });
  }
});

describe('staleness', () => {
  test('within it a read asks nobody; beyond it one conditional GET', async () => {
    const { databases } = bench.machine({ stalenessMaxMs: 1_000 });
    await databases.create('alice', createTable);
    expect(await requestsOf(() => values(databases))).toEqual({});
    bench.clock.advance(1_001);
    expect(await requestsOf(() => values(databases))).toEqual({ get: 1 });
    expect(await requestsOf(() => values(databases))).toEqual({});
  });

  test('a clock that was set back makes every entry old', async () => {
    const { databases } = bench.machine({ stalenessMaxMs: 1_000 });
    await databases.create('alice', createTable);
    bench.clock.advance(-10_000);
    expect(await requestsOf(() => values(databases))).toEqual({ get: 1 });
  });

  test('a reader within it may see an old version, and a writer on it gets through all the same', async () => {
    const [one, two] = [bench.machine(), bench.machine({ stalenessMaxMs: 3_600_000 })];
    await one.databases.create('alice', createTable);
    expect(await values(two.databases)).toEqual([]);
    await one.databases.update('alice', insert(1), NO_RETRIES);
    expect(await values(two.databases)).toEqual([]);
    await two.databases.update('alice', insert(2), { retries: 1 });
    expect(await values(two.databases)).toEqual([1, 2]);
  });

  test('one sees its own write at once', async () => {
    const { databases } = bench.machine({ stalenessMaxMs: 3_600_000 });
    await databases.create('alice', createTable);
    await databases.update('alice', insert(1), NO_RETRIES);
    expect(await requestsOf(async () => expect(await values(databases)).toEqual([1]))).toEqual({});
  });

  test('without caching every read is a GET and nothing is kept', async () => {
    const { databases, cache } = bench.machine({ caching: false, stalenessMaxMs: 3_600_000 });
    await databases.create('alice', createTable);
    expect(await requestsOf(() => values(databases))).toEqual({ get: 1 });
    expect(await requestsOf(() => values(databases))).toEqual({ get: 1 });
    expect(cache.entries()).toEqual([]);
  });
});

describe('a cache that somebody empties meanwhile', () => {
  test('is a miss for a reader and for a writer', async () => {
    const { databases, root } = bench.machine({ stalenessMaxMs: 3_600_000 });
    await databases.create('alice', createTable);
    rmSync(root, { recursive: true });
    expect(await values(databases)).toEqual([]);
    rmSync(root, { recursive: true });
    await databases.update('alice', insert(1), NO_RETRIES);
    expect(await values(databases)).toEqual([1]);
  });

  test('does not disturb a session that is open', async () => {
    const { databases, cache } = bench.machine({ stalenessMaxMs: 3_600_000 });
    await databases.create('alice', createTable);
    const reading = await databases.openForReading('alice');
    const writing = await databases.openForWriting('alice');
    cache.clear();
    expect(reading.database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 0 });
    insert(1)(writing.database);
    expect((await writing.commit()).kind).toBe('committed');
    reading.close();
    expect(await values(databases)).toEqual([1]);
  });
});

test('a new database without any content is refused: nobody could read it', async () => {
  const { databases } = bench.machine();
  expect(await failureOf(databases.create('alice', () => {}))).toMatchObject({ kind: 'corrupt', username: 'alice' });
  expect(await bench.memory.head('alice')).toBeUndefined();
});

test('a user without a database is not-found, and says how to make one to who would change it', async () => {
  const { databases } = bench.machine();
  for (const [work, hint] of [
    [values(databases), 'javumbo db list'],
    [databases.delete('alice'), 'javumbo db list'],
    [databases.update('alice', insert(1), NO_RETRIES), 'javumbo db create alice'],
    [databases.openForWriting('alice'), 'javumbo db create alice'],
  ] as const) {
    expect(await failureOf(work)).toMatchObject({ kind: 'not-found', try: hint });
  }
});

test('no session leaves a work directory behind, however it ends', async () => {
  const { databases, cache } = bench.machine();
  await databases.create('alice', createTable);
  await databases.create('alice', createTable).catch(() => {});
  await databases.update('alice', insert(1), NO_RETRIES);
  await databases.update('alice', () => {}, NO_RETRIES);
  await databases
    .update(
      'alice',
      () => {
        throw new Error('no');
      },
      NO_RETRIES,
    )
    .catch(() => {});
  (await databases.openForWriting('alice')).discard();
  await databases.openForWriting('bob').catch(() => {});
  await values(databases);
  cache.close();
  expect(existsSync(cache.directory)).toBe(true);
  expect(readdirSync(join(cache.directory, 'work'))).toEqual([]);
});

describe('an edit that outgrows the memory of a working copy', () => {
  const cramped: SqliteEngine = {
    ...betterSqlite,
    openInMemory: (bytes) => {
      const database = new Database(bytes);
      database.pragma('max_page_count = 3');
      return database;
    },
  };
  const grow = (database: SqlDatabase): void => void database.exec('INSERT INTO t VALUES (zeroblob(100000))');

  test('runs again on disk', async () => {
    const { databases, cache } = bench.machine({ sqlite: cramped });
    await databases.create('alice', createTable);
    expect(await databases.update('alice', grow)).toMatchObject({ outcome: 'committed', attempts: 1 });
    cache.invalidate('alice');
    const [count] = await databases.read('alice', ({ database }) =>
      database.prepare('SELECT count(*) AS n FROM t').all(),
    );
    expect(count).toEqual({ n: 1 });
  });
});

test('a commit stands when the cache directory is gone by the time it is acknowledged', async () => {
  const store = interposed(bench.store, async (...call) => {
    const outcome = await bench.store.put(...call);
    rmSync(machine.root, { recursive: true, force: true });
    return outcome;
  });
  const machine = bench.machine({ store });
  expect(await machine.databases.create('alice', createTable)).toMatchObject({ outcome: 'committed' });
  expect(await values(bench.machine().databases)).toEqual([]);
});

test('a cached version that another process puts back while it is opened is read all the same', async () => {
  const stalenessMaxMs = Number.MAX_SAFE_INTEGER;
  let opening: ((path: string) => void) | undefined;
  const sqlite: SqliteEngine = {
    ...betterSqlite,
    open: (path, ...mode) => {
      const disturb = opening;
      opening = undefined;
      disturb?.(path);
      return betterSqlite.open(path, ...mode);
    },
  };
  const { databases } = bench.machine({ sqlite, stalenessMaxMs });
  await databases.create('alice', createTable);
  await databases.update('alice', insert(1));
  let failures = 0;
  opening = (path) => {
    const [entry, away] = [dirname(path), join(bench.directory, 'away')];
    renameSync(entry, away);
    try {
      betterSqlite.open(path, 'read-only');
    } catch (error) {
      failures++;
      throw error;
    } finally {
      cpSync(away, entry, { recursive: true });
    }
  };
  expect(await values(databases)).toEqual([1]);
  expect(failures).toBe(1);
});
