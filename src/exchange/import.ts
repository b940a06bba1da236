import type { ClockAndRandom } from '../anki/collection.ts';
import { refuseTriggers } from '../anki/foreign-schema.ts';
import { registerTags, storedField, updateCollection } from '../anki/note.ts';
import { readCollection, type StoredCollection } from '../anki/stored-collection.ts';
import { joinedTags, TagRegister } from '../anki/tags.ts';
import { fieldChecksum, stripHtml } from '../anki/text.ts';
import type { SqliteDatabase, SqlValue } from '../sqlite/engine.ts';
import { HOME_DECK, HOME_DUE, HOME_QUEUE } from './home.ts';
import { ImportedDecks } from './import-decks.ts';
import { ImportedNoteTypes, type MatchedNoteType } from './import-note-types.ts';

export interface ImportCounts {
  /** `left`: the collection has the note with another note type, and keeps it as it is. */
  readonly notes: {
    readonly added: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly left: number;
  };
  /** What was added; of note types also those that the package has in a newer form. */
  readonly cards: number;
  readonly reviews: number;
  readonly decks: number;
  readonly noteTypes: number;
}

interface PackedNote {
  readonly id: number;
  readonly guid: string;
  readonly mid: number;
  readonly mod: number;
  readonly tags: string;
  readonly flds: string;
}

interface PackedCard {
  readonly id: number;
  readonly nid: number;
  readonly deck: number;
  readonly ord: number;
  readonly type: number;
  readonly queue: number;
  readonly due: number;
  readonly rest: readonly SqlValue[];
}

/** What Anki adds to an id that is taken. */
const ID_STEP = 999;
const DAY_SECONDS = 86_400;
/** Anki lowers any higher position. */
const POSITION_MAX = 999_999;
// What a card keeps as it is.
const KEPT = ['mod', 'ivl', 'factor', 'reps', 'lapses', 'left', 'flags', 'data'] as const;

/**
 * Adds the notes of a package to a collection, by Anki's rules: a note whose guid is new is added; one that the package
 * has in a newer form, and with the same note type, is updated; any other stays. Cards come with their scheduling and
 * reviews where the note has none with that template. Doing it again changes nothing.
 *
 * `source`: the package's collection, which `openPackage` has checked. `deck`: the one for all new cards; absent: decks
 * by name. Runs inside the caller's transaction: if it throws, roll back.
 *
 * @throws JavumboError as `addNote`.
 */
export function importPackage(
  database: SqliteDatabase,
  source: SqliteDatabase,
  { deck }: { readonly deck?: string | undefined },
  sources: ClockAndRandom,
): ImportCounts {
  const collection = readCollection(database);
  refuseTriggers(database);
  const now = Math.floor(sources.clock.now());
  const decks = new ImportedDecks(database, source, deck, now);
  const noteTypes = new ImportedNoteTypes(database, source, (id) => decks.idOf(id));
  const { notes, ids } = importNotes(database, source, collection, noteTypes);
  const days = Math.round((readCollection(source).createdSeconds - collection.createdSeconds) / DAY_SECONDS);
  const { cards, positionMax } = importCards(database, source, { ids, decks, days });
  const reviews = importReviews(database, source, cards);
  const isChanged = notes.added + notes.updated + cards.size + reviews + noteTypes.changed + decks.added > 0;
  if (isChanged) {
    const nextPos = Math.max(collection.conf.nextPos, Math.min(positionMax, POSITION_MAX) + 1);
    updateCollection(database, { nextPos }, Math.max(now, collection.modified + 1));
  }
  return { notes, cards: cards.size, reviews, decks: decks.added, noteTypes: noteTypes.changed };
}

/** Returns the ids of the notes in the collection by those in the package. */
function importNotes(
  database: SqliteDatabase,
  source: SqliteDatabase,
  { conf, tags: registered }: StoredCollection,
  noteTypes: ImportedNoteTypes,
): { notes: ImportCounts['notes']; ids: Map<number, number> } {
  const there = database.prepare("SELECT guid, id, mod, mid FROM notes WHERE typeof(guid) = 'text'");
  const known = new Map(
    (there.all() as PackedNote[]).map(({ guid, id, mod, mid }) => [guid, { id, mod, mid }] as const),
  );
  const isTaken = database.prepare('SELECT 1 FROM notes WHERE id = ?');
  const insert = database.prepare("INSERT INTO notes VALUES (?, ?, ?, ?, -1, ?, ?, ?, ?, 0, '')");
  const update = database.prepare(
    'UPDATE notes SET mod = ?, usn = -1, tags = ?, flds = ?, sfld = ?, csum = ? WHERE id = ?',
  );
  const register = new TagRegister(registered);
  const joined = new Map<string, string>();
  const canonical = (tags: string): string => {
    const text = joined.get(tags) ?? joinedTags(register.canonical([tags]));
    joined.set(tags, text);
    return text;
  };
  const content = ({ tags, flds }: PackedNote, { noteType }: MatchedNoteType): [string, string, string, number] => {
    const fields = fitted(flds.split('\x1f'), noteType.flds.length).map((field) =>
      storedField(field, conf.normalize_note_text),
    );
    return [
      canonical(tags),
      fields.join('\x1f'),
      stripHtml(fields[noteType.sortf] ?? ''),
      fieldChecksum(fields[0] ?? ''),
    ];
  };
  const ids = new Map<number, number>();
  const notes = { added: 0, updated: 0, unchanged: 0, left: 0 };
  // What has no card was left behind by a program that failed, and Anki would not see it.
  const packed = source.prepare(
    'SELECT id, guid, mid, mod, tags, flds FROM notes WHERE id IN (SELECT nid FROM cards) ORDER BY id',
  );
  for (const note of packed.iterate() as Iterable<PackedNote>) {
    const old = known.get(note.guid);
    const matched = old === undefined ? noteTypes.findOrAdd(note.mid) : noteTypes.find(note.mid);
    if (matched === undefined || (old !== undefined && old.mid !== matched.id)) {
      notes.left++;
      continue;
    }
    if (old === undefined) {
      const id = freeId(isTaken, note.id);
      insert.run(id, note.guid, matched.id, note.mod, ...content(note, matched));
      known.set(note.guid, { id, mod: note.mod, mid: matched.id });
      ids.set(note.id, id);
      notes.added++;
      continue;
    }
    ids.set(note.id, old.id);
    if (note.mod > old.mod) {
      update.run(note.mod, ...content(note, matched), old.id);
      notes.updated++;
    } else notes.unchanged++;
  }
  registerTags(database, register.added);
  return { notes, ids };
}

/** As Anki does it: missing fields are empty, and what is too much joins the last one. */
function fitted(fields: readonly string[], count: number): string[] {
  const kept = Array.from({ length: count }, (_, index) => fields[index] ?? '');
  if (fields.length > count) kept[count - 1] = fields.slice(count - 1).join('; ');
  return kept;
}

function freeId(isTaken: { get(id: number): unknown }, wanted: number): number {
  let id = wanted;
  while (isTaken.get(id) !== undefined) id += ID_STEP;
  return id;
}

/** Returns the ids of the cards that were added, by those in the package, and the highest position of a new one. */
function importCards(
  database: SqliteDatabase,
  source: SqliteDatabase,
  { ids, decks, days }: { ids: ReadonlyMap<number, number>; decks: ImportedDecks; days: number },
): { cards: Map<number, number>; positionMax: number } {
  const isTaken = database.prepare('SELECT 1 FROM cards WHERE id = ?');
  const hasCard = database.prepare('SELECT 1 FROM cards WHERE nid = ? AND ord = ?');
  const insert = database.prepare(
    `INSERT INTO cards (id, nid, did, ord, usn, type, queue, due, odue, odid, ${KEPT.join()})
     VALUES (?, ?, ?, ?, -1, ?, ?, ?, 0, 0, ${KEPT.map(() => '?').join()})`,
  );
  const cards = new Map<number, number>();
  let positionMax = 0;
  const packed = source.prepare(
    `SELECT id, nid, ${HOME_DECK} AS deck, ord, type, ${HOME_QUEUE} AS queue, ${HOME_DUE} AS due, ${KEPT.join()}
     FROM cards ORDER BY id`,
  );
  for (const row of packed.raw().iterate() as Iterable<SqlValue[]>) {
    const { id, nid, deck, ord, type, queue, due, rest } = cardIn(row);
    const note = ids.get(nid);
    if (note === undefined || hasCard.get(note, ord) !== undefined) continue;
    const isDay = queue === 2 || queue === 3 || type === 2;
    const free = freeId(isTaken, id);
    insert.run(free, note, decks.idOf(deck), ord, type, queue, isDay ? due + days : due, ...rest);
    if (type === 0) positionMax = Math.max(positionMax, due);
    cards.set(id, free);
  }
  return { cards, positionMax };
}

function cardIn([id, nid, deck, ord, type, queue, due, ...rest]: readonly SqlValue[]): PackedCard {
  return { id, nid, deck, ord, type, queue, due, rest } as PackedCard;
}

/** A review whose time another one has is left, as in Anki: two devices that were synced have the same ones. */
function importReviews(database: SqliteDatabase, source: SqliteDatabase, cards: ReadonlyMap<number, number>): number {
  if (cards.size === 0) return 0;
  const insert = database.prepare('INSERT OR IGNORE INTO revlog VALUES (?, ?, -1, ?, ?, ?, ?, ?, ?)');
  const packed = source.prepare('SELECT cid, id, ease, ivl, lastIvl, factor, time, type FROM revlog ORDER BY id');
  let count = 0;
  for (const [cid, id, ...rest] of packed.raw().iterate() as Iterable<[number, ...SqlValue[]]>) {
    const card = cards.get(cid);
    if (card !== undefined) count += Number(insert.run(id as SqlValue, card, ...rest).changes);
  }
  return count;
}
