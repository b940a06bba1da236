import { statSync } from 'node:fs';
import { JavumboError } from '../core/failure.ts';
import type { SqliteEngineName } from '../core/sqlite-engines.ts';

/** What SQLite takes as a bound value. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** One prepared statement. Rows are objects with a property per column; integers arrive as numbers, blobs as bytes. */
export interface SqlStatement {
  /** `changes` means something for statements that insert, update or delete. */
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  /** The first row, or undefined. */
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

/** What SQL needs of an open database; better-sqlite3's `Database` and node:sqlite's `DatabaseSync` both fit. */
export interface SqlDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqlStatement;
}

/** A statement that an engine prepared: it also says what it does, and returns rows exactly and one at a time. */
export interface SqliteStatement extends SqlStatement {
  /** True if it returns rows. Only then has it columns. */
  readonly reader: boolean;
  /** True if it changes nothing in the file. (https://sqlite.org/c3ref/stmt_readonly.html) */
  readonly readonly: boolean;
  columns(): readonly { readonly name: string }[];
  iterate(...values: SqlValue[]): IterableIterator<unknown>;
  /** Integers arrive as bigints from now on. */
  safeIntegers(): SqliteStatement;
  /** Rows arrive as arrays from now on, for columns of equal names. */
  raw(): SqliteStatement;
}

/** A handle on one SQLite file, with only what the core uses, so that a library without a native module fits. */
export interface SqliteDatabase extends SqlDatabase {
  readonly inTransaction: boolean;
  /** Throws for SQL that holds more than one statement. */
  prepare(sql: string): SqliteStatement;
  /**
   * Copies the database to a file. Calls `progress` between two steps; it returns how many pages the next one copies,
   * and ends the backup by throwing.
   */
  backup(destination: string, options: { readonly progress: () => number }): Promise<unknown>;
  /** Can be called twice. */
  close(): unknown;
}

/**
 * A library that opens SQLite files. Its errors have a `code`: SQLite's own name for the error, or for the one it
 * extends (`SQLITE_CORRUPT`; `SQLITE_CONSTRAINT_UNIQUE` or `SQLITE_CONSTRAINT`), and the `statement` that raised it. It
 * enforces foreign keys and does not take text in double quotes for a string.
 */
export interface SqliteEngine {
  readonly name: SqliteEngineName;
  /**
   * `read-only` needs an existing file; `read-write` creates a missing one. Waits for another process's lock as long as
   * `busyTimeoutMs` says: by default not at all.
   */
  open(path: string, mode: 'read-only' | 'read-write', busyTimeoutMs?: number): SqliteDatabase;
  /** Opens a copy of a database in memory. Absent where the library cannot. */
  openInMemory?(bytes: Buffer): SqliteMemoryDatabase;
}

/** A database in memory. */
export interface SqliteMemoryDatabase extends SqliteDatabase {
  /** Returns what its file would hold, without an open transaction. */
  serialize(): Buffer;
}

/** Returns the engine. It is loaded where the first file is opened, since many commands open none. */
export type LoadSqlite = () => Promise<SqliteEngine>;

/**
 * Runs `work` in a transaction that takes the write lock before it reads. A process killed inside leaves no trace of it.
 */
export function immediately<T>(database: SqliteDatabase, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const value = work();
    database.exec('COMMIT');
    return value;
  } finally {
    if (database.inTransaction) database.exec('ROLLBACK');
  }
}

/** Opens a file that no one changes. */
export function openReadOnly(engine: SqliteEngine, path: string): SqliteDatabase {
  return guarded(engine.open(path, 'read-only'));
}

// The journal holds the old pages of what an edit changes; up to this file size it is no burden in memory.
const JOURNAL_IN_MEMORY_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Opens a private working copy for changes. It never waits for the disk, and a small one has no journal file: what is not
 * uploaded is discarded.
 */
export function openWorkingCopy(engine: SqliteEngine, path: string): SqliteDatabase {
  const sizeBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const journal = sizeBytes <= JOURNAL_IN_MEMORY_BYTES_MAX ? 'MEMORY' : 'DELETE';
  return guarded(engine.open(path, 'read-write'), ['synchronous = OFF', `journal_mode = ${journal}`]);
}

/** An engine that can open a database in memory. */
export type MemoryEngine = SqliteEngine & Required<Pick<SqliteEngine, 'openInMemory'>>;

export function canOpenInMemory(engine: SqliteEngine): engine is MemoryEngine {
  return engine.openInMemory !== undefined;
}

/** Opens a working copy in memory. */
export function openInMemory(engine: MemoryEngine, bytes: Buffer): SqliteMemoryDatabase {
  return guarded(engine.openInMemory(bytes));
}

/** Moves everything into the file, in rollback mode, whatever the edit did to the journal mode. */
export function settleJournal(database: SqliteDatabase): void {
  const { journal_mode: mode } = database.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
  if (mode === 'delete' || mode === 'memory') return;
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.exec('PRAGMA journal_mode = DELETE');
}

/** Throws `corrupt` with SQLite's findings if the database is damaged. */
export function quickCheck(database: SqliteDatabase): void {
  // An edit may have switched it on, and then the check would ignore them too.
  database.exec('PRAGMA ignore_check_constraints = OFF');
  const findings = database.prepare('PRAGMA quick_check(3)').all() as { quick_check: string }[];
  const bad = findings.map((row) => row.quick_check).filter((finding) => finding !== 'ok');
  if (bad.length > 0) throw new JavumboError('corrupt', `it is damaged: ${bad.join('; ')}`);
}

/** Returns up to 100 faults that SQLite finds in the file, its indexes and its foreign keys. */
export function integrityFindings(database: SqliteDatabase): string[] {
  const rows = database.prepare('PRAGMA integrity_check(100)').all() as { integrity_check: string }[];
  const damage = rows.map((row) => row.integrity_check).filter((finding) => finding !== 'ok');
  const foreign = database.prepare('PRAGMA foreign_key_check').all() as {
    table: string;
    rowid: number | null;
    parent: string;
  }[];
  return [
    ...damage,
    ...foreign.map(
      ({ table, rowid, parent }) => `row ${rowid ?? '?'} of ${table} refers to a row of ${parent} that does not exist`,
    ),
  ].slice(0, 100);
}

/** Returns the number of rows of each table, except SQLite's own and virtual ones, which run code of their own. */
export function tableCounts(database: SqliteDatabase): Record<string, number> {
  const tables = database
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .all() as { name: string }[];
  return Object.fromEntries(
    tables.map(({ name }) => {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      return [name, (database.prepare(`SELECT count(*) AS n FROM ${quoted}`).get() as { n: number }).n];
    }),
  );
}

function guarded<T extends SqliteDatabase>(database: T, pragmas: readonly string[] = []): T {
  try {
    // The file is untrusted: its views and triggers must not call functions with side effects, and its cells are
    // checked before use. (https://sqlite.org/security.html)
    for (const pragma of ['trusted_schema = OFF', 'cell_size_check = ON', ...pragmas]) {
      database.exec(`PRAGMA ${pragma}`);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
