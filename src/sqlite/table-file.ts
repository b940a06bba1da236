import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { isDamage } from './engine.ts';
import { type AddedColumn, addMissingColumn, useWriteAheadLog } from './index-file.ts';

export interface LocalTableOptions {
  /** The file's name in the home of the local deployment. */
  readonly file: string;
  /** SQL that creates what is missing. */
  readonly schema: string;
  /** A column that older files lack. */
  readonly addedColumn?: AddedColumn | undefined;
  /** FULL: commits survive a power cut. NORMAL: a power cut may undo the last ones. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** The `try:` hint for a damaged file. */
  readonly damagedHint: string;
}

// A transaction takes milliseconds; this long a wait means that a process was stopped inside one.
const BUSY_TIMEOUT_MS = 5_000;

/**
 * A SQLite file in the local deployment's home, shared by all its processes. The first call creates it.
 *
 * It is separate from the index of databases, whose write lock a put holds while it writes a file: other users' calls
 * would have to wait for that upload.
 */
export class LocalTable {
  readonly #home: string;
  readonly #options: LocalTableOptions;
  #database: Database.Database | undefined;

  constructor(home: string, options: LocalTableOptions) {
    this.#home = home;
    this.#options = options;
  }

  /**
   * Runs `work` in a transaction that takes the write lock before it reads (BEGIN IMMEDIATE), so that it never sees a
   * state that another is changing. A process killed inside leaves no trace of it. Throws `unavailable` or `corrupt`,
   * beginning with `what`.
   */
  atomically<T>(what: string, username: string | undefined, work: (table: Database.Database) => T): T {
    return this.#guarded(what, username, (table) => table.transaction(() => work(table)).immediate());
  }

  /** Runs `work`, which must only read, in one statement. Throws like `atomically`. */
  read<T>(what: string, username: string | undefined, work: (table: Database.Database) => T): T {
    return this.#guarded(what, username, work);
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #guarded<T>(what: string, username: string | undefined, work: (table: Database.Database) => T): T {
    try {
      this.#database ??= this.#open();
      return work(this.#database);
    } catch (error) {
      throw asTableFailure(error, what, username, join(this.#home, this.#options.file), this.#options.damagedHint);
    }
  }

  #open(): Database.Database {
    mkdirSync(this.#home, { recursive: true, mode: 0o700 });
    const path = join(this.#home, this.#options.file);
    // Whatever the directory's mode: a file with password hashes is private to its owner. Its -wal and -shm inherit the
    // mode.
    closeSync(openSync(path, 'a', 0o600));
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    const table = new Database(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      useWriteAheadLog(table);
      table.pragma(`synchronous = ${this.#options.synchronous}`);
      table.exec(this.#options.schema);
      if (this.#options.addedColumn !== undefined) addMissingColumn(table, this.#options.addedColumn);
      return table;
    } catch (error) {
      table.close();
      throw error;
    }
  }
}

function asTableFailure(
  error: unknown,
  what: string,
  username: string | undefined,
  path: string,
  damagedHint: string,
): Error {
  if (error instanceof JavumboError) return error;
  const code = codeOf(error);
  if (code?.startsWith('SQLITE_BUSY')) {
    return new JavumboError('unavailable', `${what}: another process kept ${path} locked`, {
      try: 'the same again; if it stays so, look for a process that was stopped while it used the file',
      retryable: true,
      username,
      cause: error,
    });
  }
  if (isDamage(error)) {
    return new JavumboError('corrupt', `${what}: ${path} is damaged: ${messageOf(error)}`, {
      try: damagedHint,
      username,
      cause: error,
    });
  }
  if (code === 'ENOSPC' || code === 'SQLITE_FULL') {
    return new JavumboError('unavailable', `${what}: no space is left on the disk of ${path}`, {
      try: 'space on that disk, or another directory in JAVUMBO_HOME',
      username,
      cause: error,
    });
  }
  return new JavumboError('unavailable', `${what} in ${path}: ${messageOf(error)}`, {
    try: 'name a directory that you can write to with JAVUMBO_HOME',
    username,
    cause: error,
  });
}
