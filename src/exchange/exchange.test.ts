/** Decks on their way out of a collection and into another one. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collectionFindings } from '../anki/check.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import {
  exported,
  FILTERED,
  type GeneratedNote,
  generatedNotes,
  imported,
  NOTE_TYPES,
  newCollectionAt,
  portrait,
  writeCollection,
} from '../testing/generated-collection.ts';

const EMPTY_DAYS = [0, 17, -3];

const run = (path: string, sql: string, ...values: (string | number)[]): void => {
  const database = betterSqlite.open(path, 'read-write');
  database.prepare(sql).run(...values);
  database.close();
};

const rows = (path: string, sql: string): unknown[] => {
  const database = betterSqlite.open(path, 'read-only');
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
};

const findings = (path: string): string[] => {
  const database = betterSqlite.open(path, 'read-only');
  try {
    return collectionFindings(database, Date.parse('2026-06-01'));
  } finally {
    database.close();
  }
};

const note = (
  more: Partial<GeneratedNote> = {},
  card: Partial<GeneratedNote['cards'][number]> = {},
): GeneratedNote => ({
  type: 0,
  fields: ['front', 'back'],
  tags: [],
  cards: [{ deck: 1, lent: false, type: 2, queue: 0, due: 40, reviews: [3], ...card }],
  ...more,
});

describe('export, import into an empty collection, and export again', () => {
  test.each([
    { name: 'with scheduling', scheduling: true },
    { name: 'without', scheduling: false },
  ])('gives equal notes, cards, decks, note types and reviews $name', ({ scheduling }) => {
    fc.assert(
      fc.property(generatedNotes, fc.constantFrom(...EMPTY_DAYS), (notes, days) => {
        const first = exported(writeCollection(notes), { scheduling });
        expect(first.counts.notes).toBe(notes.length);
        const empty = newCollectionAt(days);
        const counts = imported(empty, first.path);
        expect(counts.notes).toEqual({ added: notes.length, updated: 0, unchanged: 0, left: 0 });
        expect({ cards: counts.cards, reviews: counts.reviews }).toEqual({
          cards: first.counts.cards,
          reviews: first.counts.reviews,
        });
        expect(portrait(exported(empty, { scheduling }).path)).toEqual(portrait(first.path));
      }),
      { numRuns: 15 },
    );
  });

  test('all 20 note types come along, and two collections that both have one named Basic keep both', () => {
    const notes = Array.from({ length: NOTE_TYPES }, (_, type) => note({ type }));
    const first = exported(writeCollection(notes), { scheduling: true });
    const empty = newCollectionAt(1);
    expect(imported(empty, first.path).noteTypes).toBe(NOTE_TYPES);
    const basic = exported(newCollectionWith('other'), { scheduling: false });
    imported(empty, basic.path);
    expect(
      rows(
        empty,
        "SELECT e.value ->> '$.name' AS name FROM col, json_each(models) AS e WHERE e.value ->> '$.name' LIKE 'Basic%'",
      ),
    ).toEqual([{ name: 'Basic' }, { name: 'Basic+' }]);
  });

  test('an import leaves nothing for the check of Anki to find', () => {
    fc.assert(
      fc.property(generatedNotes, (notes) => {
        const plain = notes.map((each) => ({
          ...each,
          type: 0,
          fields: ['front', 'back'],
          cards: each.cards.slice(0, 1),
        }));
        const empty = newCollectionAt(2);
        imported(empty, exported(writeCollection(plain), { scheduling: true }).path);
        expect(findings(empty)).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });
});

/** A collection with a note of its own note type Basic. */
function newCollectionWith(guid: string): string {
  const path = newCollectionAt(9);
  run(
    path,
    "INSERT INTO notes SELECT 1, ?, e.key, 5, 0, '', 'a' || char(31) || 'b', 'a', 1, 0, '' FROM col, json_each(models) AS e",
    guid,
  );
  run(path, "INSERT INTO cards VALUES (1, 1, 1, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, '')");
  return path;
}

describe('the same package again', () => {
  test('changes nothing', () => {
    fc.assert(
      fc.property(generatedNotes, fc.constantFrom(undefined, 'Other::Deck'), (notes, deck) => {
        const { path } = exported(writeCollection(notes), { scheduling: true });
        const empty = newCollectionAt(3);
        imported(empty, path, deck);
        const before = rows(empty, 'SELECT * FROM col');
        expect(imported(empty, path, deck)).toEqual({
          notes: { added: 0, updated: 0, unchanged: notes.length, left: 0 },
          cards: 0,
          reviews: 0,
          decks: 0,
          noteTypes: 0,
        });
        expect(rows(empty, 'SELECT * FROM col')).toEqual(before);
      }),
      { numRuns: 8 },
    );
  });

  test('updates a note that is newer in it, and leaves one that is older', () => {
    const source = writeCollection([note(), note()]);
    const empty = newCollectionAt(3);
    imported(empty, exported(source, { scheduling: true }).path);
    run(source, "UPDATE notes SET flds = 'new' || char(31) || 'x', tags = ' t ', mod = mod + 1 WHERE guid = 'guid-0'");
    run(source, "UPDATE notes SET flds = 'old' || char(31) || 'x', mod = mod - 1 WHERE guid = 'guid-1'");
    expect(imported(empty, exported(source, { scheduling: true }).path).notes).toEqual({
      added: 0,
      updated: 1,
      unchanged: 1,
      left: 0,
    });
    expect(rows(empty, 'SELECT guid, sfld, tags FROM notes ORDER BY guid')).toEqual([
      { guid: 'guid-0', sfld: 'new', tags: ' t ' },
      { guid: 'guid-1', sfld: 'front', tags: '' },
    ]);
    expect(rows(empty, "SELECT key FROM col, json_each(tags) WHERE key = 't'")).toHaveLength(1);
  });

  test('adds the cards that a note has got since, and keeps the dates of those that are there', () => {
    const source = writeCollection([note({ type: 1 })]);
    const empty = newCollectionAt(0);
    imported(empty, exported(source, { scheduling: true }).path);
    run(empty, 'UPDATE cards SET due = 77');
    run(
      source,
      "INSERT INTO cards SELECT id + 1, nid, did, 1, mod, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, '' FROM cards",
    );
    expect(imported(empty, exported(source, { scheduling: true }).path)).toMatchObject({ cards: 1, reviews: 0 });
    expect(rows(empty, 'SELECT ord, due FROM cards ORDER BY ord')).toEqual([
      { ord: 0, due: 77 },
      { ord: 1, due: 12 },
    ]);
  });
});

describe('note types', () => {
  const FIELD = 'UPDATE col SET models = json_set(models, \'$."500".flds[1].name\', ?)';

  test('that have other fields are kept apart, and the one beside is found again', () => {
    const source = writeCollection([note()]);
    const target = newCollectionAt(1);
    imported(target, exported(source, { scheduling: true }).path);
    run(source, FIELD, 'Rückseite');
    run(source, "UPDATE notes SET guid = 'second'");
    const second = exported(source, { scheduling: true }).path;
    expect(imported(target, second)).toMatchObject({ notes: { added: 1 }, noteTypes: 1 });
    run(source, "UPDATE notes SET guid = 'third'");
    expect(imported(target, exported(source, { scheduling: true }).path)).toMatchObject({
      notes: { added: 1 },
      noteTypes: 0,
    });
    expect(rows(target, 'SELECT count(DISTINCT mid) AS types FROM notes')).toEqual([{ types: 2 }]);
  });

  test('of a note that is there with other fields leave the note alone', () => {
    const source = writeCollection([note()]);
    const target = newCollectionAt(1);
    imported(target, exported(source, { scheduling: true }).path);
    run(source, FIELD, 'Rückseite');
    run(source, 'UPDATE notes SET mod = mod + 9');
    expect(imported(target, exported(source, { scheduling: true }).path)).toEqual({
      notes: { added: 0, updated: 0, unchanged: 0, left: 1 },
      cards: 0,
      reviews: 0,
      decks: 0,
      noteTypes: 0,
    });
  });

  test('that are alike and newer bring their style sheet, and keep the name that they have here', () => {
    const source = writeCollection([note()]);
    const target = newCollectionAt(1);
    imported(target, exported(source, { scheduling: true }).path);
    run(target, "UPDATE col SET models = json_set(models, '$.\"500\".name', 'Mine')");
    run(source, "UPDATE col SET models = json_set(models, '$.\"500\".mod', 6, '$.\"500\".css', 'new')");
    const { path } = exported(source, { scheduling: true });
    expect(imported(target, path).noteTypes).toBe(1);
    expect(imported(target, path).noteTypes).toBe(0);
    expect(
      rows(target, 'SELECT models ->> \'$."500".css\' AS css, models ->> \'$."500".name\' AS name FROM col'),
    ).toEqual([{ css: 'new', name: 'Mine' }]);
  });
});

describe('decks', () => {
  const deckOf = (path: string): unknown[] =>
    rows(
      path,
      "SELECT e.value ->> '$.name' AS name FROM cards, col, json_each(decks) AS e WHERE e.key = CAST(did AS TEXT)",
    );

  test('one is exported with those below it, and with the siblings of its cards', () => {
    const notes = [note({}, { deck: 1 }), note({}, { deck: 3 }), note({}, { deck: 5 }), note({}, { deck: 0 })];
    const { counts, path } = exported(writeCollection(notes), { deck: 'a', scheduling: true });
    expect(counts).toMatchObject({ notes: 2, cards: 2, decks: 2, noteTypes: 1 });
    expect(portrait(path).decks?.map((deck) => JSON.parse(deck)[0])).toEqual(['A', 'A::B', 'A::B::C', 'Default']);
  });

  test('that is not there is said to be missing', () => {
    expect(() => exported(writeCollection([note()]), { deck: 'Nowhere', scheduling: true })).toThrow(
      /no deck "Nowhere"/,
    );
  });

  test('a card in a filtered deck comes home with its date', () => {
    const { path } = exported(writeCollection([note({}, { lent: true, due: 40 })]), { scheduling: true });
    expect(rows(path, 'SELECT did, due, odid, odue FROM cards')).toEqual([{ did: 101, due: 40, odid: 0, odue: 0 }]);
  });

  test('with the name of a filtered deck come to stand beside it', () => {
    const target = newCollectionAt(1);
    run(target, `UPDATE col SET decks = json_set(decks, '$."${FILTERED}"', json('{"id":900,"name":"a","dyn":1}'))`);
    const { path } = exported(writeCollection([note()]), { scheduling: true });
    imported(target, path);
    expect(deckOf(target)).toEqual([{ name: 'A+' }]);
    expect(imported(target, path).decks).toBe(0);
  });

  test('can be replaced by one for everything', () => {
    const target = newCollectionAt(1);
    imported(
      target,
      exported(writeCollection([note(), note({}, { deck: 5 })]), { scheduling: true }).path,
      'Class::German',
    );
    expect(deckOf(target)).toEqual([{ name: 'Class::German' }, { name: 'Class::German' }]);
  });

  test('bring their options, and change none that are there', () => {
    const source = writeCollection([note()]);
    const options = (perDay: number): string =>
      `{"id":7,"name":"Hard","mod":1,"usn":0,"new":{"perDay":${perDay},"order":1}}`;
    run(
      source,
      `UPDATE col SET dconf = json_set(dconf, '$."7"', json('${options(3)}')), decks = json_set(decks, '$."101".conf', 7)`,
    );
    const { path } = exported(source, { scheduling: true });
    const [without, within] = [newCollectionAt(1), newCollectionAt(1)];
    run(within, `UPDATE col SET dconf = json_set(dconf, '$."7"', json('${options(99)}'))`);
    const perDay = 'SELECT dconf ->> \'$."7".new.perDay\' AS n FROM col';
    imported(without, path);
    imported(within, path);
    expect([rows(without, perDay), rows(within, perDay)]).toEqual([[{ n: 3 }], [{ n: 99 }]]);
  });
});

test('numbers beyond 2^53 that Anki gives to fields come through', () => {
  const source = writeCollection([note()]);
  run(source, `UPDATE col SET models = json_set(models, '$."500".flds[0].id', json('-7263940283740928374'))`);
  const target = newCollectionAt(1);
  imported(target, exported(source, { scheduling: true }).path);
  expect(rows(target, 'SELECT CAST(models -> \'$."500".flds[0].id\' AS TEXT) AS id FROM col')).toEqual([
    { id: '-7263940283740928374' },
  ]);
});
