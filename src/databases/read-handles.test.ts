import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { createTable, insert, values } from '../testing/values-table.ts';
import { Workbench } from '../testing/workbench.ts';

let bench: Workbench;
let opened: number;

/** Counts what it opens for reading. */
const counting: SqliteEngine = {
  ...betterSqlite,
  open: (path, mode, busyTimeoutMs) => {
    if (mode === 'read-only') opened++;
    return betterSqlite.open(path, mode, busyTimeoutMs);
  },
};

beforeEach(() => {
  bench = new Workbench();
  opened = 0;
});

afterEach(() => bench.remove());

const machine = () => bench.machine({ stalenessMaxMs: 60_000, sqlite: counting }).databases;

test('a version is opened for the first read of several, and again when another version is current', async () => {
  const databases = machine();
  await databases.create('alice', createTable);
  for (const _ of [1, 2, 3]) expect(await values(databases)).toEqual([]);
  expect(opened).toBe(1);
  await databases.update('alice', insert(7));
  for (const _ of [1, 2, 3]) expect(await values(databases)).toEqual([7]);
  expect(opened).toBe(2);
});

test('a handle is not shared by two reads at once', async () => {
  const databases = machine();
  await databases.create('alice', createTable);
  const one = await databases.openForReading('alice');
  one.database.exec('BEGIN');
  expect(await values(databases)).toEqual([]);
  one.close();
});

describe('nothing that a read leaves behind reaches the next one', () => {
  const LEFT: readonly { what: string; leave: (database: SqliteDatabase) => unknown }[] = [
    { what: 'an open transaction', leave: (database) => database.exec('BEGIN; SELECT * FROM t') },
    { what: 'a temporary table of the same name', leave: (database) => database.exec('CREATE TEMP TABLE t (x)') },
    { what: 'an attached database', leave: (database) => database.exec("ATTACH ':memory:' AS other") },
    { what: 'an unfinished statement', leave: (database) => database.prepare('SELECT 1').iterate().next() },
    {
      what: 'an error',
      leave: () => {
        throw new Error('no');
      },
    },
  ];

  test.each(LEFT)('$what', async ({ leave }) => {
    const databases = machine();
    await databases.create('alice', (database) => {
      createTable(database);
      insert(7)(database);
    });
    await databases.read('alice', ({ database }) => void leave(database)).catch(() => {});
    expect(await values(databases)).toEqual([7]);
    const left = await databases.read('alice', ({ database }) => [
      database.prepare("SELECT name FROM pragma_database_list WHERE name NOT IN ('main', 'temp')").all(),
      database.prepare('SELECT name FROM temp.sqlite_schema').all(),
    ]);
    expect(left).toEqual([[], []]);
  });
});

test('a process keeps few files open, and none after they are closed', async () => {
  const databases = machine();
  const users = Array.from({ length: 40 }, (_, index) => `user${index}`);
  for (const user of users) await databases.create(user, createTable);
  for (const user of users) await values(databases, user);
  const openFiles = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(bench.directory);
      } catch {
        return false;
      }
    }).length;
  expect(openFiles()).toBe(16);
  databases.closeFiles();
  expect(openFiles()).toBe(0);
  expect(await values(databases, 'user0')).toEqual([]);
});
