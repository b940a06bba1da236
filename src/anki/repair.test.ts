import { isBuiltin } from 'node:module';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqlDatabase, SqlStatement } from '../sqlite/engine.ts';
import { loadNodeSqlite } from '../sqlite/node-sqlite.ts';
import { collectionFindings } from './check.ts';
import { createCollection } from './collection.ts';
import { addNote } from './note.ts';
import { repairCollection } from './repair.ts';
import { CREATED_AT, sourcesAt } from './testing.ts';

const DAY_MS = 86_400_000;
const NOW = CREATED_AT + 10 * DAY_MS;
const SOURCES = { ...sourcesAt(NOW), random: systemRandom };

/** Gives blobs as node:sqlite does, which Node 20 has not: as bytes that do not become text. */
function withPlainBytes(database: SqlDatabase): SqlDatabase {
  const plain = (row: unknown): unknown =>
    row === undefined
      ? row
      : Object.fromEntries(
          Object.entries(row as object).map(([name, value]) => [
            name,
            value instanceof Uint8Array ? new Uint8Array(value) : value,
          ]),
        );
  const prepare = (sql: string): SqlStatement => {
    const statement = database.prepare(sql);
    return {
      run: (...values) => statement.run(...values),
      get: (...values) => plain(statement.get(...values)),
      all: (...values) => statement.all(...values).map(plain),
    };
  };
  return { exec: (sql) => database.exec(sql), prepare };
}

// This file is also run by Node 22 and 24, which cannot load better-sqlite3 here: src/sqlite/node-versions.engine.ts.
const ENGINES: readonly { readonly name: string; readonly open: () => SqlDatabase }[] = isBuiltin('node:sqlite')
  ? [{ name: 'node:sqlite', open: () => loadNodeSqlite().open(':memory:', 'read-write') }]
  : [
      { name: 'better-sqlite3', open: () => betterSqlite.open(':memory:', 'read-write') },
      { name: 'plain bytes', open: () => withPlainBytes(betterSqlite.open(':memory:', 'read-write')) },
    ];

const TABLES = ['col', 'notes', 'cards', 'revlog'];
const NOTE = '(SELECT min(id) FROM notes)';

describe.each(ENGINES)('on $name', ({ open }) => {
  function spoiled(sql: string): SqlDatabase {
    const database = open();
    createCollection(database, sourcesAt(CREATED_AT));
    const sources = { ...sourcesAt(CREATED_AT + DAY_MS), random: systemRandom };
    for (const field of ['one', 'two']) addNote(database, { fields: [field, field], tags: ['a'] }, sources);
    database.exec(sql);
    return database;
  }

  function textOf(database: SqlDatabase): unknown[] {
    const columns = ['guid', 'tags', 'flds'].map((name) => `typeof(${name}) AS t_${name}, hex(${name}) AS ${name}`);
    return database.prepare(`SELECT ${columns.join()} FROM notes WHERE id = ${NOTE}`).all();
  }

  /** Returns all that is stored; numbers as SQLite writes them, for they may be beyond 2^53. */
  function stored(database: SqlDatabase): unknown[] {
    return TABLES.flatMap((table) => {
      const columns = database.prepare(`SELECT name FROM pragma_table_info('${table}')`).all() as { name: string }[];
      const quoted = columns.map(({ name }) => `quote(${name}) AS ${name}`);
      return database.prepare(`SELECT ${quoted.join()} FROM ${table} ORDER BY id`).all();
    });
  }

  test.each([
    { name: 'fields that are too few', sql: "UPDATE notes SET flds = x'6f6e65'" },
    { name: 'fields that are too many', sql: "UPDATE notes SET flds = x'611f621f63'" },
    { name: 'fields that are no UTF-8', sql: "UPDATE notes SET flds = x'ff1f62'" },
    { name: 'tags, where fields are too few', sql: "UPDATE notes SET tags = x'206120', flds = 'one'" },
    { name: 'a GUID that is no UTF-8', sql: "UPDATE notes SET guid = x'ff00'" },
    { name: 'fields of a note without a card', sql: "UPDATE notes SET flds = x'611f62'; DELETE FROM cards" },
    { name: 'fields of an unknown note type', sql: "UPDATE notes SET mid = 5, flds = x'611f621f63'" },
  ])('bytes in place of text stay: $name', ({ sql }) => {
    const database = spoiled(sql);
    const before = textOf(database);
    repairCollection(database, SOURCES);
    expect(textOf(database)).toEqual(before);
    expect(collectionFindings(database, NOW)).toContainEqual(
      expect.stringMatching(/^2 rows of notes hold no text where one must be/),
    );
    expect(repairCollection(database, SOURCES)).toEqual([]);
  });

  test('a note type is made with as many fields as its notes have in text', () => {
    const database = spoiled(`UPDATE notes SET mid = 5, flds = 'a' || char(31) || 'b' || char(31) || 'c';
      UPDATE notes SET flds = x'61' WHERE id = ${NOTE}`);
    repairCollection(database, SOURCES);
    const sql = `SELECT json_array_length(value, '$.flds') AS fields FROM col, json_each(models)
      WHERE CAST(key AS INTEGER) = (SELECT mid FROM notes LIMIT 1)`;
    expect(database.prepare(sql).get()).toEqual({ fields: 3 });
  });

  test('reviews, cards and notes of the future keep their order', () => {
    const database = spoiled('DELETE FROM notes; DELETE FROM cards');
    database.exec(`INSERT INTO revlog SELECT ${NOW}, 1, 0, 9, 0, 0, 0, 0, 0`);
    for (const index of [1, 2, 3, 4]) {
      addNote(database, { fields: [`${index}`, ''] }, { ...sourcesAt(NOW + index), random: systemRandom });
      database.exec(
        `INSERT INTO revlog SELECT ${NOW} + 5 * ${DAY_MS} + ${index}, max(id), 0, ${index}, 0, 0, 0, 0, 0 FROM cards`,
      );
    }
    database.exec(`UPDATE cards SET id = id + 4 * ${DAY_MS}; UPDATE revlog SET cid = cid + 4 * ${DAY_MS};
      UPDATE cards SET nid = nid + 3 * ${DAY_MS}; UPDATE notes SET id = id + 3 * ${DAY_MS}; UPDATE col SET mod = ${NOW}`);
    expect(repairCollection(database, SOURCES)).toEqual(['12 ids have a time in the future']);
    const sql = `SELECT ease, sfld, revlog.id - ${NOW} AS review, cards.id - ${NOW} AS card, notes.id - ${NOW} AS note
      FROM revlog JOIN cards ON cards.id = cid JOIN notes ON notes.id = nid ORDER BY revlog.id`;
    expect(database.prepare(sql).all()).toMatchObject(
      [1, 2, 3, 4].map((index) => ({ ease: index, sfld: index, review: index, card: index - 1, note: index - 1 })),
    );
  });

  describe('a second repair changes nothing', () => {
    test.each([
      { name: 'a note type beyond 2^53', sql: 'UPDATE notes SET mid = 9007199254740993', left: 1 },
      { name: 'the lowest note type', sql: 'UPDATE notes SET mid = -9223372036854775808', left: 1 },
      { name: 'and no card', sql: 'UPDATE notes SET mid = 9007199254740993; DELETE FROM cards', left: 2 },
      { name: 'a note type of 16 digits', sql: 'UPDATE notes SET mid = 1234567890123456', left: 0 },
      { name: 'a negative note type', sql: 'UPDATE notes SET mid = -5', left: 0 },
      { name: 'a deck beyond 2^53', sql: 'UPDATE cards SET did = 9007199254740993', left: 1 },
      { name: 'a deck of 16 digits', sql: 'UPDATE cards SET did = 1234567890123456', left: 1 },
      { name: 'a negative deck of 16 digits', sql: 'UPDATE cards SET did = -1234567890123456', left: 1 },
      { name: 'a deck of 15 digits', sql: 'UPDATE cards SET did = 999999999999999', left: 0 },
      { name: 'a negative deck', sql: 'UPDATE cards SET did = -5', left: 0 },
      {
        name: 'the highest deck and one without its parent',
        sql: `UPDATE cards SET did = 999999999999999;
          UPDATE col SET decks = json_set(decks, '$.77', json('{"name": "A::B", "dyn": 0, "conf": 1}'))`,
        left: 0,
      },
      {
        name: 'a note of a very low id without a card',
        sql: `UPDATE notes SET id = -9007199254740993 WHERE id = ${NOTE}; DELETE FROM cards`,
        left: 0,
      },
    ])('$name', ({ sql, left }) => {
      const database = spoiled(sql);
      repairCollection(database, SOURCES);
      const [before, findings] = [stored(database), collectionFindings(database, NOW)];
      expect(findings).toHaveLength(left);
      expect(repairCollection(database, SOURCES)).toEqual([]);
      expect(stored(database)).toEqual(before);
      expect(collectionFindings(database, NOW)).toEqual(findings);
    });
  });
});
