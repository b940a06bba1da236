import type { CacheEntry } from '../cache/entry.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';

// Each keeps a file open.
const HANDLES_MAX = 16;

interface Handle {
  readonly path: string;
  readonly inode: number;
  readonly database: SqliteDatabase;
}

/**
 * The read-only handles that a process keeps on versions in its cache, at most one for each user: opening and inspecting a
 * version takes ten times as long as a query. A handle serves one reader at a time.
 */
export class ReadHandles {
  /** By username, the longest unused first. */
  readonly #idle = new Map<string, Handle>();

  /** Returns the handle on that entry, which is the caller's until it gives it back. */
  take({ username, path, inode }: CacheEntry): SqliteDatabase | undefined {
    const handle = this.#idle.get(username);
    if (handle === undefined) return undefined;
    this.#idle.delete(username);
    if (handle.path === path && handle.inode === inode) return handle.database;
    handle.database.close();
    return undefined;
  }

  /** Keeps a handle for the next reader, or closes it if the last one has left anything open on it. */
  give({ username, path, inode }: CacheEntry, database: SqliteDatabase): void {
    if (!isClean(database)) {
      database.close();
      return;
    }
    this.#idle.get(username)?.database.close();
    this.#idle.delete(username);
    this.#idle.set(username, { path, inode, database });
    const [oldest] = this.#idle.keys();
    if (this.#idle.size > HANDLES_MAX && oldest !== undefined) this.#close(oldest);
  }

  close(): void {
    for (const username of this.#idle.keys()) this.#close(username);
  }

  #close(username: string): void {
    this.#idle.get(username)?.database.close();
    this.#idle.delete(username);
  }
}

/** True without a transaction, temporary tables, attached databases and unfinished statements. */
function isClean(database: SqliteDatabase): boolean {
  try {
    if (database.inTransaction) return false;
    const left = database.prepare(
      `SELECT (SELECT count(*) FROM temp.sqlite_schema) +
         (SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main', 'temp')) AS n`,
    );
    return (left.get() as { n: number }).n === 0;
  } catch {
    return false;
  }
}
