import type { SqlDatabase } from '../sqlite/engine.ts';
import { ankiSchemaVersion } from './schema.ts';

// Each query counts what Anki's own "check database" would report or repair.
const RULES: readonly { readonly sql: string; readonly finding: (count: number) => string }[] = [
  { sql: 'SELECT abs(count(*) - 1) AS n FROM col', finding: () => 'the table col does not have exactly one row' },
  {
    sql: 'SELECT count(*) AS n FROM cards WHERE nid NOT IN (SELECT id FROM notes)',
    finding: (n) => `${n} ${n === 1 ? 'card has' : 'cards have'} no note`,
  },
  {
    sql: 'SELECT count(*) AS n FROM notes WHERE id NOT IN (SELECT nid FROM cards)',
    finding: (n) => `${n} ${n === 1 ? 'note has' : 'notes have'} no card`,
  },
  {
    sql: 'SELECT count(*) AS n FROM notes WHERE mid NOT IN (SELECT CAST(key AS INTEGER) FROM col, json_each(col.models))',
    finding: (n) => `${n} ${n === 1 ? 'note has' : 'notes have'} an unknown note type`,
  },
  {
    sql: 'SELECT count(*) AS n FROM cards WHERE did NOT IN (SELECT CAST(key AS INTEGER) FROM col, json_each(col.decks))',
    finding: (n) => `${n} ${n === 1 ? 'card is' : 'cards are'} in an unknown deck`,
  },
];

/** Returns what is wrong with a sound database as an Anki collection of schema 11; empty if nothing is. */
export function collectionFindings(database: SqlDatabase): string[] {
  if (ankiSchemaVersion(database) === undefined)
    return ['it is not an Anki collection: it has no table col with a version'];
  const missing = ['notes', 'cards', 'revlog', 'graves'].filter(
    (table) =>
      database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table) === undefined,
  );
  if (missing.length > 0) return missing.map((table) => `the table ${table} is missing`);
  return RULES.flatMap(({ sql, finding }) => {
    const { n } = database.prepare(sql).get() as { n: number };
    return n > 0 ? finding(n) : [];
  });
}

/** Warns about a SQLite file that is not a collection: it can be stored, but Anki will not open it. */
export function foreignDatabaseWarnings(database: SqlDatabase, file: string): string[] {
  const col = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'col'").get();
  return col === undefined ? [`${file} is not an Anki collection (it has no table "col"): Anki will not open it`] : [];
}
