import { createCollection as createWith } from '../anki/collection.ts';
import { type AddedNote, addNote as addWith, type NewNote } from '../anki/note.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';

const SYSTEM = { clock: systemClock, random: systemRandom };

/**
 * Makes an empty database an Anki collection of schema 11, with the note type Basic and the deck Default: what `create`
 * takes. Runs in its own transaction.
 *
 * @throws JavumboError `conflict` if the database already has tables.
 */
export function createCollection(database: SqlDatabase): void {
  createWith(database, SYSTEM);
}

/**
 * Adds a note and its cards, as Anki would: what `update` takes. Runs in the transaction that is open.
 *
 * @throws JavumboError `usage` for an invalid note, `conflict` for a note id or guid that is taken, `corrupt` if the
 * collection's own JSON is broken.
 */
export function addNote(database: SqlDatabase, note: NewNote): AddedNote {
  return addWith(database, note, SYSTEM);
}
