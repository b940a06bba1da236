/** A collection of today's Anki as one of schema 11. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { plainCollations } from '../anki/plain-collations.ts';
import { readCollection } from '../anki/stored-collection.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { integrityFindings, type SqliteDatabase, tableCounts } from '../sqlite/engine.ts';
import { exported } from '../testing/generated-collection.ts';
import { LONG_ID, message, writeSchema18 } from '../testing/packages.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { downgrade } from './schema18.ts';

let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), 'copy.anki2');
  copyFileSync(writeSchema18(), path);
});

function look<T>(at: (database: SqliteDatabase) => T): T {
  const database = betterSqlite.open(path, 'read-only');
  try {
    return at(database);
  } finally {
    database.close();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: parsed JSON, which the test is there to judge
const column = (name: string): any =>
  look((database) => JSON.parse((database.prepare(`SELECT ${name} AS json FROM col`).get() as { json: string }).json));

test('has the same notes, cards and reviews, and everything else in the row of col', () => {
  downgrade(betterSqlite, path);
  expect(look(tableCounts)).toEqual({ cards: 3, col: 1, graves: 1, notes: 2, revlog: 1 });
  expect(look(integrityFindings)).toEqual([]);
  const { noteTypes, decks, deckOptions, tags } = look(readCollection);
  expect(Array.from(noteTypes.values(), ({ name, type, tmpls }) => [name, type, tmpls.length])).toEqual([
    ['Basic (and reversed)', 0, 2],
    ['Lücke', 1, 1],
  ]);
  expect(Array.from(decks, ([id, { name, dyn, conf }]) => [id, name, dyn, conf])).toEqual([
    [1, 'Default', false, 1],
    [21, 'Ärzte', false, 31],
    [22, 'Ärzte::Neu', false, 1],
    [23, 'Cram', true, 1],
  ]);
  expect([...deckOptions.keys()]).toEqual([1, 31]);
  expect([...tags].sort()).toEqual(['zoo', 'Äpfel', 'Übel', 'äußeres']);
});

test('keeps what schema 11 has names for', () => {
  downgrade(betterSqlite, path);
  expect(column('models')['11']).toMatchObject({
    addOn: 1,
    css: '.card {}',
    latexPre: 'pre',
    req: [[0, 'any', [0]]],
    flds: [{ name: 'Front', ord: 0, font: 'Arial', size: 20, rtl: false }, { name: 'Rückseite' }],
    tmpls: [{ name: 'Card 1', qfmt: '{{Front}}', did: null, id: null }, { name: 'Card 2' }],
  });
  expect(
    look((database) => database.prepare('SELECT models -> \'$."11".flds[0].id\' AS id FROM col').raw().get()),
  ).toEqual([String(LONG_ID)]);
  expect(column('decks')).toMatchObject({
    21: {
      collapsed: true,
      newToday: [12, 3],
      desc: 'about',
      reviewLimit: 30,
      reviewLimitToday: { limit: 9, today: 4 },
      newLimit: null,
    },
    23: { dyn: 1, resched: true, terms: [['is:due', 50, 6]], previewAgainSecs: 60, delays: null },
  });
  expect(column('dconf')['31']).toMatchObject({
    name: 'Hard',
    autoplay: true,
    desiredRetention: 0.9,
    new: { delays: [1, 10], perDay: 7, initialFactor: 2500, ints: [1, 4, 0], order: 1 },
    rev: { perDay: 100 },
  });
  expect(column('conf')).toMatchObject({ curModel: 11, nextPos: 4 });
});

test('can be exported, with the card of its filtered deck at home', () => {
  downgrade(betterSqlite, path);
  expect(exported(path, { scheduling: true }).counts).toEqual({
    notes: 2,
    cards: 3,
    reviews: 1,
    decks: 2,
    noteTypes: 2,
  });
});

test('says what it cannot hold', () => {
  const unknown = betterSqlite.open(path, 'read-write');
  unknown.prepare('UPDATE deck_config SET config = ? WHERE id = 31').run(
    message([
      [9, 7],
      [99, 7],
    ]),
  );
  unknown.close();
  expect(downgrade(betterSqlite, path)).toEqual([
    'that 1 tag is folded in the sidebar',
    'settings of deck options that this program does not know (field 99)',
  ]);
});

test('leaves nothing of what it dropped in the file', () => {
  downgrade(betterSqlite, path);
  expect(readFileSync(path).includes('unicase')).toBe(false);
  expect(readFileSync(path).includes(Buffer.from('Ärzte\x1fNeu'))).toBe(false);
});

test.each([
  { name: 'that is newer still', sql: 'UPDATE col SET ver = 19', error: /schema 19/ },
  {
    name: 'with settings that lie about their length',
    sql: "UPDATE notetypes SET config = x'1aff01'",
    error: /Protocol Buffers/,
  },
  { name: 'with settings that are no bytes', sql: "UPDATE deck_config SET config = 'text'", error: /no message/ },
  { name: 'with a setting that is not JSON', sql: "UPDATE config SET val = x'7b'", error: /not JSON/ },
])('refuses a collection $name', ({ sql, error }) => {
  const database = betterSqlite.open(path, 'read-write');
  database.exec(sql);
  database.close();
  expect(() => downgrade(betterSqlite, path)).toThrow(error);
});

test('with plain collations is sound, and every table of it can be read and searched', () => {
  plainCollations(betterSqlite, path);
  expect(look(integrityFindings)).toEqual([]);
  expect(look(tableCounts)).toMatchObject({ tags: 4, decks: 4, notetypes: 2, fields: 4 });
  expect(look((database) => database.prepare("SELECT tag FROM tags WHERE tag = 'ZOO'").raw().all())).toEqual([['zoo']]);
});
