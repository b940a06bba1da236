/**
 * What a lease is for: queued writers do not refuse each other's commits, so each edit costs one PUT. What it is not
 * for: protecting updates. If a lease ends under its holder, or there is none, the store's conditional write decides,
 * and every report is true.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UserDatabases } from '../databases/user-databases.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { Workbench } from '../testing/workbench.ts';
import { LocalLockTable } from './local-lock-table.ts';
import type { LockTable } from './lock-table.ts';
import { MemoryLockTable } from './memory-lock-table.ts';
import { type LeaseOptions, withLease } from './with-lease.ts';

const TTL_MS = 3000;
const NO_RETRIES = { retries: 0 };

let bench: Workbench;
let clock: SteppedClock;
let locks: LockTable;

beforeEach(() => {
  bench = new Workbench();
  clock = new SteppedClock();
  locks = new MemoryLockTable(clock);
});

afterEach(() => {
  bench.remove();
});

function options(more: Partial<LeaseOptions> = {}): LeaseOptions {
  return { ttlMs: TTL_MS, waitMaxMs: 3_600_000, clock, random: bench.random, ...more };
}

async function createTable(): Promise<void> {
  await bench.machine().databases.create('alice', (database) => database.exec('CREATE TABLE t (x INTEGER)'));
}

function insert(value: number): (database: SqliteDatabase) => void {
  return (database) => void database.prepare('INSERT INTO t VALUES (?)').run(value);
}

/** Reads them on a machine without a cache. */
async function values(): Promise<number[]> {
  return bench
    .machine()
    .databases.read('alice', ({ database }) =>
      (database.prepare('SELECT x FROM t ORDER BY x').all() as { x: number }[]).map(({ x }) => x),
    );
}

function putsSoFar(): number {
  return bench.store.counts().put;
}

/** A store whose puts wait for `let through` between leaving and arriving. */
function heldUp(inner: DatabaseStore): { store: DatabaseStore; sent: Promise<void>; letThrough: () => void } {
  let letThrough = () => {};
  let markSent = () => {};
  const through = new Promise<void>((resolve) => {
    letThrough = resolve;
  });
  const sent = new Promise<void>((resolve) => {
    markSent = resolve;
  });
  const store: DatabaseStore = {
    get: (...call) => inner.get(...call),
    head: (...call) => inner.head(...call),
    trace: (...call) => inner.trace(...call),
    delete: (...call) => inner.delete(...call),
    list: (...call) => inner.list(...call),
    put: async (...call) => {
      markSent();
      await through;
      return inner.put(...call);
    },
  };
  return { store, sent, letThrough };
}

const WRITERS = 6;
const EDITS_EACH = 3;
const ALL = Array.from({ length: WRITERS * EDITS_EACH }, (_, index) => index);

/** All writers run concurrently, each with its edits in turn. */
function everybodyWrites(edit: (value: number, writer: number) => Promise<unknown>): Promise<unknown> {
  return Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let index = 0; index < EDITS_EACH; index++) await edit(writer * EDITS_EACH + index, writer);
    }),
  );
}

describe('writers that queue', () => {
  const tables: { name: string; open: (home: string) => LockTable & { close?(): void } }[] = [
    { name: 'memory', open: () => new MemoryLockTable(clock) },
    { name: 'local', open: (home) => new LocalLockTable(home, { clock, sqlite: betterSqlite }) },
  ];

  test.each(tables)('in one process never conflict, and each edit costs one PUT: $name', async ({ open }) => {
    const home = mkdtempSync(join(tmpdir(), 'javumbo-leased-'));
    const table = open(home);
    try {
      await createTable();
      const { databases } = bench.machine();
      const before = putsSoFar();
      const written = everybodyWrites((value) =>
        withLease(table, 'alice', options(), () => databases.update('alice', insert(value), NO_RETRIES)),
      );
      await clock.passUntil(written, 5);
      expect(putsSoFar() - before).toBe(ALL.length);
      expect(await values()).toEqual(ALL);
    } finally {
      table.close?.();
      rmSync(home, { recursive: true });
    }
  });

  test('on machines of their own never conflict when they ask for the current version under the lease', async () => {
    await createTable();
    const machines = Array.from({ length: WRITERS }, () => bench.machine().databases);
    const before = putsSoFar();
    const written = everybodyWrites((value, writer) => {
      const databases = machines[writer] as UserDatabases;
      return withLease(locks, 'alice', options(), async () => {
        await databases.read('alice', () => {});
        await databases.update('alice', insert(value), NO_RETRIES);
      });
    });
    await clock.passUntil(written, 5);
    expect(putsSoFar() - before).toBe(ALL.length);
    expect(await values()).toEqual(ALL);
  });

  test('on machines of their own that write on what they have cached lose nothing, and pay for it once an edit', async () => {
    await createTable();
    const machines = Array.from({ length: WRITERS }, () => bench.machine().databases);
    const before = putsSoFar();
    const attempts: number[] = [];
    const written = everybodyWrites(async (value, writer) => {
      const databases = machines[writer] as UserDatabases;
      const update = () => databases.update('alice', insert(value), { retries: 1 });
      attempts.push((await withLease(locks, 'alice', options(), update)).attempts);
      // A caller that comes straight back usually gets the lease again, and would find its own cache current.
      await clock.sleep(1000);
    });
    await clock.passUntil(written, 5);
    // No one can come in between, so the second attempt is the last.
    expect(Math.max(...attempts)).toBe(2);
    expect(putsSoFar() - before).toBe(attempts.reduce((sum, each) => sum + each, 0));
    expect(await values()).toEqual(ALL);
  });

  test('would conflict without the queue: what is counted here can be seen', async () => {
    await createTable();
    const { databases } = bench.machine({ groupCommit: false });
    const before = putsSoFar();
    await everybodyWrites((value) => databases.update('alice', insert(value), { retries: ALL.length }));
    expect(putsSoFar() - before).toBeGreaterThan(ALL.length);
    expect(await values()).toEqual(ALL);
  });

  test('for different users work at once', async () => {
    let inside = 0;
    let together = 0;
    const work = async () => {
      together = Math.max(together, ++inside);
      for (let turn = 0; turn < 5; turn++) await setImmediate();
      inside--;
    };
    const all = Promise.all(['alice', 'bob', 'carol'].map((username) => withLease(locks, username, options(), work)));
    await clock.passUntil(all, 1);
    expect(together).toBe(3);
  });
});

/** The table of a holder that was stopped or cut off: its renewals do not arrive. */
function cutOff(table: LockTable): LockTable {
  return {
    acquire: (...call) => table.acquire(...call),
    renew: async () => {
      throw new Error('cut off');
    },
    release: (...call) => table.release(...call),
  };
}

describe('a lease that ends under a slow holder', () => {
  test('the holder that is overtaken is told of the conflict, and the other has committed', async () => {
    await createTable();
    const slow = bench.machine().databases;
    const fast = bench.machine().databases;
    const slowOutcome = await withLease(cutOff(locks), 'alice', options(), async () => {
      const session = await slow.openForWriting('alice');
      insert(1)(session.database);
      const overtaking = withLease(locks, 'alice', options(), () => fast.update('alice', insert(2), NO_RETRIES));
      expect(await clock.passUntil(overtaking, 100)).toMatchObject({ outcome: 'committed', attempts: 1 });
      return session.commit();
    });
    expect(slowOutcome).toMatchObject({ kind: 'conflict', reason: 'changed' });
    expect(await values()).toEqual([2]);
  });

  test('the holder that is overtaken while its PUT travels commits with its second attempt', async () => {
    await createTable();
    const { store, sent, letThrough } = heldUp(bench.store);
    const slow = bench.machine({ store }).databases;
    const fast = bench.machine().databases;
    const slowUpdate = withLease(cutOff(locks), 'alice', options(), () =>
      slow.update('alice', insert(1), { retries: 1 }),
    );
    await sent;
    const fastUpdate = withLease(locks, 'alice', options(), () => fast.update('alice', insert(2), NO_RETRIES));
    expect(await clock.passUntil(fastUpdate, 100)).toMatchObject({ outcome: 'committed', attempts: 1 });
    letThrough();
    expect(await slowUpdate).toMatchObject({ outcome: 'committed', attempts: 2 });
    expect(await values()).toEqual([1, 2]);
  });

  test('the holder that commits first though its lease is over has committed, and the other makes its edit again', async () => {
    await createTable();
    const { store, sent, letThrough } = heldUp(bench.store);
    const slow = bench.machine().databases;
    const next = bench.machine({ store }).databases;
    let nextUpdate: Promise<unknown> = Promise.resolve();
    const slowUpdate = await withLease(cutOff(locks), 'alice', options({ owner: 'slow' }), async () => {
      nextUpdate = withLease(locks, 'alice', options({ owner: 'next' }), () =>
        next.update('alice', insert(2), { retries: 1 }),
      );
      await clock.passUntil(sent, 100);
      expect(await locks.acquire('alice', 'a look', TTL_MS)).toMatchObject({ kind: 'held', owner: 'next' });
      return slow.update('alice', insert(1), NO_RETRIES);
    });
    expect(slowUpdate).toMatchObject({ outcome: 'committed', attempts: 1 });
    // Releasing a lost lease took nothing from the next holder.
    expect(await locks.acquire('alice', 'a look', TTL_MS)).toMatchObject({ kind: 'held', owner: 'next' });
    letThrough();
    expect(await nextUpdate).toMatchObject({ outcome: 'committed', attempts: 2 });
    expect(await values()).toEqual([1, 2]);
  });

  test('is no danger where every lease ends at once and nobody renews: nothing is lost', async () => {
    await createTable();
    const machines = Array.from({ length: WRITERS }, () => bench.machine().databases);
    const written = everybodyWrites((value, writer) =>
      withLease(cutOff(locks), 'alice', options({ ttlMs: 1 }), () =>
        (machines[writer] as UserDatabases).update('alice', insert(value), { retries: ALL.length }),
      ),
    );
    await clock.passUntil(written, 5);
    expect(await values()).toEqual(ALL);
  });
});

describe('a holder that crashed', () => {
  test('delays the first of those who wait by its time to live, and the others by what comes before them', async () => {
    await createTable();
    const { databases } = bench.machine();
    const startedAt = clock.now();
    // It held the lease and had done some of its work, of which nothing was stored, and it will not release.
    await locks.acquire('alice', 'crashed', TTL_MS);
    const session = await databases.openForWriting('alice');
    insert(100)(session.database);
    const begunAfterMs: number[] = [];
    const written = Promise.all(
      [1, 2, 3].map((value) =>
        withLease(locks, 'alice', options(), () => {
          begunAfterMs.push(clock.now() - startedAt);
          return databases.update('alice', insert(value), NO_RETRIES);
        }),
      ),
    );
    await clock.passUntil(written, 1);
    session.discard();
    expect(begunAfterMs[0]).toBe(TTL_MS);
    expect(await values()).toEqual([1, 2, 3]);
  });

  test('between its commit and its release loses nothing that it committed', async () => {
    await createTable();
    const [crashed, next] = [bench.machine().databases, bench.machine().databases];
    await locks.acquire('alice', 'crashed', TTL_MS);
    await crashed.update('alice', insert(1), NO_RETRIES);
    const written = withLease(locks, 'alice', options(), () => next.update('alice', insert(2), NO_RETRIES));
    await clock.passUntil(written, 10);
    expect(await values()).toEqual([1, 2]);
  });
});
