import { type ClockAndRandom, createCollection } from '../anki/collection.ts';
import { normalDeck } from '../anki/defaults.ts';
import { DEFAULT_DECK_ID, readCollection, type StoredCollection } from '../anki/stored-collection.ts';
import { foldCase, normalizedPath } from '../anki/text.ts';
import { JavumboError } from '../core/failure.ts';
import { immediately, type SqliteDatabase } from '../sqlite/engine.ts';
import { HOME_DECK, HOME_DUE, HOME_QUEUE } from './home.ts';
import { storedObjects, storeObject, withValues } from './stored-objects.ts';

export interface ExportOptions {
  /** By name, with the decks below it. Absent: all. */
  readonly deck?: string | undefined;
  /** False: every card is new, as in a deck that is given away. */
  readonly scheduling: boolean;
}

/** How many of each a package holds. */
export interface PackageCounts {
  readonly notes: number;
  readonly cards: number;
  readonly reviews: number;
  readonly decks: number;
  readonly noteTypes: number;
}

/** What Anki itself tags notes with, which is no concern of whoever gets the deck. */
const SYSTEM_TAGS = ['marked', 'leech'];

/** Settings that say how due dates are to be read. */
const CONF_KEPT = ['creationOffset', 'rollover', 'schedVer', 'sched2021'];

/**
 * Fills an empty database with the decks of a collection, as a package of Anki's holds them: the notes that have a card
 * in them, all cards of these notes, their decks with the decks above, and their note types. A card in a filtered deck
 * goes home. Without scheduling cards are new, and review history, deck options and Anki's own tags stay behind.
 *
 * `source`: the file that `collection` is, which nobody else uses.
 *
 * @throws JavumboError `usage` for a deck that is not there.
 */
export function exportDecks(
  target: SqliteDatabase,
  source: { readonly path: string; readonly collection: SqliteDatabase },
  { deck, scheduling }: ExportOptions,
  sources: ClockAndRandom,
): PackageCounts {
  const collection = readCollection(source.collection);
  const chosen = deck === undefined ? undefined : decksBelow(deck, collection);
  createCollection(target, sources);
  target.prepare('ATTACH ? AS source').run(source.path);
  try {
    return immediately(target, () => {
      copyRows(target, chosen, { scheduling, collection });
      copyObjects(target, source.collection, { scheduling, collection });
      return countsOf(target);
    });
  } finally {
    target.exec('DETACH source');
  }
}

function decksBelow(deck: string, { decks }: StoredCollection): number[] {
  const name = foldCase(normalizedPath(deck));
  const found = [...decks].filter(([, each]) => {
    const own = foldCase(normalizedPath(each.name));
    return own === name || own.startsWith(`${name}::`);
  });
  if (found.length === 0) {
    throw new JavumboError('usage', `there is no deck "${deck}"`, { try: 'without --deck, which exports all decks' });
  }
  return found.map(([id]) => id);
}

interface Exporting {
  readonly scheduling: boolean;
  readonly collection: StoredCollection;
}

function copyRows(
  target: SqliteDatabase,
  chosen: readonly number[] | undefined,
  { scheduling, collection }: Exporting,
): void {
  const among = '(SELECT value FROM json_each(?))';
  const inDecks = chosen === undefined ? '' : `WHERE did IN ${among} OR odid IN ${among}`;
  const list = JSON.stringify(chosen);
  target
    .prepare(
      `INSERT INTO notes SELECT id, guid, mid, mod, -1, tags, flds, sfld, csum, flags, data FROM source.notes
       WHERE id IN (SELECT nid FROM source.cards ${inDecks})`,
    )
    .run(...(chosen === undefined ? [] : [list, list]));
  // A new card keeps its position, another one has the position that it began with, or the next.
  const position = `CASE WHEN type = 0 THEN ${HOME_DUE} ELSE coalesce(
      CASE WHEN json_valid(data) AND json_type(data, '$.pos') = 'integer' THEN data ->> '$.pos' END,
      ${collection.conf.nextPos} + row_number() OVER (ORDER BY id)) END`;
  const schedule = scheduling
    ? `type, ${HOME_QUEUE}, ${HOME_DUE}, ivl, factor, reps, lapses, left, 0, 0, flags, data`
    : `0, 0, ${position}, 0, 0, 0, 0, 0, 0, 0, 0, ''`;
  // What is in a deck that is gone belongs to Default, as Anki's check has it.
  target
    .prepare(
      `INSERT INTO cards SELECT id, nid, CASE WHEN ${HOME_DECK} IN ${among} THEN ${HOME_DECK} ELSE ${DEFAULT_DECK_ID} END,
         ord, mod, -1, ${schedule} FROM source.cards WHERE nid IN (SELECT id FROM main.notes)`,
    )
    .run(JSON.stringify([...collection.decks].flatMap(([id, { dyn }]) => (dyn ? [] : id))));
  if (scheduling) {
    target.exec(`INSERT INTO revlog SELECT id, cid, -1, ease, ivl, lastIvl, factor, time, type FROM source.revlog
      WHERE cid IN (SELECT id FROM main.cards)`);
  } else removeSystemTags(target);
}

function removeSystemTags(target: SqliteDatabase): void {
  const tagged = SYSTEM_TAGS.map((tag) => `tags LIKE '% ${tag} %'`).join(' OR ');
  const update = target.prepare('UPDATE notes SET tags = ? WHERE id = CAST(? AS INTEGER)');
  const rows = target.prepare(`SELECT CAST(id AS TEXT) AS id, tags FROM notes WHERE ${tagged}`).all();
  for (const { id, tags } of rows as { id: string; tags: string }[]) {
    const kept = tags.split(' ').filter((tag) => tag !== '' && !SYSTEM_TAGS.includes(tag.toLowerCase()));
    update.run(kept.length === 0 ? '' : ` ${kept.join(' ')} `, id);
  }
}

function copyObjects(target: SqliteDatabase, source: SqliteDatabase, { scheduling, collection }: Exporting): void {
  const idsOf = (sql: string): number[] => (target.prepare(sql).all() as { id: number }[]).map(({ id }) => id);
  target.exec(
    `UPDATE col SET models = '{}', (crt, mod, scm) = (SELECT crt, mod, scm FROM source.col ORDER BY id LIMIT 1)`,
  );
  const kept = Object.fromEntries(
    CONF_KEPT.flatMap((key) => (key in collection.conf ? [[key, collection.conf[key]]] : [])),
  );
  const noteTypes = storedObjects(source, 'models');
  const used = idsOf('SELECT DISTINCT mid AS id FROM notes ORDER BY 1');
  target
    .prepare('UPDATE col SET conf = json_patch(conf, ?)')
    .run(JSON.stringify({ ...kept, nextPos: collection.conf.nextPos, curModel: used[0] ?? null }));
  const needed = new Set(idsOf('SELECT DISTINCT did AS id FROM cards'));
  for (const id of used) {
    const noteType = noteTypes.get(id);
    if (noteType === undefined) {
      throw new JavumboError('corrupt', `note type ${id}, of which there are notes, is missing`);
    }
    storeObject(target, 'models', id, noteType);
    for (const { did } of collection.noteTypes.get(id)?.tmpls ?? []) if (did != null) needed.add(did);
  }
  copyDecks(target, source, needed, { scheduling, collection });
}

/** Copies decks that are needed, and those above them. Default keeps what it is unless its cards' dates go along. */
function copyDecks(
  target: SqliteDatabase,
  source: SqliteDatabase,
  needed: ReadonlySet<number>,
  { scheduling, collection: { decks } }: Exporting,
): void {
  const objects = storedObjects(source, 'decks');
  const options = storedObjects(source, 'dconf');
  const names = [...needed].map((id) => foldCase(normalizedPath(decks.get(id)?.name ?? '')));
  for (const [id, { name, dyn, conf }] of decks) {
    const own = foldCase(normalizedPath(name));
    if (dyn || !names.some((each) => each === own || each.startsWith(`${own}::`))) continue;
    if (id === DEFAULT_DECK_ID && !scheduling) {
      storeObject(target, 'decks', id, JSON.stringify(normalDeck(id, name, 0, 0)));
      continue;
    }
    const plain = {
      '$.conf': 1,
      '$.reviewLimit': null,
      '$.newLimit': null,
      '$.reviewLimitToday': null,
      '$.newLimitToday': null,
    };
    storeObject(target, 'decks', id, withValues(target, objects.get(id) ?? '{}', scheduling ? {} : plain));
    const used = options.get(conf);
    if (scheduling && used !== undefined) storeObject(target, 'dconf', conf, used);
  }
}

/** Counts what a package holds. Decks are those with a card. */
export function countsOf(database: SqliteDatabase): PackageCounts {
  return database
    .prepare(
      `SELECT (SELECT count(*) FROM notes) AS notes, (SELECT count(*) FROM cards) AS cards,
         (SELECT count(*) FROM revlog) AS reviews, (SELECT count(DISTINCT did) FROM cards) AS decks,
         (SELECT count(DISTINCT mid) FROM notes) AS "noteTypes"`,
    )
    .get() as PackageCounts;
}
