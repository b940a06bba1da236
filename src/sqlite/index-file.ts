import type { Clock } from '../core/clock.ts';
import { codeOf } from '../core/failure.ts';
import { makePrivateFile } from '../core/private-files.ts';
import { immediately, type SqliteDatabase, type SqliteEngine } from './engine.ts';
import { asFileFailure } from './failure.ts';

/** The index's row for one user's database. */
export interface IndexRow {
  readonly file: string;
  readonly version: string;
  readonly writes: string;
  readonly size_bytes: number;
  readonly last_modified: number;
  readonly digest: string | null;
}

// Readers wait for nothing but another process that recovers the index after a crash.
const BUSY_TIMEOUT_MS = 30_000;

// A put holds the lock while it copies its file; thirty seconds copy a file far over a gigabyte.
const LOCK_WAIT_MAX_MS = 30_000;
const LOCK_POLL_MS = 5;

/**
 * Runs `work` under the write lock. `work` commits; an open transaction is rolled back. Waits for the lock between two
 * turns of the event loop, not inside SQLite, where no signal would arrive; an aborted `signal` ends the wait, with its
 * reason. No turn passes between taking the lock and `work`: the next caller shares the connection, and its BEGIN would
 * fail.
 */
export async function withWriteLock<T>(
  index: SqliteDatabase,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
  work: () => T,
): Promise<T> {
  const deadline = clock.monotonic() + LOCK_WAIT_MAX_MS;
  while (!begin(index, clock.monotonic() >= deadline)) await clock.sleep(LOCK_POLL_MS, signal);
  return inTransaction(index, work);
}

/** Runs `work` under the write lock, if no other process holds it. */
export function withWriteLockIfFree(index: SqliteDatabase, work: () => void): void {
  if (begin(index, false)) inTransaction(index, work);
}

/** Takes the write lock. Returns false at once if another process holds it; `last`: throws instead. */
function begin(index: SqliteDatabase, last: boolean): boolean {
  index.exec('PRAGMA busy_timeout = 0');
  try {
    index.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    if (last || !codeOf(error)?.startsWith('SQLITE_BUSY')) throw error;
    return false;
  } finally {
    index.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

function inTransaction<T>(index: SqliteDatabase, work: () => T): T {
  try {
    return work();
  } finally {
    if (index.inTransaction) index.exec('ROLLBACK');
  }
}

/** Opens the index of a local deployment. Creates a missing one with the id `newId`. */
export function openIndex(sqlite: SqliteEngine, path: string, newId: string): SqliteDatabase {
  makePrivateFile(path);
  const index = sqlite.open(path, 'read-write', BUSY_TIMEOUT_MS);
  try {
    // WAL, so that readers continue while a put writes its file; FULL, so that commits survive a power cut.
    useWriteAheadLog(index);
    index.exec('PRAGMA synchronous = FULL');
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
    addMissingColumn(index, { table: 'deployment', column: 'thinned_at', type: 'INTEGER' });
    addHistory(index);
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

/** Adds the table of all commits, with what is stored now as the first ones; several processes may do so at once. */
function addHistory(index: SqliteDatabase): void {
  const isThere = (): boolean =>
    index.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'history'").get() !== undefined;
  if (isThere()) return;
  immediately(index, () => {
    if (isThere()) return;
    index.exec(
      `CREATE TABLE history (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         username TEXT NOT NULL,
         file TEXT UNIQUE,
         version TEXT,
         writes TEXT NOT NULL,
         size_bytes INTEGER NOT NULL,
         last_modified INTEGER NOT NULL,
         digest TEXT
       ) STRICT;
       CREATE INDEX history_of_user ON history (username, id);
       INSERT INTO history (username, file, version, writes, size_bytes, last_modified, digest)
         SELECT username, file, version, writes, size_bytes, last_modified, digest FROM databases ORDER BY last_modified`,
    );
  });
}

/** A column that files of older versions lack. */
export interface AddedColumn {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** Adds a missing column; several processes may do so at once. */
export function addMissingColumn(database: SqliteDatabase, { table, column, type }: AddedColumn): void {
  const isThere = (): boolean =>
    database.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?').get(table, column) !== undefined;
  // Checked first, so that opening an up-to-date file never waits for the write lock.
  if (isThere()) return;
  immediately(database, () => {
    if (!isThere()) database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
  });
}

/** Switches a file to WAL mode; several processes may be creating it at once. */
export function useWriteAheadLog(index: SqliteDatabase): void {
  for (let tries = 1; ; tries++) {
    try {
      index.exec('PRAGMA journal_mode = WAL');
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
  const subject = username === undefined ? 'the local deployment' : `database "${username}" of the local deployment`;
  const what = `${verb} ${subject}`;
  return asFileFailure(error, {
    what,
    file: 'its index',
    disk: 'the disk of it or of the cache',
    otherwise: what,
    username,
    damagedHint: 'a backup of the directory in JAVUMBO_HOME',
    fullHint: 'javumbo cache clear, or another --cache-dir',
  });
}
