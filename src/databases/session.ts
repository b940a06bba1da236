import type { DatabaseCache } from '../cache/cache.ts';
import type { CacheEntry } from '../cache/entry.ts';
import type { WorkDirectory } from '../cache/work-directory.ts';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { RunBlocking } from '../core/run-blocking.ts';
import { asCorruption, openReadOnly, type SqliteDatabase, type SqliteEngine } from '../sqlite/engine.ts';
import type { DatabaseStore, StoredDatabase, Tombstone, Trace, Version } from '../store/database-store.ts';

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
 * - `conflict`: somebody else committed first, and nothing of this session was stored, or will be. `seen`: what is there.
 * - `unknown`: it may have been stored, and nobody can tell yet.
 */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly version: Version; readonly superseded?: boolean }
  | { readonly kind: 'unchanged'; readonly version: Version }
  | {
      readonly kind: 'conflict';
      readonly reason: 'changed' | 'deleted';
      readonly base: Version | undefined;
      readonly seen: Trace;
    }
  | { readonly kind: 'unknown'; readonly cause: Error; readonly base: Version | undefined };

/**
 * How one request to store a session ended. `refused`: its condition did not hold, and nobody has looked yet whether that
 * is because another copy of the same request landed. Whoever is told so looks for `writeId`.
 */
export type SendOutcome = CommitOutcome | SendRefusal;

export interface SendRefusal {
  readonly kind: 'refused';
  readonly writeId: string;
  readonly because: 'refusal' | 'absence';
  /** Milliseconds since 1970. */
  readonly sentAt: number;
}

/** A version on local disk: in the cache, or in a work directory that goes with the session. */
export interface LocalVersion {
  readonly path: string;
  readonly stored: StoredDatabase;
  readonly entry: CacheEntry | undefined;
  readonly work: WorkDirectory | undefined;
}

/**
 * What a write session begins with: a copy of a version; nothing, for a database that does not exist; or, to replace
 * what is there, the file `working-copy.anki2` that somebody put into `work`. `tombstone`: what there is instead of a base.
 * `looked`: the store was asked a moment ago, so that a file with the content of its base need not be stored again.
 */
export type SessionStart =
  | { readonly kind: 'version'; readonly local: LocalVersion; readonly tombstone?: undefined }
  | {
      readonly kind: 'new';
      readonly base: undefined;
      readonly work?: undefined;
      readonly tombstone?: Tombstone | undefined;
    }
  | {
      readonly kind: 'file';
      readonly base: StoredDatabase | undefined;
      readonly looked: boolean;
      readonly work: WorkDirectory;
      readonly tombstone?: Tombstone | undefined;
    };

export const WORKING_COPY = 'working-copy.anki2';

/** The failure of work on a database that something other than its own content stopped: damage, or a full disk. */
export function sessionFailure(error: unknown, username: string, cache: DatabaseCache): unknown {
  if (isDiskFull(error)) return cacheFailure(cache.directory, error);
  return asCorruption(error, username) ?? error;
}

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
    this.database = openInspected(() => openReadOnly(environment.sqlite, local.path), username, environment);
  }

  close(): void {
    try {
      this.database.close();
    } finally {
      this.#work?.release();
    }
  }
}

/** Opens a file as the named user's database, after `inspect` has found nothing against it. */
export function openInspected(
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
