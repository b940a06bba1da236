import type { SqlDatabase } from '../sqlite/engine.ts';

/** The schema that every Anki, AnkiDroid and AnkiMobile since 2012 reads, and the last without custom collations. */
export const SCHEMA_VERSION = 11;

/** The tables and indexes of schema 11. The names are the file format: Anki addresses them all. */
export const SCHEMA_SQL = `
CREATE TABLE col (
  id integer PRIMARY KEY,
  crt integer NOT NULL,
  mod integer NOT NULL,
  scm integer NOT NULL,
  ver integer NOT NULL,
  dty integer NOT NULL,
  usn integer NOT NULL,
  ls integer NOT NULL,
  conf text NOT NULL,
  models text NOT NULL,
  decks text NOT NULL,
  dconf text NOT NULL,
  tags text NOT NULL
);
CREATE TABLE notes (
  id integer PRIMARY KEY,
  guid text NOT NULL,
  mid integer NOT NULL,
  mod integer NOT NULL,
  usn integer NOT NULL,
  tags text NOT NULL,
  flds text NOT NULL,
  sfld integer NOT NULL,
  csum integer NOT NULL,
  flags integer NOT NULL,
  data text NOT NULL
);
CREATE TABLE cards (
  id integer PRIMARY KEY,
  nid integer NOT NULL,
  did integer NOT NULL,
  ord integer NOT NULL,
  mod integer NOT NULL,
  usn integer NOT NULL,
  type integer NOT NULL,
  queue integer NOT NULL,
  due integer NOT NULL,
  ivl integer NOT NULL,
  factor integer NOT NULL,
  reps integer NOT NULL,
  lapses integer NOT NULL,
  left integer NOT NULL,
  odue integer NOT NULL,
  odid integer NOT NULL,
  flags integer NOT NULL,
  data text NOT NULL
);
CREATE TABLE revlog (
  id integer PRIMARY KEY,
  cid integer NOT NULL,
  usn integer NOT NULL,
  ease integer NOT NULL,
  ivl integer NOT NULL,
  lastIvl integer NOT NULL,
  factor integer NOT NULL,
  time integer NOT NULL,
  type integer NOT NULL
);
CREATE TABLE graves (
  usn integer NOT NULL,
  oid integer NOT NULL,
  type integer NOT NULL
);
CREATE INDEX ix_notes_usn ON notes (usn);
CREATE INDEX ix_cards_usn ON cards (usn);
CREATE INDEX ix_revlog_usn ON revlog (usn);
CREATE INDEX ix_cards_nid ON cards (nid);
CREATE INDEX ix_cards_sched ON cards (did, queue, due);
CREATE INDEX ix_revlog_cid ON revlog (cid);
CREATE INDEX ix_notes_csum ON notes (csum);
`;

/**
 * Returns the collection's schema version (`col.ver`), or undefined if the database is not an Anki collection: no table
 * `col`, no such column, or no row. SQLite's own errors pass through.
 */
export function ankiSchemaVersion(database: SqlDatabase): number | undefined {
  const column = database
    .prepare(
      "SELECT 1 FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.rootpage > 0 AND m.name = 'col' AND c.name = 'ver'",
    )
    .get();
  if (column === undefined) return undefined;
  const row = database.prepare('SELECT ver FROM col LIMIT 1').get() as { ver: unknown } | undefined;
  return typeof row?.ver === 'number' ? row.ver : undefined;
}

/**
 * True if a newer Anki upgraded this collection, so that plain SQLite can neither check nor write it: the version is
 * above 11, or the schema uses Anki's collation `unicase` (as the note type, deck and tag tables of schema 15 and later
 * do). Only reads the schema's text, because a statement that needs the collation fails.
 */
export function isNewerSchema(database: SqlDatabase): boolean {
  if ((ankiSchemaVersion(database) ?? 0) > SCHEMA_VERSION) return true;
  const rows = database.prepare('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL').all() as { sql: string }[];
  return rows.some((row) => /\bcollate\s+["'`[]?unicase\b/i.test(row.sql));
}
