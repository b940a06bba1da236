import { constants, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import type { Clock } from '../core/clock.ts';
import { asError, codeOf, JavumboError } from '../core/failure.ts';
import { type Content, copyDurably, sha256Of, sizeOf, syncToDisk } from '../core/file.ts';
import { makePrivateDirectory } from '../core/private-files.ts';
import type { Random } from '../core/random.ts';
import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { asLocalFailure, type IndexRow, openIndex, withWriteLock, withWriteLockIfFree } from '../sqlite/index-file.ts';
import {
  type DatabaseStore,
  type DeleteOptions,
  type DeleteOutcome,
  databaseIn,
  type GetOptions,
  type GetResult,
  type ListedDatabase,
  type ListPage,
  type PutOptions,
  type PutOutcome,
  type StoredDatabase,
  type Trace,
} from './database-store.ts';
import { described, traceOf } from './local-rows.ts';
import type { LocalDatabaseStoreOptions, LocalPutStep, OrphanedFile } from './local-store-options.ts';
import { databasesFolder } from './local-usernames.ts';
import { encodeWrites } from './write-ids.ts';

/**
 * User databases as files under one directory, with an index in SQLite beside them.
 *
 * The index is the truth: a file without a row does not exist. Files are written once, under a random name, and never
 * changed, so readers need no lock. A put holds the index's write lock (BEGIN IMMEDIATE) while it compares, writes and
 * syncs the new file; the index's COMMIT is the commit point. A crash before it leaves a file without a row, a crash
 * after it leaves the old file. Either is an orphan in that user's folder, which the user's next put removes under the
 * same lock. A file being written is never taken for an orphan, because its writer holds the lock.
 */
export class LocalDatabaseStore implements DatabaseStore {
  readonly #root: string;
  readonly #sqlite: SqliteEngine;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #signal: AbortSignal | undefined;
  readonly #atStep: (step: LocalPutStep) => void;
  #index: SqliteDatabase | undefined;

  /** The first request creates the directory and its index. */
  constructor(root: string, options: LocalDatabaseStoreOptions) {
    this.#root = root;
    this.#sqlite = options.sqlite;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#signal = options.signal;
    this.#atStep = options.atStep ?? (() => {});
  }

  async get(username: string, destination: string, { ifVersionNot }: GetOptions = {}): Promise<GetResult> {
    // A put that commits between reading the row and opening the file removes the file; the row then names a newer one.
    for (;;) {
      const row = this.#row(username);
      if (row === undefined) return { kind: 'absent' };
      if (row.version === ifVersionNot) return { kind: 'not-modified', lastModified: row.last_modified };
      try {
        await copyFile(join(this.#folder(username), row.file), destination, constants.COPYFILE_FICLONE);
        return { kind: 'found', ...described(row) };
      } catch (error) {
        if (isDiskFull(error)) throw cacheFailure(dirname(destination), error);
        if (codeOf(error) !== 'ENOENT' || !existsSync(dirname(destination)))
          throw asLocalFailure(error, 'read', username);
        if (this.#row(username)?.file === row.file) {
          throw new JavumboError('corrupt', `the file of database "${username}" is missing from ${this.#root}`, {
            try: 'a backup of the directory in JAVUMBO_HOME',
            username,
            cause: error,
          });
        }
      }
    }
  }

  /** A random name given to this deployment when it was created; no other one has it. */
  get id(): string {
    return this.#ask(
      (index) => (index.prepare('SELECT id FROM deployment').get() as { id: string } | undefined)?.id ?? '',
    );
  }

  async head(username: string): Promise<StoredDatabase | undefined> {
    return databaseIn(await this.trace(username));
  }

  async trace(username: string): Promise<Trace> {
    return traceOf(this.#row(username));
  }

  async put(username: string, source: Content, { condition, writes, digest }: PutOptions): Promise<PutOutcome> {
    try {
      const version = await sha256Of(source);
      const sizeBytes = sizeOf(source);
      const folder = this.#folder(username);
      const index = this.#open();
      return await this.#locked(index, this.#signal, (): PutOutcome => {
        const current = this.#row(username);
        const expected = condition.kind === 'version' ? condition.version : undefined;
        if (current?.version !== expected) {
          // Nothing repeats a write here, so no copy of this one is the reason.
          return { kind: 'conflict', reason: current === undefined ? 'deleted' : 'changed', seen: traceOf(current) };
        }
        const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
        if (made !== undefined) for (const parent of [dirname(folder), this.#root]) syncToDisk(parent);
        this.#removeOrphans(index, username);
        const file = `${this.#random.hex(16)}.anki2`;
        copyDurably(source, join(folder, file), () => this.#atStep('file-copied'));
        syncToDisk(folder);
        this.#atStep('file-synced');
        const lastModified = this.#clock.now();
        index
          .prepare(
            `INSERT INTO databases (username, file, version, writes, size_bytes, last_modified, digest)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (username) DO UPDATE SET file = excluded.file, version = excluded.version,
               writes = excluded.writes, size_bytes = excluded.size_bytes, last_modified = excluded.last_modified,
               digest = excluded.digest`,
          )
          .run(username, file, version, encodeWrites(writes), sizeBytes, lastModified, digest ?? null);
        this.#atStep('index-written');
        try {
          index.exec('COMMIT');
        } catch (error) {
          // What SQLite wrote before it failed may be found again after a crash.
          return { kind: 'unknown', cause: asError(error) };
        }
        this.#atStep('index-committed');
        if (current !== undefined) this.#removeFile(username, current.file);
        this.#atStep('old-file-removed');
        return { kind: 'committed', version, lastModified };
      });
    } catch (error) {
      throw asLocalFailure(error, 'write', username);
    }
  }

  async delete(username: string, { ifVersion }: DeleteOptions = {}): Promise<DeleteOutcome> {
    const index = this.#open();
    try {
      // Clean-ups, which go on after a signal, name no version.
      const signal = ifVersion === undefined ? undefined : this.#signal;
      const outcome = await this.#locked(index, signal, (): DeleteOutcome => {
        const current = this.#row(username);
        if (current === undefined) return { kind: 'absent' };
        if (ifVersion !== undefined && current.version !== ifVersion) return { kind: 'conflict' };
        index.prepare('DELETE FROM databases WHERE username = ?').run(username);
        try {
          index.exec('COMMIT');
        } catch (error) {
          return { kind: 'unknown', cause: asError(error) };
        }
        this.#removeFile(username, current.file);
        return { kind: 'deleted' };
      });
      this.#atStep('deleted');
      if (outcome.kind === 'deleted') this.#removeFolder(index, username);
      return outcome;
    } catch (error) {
      throw asLocalFailure(error, 'delete', username);
    }
  }

  async list(from = ''): Promise<ListPage> {
    const rows = this.#ask((index) =>
      index
        .prepare(
          `SELECT username, username || '.anki2' AS key, version, size_bytes AS sizeBytes, last_modified AS lastModified
           FROM databases WHERE key > ? ORDER BY key LIMIT ?`,
        )
        .all(from, PAGE_LENGTH),
    ) as (ListedDatabase & { key: string })[];
    const databases = rows.map(({ key, ...listed }) => listed);
    return { databases, foreignKeys: 0, next: rows.length < PAGE_LENGTH ? undefined : rows.at(-1)?.key };
  }

  /** Returns files without a row: left by killed processes, or being written right now. */
  orphans(): OrphanedFile[] {
    const databases = databasesFolder(this.#root);
    if (statSync(databases, { throwIfNoEntry: false }) === undefined) return [];
    const rows = this.#ask((index) => index.prepare('SELECT file FROM databases').all()) as Pick<IndexRow, 'file'>[];
    const known = new Set(rows.map(({ file }) => file));
    return readdirSync(databases).flatMap((username) =>
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
    const index = this.#open();
    try {
      await this.#locked(index, undefined, () => {
        const named = index.prepare('SELECT 1 FROM databases WHERE file = ?').get(basename(file)) !== undefined;
        if (named) return;
        this.#removeFile(username, basename(file));
        if (readdirSync(this.#folder(username)).length === 0) rmdirSync(this.#folder(username));
      });
    } catch (error) {
      throw asLocalFailure(error, 'clean', username);
    }
  }

  close(): void {
    this.#index?.close();
    this.#index = undefined;
  }

  #folder(username: string): string {
    return join(databasesFolder(this.#root), username);
  }

  #row(username: string): IndexRow | undefined {
    return this.#ask((index) =>
      index
        .prepare('SELECT file, version, writes, size_bytes, last_modified, digest FROM databases WHERE username = ?')
        .get(username),
    ) as IndexRow | undefined;
  }

  /** Queries the index. Turns SQLite's errors into failures that name the local deployment. */
  #ask<T>(question: (index: SqliteDatabase) => T): T {
    try {
      return question(this.#open());
    } catch (error) {
      throw asLocalFailure(error, 'read');
    }
  }

  #open(): SqliteDatabase {
    if (this.#index !== undefined) return this.#index;
    try {
      makePrivateDirectory(join(this.#root, 'databases'));
      this.#index = openIndex(this.#sqlite, join(this.#root, 'index.sqlite'), this.#random.hex(16));
      return this.#index;
    } catch (error) {
      throw asLocalFailure(error, 'open');
    }
  }

  /** Runs `work` under the index's write lock. `work` commits; an open transaction is rolled back. */
  #locked<T>(index: SqliteDatabase, signal: AbortSignal | undefined, work: () => T): Promise<T> {
    return withWriteLock(index, { clock: this.#clock, signal }, () => {
      this.#atStep('locked');
      return work();
    });
  }

  /** After the commit point: a file that cannot be removed is an orphan for the next put, never a failed commit. */
  #removeFile(username: string, file: string): void {
    try {
      rmSync(join(this.#folder(username), file), { force: true });
    } catch {}
  }

  /** Removes an empty folder, under the lock: another writer may have just made it to write into it. */
  #removeFolder(index: SqliteDatabase, username: string): void {
    try {
      withWriteLockIfFree(index, () => {
        this.#atStep('locked');
        rmdirSync(this.#folder(username));
      });
    } catch {
      // It holds another writer's file, or the lock failed: an empty folder does no harm.
    }
  }

  #removeOrphans(index: SqliteDatabase, username: string): void {
    const folder = this.#folder(username);
    const known = index.prepare('SELECT 1 FROM databases WHERE file = ?');
    for (const file of readdirSync(folder)) {
      // Looked up by file, not by user: on a case-insensitive file system two users may share a folder.
      if (known.get(file) === undefined) rmSync(join(folder, file), { recursive: true, force: true });
    }
  }
}

// As on S3.
const PAGE_LENGTH = 1000;
