import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { countDiff, diffRows } from './diff.ts';

const opened: SqliteDatabase[] = [];

afterEach(() => {
  for (const database of opened.splice(0)) database.close();
});

function holding(sql: string): SqliteDatabase {
  const memory = new Database(':memory:');
  memory.exec(sql);
  const bytes = memory.serialize();
  memory.close();
  const database = betterSqlite.openInMemory?.(bytes) as SqliteDatabase;
  opened.push(database);
  return database;
}

const KEYED = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);';
const LOOSE = 'CREATE TABLE g (usn INTEGER, oid);';

describe('between two versions', () => {
  test.each([
    { name: 'nothing differs', before: KEYED, after: KEYED, is: {} },
    {
      name: 'rows come, go and change by their key',
      before: `${KEYED} INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2), (5, 'z', 3)`,
      after: `${KEYED} INSERT INTO t VALUES (2, 'y', 9), (3, 'n', 0), (4, 'n', 0), (5, 'z', 3)`,
      is: { t: { added: 2, removed: 1, changed: 1 } },
    },
    {
      name: 'a number and the same text differ, as do NULL and nothing, and -0.0 and 0.0',
      before: `${KEYED} INSERT INTO t VALUES (1, 1, NULL), (2, '', 0.0), (3, 1.0, x'31')`,
      after: `${KEYED} INSERT INTO t VALUES (1, '1', ''), (2, '', -0.0), (3, 1.0, '1')`,
      is: { t: { added: 0, removed: 0, changed: 3 } },
    },
    {
      name: 'integers beyond 2^53 are told apart',
      before: `${KEYED} INSERT INTO t VALUES (9007199254740992, 1, 1)`,
      after: `${KEYED} INSERT INTO t VALUES (9007199254740993, 1, 1)`,
      is: { t: { added: 1, removed: 1, changed: 0 } },
    },
    {
      name: 'rows without a key come and go, as often as they are there',
      before: `${LOOSE} INSERT INTO g VALUES (1, 1), (1, 1), (2, 2)`,
      after: `${LOOSE} INSERT INTO g VALUES (1, 1), (3, 3), (3, 3)`,
      is: { g: { added: 2, removed: 2, changed: 0 } },
    },
    {
      name: 'a table comes with its rows',
      before: '',
      after: `${KEYED} INSERT INTO t VALUES (1, 1, 1)`,
      is: { t: { added: 1, removed: 0, changed: 0 } },
    },
    {
      name: 'a table goes with its rows',
      before: `${LOOSE} INSERT INTO g VALUES (1, 1)`,
      after: '',
      is: { g: { added: 0, removed: 1, changed: 0 } },
    },
    {
      name: 'a new column changes every row',
      before: `${KEYED} INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)`,
      after: `${KEYED} ALTER TABLE t ADD COLUMN c; INSERT INTO t VALUES (1, 1, 1, NULL), (2, 2, 2, NULL)`,
      is: { t: { added: 0, removed: 0, changed: 2 } },
    },
    {
      name: 'a key that is no rowid is no identity: in descending order',
      before: "CREATE TABLE t (id INTEGER PRIMARY KEY DESC); INSERT INTO t VALUES (5), ('x'), ('y')",
      after: "CREATE TABLE t (id INTEGER PRIMARY KEY DESC); INSERT INTO t VALUES ('x'), ('y')",
      is: { t: { added: 0, removed: 1, changed: 0 } },
    },
    {
      name: 'a key that is no rowid is no identity: without rowids',
      before: "CREATE TABLE t (id INTEGER PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO t VALUES (5, 1), ('x', 1)",
      after: "CREATE TABLE t (id INTEGER PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO t VALUES ('x', 1)",
      is: { t: { added: 0, removed: 1, changed: 0 } },
    },
    {
      name: 'a table may be called __proto__',
      before: 'CREATE TABLE "__proto__" (a)',
      after: 'CREATE TABLE "__proto__" (a); INSERT INTO "__proto__" VALUES (1)',
      is: JSON.parse('{"__proto__":{"added":1,"removed":0,"changed":0}}'),
    },
    {
      name: 'names in quotes are names',
      before: 'CREATE TABLE "a ""b" ("x ""y" INTEGER PRIMARY KEY)',
      after: 'CREATE TABLE "a ""b" ("x ""y" INTEGER PRIMARY KEY); INSERT INTO "a ""b" VALUES (1)',
      is: { 'a "b': { added: 1, removed: 0, changed: 0 } },
    },
    {
      name: 'views are not looked at',
      before: '',
      after: 'CREATE VIEW v AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n',
      is: {},
    },
  ])('$name', ({ before, after, is }) => {
    expect(countDiff(diffRows(holding(before), holding(after)))).toEqual(is);
  });
});

test('what differs, applied to the earlier rows, makes the later ones', () => {
  const rows = fc.uniqueArray(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: 0, max: 3 })), {
    selector: ([id]) => id,
  });
  const script = (list: readonly (readonly [number, number])[]): string =>
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a); ${list.map(([id, a]) => `INSERT INTO t VALUES (${id}, ${a});`).join('')}`;
  fc.assert(
    fc.property(rows, rows, (before, after) => {
      const applied = new Map(before);
      for (const { kind, before: old, after: current } of diffRows(holding(script(before)), holding(script(after)))) {
        if (kind === 'removed') applied.delete(Number(old?.id));
        else applied.set(Number(current?.id), Number(current?.a));
      }
      const byId = (list: Iterable<readonly [number, number]>) => [...list].sort(([a], [b]) => a - b);
      expect(byId(applied)).toEqual(byId(after));
    }),
    { numRuns: 60 },
  );
});
