import type { SqlDatabase } from '../sqlite/engine.ts';
import { brokenNotes } from './broken-notes.ts';
import { wronglyDerived } from './derived-fields.ts';
import { newNames } from './names.ts';
import { KEY_MAX, type StoredCollection } from './stored-collection.ts';

/*
 * What Anki's own "Check Database" looks for, as conditions on rows, so that `check` counts what `repair` mends. Facts of
 * rslib/src/dbcheck.rs and rslib/src/storage/{card,revlog}.
 */

/** What is wrong, and what Anki does about it. */
export interface Rule {
  /** Of how many rows: "2 cards have no note". */
  readonly finding: (count: number) => string;
  /** Completes "Anki would …". */
  readonly anki: string;
  readonly count: (database: SqlDatabase) => number;
  /** SQL that mends it. Undefined: what is not SQL alone is in repair.ts, under the name. */
  readonly mend?: string | undefined;
  readonly name?: RepairName | undefined;
}

export type RepairName =
  | 'missing-decks'
  | 'missing-note-types'
  | 'encoding'
  | 'field-counts'
  | 'derived-fields'
  | 'notes-without-card'
  | 'parent-decks'
  | 'deck-names'
  | 'note-type-names'
  | 'future-ids'
  | 'no-note-type';

const INT32 = (column: string, least = -2_147_483_648): string =>
  `CAST(min(max(round(${column}), ${least}), 2147483647) AS INTEGER)`;

/** Counts in SQL, where bytes are the same to every engine. */
export const FIELD_COUNT = "length(CAST(flds AS BLOB)) - length(CAST(replace(flds, char(31), '') AS BLOB)) + 1";

const INTEGERS: Readonly<Record<string, string>> = {
  col: 'crt mod scm ver usn ls',
  notes: 'mid mod usn csum flags',
  cards: 'nid did ord mod usn type queue factor reps lapses left odid flags',
  revlog: 'cid usn ease factor type',
  graves: 'usn oid type',
};
const TEXTS: Readonly<Record<string, string>> = { notes: 'guid tags flds data', cards: 'data' };

/** A note whose text can be read. What holds bytes instead is reported, and never rewritten, for that could lose them. */
export const IS_READABLE = "typeof(id) = 'integer' AND typeof(flds) = 'text' AND typeof(tags) = 'text'";

/** An integer that arrives as exactly that number. */
export const IS_EXACT = (column: string): string =>
  `typeof(${column}) = 'integer' AND ${column} BETWEEN ${Number.MIN_SAFE_INTEGER} AND ${Number.MAX_SAFE_INTEGER}`;

/** An integer that the reader takes as the id of a deck. */
export const IS_KEY = (column: string): string =>
  `typeof(${column}) = 'integer' AND ${column} BETWEEN ${-KEY_MAX} AND ${KEY_MAX}`;

const DAY_MS = 86_400_000;

export interface RulesAt {
  readonly collection: StoredCollection;
  /** See `latestTime`. */
  readonly milliseconds: number;
}

/**
 * Returns what counts as now: the clock, or the last change of the collection where that is later. By a clock that is behind,
 * true reviews would lie in the future, and be given other times.
 */
export function latestTime(collection: StoredCollection, clockMs: number): number {
  return Math.max(Math.floor(clockMs), collection.modified);
}

/** Returns the rules in Anki's order. Each sees what those before it have mended. */
export function rulesOf({ collection, milliseconds }: RulesAt): Rule[] {
  const seconds = Math.floor(milliseconds / 1000);
  const today = Math.max(0, Math.floor((seconds - collection.createdSeconds) / 86_400));
  const { noteTypes, decks } = collection;
  const ids = (list: Iterable<number>): string => `(SELECT value FROM json_each('${JSON.stringify([...list])}'))`;
  const normal = [...decks].filter(([, deck]) => !deck.dyn).map(([id]) => id);
  const byType = (numberOf: (id: number) => number | undefined): string => {
    const whens = [...noteTypes.keys()].flatMap((id) => {
      const number = numberOf(id);
      return number === undefined ? [] : `WHEN ${id} THEN ${number}`;
    });
    return whens.length === 0 ? 'NULL' : `CASE mid ${whens.join(' ')} END`;
  };
  const rows = (table: string, where: string, rule: Omit<Rule, 'count' | 'mend'>, mend?: string): Rule => ({
    ...rule,
    count: (database) => countOf(database, `SELECT count(*) AS n FROM ${table} WHERE ${where}`),
    mend: mend === undefined ? undefined : `${mend} WHERE ${where}`,
  });
  const cards = (set: string): string => `UPDATE cards SET ${set}, mod = ${seconds}, usn = -1`;
  const tomorrow = milliseconds + DAY_MS;
  const canGetCards = `mid IN ${ids(noteTypes.keys())} AND ${IS_READABLE}`;
  return [
    rows('col', 'id NOT IN (SELECT min(id) FROM col)', {
      finding: () => 'the table col does not have exactly one row',
      anki: 'read the first',
    }),
    rows(
      'cards',
      'type = 0 AND queue != 4 AND due >= 1000000 AND due != 1000000 + due % 1000000',
      { finding: has('new card', 'a position above 999,999'), anki: 'lower it' },
      cards('due = 1000000 + due % 1000000'),
    ),
    rows(
      'cards',
      `(queue = 2 AND due > 100000) OR due != ${INT32('due')}`,
      { finding: has('card', 'an impossible due date'), anki: 'make it due today, or round it' },
      cards(`due = CASE WHEN queue = 2 AND due > 100000 THEN ${today} ELSE ${INT32('due')} END`),
    ),
    rows(
      'cards',
      `(odue > 0 AND (type = 1 OR queue = 2) AND NOT odid) OR odue != ${INT32('odue')}`,
      { finding: has('card', 'an impossible original due date'), anki: 'take it off, or round it' },
      cards(`odue = CASE WHEN (type = 1 OR queue = 2) AND NOT odid THEN 0 ELSE ${INT32('odue')} END`),
    ),
    rows(
      'cards',
      `ivl != ${INT32('ivl', 0)}`,
      { finding: has('card', 'an interval that is no whole number of days'), anki: 'round it' },
      cards(`ivl = ${INT32('ivl', 0)}`),
    ),
    rows(
      'cards',
      'nid NOT IN (SELECT id FROM notes)',
      { finding: has('card', 'no note'), anki: 'delete it' },
      'DELETE FROM cards',
    ),
    rows('cards', `${IS_KEY('did')} AND did NOT IN ${ids(decks.keys())}`, {
      finding: (n) => `${n} ${n === 1 ? 'card is' : 'cards are'} in an unknown deck`,
      anki: 'make a deck "recovered" with its number',
      name: 'missing-decks',
    }),
    // A deck of such a number would make the collection one that this program refuses.
    rows('cards', `typeof(did) = 'integer' AND NOT (${IS_KEY('did')})`, {
      finding: (n) =>
        `${n} ${n === 1 ? 'card is' : 'cards are'} in an unknown deck, whose number is too long for an id`,
      anki: 'make a deck "recovered" with its number, and this program does not',
    }),
    rows('cards', `odid != 0 AND odid NOT IN ${ids(decks.keys())}`, {
      finding: has('card', 'an unknown original deck'),
      anki: 'leave it until it goes back there, and then make that deck',
    }),
    rows(
      'cards',
      `odid > 0 AND did IN ${ids(normal)}`,
      { finding: has('card', 'an original deck, and is in none that is filtered'), anki: 'take the original deck off' },
      'UPDATE cards SET odid = 0, odue = 0, usn = -1',
    ),
    rows('notes', `${IS_EXACT('mid')} AND mid NOT IN ${ids(noteTypes.keys())}`, {
      finding: has('note', 'an unknown note type'),
      anki: 'make a note type "db-check" for it',
      name: 'missing-note-types',
    }),
    rows('notes', `typeof(mid) = 'integer' AND NOT (${IS_EXACT('mid')})`, {
      finding: has('note', 'an unknown note type, whose number is too long for an id'),
      anki: 'make a note type "db-check" for it, and this program does not',
    }),
    {
      finding: has('note', 'text that is not UTF-8'),
      anki: 'replace the bytes that are none',
      name: 'encoding',
      count: (database) => brokenNotes(database).length,
    },
    rows(
      'cards',
      'EXISTS (SELECT 1 FROM cards AS c WHERE c.nid = cards.nid AND c.ord = cards.ord AND c.id < cards.id)',
      { finding: has('card', 'the template of another card of its note'), anki: 'delete it' },
      'DELETE FROM cards',
    ),
    rows(
      'cards',
      `ord >= (SELECT ${byType((id) => (noteTypes.get(id)?.type === 1 ? undefined : noteTypes.get(id)?.tmpls.length))}
        FROM notes WHERE notes.id = cards.nid)`,
      { finding: has('card', 'no template'), anki: 'delete it' },
      'DELETE FROM cards',
    ),
    rows('notes', `${IS_READABLE} AND ${FIELD_COUNT} != ${byType((id) => noteTypes.get(id)?.flds.length)}`, {
      finding: has('note', 'another number of fields than its note type'),
      anki: 'add empty ones or join the last ones, and tag it db-check',
      name: 'field-counts',
    }),
    {
      finding: has('note', 'a sort field or a checksum that is not of its fields'),
      anki: 'compute them anew',
      name: 'derived-fields',
      count: (database) => wronglyDerived(database, collection, IS_READABLE).length,
    },
    rows(
      'notes',
      `mod > ${seconds + 86_400}`,
      { finding: has('note', 'a modification time in the future'), anki: 'set it to now' },
      `UPDATE notes SET mod = ${seconds}, usn = -1`,
    ),
    rows('notes', `id NOT IN (SELECT nid FROM cards) AND ${canGetCards}`, {
      finding: has('note', 'no card'),
      anki: 'make its cards',
      name: 'notes-without-card',
    }),
    rows('notes', `id NOT IN (SELECT nid FROM cards) AND NOT (${canGetCards})`, {
      finding: has('note', 'no card, and no note type or text to make it of'),
      anki: 'make a note type or fail, and this program leaves it',
    }),
    rows(
      'revlog',
      `ivl != ${INT32('ivl')} OR lastIvl != ${INT32('lastIvl')} OR time != ${INT32('time', 0)}`,
      { finding: has('review', 'an interval or a duration that is no whole number'), anki: 'round it' },
      `UPDATE revlog SET ivl = ${INT32('ivl')}, lastIvl = ${INT32('lastIvl')}, time = ${INT32('time', 0)}, usn = -1`,
    ),
    {
      finding: has('deck', 'no parent'),
      anki: 'make it',
      name: 'parent-decks',
      count: () => missingParents([...decks.values()].map(({ name }) => name)).length,
    },
    {
      finding: has('deck', 'the name of another one'),
      anki: 'rename it',
      name: 'deck-names',
      count: () => newNames(decks).size,
    },
    {
      finding: has('note type', 'the name of another one'),
      anki: 'rename it',
      name: 'note-type-names',
      count: () => newNames(noteTypes).size,
    },
    {
      finding: () => 'the collection has no note type',
      anki: 'add the note type Basic',
      name: 'no-note-type',
      count: () => (noteTypes.size === 0 ? 1 : 0),
    },
    {
      finding: has('id', 'a time in the future'),
      anki: 'give a new one',
      name: 'future-ids',
      count: (database) =>
        ['notes', 'cards', 'revlog'].reduce(
          (sum, table) => sum + countOf(database, `SELECT count(*) AS n FROM ${table} WHERE id > ${tomorrow}`),
          0,
        ),
    },
    rows('notes', "guid != '' AND EXISTS (SELECT 1 FROM notes AS n WHERE n.guid = notes.guid AND n.id < notes.id)", {
      finding: has('note', 'the GUID of another one'),
      anki: 'keep it, and take both for one when it imports',
    }),
    ...typeRules(INTEGERS, 'integer', 'whole number', rows),
    ...typeRules(TEXTS, 'text', 'text', rows),
  ];
}

function typeRules(
  columns: Readonly<Record<string, string>>,
  type: string,
  what: string,
  rows: (table: string, where: string, rule: Omit<Rule, 'count' | 'mend'>) => Rule,
): Rule[] {
  return Object.entries(columns).map(([table, names]) => {
    const where = names
      .split(' ')
      .map((name) => `typeof(${name}) != '${type}'`)
      .join(' OR ');
    return rows(table, where, {
      finding: (n) =>
        `${n} ${n === 1 ? 'row' : 'rows'} of ${table} ${n === 1 ? 'holds' : 'hold'} no ${what} where one must be`,
      anki: 'fail on it',
    });
  });
}

function has(what: string, lacks: string): (count: number) => string {
  return (count) => `${count} ${count === 1 ? `${what} has` : `${what}s have`} ${lacks}`;
}

function countOf(database: SqlDatabase, sql: string): number {
  return (database.prepare(sql).get() as { n: number }).n;
}

/** Returns the names of decks that others are below, outermost first, and that do not exist. */
export function missingParents(names: readonly string[]): string[] {
  const known = new Set(names.map((name) => name.toLowerCase()));
  const missing: string[] = [];
  for (const name of names) {
    for (let end = name.indexOf('::'); end !== -1; end = name.indexOf('::', end + 2)) {
      const parent = name.slice(0, end);
      if (known.has(parent.toLowerCase())) continue;
      known.add(parent.toLowerCase());
      missing.push(parent);
    }
  }
  return missing;
}
