import { type NoteType, readCollection, type StoredCollection } from '../anki/stored-collection.ts';
import { foldCase } from '../anki/text.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { storedObjects, storeObject, withValues } from './stored-objects.ts';

/** A note type of the collection that is imported into. */
export interface MatchedNoteType {
  readonly id: number;
  readonly noteType: NoteType;
}

/** True if notes of one have the fields and cards of the other. */
function isAlike(a: NoteType, b: NoteType): boolean {
  const shape = ({ type, flds, tmpls }: NoteType): string =>
    JSON.stringify([type, flds.map(({ name }) => name), tmpls.map(({ name }) => name)]);
  return shape(a) === shape(b);
}

/**
 * Finds the note types of a package in a collection: the one with the same id, or one that an earlier import added for
 * it, if its fields and templates have the same names. One that differs is never changed: the package's is added beside
 * it. Source: rslib/src/import_export/package/apkg/import/notes.rs.
 */
export class ImportedNoteTypes {
  readonly #database: SqliteDatabase;
  readonly #from: StoredCollection;
  readonly #to: Map<number, NoteType>;
  readonly #objects: ReadonlyMap<number, string>;
  readonly #added: Map<number, number>;
  readonly #matched = new Map<number, MatchedNoteType | undefined>();
  readonly #deckOf: (sourceDeck: number) => number;
  /** How many were added or changed. */
  changed = 0;

  /** `deckOf`: returns the deck for what is in a deck of the package. */
  constructor(database: SqliteDatabase, source: SqliteDatabase, deckOf: (sourceDeck: number) => number) {
    this.#database = database;
    this.#from = readCollection(source);
    this.#to = new Map(readCollection(database).noteTypes);
    this.#objects = storedObjects(source, 'models');
    this.#added = new Map();
    for (const [id, object] of storedObjects(database, 'models')) {
      const { originalId } = JSON.parse(object) as { originalId?: unknown };
      if (typeof originalId === 'number') this.#added.set(originalId, id);
    }
    this.#deckOf = deckOf;
  }

  /** Returns the note type for notes that the collection has, brought up to date; undefined if it differs or is missing. */
  find(sourceId: number): MatchedNoteType | undefined {
    if (this.#matched.has(sourceId)) return this.#matched.get(sourceId);
    const wanted = this.#from.noteTypes.get(sourceId);
    const id = [sourceId, this.#added.get(sourceId)].find((each) => {
      const noteType = this.#to.get(each ?? Number.NaN);
      return noteType !== undefined && wanted !== undefined && isAlike(noteType, wanted);
    });
    const found = id === undefined || wanted === undefined ? undefined : this.#update(sourceId, id, wanted);
    this.#matched.set(sourceId, found);
    return found;
  }

  /** Returns the note type for notes that are new to the collection. Undefined: the package has none. */
  findOrAdd(sourceId: number): MatchedNoteType | undefined {
    const found = this.find(sourceId);
    const wanted = this.#from.noteTypes.get(sourceId);
    if (found !== undefined || wanted === undefined) return found;
    const isTaken = this.#to.has(sourceId);
    const id = isTaken ? Math.max(...this.#to.keys()) + 1 : sourceId;
    const names = new Set(Array.from(this.#to.values(), ({ name }) => foldCase(name)));
    let { name } = wanted;
    while (names.has(foldCase(name))) name += '+';
    this.#store(sourceId, id, {
      '$.name': name,
      // Anki's own mark of where a note type came from.
      ...(isTaken ? { '$.originalId': sourceId } : {}),
      ...decksOfTemplates(wanted, ({ did }) => (did == null ? null : this.#deckOf(did))),
    });
    const added = { id, noteType: { ...wanted, name } };
    this.#to.set(id, added.noteType);
    this.#matched.set(sourceId, added);
    return added;
  }

  #update(sourceId: number, id: number, wanted: NoteType): MatchedNoteType {
    const old = this.#to.get(id) ?? wanted;
    const modified = (object: string | undefined): number => (JSON.parse(object ?? '{}') as { mod?: number }).mod ?? 0;
    const current = storedObjects(this.#database, 'models').get(id);
    if (modified(this.#objects.get(sourceId)) <= modified(current)) return { id, noteType: old };
    const decks = decksOfTemplates(wanted, (_, index) => old.tmpls[index]?.did ?? null);
    this.#store(sourceId, id, {
      '$.name': old.name,
      ...(id === sourceId ? {} : { '$.originalId': sourceId }),
      ...decks,
    });
    return { id, noteType: { ...wanted, name: old.name } };
  }

  #store(sourceId: number, id: number, values: Readonly<Record<string, unknown>>): void {
    const object = withValues(this.#database, this.#objects.get(sourceId) ?? '{}', {
      '$.id': id,
      '$.usn': -1,
      // See `basicNoteType`.
      '$.did': 1,
      ...values,
    });
    storeObject(this.#database, 'models', id, object);
    this.changed++;
  }
}

function decksOfTemplates(
  { tmpls }: NoteType,
  deckOf: (template: NoteType['tmpls'][number], index: number) => number | null,
): Record<string, number | null> {
  return Object.fromEntries(tmpls.map((template, index) => [`$.tmpls[${index}].did`, deckOf(template, index)]));
}
