import { JavumboError } from '../core/failure.ts';
import { refuseLossyText } from '../core/text-input.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { cardsOf, freeId, insertCards, insertDecks, positionIn, USN_UNSYNCED } from './cards.ts';
import type { ClockAndRandom } from './collection.ts';
import { type ChosenDeck, deckNamed, defaultDeckFor } from './decks.ts';
import { refuseTriggers } from './foreign-schema.ts';
import { createGuid } from './guid.ts';
import { type NoteType, readCollection, type StoredCollection } from './stored-collection.ts';
import { canonicalTags, joinedTags } from './tags.ts';
import { fieldChecksum, stripHtml, withoutControls } from './text.ts';

export interface NewNote {
  /** In the note type's order; missing trailing ones are empty. */
  readonly fields: readonly string[];
  /** By name, `Parent::Child`; created if missing. Absent: see `defaultDeckFor`. */
  readonly deck?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Absent: the time in milliseconds, or one above the highest id. */
  readonly noteId?: number | undefined;
  /** Its name for sync, for a caller that must find the note again. Absent: a random unused one. */
  readonly guid?: string | undefined;
}

export interface AddedNote {
  readonly noteId: number;
  readonly guid: string;
  /** In template or cloze order; never empty. */
  readonly cardIds: readonly number[];
  /** The deck of the note's cards, except those whose template names its own deck. */
  readonly deckId: number;
}

const GUID_ATTEMPTS_MAX = 10;

/** SQLite would store something else for half of a surrogate pair, which JSON can carry. */
function refuseLossyNote({ fields, deck, tags, guid }: NewNote): void {
  const hint = 'text that UTF-8 can hold';
  for (const [index, field] of fields.entries()) refuseLossyText(field, `field ${index + 1} of the note`, hint);
  for (const tag of tags ?? []) refuseLossyText(tag, 'a tag of the note', hint);
  refuseLossyText(deck ?? '', 'the name of the deck', hint);
  refuseLossyText(guid ?? '', 'the guid of the note', hint);
}

/** The current note type, else Basic, else the oldest. */
function currentNoteType({ conf, noteTypes }: StoredCollection): [number, NoteType] {
  const entries = [...noteTypes];
  const chosen =
    entries.find(([id]) => id === conf.curModel) ?? entries.find(([, type]) => type.name === 'Basic') ?? entries[0];
  if (chosen === undefined) throw new JavumboError('corrupt', 'the collection has no note type');
  return chosen;
}

/**
 * Returns a field as stored. Anki removes control characters except newline and tab (so `\x1f` cannot forge a field),
 * and normalises to NFC unless the collection disables that. Source: rslib/src/notes/mod.rs (`normalize_field`).
 */
export function storedField(given: string, normalizes: boolean): string {
  const text = withoutControls(given, '\n\t');
  return normalizes ? text.normalize('NFC') : text;
}

function storedFields(given: readonly string[], noteType: NoteType, normalizes: boolean): string[] {
  const count = noteType.flds.length;
  if (given.length > count) {
    throw new JavumboError('usage', `note type "${noteType.name}" has ${count} fields, and ${given.length} were given`);
  }
  const fields = Array.from({ length: count }, (_, index) => storedField(given[index] ?? '', normalizes));
  if (stripHtml(fields[0] ?? '').trim() === '') {
    throw new JavumboError('usage', `field "${noteType.flds[0]?.name}", the first of a note, must not be empty`);
  }
  return fields;
}

function noteIdFor(database: SqlDatabase, wanted: number | undefined, now: number): number {
  if (wanted === undefined) return freeId(database, 'notes', now);
  if (!Number.isSafeInteger(wanted) || wanted < 1) {
    throw new JavumboError('usage', `note id ${wanted} is not a positive whole number`);
  }
  if (freeId(database, 'notes', wanted) !== wanted) throw new JavumboError('conflict', `note ${wanted} exists already`);
  return wanted;
}

function guidFor(database: SqlDatabase, wanted: string | undefined, { random }: ClockAndRandom): string {
  const find = database.prepare('SELECT 1 FROM notes WHERE guid = ?');
  if (wanted !== undefined) {
    if (find.get(wanted) !== undefined) throw new JavumboError('conflict', `a note with guid ${wanted} exists already`);
    return wanted;
  }
  for (let attempt = 1; attempt <= GUID_ATTEMPTS_MAX; attempt += 1) {
    const guid = createGuid(random);
    if (guid !== '' && find.get(guid) === undefined) return guid;
  }
  throw new JavumboError('internal', `no unused guid in ${GUID_ATTEMPTS_MAX} random ones`);
}

/** Registers tags that are new to the collection. */
export function registerTags(database: SqlDatabase, tags: readonly string[]): void {
  if (tags.length === 0) return;
  const patch = Object.fromEntries(tags.map((tag) => [tag, USN_UNSYNCED]));
  database.prepare('UPDATE col SET tags = json_patch(tags, ?)').run(JSON.stringify(patch));
}

/** Stores the settings that adding changes, and the modification time, which must advance even if the clock did not. */
export function updateCollection(database: SqlDatabase, settings: Record<string, number>, modified: number): void {
  // As JSON text: a bound number can arrive as 2.0, which is not an id.
  const values = Object.entries(settings).flatMap(([key, value]) => [`$."${key}"`, String(value)]);
  const pairs = Object.keys(settings).map(() => ', ?, json(?)');
  database.prepare(`UPDATE col SET mod = ?, conf = json_set(conf${pairs.join('')})`).run(modified, ...values);
}

/**
 * Adds a note of the current note type, with its cards, like Anki's `add_note`: registers new decks and tags, appends
 * the new cards to the queue, and marks everything for the next sync. Adds duplicates; finding them is up to the caller
 * (`notes.csum`).
 *
 * Runs inside the caller's transaction: if it throws, roll back.
 *
 * @throws JavumboError `usage`: too many fields, an empty first field or deck name, a filtered deck, an invalid id, or
 * a collection of another schema; `conflict`: the note id or guid is taken; `corrupt`: the collection is broken;
 * `violation`: not a collection, or a trigger of the user's would run.
 * SQLite's own errors pass through.
 */
export function addNote(database: SqlDatabase, note: NewNote, sources: ClockAndRandom): AddedNote {
  refuseLossyNote(note);
  const collection = readCollection(database);
  refuseTriggers(database);
  const { conf, decks } = collection;
  const now = Math.floor(sources.clock.now());
  const [noteTypeId, noteType] = currentNoteType(collection);
  const fields = storedFields(note.fields, noteType, conf.normalize_note_text);
  const deck: ChosenDeck =
    note.deck === undefined
      ? { id: defaultDeckFor(noteTypeId, collection), missing: [] }
      : deckNamed(note.deck, decks, now);
  const { tags, added } = canonicalTags(note.tags ?? [], collection.tags);
  const noteId = noteIdFor(database, note.noteId, now);
  const guid = guidFor(database, note.guid, sources);

  database.prepare("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')").run(
    noteId,
    guid,
    noteTypeId,
    Math.floor(now / 1000),
    USN_UNSYNCED,
    joinedTags(tags),
    fields.join('\x1f'),
    // The column has integer affinity: text that is an integer sorts as one.
    stripHtml(fields[noteType.sortf] ?? ''),
    fieldChecksum(fields[0] ?? ''),
  );
  const randomPosition = 1 + Math.floor(sources.random.fraction() * (Math.max(conf.nextPos, 1000) - 1));
  const cards = cardsOf(noteType, fields, tags.length > 0, deck.id, decks);
  const cardIds = insertCards(database, noteId, cards, positionIn(collection, randomPosition), now);
  insertDecks(database, deck, now);
  registerTags(database, added);
  updateCollection(
    database,
    {
      nextPos: conf.nextPos + 1,
      curModel: noteTypeId,
      [`_nt_${noteTypeId}_lastDeck`]: deck.id,
      [`_deck_${deck.id}_lastNotetype`]: noteTypeId,
    },
    Math.max(now, collection.modified + 1),
  );
  return { noteId, guid, cardIds, deckId: deck.id };
}
