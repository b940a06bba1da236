import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { insert, interposed, values } from '../testing/values-table.ts';
import { Workbench } from '../testing/workbench.ts';
import type { UpdateOptions, UserDatabases } from './user-databases.ts';

const ON_DISK: SqliteEngine = { name: betterSqlite.name, open: betterSqlite.open };

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
});

afterEach(() => bench.remove());

type Edit = (database: SqliteDatabase) => unknown;

const SCHEMA = `
  CREATE TABLE t (x INTEGER UNIQUE);
  CREATE TABLE checked (x CHECK (x > 0));
  CREATE TABLE child (parent INTEGER REFERENCES t (x) DEFERRABLE INITIALLY DEFERRED);
  CREATE TRIGGER refusing BEFORE INSERT ON t WHEN NEW.x < 0 BEGIN SELECT RAISE(ROLLBACK, 'negative'); END;
`;

async function founded(databases: UserDatabases): Promise<UserDatabases> {
  await databases.create('alice', (database) => database.exec(SCHEMA));
  return databases;
}

/** Calls all updates before any of them can end; the first goes out alone. Returns a word for how each ended. */
async function together(
  databases: UserDatabases,
  edits: readonly Edit[],
  options: (index: number) => UpdateOptions = () => ({}),
): Promise<unknown[]> {
  const ended = await Promise.allSettled(edits.map((edit, index) => databases.update('alice', edit, options(index))));
  return ended.map((one) => {
    if (one.status === 'fulfilled') return one.value.outcome === 'unchanged' ? 'unchanged' : one.value.value;
    return one.reason instanceof JavumboError ? one.reason.kind : (one.reason as Error).message;
  });
}

const puts = (): number => bench.store.counts().put;

/** Edits by what they do, with what their caller is told. `adds`: the value that they leave behind. */
const KINDS: readonly { name: string; edit: (value: number) => Edit; told: (value: number) => unknown; adds?: true }[] =
  [
    { name: 'adds a value', edit: insert, told: () => 1, adds: true },
    {
      name: 'throws after a change',
      edit: (value) => (database) => {
        insert(value)(database);
        throw new Error(`no ${value}`);
      },
      told: (value) => `no ${value}`,
    },
    {
      name: 'changes nothing',
      edit: () => (database) => database.prepare('SELECT * FROM t').all(),
      told: () => 'unchanged',
    },
    {
      name: 'breaks a deferred foreign key',
      edit: (value) => (database) => database.prepare('INSERT INTO child VALUES (?)').run(-1 - value),
      told: () => 'FOREIGN KEY constraint failed',
    },
    { name: 'is rolled back by a trigger', edit: () => insert(-1), told: () => 'negative' },
    {
      name: 'sets a PRAGMA and makes a temporary table for itself',
      edit: (value) => (database) => {
        database.exec('PRAGMA recursive_triggers = ON; CREATE TEMP TABLE t (x)');
        return Number(database.prepare('INSERT INTO main.t VALUES (?)').run(value).changes);
      },
      told: () => 1,
      adds: true,
    },
    {
      name: 'ends its transaction itself',
      edit: (value) => (database) => {
        insert(value)(database);
        database.exec('COMMIT');
      },
      told: () => 'usage',
    },
    { name: 'is asynchronous', edit: (value) => async (database) => insert(value)(database), told: () => 'usage' },
  ];

describe.each([
  { place: 'in memory', sqlite: betterSqlite },
  { place: 'on disk', sqlite: ON_DISK },
])('updates of one user at once, $place', ({ sqlite }) => {
  test('a hundred of them take two PUTs, and each gets its own value', async () => {
    const databases = await founded(bench.machine({ sqlite }).databases);
    const before = puts();
    const edits = Array.from(
      { length: 100 },
      (_, index): Edit =>
        (database) => {
          insert(index)(database);
          return index;
        },
    );
    expect(await together(databases, edits)).toEqual(edits.map((_, index) => index));
    expect(puts() - before).toBe(2);
    expect(await values(databases)).toEqual(edits.map((_, index) => index));
  });

  test('each ends as it would alone, and leaves what it would leave, whatever the others do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(KINDS.length - 1), { minLength: 2, maxLength: 8 }), async (picked) => {
        const databases = bench.machine({ sqlite }).databases;
        await databases.delete('alice').catch(() => {});
        await founded(databases);
        const kinds = picked.map((index) => KINDS[index] as (typeof KINDS)[number]);
        const told = await together(
          databases,
          kinds.map(({ edit }, value) => edit(value)),
        );
        expect(told).toEqual(kinds.map(({ told: expected }, value) => expected(value)));
        expect(await values(databases)).toEqual(kinds.flatMap(({ adds }, value) => (adds === true ? [value] : [])));
      }),
      { seed: 20_261_126, numRuns: 60 },
    );
  });

  test('one that damages the copy fails alone', async () => {
    const databases = await founded(bench.machine({ sqlite }).databases);
    // What SQLite's own check finds before the PUT.
    const damage: Edit = (database) => {
      database.exec('PRAGMA ignore_check_constraints = ON');
      database.exec('INSERT INTO checked VALUES (-1)');
    };
    expect(await together(databases, [insert(1), insert(2), damage, insert(3)])).toEqual([1, 1, 'corrupt', 1]);
    expect(await values(databases)).toEqual([1, 2, 3]);
  });
});

test('none is acknowledged before its PUT is', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let sent = 0;
  const store = interposed(bench.store, async (...call) => {
    if (++sent > 2) await held;
    return bench.store.put(...call);
  });
  const databases = await founded(bench.machine({ store }).databases);
  const told: number[] = [];
  const updates = [1, 2, 3].map((value) => databases.update('alice', insert(value)).then(() => told.push(value)));
  await updates[0];
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told).toEqual([1]);
  release();
  await Promise.all(updates);
  expect(told).toEqual([1, 2, 3]);
});

describe('when another writer comes first', () => {
  /** Commits a value of another machine before each of the next `times` PUTs of a batch. */
  function overtaken(times: number): DatabaseStore {
    let sent = 0;
    const other = bench.machine().databases;
    return interposed(bench.store, async (...call) => {
      sent++;
      if (sent > 2 && sent <= 2 + times) await other.update('alice', insert(1000 + sent));
      return bench.store.put(...call);
    });
  }

  test('all run again on the winner', async () => {
    const databases = await founded(bench.machine({ store: overtaken(2) }).databases);
    const ended = await Promise.all([1, 2, 3].map((value) => databases.update('alice', insert(value))));
    expect(ended.map(({ attempts }) => attempts)).toEqual([1, 3, 3]);
    expect(await values(databases)).toEqual([1, 2, 3, 1003, 1004]);
  });

  test('one that may not be rerun is told of the conflict, and is not stored', async () => {
    const databases = await founded(bench.machine({ store: overtaken(1) }).databases);
    const told = await together(databases, [1, 2, 3, 4].map(insert), (index) => (index === 2 ? { retries: 0 } : {}));
    expect(told).toEqual([1, 1, 'conflict', 1]);
    expect(await values(databases)).toEqual([1, 2, 4, 1003]);
  });

  test('the last of those that may is told with what a HEAD shows', async () => {
    const databases = await founded(bench.machine({ store: overtaken(9) }).databases);
    const before = bench.store.counts();
    const told = await together(databases, [1, 2, 3].map(insert), () => ({ retries: 1 }));
    expect(told).toEqual([1, 'conflict', 'conflict']);
    expect(bench.store.counts().head - before.head).toBe(1);
    expect(await values(databases)).toEqual([1, 1003, 1004]);
  });
});

test('when nobody knows whether the PUT landed, those that it held are unknown, and the others are run again', async () => {
  let sent = 0;
  const store = interposed(bench.store, (...call) =>
    ++sent === 3
      ? Promise.resolve({ kind: 'unknown' as const, cause: new Error('no reply') })
      : bench.store.put(...call),
  );
  const databases = await founded(bench.machine({ store }).databases);
  const failing: Edit = () => {
    throw new Error('no');
  };
  const reading: Edit = (database) => database.prepare('SELECT * FROM t').all();
  expect(await together(databases, [insert(1), insert(2), failing, reading, insert(3)])).toEqual([
    1,
    'unknown',
    'no',
    'unchanged',
    'unknown',
  ]);
  expect(await values(databases)).toEqual([1]);
});

test('a user without a database is told to each, and one that may create it does', async () => {
  const { databases } = bench.machine();
  const create = (database: SqliteDatabase): void => void database.exec(SCHEMA);
  const told = await together(databases, [1, 2, 3, 4, 5].map(insert), (index) => (index === 3 ? { create } : {}));
  expect(told).toEqual(['not-found', 'not-found', 'not-found', 1, 1]);
  expect(await values(databases)).toEqual([4, 5]);
});

test.each([
  { switched: 'off', groupCommit: false, at: 'once', expected: 'more' },
  { switched: 'on', groupCommit: true, at: 'a time', expected: 'as many' },
])('switched $switched, one at $at: $expected PUTs', async ({ groupCommit, at }) => {
  const databases = await founded(bench.machine({ groupCommit }).databases);
  const before = puts();
  if (at === 'once') await together(databases, [1, 2, 3, 4].map(insert));
  else for (const value of [1, 2, 3, 4]) await databases.update('alice', insert(value));
  expect(puts() - before).toBeGreaterThanOrEqual(4);
  expect(await values(databases)).toEqual([1, 2, 3, 4]);
});

test('updates of different users do not wait for each other', async () => {
  const databases = await founded(bench.machine().databases);
  await databases.create('bob', (database) => database.exec(SCHEMA));
  const before = puts();
  await Promise.all(['alice', 'bob'].map((user) => databases.update(user, insert(1))));
  expect(puts() - before).toBe(2);
});
