import { JavumboError } from '../core/failure.ts';
import { DEFAULT_DECK_ID, type Deck, idSetting, type StoredCollection } from './stored-collection.ts';
import { foldCase, normalizedPath } from './text.ts';

export interface ChosenDeck {
  readonly id: number;
  /** The decks that must be made for it: itself and its parents, outermost first; empty where it exists. */
  readonly missing: readonly { readonly id: number; readonly name: string }[];
}

function requireNormal(deck: Deck): void {
  if (!deck.dyn) return;
  throw new JavumboError('usage', `deck "${deck.name}" is filtered, so nothing can be added to it`, {
    try: 'name a deck that is not filtered',
  });
}

/**
 * The deck with this name, or what must be made for it. Names are compared without regard to case; `A::B` is a deck B
 * under A, and new decks take over the spelling of a parent that exists. Ids are the given time in milliseconds, or the
 * next after the highest.
 *
 * Source: rslib/src/decks/{name,addupdate}.rs.
 * @throws JavumboError `usage` where the name is empty, or it or its parent is a filtered deck.
 */
export function deckNamed(name: string, decks: ReadonlyMap<number, Deck>, now: number): ChosenDeck {
  // Anki would make a deck "blank"; on a command line an empty name is a variable that was not set.
  if (name.trim() === '') throw new JavumboError('usage', 'the name of a deck must not be empty');
  const known = new Map(Array.from(decks, ([id, deck]) => [foldCase(normalizedPath(deck.name)), { id, deck }]));
  const parts = normalizedPath(name).split('::');

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

/** The id itself where it is a deck that cards can be added to, else the deck Default. */
export function normalDeckOr(
  id: number | null | undefined,
  fallback: number,
  decks: ReadonlyMap<number, Deck>,
): number {
  return id != null && decks.get(id)?.dyn === false ? id : fallback;
}

/**
 * The deck that a note goes to when nobody names one, as in Anki's own add window: the current deck, unless the
 * preferences say (`addToCur` false) that each note type remembers the deck it was last added to; Default where that is
 * filtered or gone. Source: rslib/src/adding.rs (`defaults_for_adding`).
 */
export function defaultDeckFor(noteTypeId: number, collection: StoredCollection): number {
  const { conf, decks } = collection;
  const current = normalDeckOr(conf.curDeck, DEFAULT_DECK_ID, decks);
  return conf.addToCur ? current : normalDeckOr(idSetting(collection, `_nt_${noteTypeId}_lastDeck`), current, decks);
}
