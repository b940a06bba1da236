import { JavumboError } from '../core/failure.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { brokenNotes } from './broken-notes.ts';
import { cardsOf, insertCards, insertDecks, positionIn, USN_UNSYNCED } from './cards.ts';
import type { ClockAndRandom } from './collection.ts';
import { defaultDeckFor } from './decks.ts';
import { basicNoteType } from './defaults.ts';
import { storeDerived, wronglyDerived } from './derived-fields.ts';
import { refuseTriggers } from './foreign-schema.ts';
import { newNames, rename } from './names.ts';
import {
  FIELD_COUNT,
  IS_EXACT,
  IS_KEY,
  IS_READABLE,
  latestTime,
  missingParents,
  type RepairName,
  rulesOf,
} from './rules.ts';
import { readCollection, type StoredCollection } from './stored-collection.ts';
import { joinedTags } from './tags.ts';
import { fieldChecksum, stripHtml } from './text.ts';

interface Repairing {
  readonly database: SqlDatabase;
  readonly collection: StoredCollection;
  readonly milliseconds: number;
  readonly sources: ClockAndRandom;
}

/**
 * Makes the repairs that Anki's "Check Database" makes, in its order. Returns what was repaired. Marks the collection for a
 * full sync, as Anki does, if anything was.
 *
 * Runs inside the caller's transaction: if it throws, roll back. Throws what `readCollection` throws, for Anki cannot open
 * such a collection either, and `violation` if a trigger of the user's would run.
 */
export function repairCollection(database: SqlDatabase, sources: ClockAndRandom): string[] {
  const milliseconds = latestTime(readCollection(database), sources.clock.now());
  refuseTriggers(database);
  const repaired: string[] = [];
  for (let index = 0; ; index++) {
    // Read anew: an earlier repair may have made a deck or a note type.
    const collection = readCollection(database);
    const rule = rulesOf({ collection, milliseconds })[index];
    if (rule === undefined) break;
    if (rule.mend === undefined && rule.name === undefined) continue;
    const rows = rule.count(database);
    if (rows === 0) continue;
    if (rule.mend !== undefined) database.prepare(rule.mend).run();
    if (rule.name !== undefined) REPAIRS[rule.name]({ database, collection, milliseconds, sources });
    repaired.push(rule.finding(rows));
  }
  if (repaired.length > 0) markChanged(database, milliseconds);
  return repaired;
}

/** Stores where new cards go on, and that another device must take the whole collection. */
function markChanged(database: SqlDatabase, milliseconds: number): void {
  const { modified } = readCollection(database);
  database
    .prepare(
      `UPDATE col SET mod = ?, scm = ?,
         conf = json_set(conf, '$.nextPos', (SELECT ifnull(max(due) + 1, 0) FROM cards WHERE type = 0))`,
    )
    .run(Math.max(milliseconds, modified + 1), milliseconds);
}

const REPAIRS: Readonly<Record<RepairName, (repairing: Repairing) => void>> = {
  'missing-decks': recoverDecks,
  'missing-note-types': recoverNoteTypes,
  encoding: decodeNotes,
  'field-counts': fitFields,
  'derived-fields': ({ database, collection }) =>
    storeDerived(database, wronglyDerived(database, collection, IS_READABLE)),
  'notes-without-card': makeCards,
  'parent-decks': makeParents,
  'deck-names': ({ database, collection, milliseconds }) =>
    rename(database, 'decks', newNames(collection.decks), Math.floor(milliseconds / 1000)),
  'note-type-names': ({ database, collection, milliseconds }) =>
    rename(database, 'models', newNames(collection.noteTypes), Math.floor(milliseconds / 1000)),
  'future-ids': renumber,
  'no-note-type': addBasic,
};

function recoverDecks({ database, collection, milliseconds }: Repairing): void {
  const rows = database.prepare(`SELECT DISTINCT did FROM cards WHERE ${IS_KEY('did')}`).all();
  const missing = (rows as { did: number }[])
    .filter(({ did }) => !collection.decks.has(did))
    .map(({ did }) => ({ id: did, name: `recovered${did}` }));
  insertDecks(database, { missing }, milliseconds);
}

function makeParents({ database, collection, milliseconds }: Repairing): void {
  const nextId = freeKeys(collection.decks, milliseconds);
  const names = missingParents([...collection.decks.values()].map(({ name }) => name));
  insertDecks(database, { missing: names.map((name) => ({ id: nextId(), name })) }, milliseconds);
}

/** Returns what gives a free id per call. The highest plus one could be longer than an id may be. */
function freeKeys(taken: ReadonlyMap<number, unknown>, milliseconds: number): () => number {
  let id = milliseconds;
  return () => {
    while (taken.has(id)) id += 1;
    return id++;
  };
}

/** What `basicNoteType` makes, as far as it is changed here. */
interface MadeNoteType {
  name: string;
  readonly flds: { name: string; ord: number }[];
  readonly tmpls: { name: string; ord: number }[];
}

function addNoteType(
  { database, milliseconds, sources }: Repairing,
  id: number,
  change: (made: MadeNoteType) => void,
): void {
  const made = basicNoteType(id, Math.floor(milliseconds / 1000), sources.random) as MadeNoteType;
  change(made);
  database.prepare('UPDATE col SET models = json_set(models, ?, json(?))').run(`$."${id}"`, JSON.stringify(made));
}

function addBasic(repairing: Repairing): void {
  addNoteType(repairing, repairing.milliseconds, () => {});
}

function recoverNoteTypes(repairing: Repairing): void {
  const { database, collection, milliseconds } = repairing;
  const nextId = freeKeys(collection.noteTypes, milliseconds);
  const used = database.prepare(`SELECT DISTINCT mid FROM notes WHERE ${IS_EXACT('mid')} ORDER BY mid`).all() as {
    mid: number;
  }[];
  for (const { mid } of used.filter((each) => !collection.noteTypes.has(each.mid))) {
    const id = nextId();
    const { count } = database
      .prepare(`SELECT ${FIELD_COUNT} AS count FROM notes WHERE mid = ? ORDER BY typeof(flds) != 'text', id LIMIT 1`)
      .get(mid) as { count: number };
    const { highest } = database
      .prepare('SELECT max(ord) AS highest FROM cards WHERE nid IN (SELECT id FROM notes WHERE mid = ?)')
      .get(mid) as { highest: number | null };
    addNoteType(repairing, id, (made) => {
      made.name = `db-check-${milliseconds}-${count}`;
      const [field, template] = [made.flds[0], made.tmpls[0]];
      for (let ord = made.flds.length; ord < count; ord++) made.flds.push({ ...field, name: `${ord + 1}`, ord });
      const templates = Math.min(Number(highest ?? 0), TEMPLATES_MAX);
      for (let ord = 1; ord <= templates; ord++) made.tmpls.push({ ...template, name: `Card ${ord + 1}`, ord });
    });
    database.prepare('UPDATE notes SET mid = ?, usn = -1 WHERE mid = ?').run(id, mid);
  }
}

// A number that somebody made up must not make as many templates.
const TEMPLATES_MAX = 499;

function decodeNotes({ database }: Repairing): void {
  for (const { id, columns } of brokenNotes(database)) {
    for (const [column, bytes] of Object.entries(columns)) {
      const sql = `UPDATE notes SET ${column} = ?, usn = -1 WHERE id = CAST(? AS INTEGER)`;
      database.prepare(sql).run(Buffer.from(bytes).toString(), id);
    }
  }
}

interface NoteRow {
  /** In decimal, for it may be beyond 2^53. */
  readonly id: string;
  readonly mid: number;
  readonly flds: string;
  readonly tags: string;
}

/** Returns notes whose text can be read: `String` of bytes would store what it makes of them for the user's text. */
function notesWhere(database: SqlDatabase, where: string): NoteRow[] {
  const sql = `SELECT CAST(id AS TEXT) AS id, mid, flds, tags FROM notes
    WHERE ${where} AND ${IS_EXACT('mid')} AND ${IS_READABLE}`;
  return database.prepare(sql).all() as NoteRow[];
}

function fitFields({ database, collection }: Repairing): void {
  const update = database.prepare(
    'UPDATE notes SET flds = ?, tags = ?, sfld = ?, csum = ?, usn = ? WHERE id = CAST(? AS INTEGER)',
  );
  for (const { id, mid, flds, tags } of notesWhere(database, 'true')) {
    const noteType = collection.noteTypes.get(mid);
    const given = flds.split('\x1f');
    if (noteType === undefined || given.length === noteType.flds.length) continue;
    const count = noteType.flds.length;
    const fields = Array.from({ length: count }, (_, index) => given[index] ?? '');
    fields[count - 1] = given.length > count ? given.slice(count - 1).join('; ') : (fields[count - 1] ?? '');
    const kept = tags.split(' ').filter((tag) => tag !== '' && tag !== 'db-check');
    const sortField = stripHtml(fields[noteType.sortf] ?? '');
    const checksum = fieldChecksum(fields[0] ?? '');
    update.run(fields.join('\x1f'), joinedTags([...kept, 'db-check']), sortField, checksum, USN_UNSYNCED, id);
  }
  database.exec('UPDATE col SET tags = json_set(tags, \'$."db-check"\', -1)');
}

function makeCards({ database, collection, milliseconds }: Repairing): void {
  for (const { id, mid, flds, tags } of notesWhere(database, 'id NOT IN (SELECT nid FROM cards)')) {
    const noteType = collection.noteTypes.get(mid);
    if (noteType === undefined) continue;
    const deckId = defaultDeckFor(mid, collection);
    const cards = cardsOf(noteType, flds.split('\x1f'), tags.trim() !== '', deckId, collection.decks);
    insertCards(database, BigInt(id), cards, positionIn(collection, collection.conf.nextPos), milliseconds);
  }
}

function renumber({ database, milliseconds }: Repairing): void {
  const tomorrow = milliseconds + 86_400_000;
  for (const [table, refers] of [
    ['notes', 'UPDATE cards SET nid = ?, usn = -1 WHERE nid'],
    ['cards', 'UPDATE revlog SET cid = ?, usn = -1 WHERE cid'],
    ['revlog', undefined],
  ] as const) {
    const { highest } = database.prepare(`SELECT max(id) AS highest FROM ${table} WHERE id <= ${tomorrow}`).get() as {
      highest: number | null;
    };
    // The lowest first, so that their order stays: which review was the last, and which card comes first.
    const lowest = `(SELECT min(id) FROM ${table} WHERE id > ${tomorrow})`;
    const next = database.prepare(`SELECT ${lowest} AS id`);
    const refer = refers === undefined ? undefined : database.prepare(`${refers} = ${lowest}`);
    const move = database.prepare(`UPDATE ${table} SET id = ?, usn = -1 WHERE id = ${lowest}`);
    for (let free = Math.max(milliseconds, (highest ?? 0) + 1); ; free++) {
      if ((next.get() as { id: unknown }).id === null) break;
      if (free > tomorrow) throw new JavumboError('corrupt', `table ${table} has no free id before tomorrow`);
      refer?.run(free);
      move.run(free);
    }
  }
}
