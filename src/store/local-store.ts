import { constants, existsSync, statfsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import { asError, codeOf, JavumboError } from '../core/failure.ts';
import { type Content, copyDurably, sha256Of, sizeOf, sizeSoFar, syncToDisk } from '../core/file.ts';
import { asLocalFailure, type IndexRow } from '../sqlite/index-file.ts';
import {
  type DatabaseStore,
  type DeleteOptions,
  type DeleteOutcome,
  databaseIn,
  type GetOptions,
  type GetResult,
  type ListedDatabase,
  type ListPage,
  type Past,
  type PutOptions,
  type PutOutcome,
  type StoredDatabase,
  type Trace,
} from './database-store.ts';
import { beginningWith, LocalFiles, WITHIN } from './local-files.ts';
import { forgetHalf, HISTORY_BYTES_MAX, pointIn, recordPoint, thinPoints } from './local-history.ts';
import { LocalIndex } from './local-index.ts';
import { described, traceOf } from './local-rows.ts';
import type { LocalDatabaseStoreOptions } from './local-store-options.ts';
import { encodeWrites } from './write-ids.ts';

/**
 * User databases as files under one directory, with an index in SQLite beside them.
 *
 * The index is the truth: a file without a row does not exist. Files are written once, under a random name, and never
 * changed, so readers need no lock. A put holds the index's write lock (BEGIN IMMEDIATE) while it compares, writes and
 * syncs the new file; the index's COMMIT is the commit point. Earlier files stay, as history, until that is thinned. A
 * crash leaves a file without a row: before the commit point the new one, after it one that was just forgotten. The
 * user's next put by another process removes it under the same lock. A file being written is never taken for an orphan, because its
 * writer holds the lock.
 */
export class LocalDatabaseStore implements DatabaseStore {
  readonly #index: LocalIndex;
  readonly #historyBytesMax: number;
  readonly #onTransfer: NonNullable<LocalDatabaseStoreOptions['onTransfer']>;
  readonly bodyDigest = 'sha256';
  readonly files: LocalFiles;

  /** The first request creates the directory and its index. */
  constructor(root: string, options: LocalDatabaseStoreOptions) {
    this.#index = new LocalIndex(root, options);
    this.#historyBytesMax = options.historyBytesMax ?? HISTORY_BYTES_MAX;
    this.#onTransfer = options.onTransfer ?? (() => {});
    this.files = new LocalFiles(this.#index);
  }

  async get(username: string, destination: string, { ifVersionNot, point }: GetOptions = {}): Promise<GetResult> {
    // What is read may be forgotten between reading the row and opening the file; another row is current then.
    for (;;) {
      const row = point === undefined ? this.#index.row(username) : this.#past(username, point);
      if (row === undefined) return { kind: 'absent' };
      if (row.version === ifVersionNot) return { kind: 'not-modified', lastModified: row.last_modified };
      try {
        // The file may be moved as soon as it is copied.
        let copied: number | undefined;
        this.#onTransfer({
          direction: 'down',
          totalBytes: row.size_bytes,
          doneBytes: () => copied ?? sizeSoFar(destination),
        });
        await copyFile(join(this.#index.folder(username), row.file), destination, constants.COPYFILE_FICLONE);
        copied = row.size_bytes;
        return { kind: 'found', ...described(row) };
      } catch (error) {
        if (isDiskFull(error)) throw cacheFailure(dirname(destination), error);
        if (codeOf(error) !== 'ENOENT' || !existsSync(dirname(destination)))
          throw asLocalFailure(error, 'read', username);
        if (point === undefined && this.#index.row(username)?.file === row.file) {
          throw new JavumboError('corrupt', `the file of database "${username}" is missing from ${this.#index.root}`, {
            try: 'a backup of the directory in JAVUMBO_HOME',
            username,
            cause: error,
          });
        }
        if (point !== undefined) return { kind: 'absent' };
      }
    }
  }

  /** A random name given to this deployment when it was created; no other one has it. */
  get id(): string {
    return this.#index.ask(
      (index) => (index.prepare('SELECT id FROM deployment').get() as { id: string } | undefined)?.id ?? '',
    );
  }

  async head(username: string): Promise<StoredDatabase | undefined> {
    return databaseIn(await this.trace(username));
  }

  async trace(username: string, { point }: Past = {}): Promise<Trace> {
    return traceOf(point === undefined ? this.#index.row(username) : this.#past(username, point));
  }

  async put(username: string, source: Content, { condition, writes, digest, body }: PutOptions): Promise<PutOutcome> {
    const { atStep, clock, random, signal } = this.#index;
    try {
      const version = body?.algorithm === 'sha256' ? body.hex : await sha256Of(source);
      const sizeBytes = sizeOf(source);
      await this.#makeRoom(sizeBytes);
      return await this.#index.locked(signal, (index): PutOutcome => {
        const current = this.#index.row(username);
        const expected = condition.kind === 'version' ? condition.version : undefined;
        if (current?.version !== expected) {
          // Nothing repeats a write here, so no copy of this one is the reason.
          return { kind: 'conflict', reason: current === undefined ? 'deleted' : 'changed', seen: traceOf(current) };
        }
        const folder = this.#index.makeFolder(username);
        this.files.tidy(index, username);
        const file = `${random.hex(16)}.anki2`;
        this.#onTransfer({ direction: 'up', totalBytes: sizeBytes, doneBytes: () => sizeSoFar(join(folder, file)) });
        copyDurably(source, join(folder, file), () => atStep('file-copied'));
        syncToDisk(folder);
        atStep('file-synced');
        const now = clock.now();
        const row: IndexRow = {
          file,
          version,
          writes: encodeWrites(writes),
          size_bytes: sizeBytes,
          last_modified: now,
          digest: digest ?? null,
        };
        index
          .prepare(
            `INSERT INTO databases (username, file, version, writes, size_bytes, last_modified, digest)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (username) DO UPDATE SET file = excluded.file, version = excluded.version,
               writes = excluded.writes, size_bytes = excluded.size_bytes, last_modified = excluded.last_modified,
               digest = excluded.digest`,
          )
          .run(username, file, version, row.writes, sizeBytes, now, row.digest);
        // A program from before there was a history may have written the current one.
        if (current !== undefined) recordPoint(index, username, current);
        recordPoint(index, username, row);
        const forgotten = thinPoints(index, username, { now, bytesMax: this.#historyBytesMax });
        atStep('index-written');
        try {
          index.exec('COMMIT');
        } catch (error) {
          // What SQLite wrote before it failed may be found again after a crash.
          return { kind: 'unknown', cause: asError(error) };
        }
        atStep('index-committed');
        for (const { username: owner, file: old } of forgotten) this.#index.removeFile(owner, old);
        atStep('old-file-removed');
        return { kind: 'committed', version, lastModified: now };
      });
    } catch (error) {
      throw asLocalFailure(error, 'write', username);
    }
  }

  /** Forgets some history where the disk has no room for a commit. One that then finds none says so. */
  async #makeRoom(sizeBytes: number): Promise<void> {
    const { root, clock, signal } = this.#index;
    try {
      const { bavail, bsize } = statfsSync(root);
      if (bavail * bsize >= ROOM_BYTES + 2 * sizeBytes) return;
      const forgotten = await this.#index.locked(signal, (index) => {
        const files = forgetHalf(index, clock.now());
        index.exec('COMMIT');
        return files;
      });
      for (const { username, file } of forgotten) this.#index.removeFile(username, file);
    } catch {}
  }

  /** Deletes a database. Its history stays, until `files.removePoint` removes that too. */
  async delete(username: string, { ifVersion, writes = [] }: DeleteOptions = {}): Promise<DeleteOutcome> {
    try {
      // Clean-ups, which go on after a signal, name no version.
      const signal = ifVersion === undefined ? undefined : this.#index.signal;
      const outcome = await this.#index.locked(signal, (index): DeleteOutcome => {
        const current = this.#index.row(username);
        if (current === undefined) return { kind: 'absent' };
        if (ifVersion !== undefined && current.version !== ifVersion) return { kind: 'conflict' };
        index.prepare('DELETE FROM databases WHERE username = ?').run(username);
        recordPoint(index, username, current);
        recordPoint(index, username, { writes: encodeWrites(writes), last_modified: this.#index.clock.now() });
        try {
          index.exec('COMMIT');
        } catch (error) {
          return { kind: 'unknown', cause: asError(error) };
        }
        return { kind: 'deleted' };
      });
      this.#index.atStep('deleted');
      return outcome;
    } catch (error) {
      throw asLocalFailure(error, 'delete', username);
    }
  }

  async list(from = '', prefix = ''): Promise<ListPage> {
    const { first, last } = beginningWith(prefix);
    const rows = this.#index.ask((index) =>
      index
        .prepare(
          `SELECT username, username || '.anki2' AS key, version, size_bytes AS sizeBytes, last_modified AS lastModified
           FROM databases WHERE key > ? AND ${WITHIN} ORDER BY key LIMIT ?`,
        )
        .all(from, first, last, PAGE_LENGTH),
    ) as (ListedDatabase & { key: string })[];
    const databases = rows.map(({ key, ...listed }) => listed);
    return { databases, foreignKeys: 0, next: rows.length < PAGE_LENGTH ? undefined : rows.at(-1)?.key };
  }

  close(): void {
    this.#index.close();
  }

  /** Returns a point as the row that it was; undefined for a deletion, and for what is no longer kept. */
  #past(username: string, point: string): IndexRow | undefined {
    const found = this.#index.ask((index) => pointIn(index, username, point));
    const { file, version } = found ?? {};
    if (found === undefined || file == null || version == null) return undefined;
    return { ...found, file, version };
  }
}

// As on S3.
const PAGE_LENGTH = 1000;

// For the index and its log.
const ROOM_BYTES = 1_000_000;
