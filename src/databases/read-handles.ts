import type { CacheEntry } from '../cache/entry.ts';
import type { SqliteDatabase, SqliteStatement } from '../sqlite/engine.ts';

// Each keeps a file open.
const HANDLES_MAX = 16;

interface Handle {
  readonly path: string;
  readonly inode: number;
  readonly database: SqliteDatabase;
}

/** What one reader gets of a kept handle. */
export interface Borrowed {
  readonly database: SqliteDatabase;
  /** Ends it: from then on the reader can do nothing with it. */
  giveBack(): void;
}

/**
 * The read-only handles that a process keeps on versions in its cache, at most one for each user: opening and inspecting a
 * version takes ten times as long as a query. A handle serves one reader at a time, and another one only if nothing but
 * plain queries ran on it.
 */
export class ReadHandles {
  /** By username, the longest unused first. */
  readonly #idle = new Map<string, Handle>();

  /** Lends the handle on that entry, or the one that `open` makes. */
  borrow({ username, path, inode }: CacheEntry, open: () => SqliteDatabase): Borrowed {
    const idle = this.#idle.get(username);
    this.#idle.delete(username);
    const fits = idle?.path === path && idle.inode === inode;
    if (!fits) close(idle?.database);
    const database = fits ? idle.database : open();
    const lent = new LentDatabase(database);
    return {
      database: lent,
      giveBack: () => {
        if (lent.end()) this.#keep(username, { path, inode, database });
        else close(database);
      },
    };
  }

  close(): void {
    for (const { database } of this.#idle.values()) close(database);
    this.#idle.clear();
  }

  #keep(username: string, handle: Handle): void {
    close(this.#idle.get(username)?.database);
    this.#idle.delete(username);
    this.#idle.set(username, handle);
    const [oldest] = this.#idle;
    if (this.#idle.size <= HANDLES_MAX || oldest === undefined) return;
    this.#idle.delete(oldest[0]);
    close(oldest[1].database);
  }
}

function close(database: SqliteDatabase | undefined): void {
  try {
    database?.close();
  } catch {
    // A statement is unfinished: the handle goes with it.
  }
}

// A query cannot change its connection; whatever else may: PRAGMA, ATTACH, temporary tables, a transaction.
const PLAIN = /^\s*(SELECT|VALUES|WITH)\b/i;

/** A database that notices whether its connection is as it was, and ends with its reader. */
class LentDatabase implements SqliteDatabase {
  readonly #inner: SqliteDatabase;
  #isClean = true;
  #isLent = true;

  constructor(inner: SqliteDatabase) {
    this.#inner = inner;
  }

  get inTransaction(): boolean {
    return this.#inner.inTransaction;
  }

  prepare(sql: string): SqliteStatement {
    if (!PLAIN.test(sql)) this.#isClean = false;
    return this.#lent().prepare(sql);
  }

  exec(sql: string): unknown {
    this.#isClean = false;
    return this.#lent().exec(sql);
  }

  backup(...call: Parameters<SqliteDatabase['backup']>): Promise<unknown> {
    this.#isClean = false;
    return this.#lent().backup(...call);
  }

  close(): void {
    this.#isClean = false;
    this.#isLent = false;
    close(this.#inner);
  }

  /** Returns true if another reader can have the connection. */
  end(): boolean {
    this.#isLent = false;
    if (!this.#isClean || this.#inner.inTransaction) return false;
    try {
      // Refused while a row of a statement is still to be fetched.
      this.#inner.exec('');
      return true;
    } catch {
      return false;
    }
  }

  #lent(): SqliteDatabase {
    if (!this.#isLent) throw new TypeError('the session that this database belongs to is closed');
    return this.#inner;
  }
}
