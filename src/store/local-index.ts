import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { syncToDisk } from '../core/file.ts';
import { makePrivateDirectory } from '../core/private-files.ts';
import type { Random } from '../core/random.ts';
import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { asLocalFailure, type IndexRow, openIndex, withWriteLock, withWriteLockIfFree } from '../sqlite/index-file.ts';
import type { LocalDatabaseStoreOptions, LocalPutStep } from './local-store-options.ts';
import { databasesFolder } from './local-usernames.ts';

/** The index of a local deployment, with its write lock, and the folders of files that it names. */
export class LocalIndex {
  readonly root: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal | undefined;
  readonly atStep: (step: LocalPutStep) => void;
  readonly #sqlite: SqliteEngine;
  #index: SqliteDatabase | undefined;

  constructor(root: string, { clock, random, sqlite, signal, atStep = () => {} }: LocalDatabaseStoreOptions) {
    this.root = root;
    this.clock = clock;
    this.random = random;
    this.signal = signal;
    this.atStep = atStep;
    this.#sqlite = sqlite;
  }

  /** Opens the index. The first call creates the directory and the index. */
  open(): SqliteDatabase {
    if (this.#index !== undefined) return this.#index;
    try {
      makePrivateDirectory(join(this.root, 'databases'));
      this.#index = openIndex(this.#sqlite, join(this.root, 'index.sqlite'), this.random.hex(16));
      return this.#index;
    } catch (error) {
      throw asLocalFailure(error, 'open');
    }
  }

  /** Queries the index. Turns SQLite's errors into failures that name the local deployment. */
  ask<T>(question: (index: SqliteDatabase) => T): T {
    try {
      return question(this.open());
    } catch (error) {
      throw asLocalFailure(error, 'read');
    }
  }

  /** Returns the row of a user's current database. */
  row(username: string): IndexRow | undefined {
    return this.ask((index) =>
      index
        .prepare('SELECT file, version, writes, size_bytes, last_modified, digest FROM databases WHERE username = ?')
        .get(username),
    ) as IndexRow | undefined;
  }

  /** Runs `work` under the index's write lock. `work` commits; an open transaction is rolled back. */
  locked<T>(signal: AbortSignal | undefined, work: (index: SqliteDatabase) => T): Promise<T> {
    const index = this.open();
    return withWriteLock(index, { clock: this.clock, signal }, () => {
      this.atStep('locked');
      return work(index);
    });
  }

  folder(username: string): string {
    return join(databasesFolder(this.root), username);
  }

  makeFolder(username: string): string {
    const folder = this.folder(username);
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) for (const parent of [dirname(folder), this.root]) syncToDisk(parent);
    return folder;
  }

  /** After the commit point: a file that cannot be removed is an orphan for a later put, never a failed commit. */
  removeFile(username: string, file: string): void {
    try {
      rmSync(join(this.folder(username), file), { force: true });
    } catch {}
  }

  /** Removes an empty folder, under the lock: another writer may have just made it to write into it. */
  removeFolder(username: string): void {
    try {
      withWriteLockIfFree(this.open(), () => {
        this.atStep('locked');
        rmdirSync(this.folder(username));
      });
    } catch {
      // It holds files, or the lock failed: an empty folder does no harm.
    }
  }

  close(): void {
    this.#index?.close();
    this.#index = undefined;
  }
}
