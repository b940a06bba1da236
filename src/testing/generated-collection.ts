import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { createCollection } from '../anki/collection.ts';
import { normalDeck } from '../anki/defaults.ts';
import { sourcesAt } from '../anki/testing.ts';
import { fieldChecksum, stripHtml, withoutControls } from '../anki/text.ts';
import { type ExportOptions, exportDecks, type PackageCounts } from '../exchange/export.ts';
import { type ImportCounts, importPackage } from '../exchange/import.ts';
import { openPackage } from '../exchange/open-package.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { immediately, type SqliteDatabase } from '../sqlite/engine.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Collections of many shapes, and what a package must keep of them. */

const DAY_MS = 86_400_000;
const BORN = Date.parse('2025-03-04T05:06:07.089Z');
export const NOTE_TYPES = 20;
const DECKS = ['Default', 'A', 'A::B', 'A::B::C', 'Großer Bär', 'x', 'x::y', 'Über', 'Über::日本'] as const;
export const FILTERED = 900;

export interface GeneratedNote {
  readonly type: number;
  readonly fields: readonly string[];
  readonly tags: readonly string[];
  readonly cards: readonly {
    readonly deck: number;
    readonly lent: boolean;
    readonly type: number;
    readonly queue: number;
    readonly due: number;
    readonly reviews: readonly number[];
  }[];
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((given) => withoutControls(given)),
  fc.constantFrom('<b>der</b> Hund', '42', '3.5', '<img src="a b.jpg">', '{{c1::Berlin}} {{c3::x}}', ''),
);

export const generatedNotes: fc.Arbitrary<GeneratedNote[]> = fc.array(
  fc.record({
    type: fc.nat(NOTE_TYPES - 1),
    fields: fc.array(text, { minLength: 2, maxLength: 2 }),
    tags: fc.uniqueArray(fc.constantFrom('animals', 'Ä', 'a::b', 'marked', 'leech'), { maxLength: 3 }),
    cards: fc.array(
      fc.record({
        deck: fc.nat(DECKS.length - 1),
        lent: fc.boolean(),
        type: fc.constantFrom(0, 1, 2, 3),
        queue: fc.constantFrom(0, -1, -2),
        due: fc.integer({ min: 1, max: 5_000 }),
        reviews: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  }),
  { minLength: 1, maxLength: 30 },
);

/** A file that was copied while nobody had it open. */
export function newCollectionAt(days: number): string {
  const path = join(temporaryDirectory(), 'collection.anki2');
  const database = betterSqlite.open(path, 'read-write');
  createCollection(database, sourcesAt(BORN + days * DAY_MS, days + 1));
  database.close();
  return path;
}

const deckId = (index: number): number => (index === 0 ? 1 : 100 + index);

/** Writes a collection of 20 note types (basic, reversed, cloze), nested decks and one filtered deck. */
export function writeCollection(notes: readonly GeneratedNote[]): string {
  const path = newCollectionAt(0);
  const database = betterSqlite.open(path, 'read-write');
  const types = Object.fromEntries(Array.from({ length: NOTE_TYPES }, (_, index) => [500 + index, noteType(index)]));
  const decks = Object.fromEntries(
    DECKS.map((name, index) => [
      deckId(index),
      { ...normalDeck(deckId(index), name, 1, 0), desc: index === 0 ? '' : name },
    ]),
  );
  const filtered = { ...normalDeck(FILTERED, 'Cram', 1, 0), dyn: 1, terms: [['', 100, 0]], resched: true };
  immediately(database, () => {
    database
      .prepare('UPDATE col SET models = ?, decks = ?')
      .run(JSON.stringify(types), JSON.stringify({ ...decks, [FILTERED]: filtered }));
    const addNote = database.prepare('INSERT INTO notes VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, 0, ?)');
    const addCard = database.prepare(
      'INSERT INTO cards VALUES (?, ?, ?, ?, 7, 0, ?, ?, ?, ?, 2500, ?, 1, 2001, ?, ?, 3, ?)',
    );
    const addReview = database.prepare('INSERT INTO revlog VALUES (?, ?, 0, ?, 5, -60, 2500, 4000, 1)');
    let [cardId, reviewId] = [BORN, BORN];
    for (const [index, { type, fields, tags, cards }] of notes.entries()) {
      const stored = fields.map((field) => field.normalize('NFC'));
      const sorted = [...tags].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
      const joined = sorted.length === 0 ? '' : ` ${sorted.join(' ')} `;
      const note = BORN + index;
      addNote.run(
        note,
        `guid-${index}`,
        500 + type,
        1_000 + index,
        joined,
        stored.join('\x1f'),
        stripHtml(stored[0] ?? ''),
        fieldChecksum(stored[0] ?? ''),
        '',
      );
      for (const [ord, card] of cards.entries()) {
        const queue = card.queue < 0 ? card.queue : ([0, 3, 2, 3][card.type] ?? 0);
        const home = deckId(card.deck);
        cardId++;
        addCard.run(
          cardId,
          note,
          card.lent ? FILTERED : home,
          ord,
          card.type,
          queue,
          card.lent ? -100_000 : card.due,
          card.type === 2 ? 9 : 0,
          card.reviews.length,
          card.lent ? card.due : 0,
          card.lent ? home : 0,
          '{"pos":7}',
        );
        for (const ease of card.reviews) addReview.run(reviewId++, cardId, ease);
      }
    }
  });
  database.close();
  return path;
}

function noteType(index: number): object {
  const reversed = index % 3 === 1;
  const template = (name: string, qfmt: string): object => ({
    name,
    qfmt,
    afmt: '{{Back}}',
    did: index === 4 ? 102 : null,
  });
  return {
    id: 500 + index,
    name: `Type ${index}`,
    type: index % 3 === 2 ? 1 : 0,
    mod: 5,
    usn: 0,
    sortf: 0,
    did: 1,
    flds: ['Front', 'Back'].map((name, ord) => ({ name, ord })),
    tmpls: [template('Card 1', '{{Front}}'), ...(reversed ? [template('Card 2', '{{Back}}')] : [])],
    css: `.card { background: url(_back${index}.png) }`,
    addOn: { kept: index },
  };
}

/** Exports a collection, and returns the path of the package's. */
export function exported(path: string, options: ExportOptions): { path: string; counts: PackageCounts } {
  const out = join(temporaryDirectory(), 'package.anki2');
  const copy = join(temporaryDirectory(), 'copy.anki2');
  copyFileSync(path, copy);
  const collection = betterSqlite.open(copy, 'read-only');
  const target = betterSqlite.open(out, 'read-write');
  try {
    return {
      path: out,
      counts: exportDecks(target, { path: copy, collection }, options, sourcesAt(BORN + 400 * DAY_MS)),
    };
  } finally {
    target.close();
    collection.close();
  }
}

export function imported(path: string, packed: string, deck?: string): ImportCounts {
  const source = openPackage(betterSqlite, packed, 'the package');
  const database = betterSqlite.open(path, 'read-write');
  try {
    return immediately(database, () => importPackage(database, source, { deck }, sourcesAt(BORN + 401 * DAY_MS)));
  } finally {
    database.close();
    source.close();
  }
}

/** Returns what a package says, without the ids that an import assigns anew: notes, cards, reviews, decks, note types. */
export function portrait(path: string): Record<string, string[]> {
  const database = betterSqlite.open(path, 'read-only');
  try {
    return portraitOf(database);
  } finally {
    database.close();
  }
}

function portraitOf(database: SqliteDatabase): Record<string, string[]> {
  const set = (sql: string): string[] =>
    (database.prepare(sql).raw().all() as unknown[]).map((row) => JSON.stringify(row)).sort();
  const nameOf = (column: string, id: string): string =>
    `(SELECT rtrim(e.value ->> '$.name', '+') FROM col, json_each(col.${column}) AS e WHERE e.key = CAST(${id} AS TEXT))`;
  const day = 'CASE WHEN type = 2 OR queue IN (2, 3) THEN due + (SELECT crt / 86400 FROM col) ELSE due END';
  return {
    notes: set(`SELECT guid, mod, tags, flds, sfld, csum, ${nameOf('models', 'mid')} FROM notes`),
    cards:
      set(`SELECT guid, ord, ${nameOf('decks', 'did')}, type, queue, ${day}, ivl, factor, reps, lapses, left, odue, odid,
      c.flags, c.data, c.mod FROM cards AS c JOIN notes AS n ON n.id = c.nid`),
    reviews: set(`SELECT r.id, guid, ord, ease, r.ivl, lastIvl, r.factor, time, r.type
      FROM revlog AS r JOIN cards AS c ON c.id = r.cid JOIN notes AS n ON n.id = c.nid`),
    decks: set(
      "SELECT e.value ->> '$.name', e.value ->> '$.desc', e.value ->> '$.dyn' FROM col, json_each(decks) AS e",
    ),
    noteTypes:
      set(`SELECT rtrim(e.value ->> '$.name', '+'), e.value ->> '$.css', e.value -> '$.flds', e.value -> '$.addOn',
      json_remove(e.value -> '$.tmpls', '$[0].did', '$[1].did'), ${nameOf('decks', "e.value ->> '$.tmpls[0].did'")}
      FROM col, json_each(models) AS e`),
  };
}
