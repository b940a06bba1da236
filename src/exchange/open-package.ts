import { requireAnkiTables } from '../anki/foreign-schema.ts';
import { IS_EXACT } from '../anki/rules.ts';
import { readCollection } from '../anki/stored-collection.ts';
import { JavumboError } from '../core/failure.ts';
import { openReadOnly, quickCheck, type SqliteDatabase, type SqliteEngine } from '../sqlite/engine.ts';
import { asSourceFailure } from '../sqlite/failure.ts';

/** What one text may have: a field is a page, not a book, and it is held in memory. */
const TEXT_BYTES_MAX = 16_000_000;

/** A number that arrives as it is; programs of former years stored some with a fraction. */
const IS_NUMBER = (column: string): string => `(typeof(${column}) = 'real' OR ${IS_EXACT(column)})`;
const all = (columns: string, is: (column: string) => string): string => columns.split(' ').map(is).join(' AND ');

/** SQL for rows of a table that can be imported. */
const SOUND = {
  notes: `${all('id mid mod', IS_EXACT)} AND ${all('guid tags flds', (column) => `typeof(${column}) = 'text'`)}
    AND octet_length(flds) + octet_length(tags) + octet_length(guid) <= ${TEXT_BYTES_MAX}`,
  cards: `${all('id nid did ord type queue odue odid', IS_EXACT)}
    AND ${all('due mod ivl factor reps lapses left flags', IS_NUMBER)} AND typeof(data) = 'text' AND octet_length(data) <= ${TEXT_BYTES_MAX}`,
  revlog: `${all('id cid', IS_EXACT)} AND ${all('ease ivl lastIvl factor time type', IS_NUMBER)}`,
};

/**
 * Opens the collection of a package, which anybody may have made. Throws `corrupt` for one that is damaged, or that
 * holds what no collection does; `usage` for one of another schema.
 */
export function openPackage(sqlite: SqliteEngine, path: string, file: string): SqliteDatabase {
  let database: SqliteDatabase | undefined;
  try {
    database = openReadOnly(sqlite, path);
    quickCheck(database);
    requireAnkiTables(database);
    refuseLongObjects(database);
    readCollection(database);
    for (const [table, isSound] of Object.entries(SOUND)) {
      const { n } = database.prepare(`SELECT count(*) AS n FROM ${table} WHERE (${isSound}) IS NOT TRUE`).get() as {
        n: number;
      };
      if (n > 0) throw new JavumboError('corrupt', `its table ${table} has ${n} rows that Anki does not make`);
    }
    return database;
  } catch (error) {
    database?.close();
    throw asSourceFailure(error, file);
  }
}

function refuseLongObjects(database: SqliteDatabase): void {
  const columns = ['conf', 'models', 'decks', 'dconf', 'tags'].map((column) => `octet_length(${column})`);
  const row = database.prepare(`SELECT ${columns.join(' + ')} AS length FROM col ORDER BY id LIMIT 1`).get();
  const { length } = (row ?? { length: 0 }) as { length: number };
  if (length > TEXT_BYTES_MAX) throw new JavumboError('corrupt', `its settings have ${length} bytes`);
}
