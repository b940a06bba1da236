import { readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { asLocalFailure } from '../sqlite/index-file.ts';
import { COLUMNS, type HistoryRow, pointIn } from './local-history.ts';
import type { LocalIndex } from './local-index.ts';
import type { OrphanedFile } from './local-store-options.ts';
import { databasesFolder } from './local-usernames.ts';

/** A commit of the local deployment, and whether it is what its user has now. */
export interface LocalPoint extends HistoryRow {
  readonly current: boolean;
}

/** Usernames from one to another, both included. */
export interface UsernameRange {
  readonly first: string;
  readonly last: string;
}

// By the index on usernames: a list of one user's history must not read everybody's.
export const WITHIN = 'username BETWEEN ? AND ?';

// Usernames are ASCII.
export const beginningWith = (start: string): UsernameRange => ({ first: start, last: `${start}\u007f` });

const USERS_AT_ONCE = 500;

const NAMED = 'SELECT 1 FROM (SELECT file FROM history UNION ALL SELECT file FROM databases) WHERE file = ?';

/** The files of a local deployment beside the current ones: those of its history, and those that nothing names. */
export class LocalFiles {
  readonly #index: LocalIndex;
  /** The users whose folders this process has tidied: with a long history that takes a while. */
  readonly #tidied = new Set<string>();

  constructor(index: LocalIndex) {
    this.#index = index;
  }

  /** Yields the usernames that begin with `start` and have any file or commit, in ranges of some hundreds, in order. */
  *ranges(start: string): Generator<UsernameRange> {
    const { first, last } = beginningWith(start);
    const rows = this.#index.ask((index) =>
      index.prepare(`SELECT DISTINCT username FROM history WHERE ${WITHIN}`).all(first, last),
    ) as { username: string }[];
    const usernames = [...new Set([...rows.map(({ username }) => username), ...this.#folders(first, last)])].sort();
    for (let place = 0; place < usernames.length; place += USERS_AT_ONCE) {
      const some = usernames.slice(place, place + USERS_AT_ONCE);
      yield { first: some[0] as string, last: some.at(-1) as string };
    }
  }

  #folders(first: string, last: string): string[] {
    const databases = databasesFolder(this.#index.root);
    if (statSync(databases, { throwIfNoEntry: false }) === undefined) return [];
    return readdirSync(databases).filter((name) => first <= name && name <= last);
  }

  /** Returns all commits of users whose names begin with `start` or are in a range, each user's newest first. */
  points(users: string | UsernameRange): LocalPoint[] {
    const { first, last } = typeof users === 'string' ? beginningWith(users) : users;
    const rows = this.#index.ask((index) =>
      index
        .prepare(
          `SELECT ${COLUMNS}, EXISTS (SELECT 1 FROM databases AS d WHERE d.username = history.username
           AND d.file = history.file) AS current FROM history WHERE ${WITHIN} ORDER BY username, id DESC`,
        )
        .all(first, last),
    ) as (HistoryRow & { readonly current: number | null })[];
    return rows.map((row) => ({ ...row, current: row.current === 1 }));
  }

  /** Removes a commit for good: its file, and the user's database if it is the current one. */
  async removePoint(username: string, id: string): Promise<void> {
    try {
      const removed = await this.#index.locked(undefined, (index) => {
        const row = pointIn(index, username, id);
        if (row === undefined) return undefined;
        index.prepare('DELETE FROM databases WHERE username = ? AND file = ?').run(username, row.file);
        index.prepare('DELETE FROM history WHERE id = ?').run(row.id);
        index.exec('COMMIT');
        return row;
      });
      if (removed?.file === null || removed === undefined) return;
      this.#index.removeFile(username, removed.file);
      this.#index.removeFolder(username);
    } catch (error) {
      throw asLocalFailure(error, 'clean', username);
    }
  }

  /** Returns files without a row, of all users or of a range: left by killed processes, or being written right now. */
  orphans({ first, last }: UsernameRange = beginningWith('')): OrphanedFile[] {
    const usernames = this.#folders(first, last);
    const rows = this.#index.ask((index) =>
      index
        .prepare(`SELECT file FROM databases WHERE ${WITHIN} UNION SELECT file FROM history WHERE ${WITHIN}`)
        .all(first, last, first, last),
    ) as { file: string }[];
    const known = new Set(rows.map(({ file }) => file));
    const databases = databasesFolder(this.#index.root);
    return usernames.flatMap((username) =>
      readdirSync(join(databases, username)).flatMap((file) => {
        const found = known.has(file)
          ? undefined
          : statSync(join(databases, username, file), { throwIfNoEntry: false });
        return found === undefined ? [] : { username, file, sizeBytes: found.size, lastModified: found.mtimeMs };
      }),
    );
  }

  /** Removes a file if it has no row. Holds the lock, so that no one can be writing it. */
  async removeOrphan(username: string, file: string): Promise<void> {
    try {
      await this.#index.locked(undefined, (index) => {
        if (index.prepare(NAMED).get(basename(file)) !== undefined) return;
        this.#index.removeFile(username, basename(file));
        if (readdirSync(this.#index.folder(username)).length === 0) rmdirSync(this.#index.folder(username));
      });
    } catch (error) {
      throw asLocalFailure(error, 'clean', username);
    }
  }

  /**
   * Removes, under the lock, what nothing names from a user's folder, and from the history what is not in it. Looks once in
   * a process: only a killed one leaves anything.
   */
  tidy(index: SqliteDatabase, username: string): void {
    if (this.#tidied.has(username)) return;
    this.#tidied.add(username);
    const folder = this.#index.folder(username);
    const files = new Set(readdirSync(folder));
    const kept = 'FROM history WHERE username = ? AND file IS NOT NULL';
    const { count } = index.prepare(`SELECT count(*) AS count ${kept}`).get(username) as { count: number };
    // Almost always: each file has a row, and each row a file.
    if (count === files.size) return;
    const named = index.prepare(NAMED);
    for (const file of files) {
      // Looked up by file, not by user: on a case-insensitive file system two users may share a folder.
      if (named.get(file) === undefined) rmSync(join(folder, file), { recursive: true, force: true });
    }
    const lost = (index.prepare(`SELECT id, file ${kept}`).all(username) as { id: number; file: string }[]).filter(
      ({ file }) => !files.has(file),
    );
    for (const { id } of lost) index.prepare('DELETE FROM history WHERE id = ?').run(id);
  }
}
