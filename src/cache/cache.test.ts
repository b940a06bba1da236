import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, momentOf } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { Workbench } from '../testing/workbench.ts';
import { DatabaseCache } from './cache.ts';
import type { CacheEntry } from './entry.ts';

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
});

afterEach(() => {
  bench.remove();
});

const FOREVER = { stalenessMaxMs: Number.MAX_SAFE_INTEGER };

function createTable(database: SqliteDatabase): void {
  database.exec('CREATE TABLE t (x INTEGER)');
}

function insert(database: SqliteDatabase): void {
  database.exec('INSERT INTO t VALUES (1)');
}

function rows({ database }: { database: SqliteDatabase }): number {
  return (database.prepare('SELECT count(*) AS n FROM t').get() as { n: number }).n;
}

describe('what the limits do not allow is removed, least recently used first', () => {
  const SIZE = 8192;

  async function filled(limits: { bytesMax: number; ageMaxMs: number }, ...usernames: string[]) {
    const machine = bench.machine({ ...FOREVER, limits });
    for (const username of usernames) {
      bench.clock.advance(1_000);
      await machine.databases.create(username, createTable);
    }
    return machine;
  }
  const usersOf = (cache: DatabaseCache): string[] => cache.entries().map(({ username }) => username);

  test('by size', async () => {
    const { cache } = await filled({ bytesMax: 2 * SIZE, ageMaxMs: 1e12 }, 'a', 'b', 'c');
    expect(usersOf(cache)).toEqual(['b', 'c']);
  });

  test('a read counts as use', async () => {
    const { databases, cache } = await filled({ bytesMax: 2 * SIZE, ageMaxMs: 1e12 }, 'a', 'b');
    bench.clock.advance(1_000);
    await databases.read('a', rows);
    bench.clock.advance(1_000);
    await databases.create('c', createTable);
    expect(usersOf(cache)).toEqual(['a', 'c']);
  });

  test('a look at the statistics does not', async () => {
    const { databases, cache } = await filled({ bytesMax: 2 * SIZE, ageMaxMs: 1e12 }, 'a', 'b');
    bench.clock.advance(1_000);
    cache.entries();
    cache.lookup('a');
    await databases.create('c', createTable);
    expect(usersOf(cache)).toEqual(['b', 'c']);
  });

  test('by age', async () => {
    const { databases, cache } = await filled({ bytesMax: 1e12, ageMaxMs: 3_600_000 }, 'a');
    bench.clock.advance(3_600_001);
    await databases.create('b', createTable);
    expect(usersOf(cache)).toEqual(['b']);
  });

  test('but never the one that was just admitted', async () => {
    const { cache } = await filled({ bytesMax: 1, ageMaxMs: 1 }, 'a', 'b');
    expect(usersOf(cache)).toEqual(['b']);
  });

  test('and an older version goes with the next one of its user', async () => {
    const { databases, cache } = await filled({ bytesMax: 1e12, ageMaxMs: 1e12 }, 'a');
    await databases.update('a', insert, { retries: 0 });
    expect(cache.entries()).toHaveLength(1);
  });
});

describe('an entry that cannot be made', () => {
  test('for lack of space leaves no older one to be served in its place', async () => {
    const root = join(bench.directory, 'full');
    let full = false;
    const { clock, random } = bench;
    const cache = new DatabaseCache({
      root,
      deployment: 'test',
      clock,
      random,
      atStep: () => {
        if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
    });
    const { UserDatabases } = await import('../databases/user-databases.ts');
    const databases = new UserDatabases({
      store: bench.store,
      cache,
      sqlite: async () => betterSqlite,
      caching: true,
      clock,
      random,
      ...FOREVER,
    });
    await databases.create('alice', createTable);
    full = true;
    expect((await databases.update('alice', insert, { retries: 0 })).outcome).toBe('committed');
    expect(await databases.read('alice', rows)).toBe(1);
    cache.close();
    expect(readdirSync(join(cache.directory, 'work'))).toEqual([]);
  });
});

describe('an entry that is not whole is a miss', () => {
  const damages: readonly { name: string; damage: (directory: string) => void }[] = [
    {
      name: 'the file is gone',
      damage: (directory) => renameSync(join(directory, 'alice.anki2'), join(directory, 'x')),
    },
    { name: 'the file is truncated', damage: (directory) => truncateSync(join(directory, 'alice.anki2'), 4096) },
    {
      name: 'the description is gone',
      damage: (directory) => renameSync(join(directory, 'entry.json'), join(directory, 'x')),
    },
    { name: 'the description is empty', damage: (directory) => writeFileSync(join(directory, 'entry.json'), '') },
    {
      name: 'the description is another user’s',
      damage: (directory) => writeFileSync(join(directory, 'entry.json'), '{"username":"bob"}'),
    },
  ];
  test.each(damages)('$name', async ({ damage }) => {
    const { databases, cache } = bench.machine(FOREVER);
    await databases.create('alice', createTable);
    damage(cache.lookup('alice')?.directory ?? '');
    expect(cache.lookup('alice')).toBeUndefined();
    expect(await databases.read('alice', rows)).toBe(0);
    expect(cache.lookup('alice')).toBeDefined();
  });
});

describe('which of two entries is current', () => {
  test('is the one that was written on top of the other, even if the other was confirmed later', async () => {
    const { databases, cache } = bench.machine(FOREVER);
    await databases.create('alice', createTable);
    const old = cache.lookup('alice');
    // Another process's GET of the old version, which begins before the commit below and is inserted after it.
    const work = cache.workDirectory();
    const file = join(work.path, 'fetched');
    await bench.store.get('alice', file);
    await databases.update('alice', insert, { retries: 0 });
    bench.clock.advance(60_000);
    cache.insert(file, 'alice', old as CacheEntry, momentOf(bench.clock));
    work.release();
    expect(await databases.read('alice', rows)).toBe(1);
  });

  test('what a request brings that began before the user was forgotten is not admitted, and can still be used', async () => {
    const { databases, cache } = bench.machine(FOREVER);
    await databases.create('alice', createTable);
    const old = cache.lookup('alice') as CacheEntry;
    const began = momentOf(bench.clock);
    const work = cache.workDirectory();
    const file = join(work.path, 'fetched');
    await bench.store.get('alice', file);
    bench.clock.advance(1);
    await databases.update('alice', insert, { retries: 0 });
    cache.invalidate('alice');
    expect(cache.insert(file, 'alice', old, began)).toBeUndefined();
    expect(existsSync(file)).toBe(true);
    work.release();
    expect(cache.lookup('alice')).toBeUndefined();
    expect(await databases.read('alice', rows)).toBe(1);
    expect(cache.lookup('alice')).toBeDefined();
  });

  test('a time of confirmation that lies in the future is forgotten at the next one', async () => {
    const { databases, cache } = bench.machine({ stalenessMaxMs: 60_000 });
    await databases.create('alice', createTable);
    bench.clock.set(-3_600_000);
    await databases.read('alice', rows);
    expect(cache.lookup('alice')?.validatedAt).toBeLessThanOrEqual(bench.clock.now());
  });

  test.each([
    { name: 'set back to just after an old entry was confirmed', setMs: -590_000 },
    { name: 'set back to before', setMs: -700_000 },
    { name: 'set forward', setMs: 700_000 },
  ])('no entry is fresh once the clock was $name, until it is confirmed anew', async ({ setMs }) => {
    const { databases, cache } = bench.machine({ stalenessMaxMs: 60_000 });
    const elsewhere = bench.machine().databases;
    await databases.create('alice', createTable);
    await elsewhere.update('alice', insert, { retries: 0 });
    bench.clock.advance(600_000);
    bench.clock.set(setMs);
    expect(databases.isCached('alice')).toBe(false);
    expect(await databases.read('alice', rows)).toBe(1);
    expect(databases.isCached('alice')).toBe(true);
    const gets = bench.store.counts().get;
    expect(await databases.read('alice', rows)).toBe(1);
    expect(bench.store.counts().get).toBe(gets);
    expect(cache.entries()).toHaveLength(1);
  });

  test('a cache that was marked before the clock was set back goes on working', async () => {
    const { databases, cache } = bench.machine({ stalenessMaxMs: 60_000 });
    await databases.create('alice', createTable);
    cache.invalidate('alice');
    bench.clock.advance(1);
    bench.clock.set(-3_600_000);
    await databases.read('alice', rows);
    expect(databases.isCached('alice')).toBe(true);
  });

  test('after a restart of the machine no entry counts, nor a mark, and what is fetched then is fresh', async () => {
    const root = join(bench.directory, 'restarted');
    const { random, store, clock } = bench;
    const booted = (boot: string, uptimeMs: number): UserDatabases => {
      const began = clock.now() - uptimeMs;
      const rebooted: Clock = { now: () => clock.now(), monotonic: () => clock.now() - began, sleep: async () => {} };
      const cache = new DatabaseCache({ root, deployment: 'test', clock: rebooted, random, boot });
      const more = { store, sqlite: async () => betterSqlite, caching: true, random, stalenessMaxMs: 60_000 };
      return new UserDatabases({ ...more, cache, clock: rebooted });
    };
    const before = booted('first', 1_000_000);
    await before.create('alice', createTable);
    await before.create('bob', createTable);
    await before.delete('bob');
    const after = booted('second', 5_000);
    expect(after.isCached('alice')).toBe(false);
    await after.read('alice', rows);
    expect(after.isCached('alice')).toBe(true);
    expect(new DatabaseCache({ root, deployment: 'test', clock, random }).entries()).toHaveLength(1);
    await after.create('bob', createTable);
    expect(after.isCached('bob')).toBe(true);
  });

  test('a version that is unrelated to one that was used while it was fetched leaves neither of them', async () => {
    const { databases, cache } = bench.machine(FOREVER);
    await databases.create('alice', createTable);
    const entry = cache.lookup('alice') as CacheEntry;
    const work = cache.workDirectory();
    const file = join(work.path, 'fetched');
    await bench.store.get('alice', file);
    const began = momentOf(bench.clock);
    bench.clock.advance(5);
    cache.touch(entry);
    const foreign = { version: 'another', writes: [], sizeBytes: entry.sizeBytes, lastModified: 0 };
    expect(cache.insert(file, 'alice', foreign, began)).toBeUndefined();
    expect(existsSync(file)).toBe(true);
    work.release();
    expect(cache.lookup('alice')).toBeUndefined();
  });
});

describe('the cache directory', () => {
  const cacheAt = (root: string): DatabaseCache =>
    new DatabaseCache({ root, deployment: 'test', clock: bench.clock, random: bench.random });

  test('is made for this user alone, with everything in it', async () => {
    const { databases, cache, root } = bench.machine();
    await databases.create('alice', createTable);
    for (const path of [root, ...readdirSync(root, { recursive: true }).map((name) => join(root, String(name)))]) {
      expect({ path, others: statSync(path).mode & 0o077 }).toEqual({ path, others: 0 });
    }
    expect(statSync(cache.lookup('alice')?.path ?? '').mode & 0o777).toBe(0o400);
  });

  test('may be a shared one with the sticky bit, as /tmp, which keeps its mode', () => {
    const root = join(bench.directory, 'shared');
    mkdirSync(root);
    chmodSync(root, 0o1777);
    const cache = cacheAt(root);
    expect(statSync(root).mode & 0o7777).toBe(0o1777);
    expect(statSync(cache.directory).mode & 0o777).toBe(0o700);
  });

  test('may not be one that others can replace files in', () => {
    const root = join(bench.directory, 'open');
    mkdirSync(root);
    chmodSync(root, 0o777);
    expect(() => cacheAt(root)).toThrow(JavumboError);
  });

  test('of one deployment holds nothing of another', async () => {
    const root = join(bench.directory, 'both');
    const { clock, random } = bench;
    const [one, two] = ['one', 'two'].map((deployment) => new DatabaseCache({ root, deployment, clock, random }));
    expect(one?.directory).not.toBe(two?.directory);
  });
});

describe.runIf(existsSync('/proc/self/fd'))('the space of a large former version', () => {
  /** How many files without a name this process still holds. */
  const heldFiles = (): number =>
    readdirSync('/proc/self/fd').filter((name) => {
      try {
        return readlinkSync(join('/proc/self/fd', name)).includes(`${bench.directory}/`);
      } catch {
        return false;
      }
    }).length;

  function inserted(cache: DatabaseCache, version: string): CacheEntry | undefined {
    const work = cache.workDirectory();
    const path = join(work.path, 'fetched.anki2');
    writeFileSync(path, '');
    truncateSync(path, 9_000_000);
    const stored = { version, writes: [version], lastModified: 0, sizeBytes: 9_000_000 };
    const entry = cache.insert(path, 'alice', stored, momentOf(bench.clock));
    work.release();
    bench.clock.advance(1_000);
    return entry;
  }

  test('is free where a file is about to be written', async () => {
    const { cache } = bench.machine();
    const first = inserted(cache, 'a');
    const second = inserted(cache, 'b');
    expect([first, second].map((entry) => existsSync(entry?.path ?? ''))).toEqual([false, true]);
    await cache.spaceFreed();
    expect(heldFiles()).toBe(0);
  });

  test('is free at once where a user is forgotten', () => {
    const { cache } = bench.machine();
    const entry = inserted(cache, 'a');
    cache.invalidate('alice');
    expect(existsSync(entry?.path ?? '')).toBe(false);
    expect(heldFiles()).toBe(0);
  });
});
