import { deckNamed } from '../anki/decks.ts';
import { normalDeck } from '../anki/defaults.ts';
import { DEFAULT_DECK_ID, type Deck, readCollection, type StoredCollection } from '../anki/stored-collection.ts';
import { foldCase, normalizedPath } from '../anki/text.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { storedObjects, storeObject, withValues } from './stored-objects.ts';

/** What counts the reviews of a day, by the days of another collection. */
const OF_TODAY = {
  '$.lrnToday': [0, 0],
  '$.revToday': [0, 0],
  '$.newToday': [0, 0],
  '$.timeToday': [0, 0],
  '$.reviewLimitToday': null,
  '$.newLimitToday': null,
};

/** The decks of a package in a collection: by name, and added with their options where they are missing. */
export class ImportedDecks {
  readonly #database: SqliteDatabase;
  readonly #from: StoredCollection;
  readonly #decks: Map<number, Deck>;
  readonly #options: Set<number>;
  readonly #objects: ReadonlyMap<number, string>;
  readonly #optionObjects: ReadonlyMap<number, string>;
  readonly #byName: ReadonlyMap<string, number>;
  readonly #ids = new Map<number, number>();
  readonly #deck: string | undefined;
  readonly #now: number;
  added = 0;

  /** `deck`: the one that everything goes into. */
  constructor(database: SqliteDatabase, source: SqliteDatabase, deck: string | undefined, now: number) {
    const to = readCollection(database);
    this.#database = database;
    this.#from = readCollection(source);
    this.#decks = new Map(to.decks);
    this.#options = new Set(to.deckOptions.keys());
    this.#objects = storedObjects(source, 'decks');
    this.#optionObjects = storedObjects(source, 'dconf');
    this.#byName = new Map(Array.from(this.#from.decks, ([id, { name }]) => [foldCase(normalizedPath(name)), id]));
    this.#deck = deck;
    this.#now = now;
  }

  /** Returns the deck for what is in a deck of the package. */
  idOf(sourceId: number): number {
    const known = this.#ids.get(sourceId);
    if (known !== undefined) return known;
    const id = this.#find(this.#from.decks.get(sourceId), sourceId);
    this.#ids.set(sourceId, id);
    return id;
  }

  #find(deck: Deck | undefined, sourceId: number): number {
    if (this.#deck !== undefined) return this.#named(this.#deck, []);
    if (deck === undefined || deck.dyn || sourceId === DEFAULT_DECK_ID) return DEFAULT_DECK_ID;
    const parts = normalizedPath(deck.name).split('::');
    return this.#named(this.#besideFiltered(parts).join('::'), parts);
  }

  /** `parts`: the name in the package. */
  #named(name: string, parts: readonly string[]): number {
    const { id, missing } = deckNamed(name, this.#decks, this.#now);
    for (const each of missing) {
      const inPackage = parts.slice(0, each.name.split('::').length).join('::');
      this.#add(each.id, each.name, this.#byName.get(foldCase(inPackage)));
    }
    return id;
  }

  #add(id: number, name: string, sourceId: number | undefined): void {
    const source = sourceId === undefined ? undefined : this.#from.decks.get(sourceId);
    const seconds = Math.floor(this.#now / 1000);
    const conf = source === undefined || source.dyn ? 1 : this.#optionsOf(source.conf);
    const object =
      source === undefined || source.dyn
        ? JSON.stringify(normalDeck(id, name, seconds, -1))
        : withValues(this.#database, this.#objects.get(sourceId ?? 0) ?? '{}', {
            '$.id': id,
            '$.name': name,
            '$.mod': seconds,
            '$.usn': -1,
            '$.conf': conf,
            ...OF_TODAY,
          });
    storeObject(this.#database, 'decks', id, object);
    this.#decks.set(id, { name, dyn: false, conf });
    this.added++;
  }

  /** Those that the collection has stay as they are. */
  #optionsOf(id: number): number {
    const object = this.#optionObjects.get(id);
    if (this.#options.has(id)) return id;
    if (object === undefined) return 1;
    storeObject(this.#database, 'dconf', id, withValues(this.#database, object, { '$.usn': -1 }));
    this.#options.add(id);
    return id;
  }

  /** Nothing can be added to a filtered deck, so what has its name goes beside it. */
  #besideFiltered(parts: readonly string[]): string[] {
    const filtered = new Set(
      [...this.#decks.values()].flatMap(({ name, dyn }) => (dyn ? foldCase(normalizedPath(name)) : [])),
    );
    const path: string[] = [];
    for (const part of parts) {
      let free = part;
      while (filtered.has(foldCase([...path, free].join('::')))) free += '+';
      path.push(free);
    }
    return path;
  }
}
