import { JavumboError } from '../core/failure.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';

// Views and virtual tables have no page of their own: reading one runs code of whoever made the file.
const IS_TABLE = "type = 'table' AND rootpage > 0";

const TABLES = ['col', 'notes', 'cards', 'revlog', 'graves'] as const;

/** Returns which of Anki's tables a database lacks. A view of that name is none. */
export function missingTables(database: SqlDatabase): string[] {
  const rows = database.prepare(`SELECT lower(name) AS name FROM sqlite_master WHERE ${IS_TABLE}`).all();
  const there = new Set((rows as { name: unknown }[]).map(({ name }) => name));
  return TABLES.filter((table) => !there.has(table));
}

/** Something in a schema that Anki never makes. */
export interface ForeignObject {
  readonly type: 'trigger' | 'view' | 'virtual table';
  readonly name: string;
  /** The table that a trigger is on. */
  readonly table: string;
}

/** Returns what a schema has of its own that runs when it is used. Looks, and runs none of it. */
export function foreignObjects(database: SqlDatabase): ForeignObject[] {
  return database
    .prepare(
      `SELECT iif(type = 'table', 'virtual table', type) AS type, name, lower(tbl_name) AS "table" FROM sqlite_master
       WHERE type IN ('trigger', 'view') OR (type = 'table' AND NOT rootpage > 0) ORDER BY 1, 2`,
    )
    .all() as ForeignObject[];
}

/** Throws `violation` for a database without any of Anki's tables, and `corrupt` for a collection that lacks one. */
export function requireAnkiTables(database: SqlDatabase): void {
  const missing = missingTables(database);
  if (missing.length === TABLES.length) {
    throw new JavumboError('violation', "it is no Anki collection: it has none of Anki's tables", {
      try: 'javumbo db exec <username>, which needs none of them',
    });
  }
  if (missing.length > 0) {
    throw new JavumboError('corrupt', `the collection has lost Anki's table "${missing.join('", "')}"`);
  }
}

/**
 * Throws `violation` for a collection whose triggers would run with a write of this program: they are the user's, they
 * may do anything, and they may never end.
 */
export function refuseTriggers(database: SqlDatabase): void {
  const trigger = foreignObjects(database).find(
    ({ type, table }) => type === 'trigger' && (TABLES as readonly string[]).includes(table),
  );
  if (trigger === undefined) return;
  throw new JavumboError(
    'violation',
    `trigger "${trigger.name}" on table ${trigger.table} is not Anki's, so nothing is written that would run it`,
    { try: `javumbo db exec <username> 'DROP TRIGGER "${trigger.name.replaceAll('"', '""')}"'` },
  );
}

/** Warns about a SQLite file that is not a collection: it can be stored, but Anki will not open it. */
export function foreignDatabaseWarnings(database: SqlDatabase, file: string): string[] {
  const missing = missingTables(database);
  if (missing.length === 0) return [];
  const lacks = missing.map((table) => `"${table}"`).join(', ');
  return [`${file} is not an Anki collection (it has no table ${lacks}): Anki will not open it`];
}
