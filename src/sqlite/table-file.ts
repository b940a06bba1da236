import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { asFileFailure } from './file-failure.ts';
import { type AddedColumn, addMissingColumn, useWriteAheadLog } from './index-file.ts';

/** What a table is kept in. */
export interface LocalTableOptions {
  /** The file's name in the home of the local deployment. */
  readonly file: string;
  /** SQL that makes what is missing. */
  readonly schema: string;
  /** A column that older files lack. */
  readonly addedColumn?: AddedColumn | undefined;
  /** FULL: what was committed survives a power cut. NORMAL: the last transactions may be taken back by one. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** What to do about a damaged file. */
  readonly damagedHint: string;
}

// A transaction takes a few milliseconds; whoever waits this long waits for a process that was stopped inside one.
const BUSY_TIMEOUT_MS = 5_000;

/**
 * A SQLite file under the local deployment's home, shared by all its processes. The directory and the file are made at
 * the first call.
 *
 * Not in the index of the databases: a put holds that one's write lock for as long as a file takes to be written, and
 * whoever wants something of one user would have to wait for another's upload first.
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
   * Runs `work` as one transaction that takes SQLite's write lock before it reads (BEGIN IMMEDIATE), so that it cannot
   * see a state that another is changing. A process that is killed inside leaves nothing of it. Throws `unavailable`
   * or `corrupt`, beginning with `what`.
   */
  atomically<T>(what: string, username: string | undefined, work: (table: Database.Database) => T): T {
    return this.#guarded(what, username, (table) => table.transaction(() => work(table)).immediate());
  }

  /** Runs `work`, which only reads, in one statement. Throws as `atomically` does. */
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

  #open(): Database.Database {
    mkdirSync(this.#home, { recursive: true, mode: 0o700 });
    const path = join(this.#home, this.#options.file);
    // Whatever the directory allows: a file that holds password hashes is its owner's alone. Its -wal and -shm follow it.
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
