import { join } from 'node:path';
import { makeDirectory } from '../core/make-directory.ts';
import { makePrivateFile } from '../core/private-files.ts';
import { immediately, type SqliteDatabase, type SqliteEngine } from './engine.ts';
import { asFileFailure } from './failure.ts';
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
  readonly #sqlite: SqliteEngine;
  readonly #home: string;
  readonly #options: LocalTableOptions;
  #database: SqliteDatabase | undefined;

  constructor(sqlite: SqliteEngine, home: string, options: LocalTableOptions) {
    this.#sqlite = sqlite;
    this.#home = home;
    this.#options = options;
  }

  /**
   * Runs `work` in a transaction that takes the write lock before it reads (BEGIN IMMEDIATE), so that it never sees a
   * state that another is changing. A process killed inside leaves no trace of it. Throws `unavailable` or `corrupt`,
   * beginning with `what`.
   */
  atomically<T>(what: string, username: string | undefined, work: (table: SqliteDatabase) => T): T {
    return this.#guarded(what, username, (table) => immediately(table, () => work(table)));
  }

  /** Runs `work`, which must only read, in one statement. Throws like `atomically`. */
  read<T>(what: string, username: string | undefined, work: (table: SqliteDatabase) => T): T {
    return this.#guarded(what, username, work);
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #guarded<T>(what: string, username: string | undefined, work: (table: SqliteDatabase) => T): T {
    try {
      this.#database ??= this.#open();
      return work(this.#database);
    } catch (error) {
      const { file, damagedHint } = this.#options;
      throw asFileFailure(error, {
        what,
        file: join(this.#home, file),
        username,
        busyHint: 'the same again; if it stays so, look for a process that was stopped while it used the file',
        damagedHint,
        fullHint: 'space on that disk, or another directory in JAVUMBO_HOME',
      });
    }
  }

  #open(): SqliteDatabase {
    makeDirectory(this.#home);
    const path = join(this.#home, this.#options.file);
    // It has password hashes.
    makePrivateFile(path);
    const table = this.#sqlite.open(path, 'read-write', BUSY_TIMEOUT_MS);
    try {
      useWriteAheadLog(table);
      table.exec(`PRAGMA synchronous = ${this.#options.synchronous}`);
      table.exec(this.#options.schema);
      if (this.#options.addedColumn !== undefined) addMissingColumn(table, this.#options.addedColumn);
      return table;
    } catch (error) {
      table.close();
      throw error;
    }
  }
}
