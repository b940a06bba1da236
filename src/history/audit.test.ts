import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { type AuditedVersion, lostRows, overwriteCases, putBack, stillLost } from './audit.ts';
import { digestOf } from './diff.ts';

const SCHEMA =
  'CREATE TABLE notes (id INTEGER PRIMARY KEY, flds); CREATE TABLE col (id INTEGER PRIMARY KEY, mod, decks); CREATE TABLE graves (usn, oid, type);';

const version = (id: string, isOurs: boolean): AuditedVersion => ({ id, at: 0, isOurs, isWhole: isOurs });

function holding(sql: string): SqliteDatabase {
  const memory = new Database(':memory:');
  memory.exec(SCHEMA + sql);
  const bytes = memory.serialize();
  memory.close();
  return betterSqlite.openInMemory?.(bytes) as SqliteDatabase;
}

describe('the versions that are compared', () => {
  const [a, b, c, x, y] = [
    version('a', true),
    version('b', true),
    version('c', true),
    version('x', false),
    version('y', false),
  ];
  test.each([
    { name: 'ours alone', versions: [a, b], is: [] },
    { name: "another program's after ours", versions: [a, b, x], is: [{ base: undefined, ours: [a, b], over: x }] },
    {
      name: 'twice',
      versions: [x, a, y, b, c, x],
      is: [
        { base: x, ours: [a], over: y },
        { base: y, ours: [b, c], over: x },
      ],
    },
    {
      name: 'ours, of which the beginning is no longer kept',
      versions: [{ ...a, isWhole: false } as AuditedVersion, b, x],
      is: [{ base: { ...a, isWhole: false }, ours: [b], over: x }],
    },
    { name: "two of another program's", versions: [a, x, y], is: [{ base: undefined, ours: [a], over: x }] },
    { name: 'a delete in between: nothing was overwritten', versions: [a, undefined, x], is: [] },
  ])('$name', ({ versions, is }) => {
    expect(overwriteCases(versions)).toEqual(is);
  });
});

describe('a row that our update', () => {
  const base = "INSERT INTO notes VALUES (1, 'old'), (2, 'kept'); INSERT INTO col VALUES (1, 1, 'd')";
  const find = async (ours: string[], theirs: string): Promise<string[]> => {
    const contents = new Map([['base', base], ['over', theirs], ...ours.map((sql, n) => [`o${n}`, sql] as const)]);
    const opened = {
      base: version('base', false),
      ours: ours.map((_, n) => version(`o${n}`, true)),
      over: version('over', false),
    };
    const rows = await lostRows(opened, async ({ id }) => {
      const database = holding(contents.get(id) ?? '');
      return { database, close: () => void database.close() };
    });
    return rows.map(({ table, key, kind, by }) => `${table} ${key} of ${by.id}: ${kind}`);
  };
  const col = "; INSERT INTO col VALUES (1, 2, 'd')";
  const kept = "(2, 'kept')";

  test.each([
    {
      name: 'added, and that is not there',
      ours: [`INSERT INTO notes VALUES (1, 'old'), ${kept}, (3, 'new')${col}`],
      theirs: base,
      is: ['notes 3 of o0: overwritten'],
    },
    {
      name: 'changed, and that is as before',
      ours: [`INSERT INTO notes VALUES (1, 'new'), ${kept}${col}`],
      theirs: base,
      is: ['notes 1 of o0: overwritten'],
    },
    {
      name: 'changed twice, of which the other program had read the first',
      ours: [`INSERT INTO notes VALUES (1, 'new'), ${kept}`, `INSERT INTO notes VALUES (1, 'newer'), ${kept}`],
      theirs: `INSERT INTO notes VALUES (1, 'new'), ${kept}`,
      is: ['notes 1 of o1: overwritten'],
    },
    {
      name: 'changed, and that the other program changed as well',
      ours: [`INSERT INTO notes VALUES (1, 'new'), ${kept}${col}`],
      theirs: `INSERT INTO notes VALUES (1, 'theirs'), ${kept}${col}`,
      is: ['notes 1 of o0: ambiguous'],
    },
    {
      name: 'added, and that the other program deleted on purpose',
      ours: [`INSERT INTO notes VALUES (1, 'old'), ${kept}, (3, 'new')${col}`],
      theirs: `INSERT INTO notes VALUES (1, 'old'), ${kept}${col}; INSERT INTO graves VALUES (-1, 3, 1)`,
      is: [],
    },
    {
      name: 'deleted, and that is back',
      ours: [`INSERT INTO notes VALUES ${kept}${col}; INSERT INTO graves VALUES (-1, 1, 1)`],
      theirs: base,
      is: ['notes 1 of o0: ambiguous'],
    },
    {
      name: 'added, and that the other program has left out, though it has another one of the same update',
      ours: [`INSERT INTO notes VALUES (1, 'old'), ${kept}, (3, 'new'), (4, 'new')${col}`],
      theirs: `INSERT INTO notes VALUES (1, 'old'), ${kept}, (4, 'new')${col}`,
      is: [],
    },
    {
      name: 'added, and that the other program kept',
      ours: [`INSERT INTO notes VALUES (1, 'old'), ${kept}, (3, 'new')${col}`],
      theirs: `INSERT INTO notes VALUES (1, 'theirs'), ${kept}, (3, 'new')${col}`,
      is: [],
    },
    {
      name: 'did not touch',
      ours: [base.replace('1, 1,', '1, 9,')],
      theirs: `INSERT INTO notes VALUES (1, 'theirs')${col}`,
      is: [],
    },
  ])('$name: $is', async ({ ours, theirs, is }) => {
    expect(await find(ours, theirs)).toEqual(is);
  });
});

test('what is put back deletes nothing that refers to it, and replaces no other row', () => {
  const database = holding(
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name UNIQUE, more); CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent ON DELETE CASCADE); INSERT INTO parent VALUES (1, 'reverted', 'kept'), (9, 'taken', ''); INSERT INTO child VALUES (1, 1)",
  );
  database.exec('PRAGMA foreign_keys = ON');
  const by = version('o', true);
  const lost = (key: bigint, name: string, left: string | undefined) => ({
    ...{ by, over: version('x', false), table: 'parent', key, kind: 'overwritten' as const, left },
    row: { id: key, name },
  });
  const left = digestOf({ id: 1n, name: 'reverted', more: 'kept' });
  expect(putBack(database, [lost(1n, 'ours', left), lost(2n, 'taken', undefined)])).toBe(1);
  expect(database.prepare('SELECT * FROM parent').all()).toEqual([
    { id: 1, name: 'ours', more: 'kept' },
    { id: 9, name: 'taken', more: '' },
  ]);
  expect(database.prepare('SELECT count(*) AS n FROM child').get()).toEqual({ n: 1 });
  database.close();
});

describe('a lost row', () => {
  const by = version('o', true);
  const lost = {
    by,
    over: version('x', false),
    table: 'notes',
    key: 1n,
    kind: 'overwritten' as const,
    row: { id: 1n, flds: 'ours' },
    left: undefined,
  };

  test.each([
    { name: 'is put back where nothing is', now: '', still: ['overwritten'], after: 'ours', count: 1 },
    {
      name: 'that is back already is not lost',
      now: "INSERT INTO notes VALUES (1, 'ours')",
      still: [],
      after: 'ours',
      count: 0,
    },
    {
      name: 'that was changed since is left alone',
      now: "INSERT INTO notes VALUES (1, 'later')",
      still: ['ambiguous'],
      after: 'later',
      count: 0,
    },
  ])('$name', ({ now, still, after, count }) => {
    const database = holding(now);
    expect(stillLost([lost], database).map(({ kind }) => kind)).toEqual(still);
    expect(putBack(database, [lost])).toBe(count);
    expect(database.prepare('SELECT flds FROM notes WHERE id = 1').get()).toEqual({ flds: after });
    database.close();
  });
});
