import Database from 'better-sqlite3';
import { isDiskFull } from '../core/cache-directory.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { isDamage } from './engine.ts';

/** The index's row for one user's database. */
export interface IndexRow {
  readonly file: string;
  readonly version: string;
  readonly writes: string;
  readonly size_bytes: number;
  readonly last_modified: number;
  readonly digest: string | null;
}

/** Opens the index of a local deployment. Creates a missing one with the id `newId`. */
export function openIndex(path: string, newId: string): Database.Database {
  // A put holds the lock while it writes a file; thirty seconds suffice for far more than a gigabyte.
  const index = new Database(path, { timeout: 30_000 });
  try {
    // WAL, so that readers continue while a put writes its file; FULL, so that commits survive a power cut.
    useWriteAheadLog(index);
    index.pragma('synchronous = FULL');
    index.exec(
      `CREATE TABLE IF NOT EXISTS databases (
         username TEXT PRIMARY KEY,
         file TEXT NOT NULL UNIQUE,
         version TEXT NOT NULL,
         writes TEXT NOT NULL,
         size_bytes INTEGER NOT NULL,
         last_modified INTEGER NOT NULL,
         digest TEXT
       ) STRICT, WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS deployment (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), id TEXT NOT NULL) STRICT`,
    );
    addMissingColumn(index, { table: 'databases', column: 'digest', type: 'TEXT' });
    // Checked first, so that opening an existing index never waits for the write lock.
    if (index.prepare('SELECT 1 FROM deployment').get() === undefined) {
      index.prepare('INSERT OR IGNORE INTO deployment (only_row, id) VALUES (1, ?)').run(newId);
    }
    return index;
  } catch (error) {
    index.close();
    throw error;
  }
}

/** A column that files of older versions lack. */
export interface AddedColumn {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** Adds a missing column; several processes may do so at once. */
export function addMissingColumn(database: Database.Database, { table, column, type }: AddedColumn): void {
  const isThere = (): boolean =>
    database.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?').get(table, column) !== undefined;
  // Checked first, so that opening an up-to-date file never waits for the write lock.
  if (isThere()) return;
  const add = database.transaction(() => {
    if (!isThere()) database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
  });
  add.immediate();
}

/** Switches a file to WAL mode; several processes may be creating it at once. */
export function useWriteAheadLog(index: Database.Database): void {
  for (let tries = 1; ; tries++) {
    try {
      index.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      // Two processes that create the same index meet here, and SQLite's busy timeout does not cover this switch.
      if (!codeOf(error)?.startsWith('SQLITE_BUSY') || tries === 100) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/** Turns an error of the index or its files into a failure that names its subject. */
export function asLocalFailure(error: unknown, verb: string, username?: string): Error {
  if (error instanceof JavumboError) return error;
  const subject = username === undefined ? 'the local deployment' : `database "${username}" of the local deployment`;
  const code = codeOf(error);
  if (code?.startsWith('SQLITE_BUSY')) {
    return new JavumboError('unavailable', `${verb} ${subject}: another process held its lock for 30 seconds`, {
      retryable: true,
      username,
      cause: error,
    });
  }
  if (isDiskFull(error)) {
    return new JavumboError('unavailable', `${verb} ${subject}: no space is left on the disk of it or of the cache`, {
      try: 'javumbo cache clear, or another --cache-dir',
      username,
      cause: error,
    });
  }
  if (isDamage(error)) {
    return new JavumboError('corrupt', `${verb} ${subject}: its index is damaged: ${messageOf(error)}`, {
      username,
      try: 'a backup of the directory in JAVUMBO_HOME',
      cause: error,
    });
  }
  return new JavumboError('unavailable', `${verb} ${subject}: ${messageOf(error)}`, {
    try: 'name a directory that you can write to with JAVUMBO_HOME',
    username,
    cause: error,
  });
}
