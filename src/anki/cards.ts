import { JavumboError } from '../core/failure.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { clozeNumbers } from './cloze.ts';
import { type ChosenDeck, normalDeckOr } from './decks.ts';
import { normalDeck } from './defaults.ts';
import { DEFAULT_DECK_ID, isId, type NoteType, type StoredCollection } from './stored-collection.ts';
import { rendersWithFields } from './template.ts';
import { isEmptyField } from './text.ts';

/* What adding a note and repairing a collection both make. */

interface NewCard {
  readonly ord: number;
  readonly deckId: number;
}

/** What a client writes into `usn` of everything it changes: not synced. */
export const USN_UNSYNCED = -1;
/** Anki has at most 500 cards per note; higher clozes share the last. */
const CARD_ORD_MAX = 499;

/**
 * Returns the cards that Anki makes of a note: one per cloze number, or one per template whose question shows
 * something; the first if there is none. A template's own deck applies unless it is filtered or gone, and only without
 * clozes. Source: rslib/src/notetype/cardgen.rs (`new_cards_required`, `deck_for_adding`).
 */
export function cardsOf(
  noteType: NoteType,
  fields: readonly string[],
  hasTags: boolean,
  deckId: number,
  decks: StoredCollection['decks'],
): NewCard[] {
  const first = [{ ord: 0, deckId }];
  if (noteType.type === 1) {
    const ords = new Set(fields.flatMap(clozeNumbers).map((number) => Math.min(number - 1, CARD_ORD_MAX)));
    return ords.size === 0 ? first : [...ords].sort((a, b) => a - b).map((ord) => ({ ord, deckId }));
  }
  const names = noteType.flds.filter((_, index) => !isEmptyField(fields[index] ?? '')).map((field) => field.name);
  const nonEmpty = new Set(hasTags ? [...names, 'Tags'] : names);
  const cards = noteType.tmpls.flatMap((template, ord): NewCard[] => {
    if (!rendersWithFields(template.qfmt, nonEmpty)) return [];
    const hasOwnDeck = template.did != null && template.did > 0;
    return [{ ord, deckId: hasOwnDeck ? normalDeckOr(template.did, DEFAULT_DECK_ID, decks) : deckId }];
  });
  return cards.length === 0 ? first : cards;
}

/**
 * Returns a new card's position in the queue: the end, or a random one before it if the options of its deck say so. All
 * cards of a note share either position, like siblings in Anki.
 */
export function positionIn(collection: StoredCollection, randomPosition: number): (deckId: number) => number {
  const { conf, decks, deckOptions } = collection;
  return (deckId) => {
    const order = deckOptions.get(decks.get(deckId)?.conf ?? 1)?.new.order;
    return order === 0 ? randomPosition : conf.nextPos;
  };
}

export function freeId(database: SqlDatabase, table: 'notes' | 'cards', now: number): number {
  const isTaken = database.prepare(`SELECT 1 FROM ${table} WHERE id = ?`).get(now) !== undefined;
  if (!isTaken) return now;
  const { highest } = database.prepare(`SELECT max(id) AS highest FROM ${table}`).get() as { highest: unknown };
  if (!isId(highest) || !isId(highest + 1)) {
    throw new JavumboError('corrupt', `the highest id in table ${table} is ${highest}, and none is free above it`);
  }
  return highest + 1;
}

export function insertCards(
  database: SqlDatabase,
  noteId: number | bigint,
  cards: readonly NewCard[],
  position: (deckId: number) => number,
  now: number,
): number[] {
  const insert = database.prepare("INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, 0, 0, 0, 0, 0, 0, 0, 0, '')");
  const seconds = Math.floor(now / 1000);
  return cards.map(({ ord, deckId }) => {
    const cardId = freeId(database, 'cards', now);
    insert.run(cardId, noteId, deckId, ord, seconds, USN_UNSYNCED, position(deckId));
    return cardId;
  });
}

export function insertDecks(database: SqlDatabase, { missing }: Pick<ChosenDeck, 'missing'>, now: number): void {
  const insert = database.prepare('UPDATE col SET decks = json_set(decks, ?, json(?))');
  for (const { id, name } of missing) {
    insert.run(`$."${id}"`, JSON.stringify(normalDeck(id, name, Math.floor(now / 1000), USN_UNSYNCED)));
  }
}
