import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { createCollection } from './collection.ts';
import { addNote } from './note.ts';
import { ankiSchemaVersion, isNewerSchema } from './schema.ts';
import { CREATED_AT, column, newCollection, sourcesAt } from './testing.ts';

const sources = sourcesAt(CREATED_AT);

describe('a new collection', () => {
  test("has Anki's tables, columns and indexes, and no others", () => {
    const database = newCollection();
    const names = (type: string) =>
      database.prepare('SELECT name FROM sqlite_master WHERE type = ? ORDER BY name').pluck().all(type) as string[];
    const columns = (table: string) =>
      database.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table).join(' ');
    expect(Object.fromEntries(names('table').map((table) => [table, columns(table)]))).toEqual({
      cards: 'id nid did ord mod usn type queue due ivl factor reps lapses left odue odid flags data',
      col: 'id crt mod scm ver dty usn ls conf models decks dconf tags',
      graves: 'usn oid type',
      notes: 'id guid mid mod usn tags flds sfld csum flags data',
      revlog: 'id cid usn ease ivl lastIvl factor time type',
    });
    const indexed = (index: string) =>
      database.prepare('SELECT name FROM pragma_index_info(?)').pluck().all(index).join(' ');
    expect(Object.fromEntries(names('index').map((index) => [index, indexed(index)]))).toEqual({
      ix_cards_nid: 'nid',
      ix_cards_sched: 'did queue due',
      ix_cards_usn: 'usn',
      ix_notes_csum: 'csum',
      ix_notes_usn: 'usn',
      ix_revlog_cid: 'cid',
      ix_revlog_usn: 'usn',
    });
  });

  test('has one row in col, of schema 11, never synced, changed now', () => {
    expect(newCollection().prepare('SELECT id, crt, mod, scm, ver, dty, usn, ls, tags FROM col').all()).toEqual([
      {
        id: 1,
        crt: Date.parse('2026-03-04T04:00:00Z') / 1000,
        mod: CREATED_AT,
        scm: CREATED_AT,
        ver: 11,
        dty: 0,
        usn: 0,
        ls: 0,
        tags: '{}',
      },
    ]);
  });

  test('made before four in the morning belongs to the day before', () => {
    const crt = newCollection(Date.parse('2026-03-04T03:59:59.999Z')).prepare('SELECT crt FROM col').pluck().get();
    expect(crt).toBe(Date.parse('2026-03-03T04:00:00Z') / 1000);
  });

  test('has the settings that Anki expects to find', () => {
    const conf = column(newCollection(), 'conf');
    expect(Object.keys(conf).sort().join(' ')).toBe(
      'activeDecks addToCur collapseTime creationOffset curDeck curModel dayLearnFirst dueCounts estTimes newSpread ' +
        'nextPos sched2021 schedVer sortBackwards sortType timeLim',
    );
    expect(conf).toMatchObject({ activeDecks: [1], curDeck: 1, nextPos: 1, sortType: 'noteFld', schedVer: 2 });
  });

  test('has the note type Basic, which is the current one', () => {
    const database = newCollection();
    const [[id, basic] = ['', {}], ...others] = Object.entries(column(database, 'models'));
    expect(others).toEqual([]);
    expect(basic).toMatchObject({
      id: Number(id),
      name: 'Basic',
      type: 0,
      sortf: 0,
      req: [[0, 'any', [0]]],
      flds: [
        { name: 'Front', ord: 0, font: 'Arial', size: 20, sticky: false, rtl: false },
        { name: 'Back', ord: 1 },
      ],
      tmpls: [{ name: 'Card 1', ord: 0, qfmt: '{{Front}}', did: null }],
    });
    expect(Object.keys(basic).sort().join(' ')).toBe(
      'css did flds id latexPost latexPre latexsvg mod name req sortf tags tmpls type usn vers',
    );
    expect(column(database, 'conf').curModel).toBe(Number(id));
  });

  test('has the deck Default and its options', () => {
    const database = newCollection();
    expect(column(database, 'decks')).toMatchObject({
      1: { id: 1, name: 'Default', dyn: 0, conf: 1, newToday: [0, 0] },
    });
    const options = column(database, 'dconf');
    expect(options).toMatchObject({
      1: { id: 1, name: 'Default', maxTaken: 60, timer: 0, autoplay: true, replayq: true },
    });
    expect(
      Object.keys(options['1']?.new as object)
        .sort()
        .join(' '),
    ).toBe('bury delays initialFactor ints order perDay');
    expect(
      Object.keys(options['1']?.rev as object)
        .sort()
        .join(' '),
    ).toBe('bury ease4 hardFactor ivlFct maxIvl perDay');
    expect(
      Object.keys(options['1']?.lapse as object)
        .sort()
        .join(' '),
    ).toBe('delays leechAction leechFails minInt mult');
  });

  test('is the same, to the byte, for the same time and chance', () => {
    expect(newCollection().serialize().equals(newCollection().serialize())).toBe(true);
  });

  test('is sound and small, in pages of 4096 bytes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'javumbo-anki-'));
    try {
      const file = join(folder, 'collection.anki2');
      const database = new Database(file);
      createCollection(database, sources);
      addNote(database, { fields: ['front', 'back'], deck: 'A::B', tags: ['t'] }, sources);
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      expect(database.pragma('quick_check', { simple: true })).toBe('ok');
      expect(database.pragma('page_size', { simple: true })).toBe(4096);
      database.close();
      // Twelve tables and indexes take a page each, beside the schema's own.
      expect(statSync(file).size).toBeLessThanOrEqual(14 * 4096);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is refused in a database that has something in it', () => {
    const database = new Database(':memory:');
    database.exec('CREATE TABLE t (a)');
    expect(() => createCollection(database, sources)).toThrow(expect.objectContaining({ kind: 'conflict' }));
  });

  test('leaves nothing behind where it fails', () => {
    const database = new Database(':memory:');
    const random = {
      fraction: () => 0,
      hex: (): string => {
        throw new Error('no entropy');
      },
    };
    expect(() => createCollection(database, { ...sources, random })).toThrow('no entropy');
    expect(database.inTransaction).toBe(false);
    expect(database.prepare('SELECT * FROM sqlite_master').all()).toEqual([]);
  });
});

describe('the schema version', () => {
  test.each([
    { name: 'of a new collection', sql: '', version: 11, newer: false },
    { name: 'of one that a newer Anki upgraded', sql: 'UPDATE col SET ver = 18', version: 18, newer: true },
    { name: 'of one that lost its row', sql: 'DELETE FROM col', version: undefined, newer: false },
    { name: 'of one whose version is no number', sql: "UPDATE col SET ver = 'x'", version: undefined, newer: false },
    { name: 'without the table', sql: 'DROP TABLE col', version: undefined, newer: false },
    { name: 'without the column', sql: 'ALTER TABLE col DROP COLUMN ver', version: undefined, newer: false },
  ])('$name', ({ sql, version, newer }) => {
    const database = newCollection();
    database.exec(sql);
    expect(ankiSchemaVersion(database)).toBe(version);
    expect(isNewerSchema(database)).toBe(newer);
  });

  test('a table in the collation unicase is newer, though nothing can be prepared on it', () => {
    const database = newCollection();
    database.unsafeMode();
    database.pragma('writable_schema = ON');
    database
      .prepare("INSERT INTO sqlite_master VALUES ('table', 'tags', 'tags', 0, ?)")
      .run('CREATE TABLE tags (tag text NOT NULL PRIMARY KEY COLLATE unicase) WITHOUT ROWID');
    database.pragma('writable_schema = RESET');
    expect(() => database.prepare("SELECT * FROM tags WHERE tag = 'a'")).toThrow();
    expect(isNewerSchema(database)).toBe(true);
  });

  test('a name that merely contains unicase is not newer', () => {
    const database = newCollection();
    database.exec('CREATE TABLE unicase (a)');
    expect(isNewerSchema(database)).toBe(false);
  });
});
