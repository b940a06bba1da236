import { chmodSync, constants, copyFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import type { DatabaseCache } from './cache.ts';
import type { CacheEntry } from './cache-entry.ts';
import { type RunBlocking, runBlockingIn } from './run-blocking.ts';
import {
  asCorruption,
  openReadOnly,
  openWorkingCopy,
  quickCheck,
  readHeader,
  type SqliteDatabase,
  type SqliteEngine,
  setRollbackMode,
  settleJournal,
} from './sqlite.ts';
import type { DatabaseStore, PutCondition, StoredDatabase, Version } from './store.ts';
import type { WorkDirectory } from './work-directory.ts';
import { writesOver } from './write-ids.ts';

/** What sessions share: where databases come from and where they are kept meanwhile. */
export interface SessionEnvironment {
  readonly store: DatabaseStore;
  readonly cache: DatabaseCache;
  readonly sqlite: SqliteEngine;
  /** False: nothing is taken from the cache and nothing left in it. */
  readonly caching: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Throws for a database that must not be opened although it is sound (a schema that is too new). */
  readonly inspect?: ((database: SqliteDatabase, username: string) => void) | undefined;
  /** Runs SQL of an operator, or in an operator's file; undefined: it is ours, and short. */
  readonly runBlocking?: RunBlocking | undefined;
  /** Told before each step of a commit, so that a test can end the process there. */
  readonly atStep?: ((step: CommitStep) => void) | undefined;
}

export const COMMIT_STEPS = ['copied', 'edited', 'checked', 'stored', 'cached'] as const;
export type CommitStep = (typeof COMMIT_STEPS)[number];

/**
 * How a commit ended. Every ending is true, and final:
 *
 * - `committed`: stored; `version` holds it. `superseded` when others have already written on top of it.
 * - `unchanged`: the session changed nothing, so nothing was sent.
 * - `conflict`: somebody else committed first, and nothing of this session was stored.
 * - `unknown`: it may have been stored, and nobody can tell yet.
 */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly version: Version; readonly superseded?: boolean }
  | { readonly kind: 'unchanged'; readonly version: Version }
  | { readonly kind: 'conflict'; readonly reason: 'changed' | 'deleted'; readonly base: Version | undefined }
  | { readonly kind: 'unknown'; readonly cause: Error; readonly base: Version | undefined };

/** A version on local disk: in the cache, or in a work directory that goes with the session. */
export interface LocalVersion {
  readonly path: string;
  readonly stored: StoredDatabase;
  readonly entry: CacheEntry | undefined;
  readonly work: WorkDirectory | undefined;
}

/**
 * What a write session begins with: a copy of a version; nothing, for a database that does not exist; or, to replace
 * what is there, the file `working-copy.anki2` that somebody put into `work`.
 */
export type SessionStart =
  | { readonly kind: 'version'; readonly local: LocalVersion }
  | { readonly kind: 'new'; readonly base: undefined; readonly work?: undefined }
  | { readonly kind: 'file'; readonly base: StoredDatabase | undefined; readonly work: WorkDirectory };

export const WORKING_COPY = 'working-copy.anki2';

// No change counter is negative, so the first look at the file finds it changed.
const ALWAYS_CHANGED = -1;

/** A look at one version. The file is shared and never changes; the handle is read-only. */
export class ReadSession {
  readonly username: string;
  readonly stored: StoredDatabase;
  readonly database: SqliteDatabase;
  /** True when no request was needed. */
  readonly fromCache: boolean;
  readonly #work: WorkDirectory | undefined;

  constructor(username: string, local: LocalVersion, environment: SessionEnvironment, fromCache: boolean) {
    this.username = username;
    this.stored = local.stored;
    this.fromCache = fromCache;
    this.#work = local.work;
    this.database = open(() => openReadOnly(environment.sqlite, local.path), username, environment);
  }

  close(): void {
    try {
      this.database.close();
    } finally {
      this.#work?.release();
    }
  }
}

/**
 * Work on a private copy of one version (or on a new, empty database), to be committed once or discarded. Nobody sees
 * the copy; a crash leaves an orphan that the next process removes.
 */
export class WriteSession {
  readonly username: string;
  /** The version that the copy began as; undefined for a database that does not exist yet. */
  readonly base: StoredDatabase | undefined;
  /** When the request began that found the base current; undefined when the base came by a request of this session. */
  readonly baseValidatedAt: number | undefined;
  readonly database: SqliteDatabase;
  readonly #environment: SessionEnvironment;
  readonly #work: WorkDirectory;
  readonly #path: string;
  readonly #counterBefore: number;
  #open = true;

  constructor(username: string, start: SessionStart, environment: SessionEnvironment) {
    this.username = username;
    this.base = start.kind === 'version' ? start.local.stored : start.base;
    this.baseValidatedAt = start.kind === 'version' ? start.local.entry?.validatedAt : undefined;
    this.#environment = environment;
    this.#work = (start.kind === 'version' ? start.local.work : start.work) ?? environment.cache.workDirectory();
    this.#path = join(this.#work.path, WORKING_COPY);
    try {
      if (start.kind === 'version') this.#takeCopy(start.local);
      environment.atStep?.('copied');
      this.#counterBefore = start.kind === 'version' ? readHeader(this.#path).changeCounter : ALWAYS_CHANGED;
      const handle = (): SqliteDatabase => openWorkingCopy(environment.sqlite, this.#path);
      this.database = open(handle, username, start.kind === 'new' ? undefined : environment);
    } catch (error) {
      this.#work.release();
      throw asCorruption(error, username) ?? error;
    }
  }

  /**
   * Commits what the session did since it began: an open transaction first, then the upload, if anything changed.
   * The session is over whatever comes of it. Throws `corrupt` when the copy is damaged, `unavailable` when no attempt
   * to store it can have arrived; nothing is stored then.
   */
  async commit(): Promise<CommitOutcome> {
    const { store, clock, random, atStep } = this.#environment;
    try {
      await runBlockingIn(this.#environment)(() => this.#settle());
      const base = this.base;
      if (base !== undefined && !this.hasChanged()) {
        return { kind: 'unchanged', version: base.version };
      }
      atStep?.('checked');
      const writes = writesOver(base, random.hex(16));
      const condition: PutCondition =
        base === undefined ? { kind: 'absent' } : { kind: 'version', version: base.version };
      const startedAt = clock.now();
      const outcome = await store.put(this.username, this.#path, { condition, writes });
      switch (outcome.kind) {
        case 'committed': {
          atStep?.('stored');
          const { version, superseded, lastModified = startedAt } = outcome;
          this.#remember(superseded === true ? undefined : { version, writes, lastModified }, startedAt);
          atStep?.('cached');
          return { kind: 'committed', version, ...(superseded === true ? { superseded } : {}) };
        }
        case 'conflict':
          this.#remember(undefined, startedAt);
          return { kind: 'conflict', reason: outcome.reason, base: base?.version };
        case 'unknown':
          this.#remember(undefined, startedAt);
          return { kind: 'unknown', cause: outcome.cause, base: base?.version };
      }
    } catch (error) {
      throw asCorruption(error, this.username) ?? error;
    } finally {
      this.discard();
    }
  }

  /** True when what the copy holds, as far as it is not in an open transaction, differs from its base. */
  hasChanged(): boolean {
    // The counter moves with DDL and user_version too, which total_changes() misses. (design.md)
    return this.base === undefined || readHeader(this.#path).changeCounter !== this.#counterBefore;
  }

  /** Ends the session without storing anything. The cache stays as it was. Can be called at any time, also twice. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.database.close();
    } finally {
      this.#work.release();
    }
  }

  #takeCopy(local: LocalVersion): void {
    // A version fetched for this session alone becomes the working copy; a cached one is shared, so it is copied.
    if (local.entry === undefined) renameSync(local.path, this.#path);
    else {
      copyFileSync(local.path, this.#path, constants.COPYFILE_FICLONE);
      chmodSync(this.#path, 0o600);
    }
    if (readHeader(this.#path).journal === 'wal') setRollbackMode(this.#path);
  }

  #settle(): void {
    if (this.database.inTransaction) this.database.exec('COMMIT');
    this.#environment.atStep?.('edited');
    settleJournal(this.database);
    if (this.hasChanged()) {
      quickCheck(this.database);
      // An empty file passes every check of SQLite's, and is no database to anybody else.
      readHeader(this.#path);
    }
    this.database.close();
  }

  /**
   * Keeps the committed copy as the cache's entry, or forgets the user where what is cached is outdated. What the store
   * decided stands, so trouble with the cache is not allowed to change the outcome; a file it could not take is not served.
   */
  #remember(committed: Omit<StoredDatabase, 'sizeBytes'> | undefined, startedAt: number): void {
    const { cache, caching } = this.#environment;
    try {
      const stored = committed && caching ? { ...committed, sizeBytes: statSync(this.#path).size } : undefined;
      const entry = stored && cache.admit(this.#work, this.#path, this.username, stored, startedAt);
      // Without an entry for the new version the old one must go: it would be served as if nothing had happened.
      if (entry === undefined) cache.invalidate(this.username);
    } catch {
      this.#forget();
    }
  }

  #forget(): void {
    try {
      this.#environment.cache.invalidate(this.username);
    } catch {}
  }
}

function open(
  handle: () => SqliteDatabase,
  username: string,
  environment: SessionEnvironment | undefined,
): SqliteDatabase {
  let database: SqliteDatabase | undefined;
  try {
    database = handle();
    environment?.inspect?.(database, username);
    return database;
  } catch (error) {
    database?.close();
    throw asCorruption(error, username) ?? error;
  }
}
