import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { JavumboError, messageOf } from '../core/failure.ts';
import type { SqlDatabase } from './sql-database.ts';

/** A handle on one SQLite file: as much of it as the core uses, so that a library without a native module can give it. */
export interface SqliteDatabase extends SqlDatabase {
  readonly inTransaction: boolean;
  /** Can be called twice. */
  close(): unknown;
}

/**
 * A library that opens SQLite files. What fails in SQLite throws an error whose `code` is SQLite's own name for it, or for
 * the error that it extends (`SQLITE_CORRUPT`; `SQLITE_CONSTRAINT_UNIQUE` or `SQLITE_CONSTRAINT`). Foreign keys are
 * enforced, and text in double quotes is no string.
 */
export interface SqliteEngine {
  readonly name: string;
  /** `read-only` takes a file that is there; `read-write` makes one that is not. Waits for no lock. */
  open(path: string, mode: 'read-only' | 'read-write'): SqliteDatabase;
}

/** What the first 100 bytes of a database file say. (https://sqlite.org/fileformat2.html, 1.3) */
export interface SqliteHeader {
  readonly journal: 'rollback' | 'wal';
  /** Grows with every change while the file is in rollback mode; stands still in WAL mode. */
  readonly changeCounter: number;
}

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');

/** Reads the header, or throws `corrupt` with what is wrong: not SQLite, or shorter than it says. */
export function readHeader(path: string): SqliteHeader {
  const descriptor = openSync(path, 'r');
  try {
    const header = Buffer.alloc(100);
    const length = readSync(descriptor, header, 0, 100, 0);
    if (length < 100 || !header.subarray(0, 16).equals(MAGIC)) {
      throw new JavumboError('corrupt', 'it is not a SQLite database');
    }
    const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
    const changeCounter = header.readUInt32BE(24);
    const pages = header.readUInt32BE(28);
    const { size } = fstatSync(descriptor);
    // The page count holds only where the version-valid-for number equals the change counter.
    const expected = header.readUInt32BE(92) === changeCounter ? pages * pageSize : pageSize;
    if (size < expected) {
      throw new JavumboError('corrupt', `it is truncated: ${size} bytes of ${expected}`);
    }
    return { journal: header[18] === 2 || header[19] === 2 ? 'wal' : 'rollback', changeCounter };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Marks a file as being in rollback mode. Only for a file that no -wal belongs to, as one that came out of a store:
 * then the two bytes are all that tells the modes apart, and opening it writes nothing beside it.
 */
export function setRollbackMode(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    writeSync(descriptor, Buffer.from([1, 1]), 0, 2, 18);
  } finally {
    closeSync(descriptor);
  }
}

/** Sets the schema cookie of a file that nobody has open. (https://sqlite.org/fileformat2.html, 1.3.9) */
export function setSchemaCookie(path: string, cookie: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(cookie >>> 0);
  const descriptor = openSync(path, 'r+');
  try {
    writeSync(descriptor, bytes, 0, 4, 40);
  } finally {
    closeSync(descriptor);
  }
}

/** Opens a file that nobody changes. */
export function openReadOnly(engine: SqliteEngine, path: string): SqliteDatabase {
  return guarded(engine.open(path, 'read-only'));
}

/** Opens a private working copy for changes. What is not uploaded is thrown away, so nothing waits for the disk. */
export function openWorkingCopy(engine: SqliteEngine, path: string): SqliteDatabase {
  const database = guarded(engine.open(path, 'read-write'));
  database.exec('PRAGMA synchronous = OFF');
  return database;
}

/** Makes the file hold everything, in rollback mode, whatever the edit did to the journal mode. */
export function settleJournal(database: SqliteDatabase): void {
  const { journal_mode: mode } = database.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
  if (mode === 'delete') return;
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.exec('PRAGMA journal_mode = DELETE');
}

/** Throws `corrupt` with SQLite's findings where the database is damaged. */
export function quickCheck(database: SqliteDatabase): void {
  const findings = database.prepare('PRAGMA quick_check(3)').all() as { quick_check: string }[];
  const bad = findings.map((row) => row.quick_check).filter((finding) => finding !== 'ok');
  if (bad.length > 0) throw new JavumboError('corrupt', `it is damaged: ${bad.join('; ')}`);
}

/** Everything SQLite finds wrong in the whole file, its indexes and its foreign keys; at most 100 findings. */
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

/** How many rows each table has, SQLite's own tables left out. */
export function tableCounts(database: SqliteDatabase): Record<string, number> {
  const tables = database
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .all() as { name: string }[];
  return Object.fromEntries(
    tables.map(({ name }) => {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      return [name, (database.prepare(`SELECT count(*) AS n FROM ${quoted}`).get() as { n: number }).n];
    }),
  );
}

function guarded(database: SqliteDatabase): SqliteDatabase {
  try {
    // The file may come from anywhere: its views and triggers must not call functions with side effects, and its cells
    // are checked before they are believed. (https://sqlite.org/security.html)
    database.exec('PRAGMA trusted_schema = OFF');
    database.exec('PRAGMA cell_size_check = ON');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A SQLite error as a failure of the named user's database: `corrupt` for damage, undefined for anything else. */
export function asCorruption(error: unknown, username: string): JavumboError | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  const damaged = typeof code === 'string' && (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB');
  const found = error instanceof JavumboError && error.kind === 'corrupt' && error.username === undefined;
  if (!damaged && !found) return undefined;
  return new JavumboError('corrupt', `database "${username}": ${messageOf(error)}`, {
    try: 'an older version of the object, or a backup, with: javumbo db push --force',
    username,
    cause: error,
  });
}
