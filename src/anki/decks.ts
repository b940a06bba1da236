import { JavumboError } from '../core/failure.ts';
import { DEFAULT_DECK_ID, type Deck, idSetting, type StoredCollection } from './stored-collection.ts';
import { foldCase, normalizedPath } from './text.ts';

export interface ChosenDeck {
  readonly id: number;
  /** The decks to create: itself and its missing parents, outermost first; empty if it exists. */
  readonly missing: readonly { readonly id: number; readonly name: string }[];
}

function requireNormal(deck: Deck): void {
  if (!deck.dyn) return;
  throw new JavumboError('usage', `deck "${deck.name}" is filtered, so nothing can be added to it`, {
    try: 'name a deck that is not filtered',
  });
}

// Each level is stored with the names of all above it, so a name of many levels would grow by its square.
const LEVELS_MAX = 100;

/**
 * Finds the deck with this name, or what must be created for it. Case is ignored; `A::B` is a deck B under A, and new
 * decks adopt the spelling of existing parents. New ids are the given time in milliseconds, or one above the highest.
 *
 * Source: rslib/src/decks/{name,addupdate}.rs.
 * @throws JavumboError `usage` if the name is empty or has more than 100 levels, or it or its parent is a filtered deck.
 */
export function deckNamed(name: string, decks: ReadonlyMap<number, Deck>, now: number): ChosenDeck {
  // Anki would create a deck "blank"; on a command line an empty name is an unset variable.
  if (name.trim() === '') throw new JavumboError('usage', 'the name of a deck must not be empty');
  const known = new Map(Array.from(decks, ([id, deck]) => [foldCase(normalizedPath(deck.name)), { id, deck }]));
  const parts = normalizedPath(name).split('::');
  if (parts.length > LEVELS_MAX) {
    throw new JavumboError('usage', `the name of the deck has ${parts.length} levels, and ${LEVELS_MAX} are allowed`, {
      try: 'a shorter --deck',
    });
  }

  const ids = new Set(decks.keys());
  const missing: { id: number; name: string }[] = [];
  let path = '';
  let id = DEFAULT_DECK_ID;
  for (const part of parts) {
    path = path === '' ? part : `${path}::${part}`;
    const existing = known.get(foldCase(path));
    if (existing !== undefined) {
      requireNormal(existing.deck);
      path = normalizedPath(existing.deck.name);
      id = existing.id;
    } else {
      id = ids.has(now) ? Math.max(...ids) + 1 : now;
      ids.add(id);
      missing.push({ id, name: path });
    }
  }
  return { id, missing };
}

/** Returns the id if cards can be added to its deck, else `fallback`. */
export function normalDeckOr(
  id: number | null | undefined,
  fallback: number,
  decks: ReadonlyMap<number, Deck>,
): number {
  return id != null && decks.get(id)?.dyn === false ? id : fallback;
}

/**
 * Returns a note's deck if none was given, as in Anki's add window: the current deck, or, if the preferences say so
 * (`addToCur` false), the one that its note type was last added to; Default if that is filtered or gone. Source:
 * rslib/src/adding.rs (`defaults_for_adding`).
 */
export function defaultDeckFor(noteTypeId: number, collection: StoredCollection): number {
  const { conf, decks } = collection;
  const current = normalDeckOr(conf.curDeck, DEFAULT_DECK_ID, decks);
  return conf.addToCur ? current : normalDeckOr(idSetting(collection, `_nt_${noteTypeId}_lastDeck`), current, decks);
}
