import type { DatabaseCache } from '../cache/cache.ts';
import type { CacheEntry } from '../cache/entry.ts';
import type { WorkDirectory } from '../cache/work-directory.ts';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import type { Clock, Moment } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { type RunBlocking, runBlockingIn } from '../core/run-blocking.ts';
import { type LoadSqlite, openReadOnly, type SqliteDatabase, type SqliteEngine } from '../sqlite/engine.ts';
import { asCorruption, asDatabaseFailure } from '../sqlite/failure.ts';
import type { DatabaseStore, StoredDatabase, Tombstone, Trace, Version } from '../store/database-store.ts';
import type { DigestThread } from '../store/digest-thread.ts';
import type { ReadHandles } from './read-handles.ts';

/** What sessions share. */
export interface SessionEnvironment {
  readonly store: DatabaseStore;
  readonly cache: DatabaseCache;
  readonly sqlite: LoadSqlite;
  /** False: nothing is read from or written to the cache. */
  readonly caching: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Takes digests of large databases beside their check; undefined: one after the other. */
  readonly digests?: DigestThread | undefined;
  /** Throws for a sound database that must not be opened (a schema that is too new). */
  readonly inspect?: ((database: SqliteDatabase, username: string) => void) | undefined;
  /** Runs an operator's SQL, or queries over an operator's file; undefined: ours, which is short. */
  readonly runBlocking?: RunBlocking | undefined;
  /** Awaited before each PUT of a commit: what it throws ends the commit, and nothing is sent. */
  readonly beforePut?: ((write: MeantWrite) => Promise<void>) | undefined;
  /** Called before each step of a commit, so that a test can end the process there. */
  readonly atStep?: ((step: CommitStep) => void) | undefined;
}

/** The environment with the engine loaded. */
export type ReadyEnvironment = Omit<SessionEnvironment, 'sqlite'> & { readonly sqlite: SqliteEngine };

export async function readyFor(environment: SessionEnvironment): Promise<ReadyEnvironment> {
  return { ...environment, sqlite: await environment.sqlite() };
}

/** A write that is about to be sent. Sent again, it keeps its id. */
export interface MeantWrite {
  readonly username: string;
  readonly writeId: string;
  /** What it replaces; undefined for a database that does not exist yet. */
  readonly base: StoredDatabase | undefined;
}

type CommitStep = 'copied' | 'edited' | 'closed' | 'checked' | 'stored' | 'cached';

/**
 * How a commit ended. Every outcome is true and final:
 *
 * - `committed`: stored; `version` contains it. `superseded` if others have already written on top of it.
 * - `unchanged`: the session changed nothing, so nothing was sent.
 * - `conflict`: another writer committed first; nothing of this session is or will be stored. `seen`: what is stored.
 * - `unknown`: it may have been stored; `writeId` will show it.
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
  | {
      readonly kind: 'unknown';
      readonly cause: Error;
      readonly base: Version | undefined;
      readonly writeId: string;
    };

/**
 * How one request to store a session ended. `refused`: its condition did not hold, and it was not yet checked whether
 * another copy of the same request landed. The caller must look for `writeId`.
 */
export type SendOutcome = CommitOutcome | SendRefusal;

export interface SendRefusal {
  readonly kind: 'refused';
  readonly writeId: string;
  readonly because: 'refusal' | 'absence';
  readonly sentAt: Moment;
}

/** A version on local disk: a cache entry, or a file in a work directory that the session takes over. */
export interface LocalVersion {
  readonly path: string;
  readonly stored: StoredDatabase;
  readonly entry: CacheEntry | undefined;
  readonly work: WorkDirectory | undefined;
}

/**
 * What a write session begins with: a copy of a version; nothing, for a database that does not exist; or, to replace
 * what is stored, the file `working-copy.anki2` in `work`. `tombstone`: what is stored instead of a base. `looked`: the
 * store was just asked, so a file with its base's content need not be stored again.
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

/** Where a working copy is: by default a small one is in memory. */
export interface Placing {
  readonly inMemory?: boolean;
}

/** Returns the failure of what a session itself does. */
export function sessionFailure(error: unknown, username: string, cache: DatabaseCache): unknown {
  return isDiskFull(error)
    ? cacheFailure(cache.directory, error)
    : (asCorruption(error, username) ?? asDatabaseFailure(error, username));
}

/** Returns the failure of a caller's function: damage and a full disk get a name, and anything else is the caller's. */
export function callerFailure(error: unknown, username: string, cache: DatabaseCache): unknown {
  if (isDiskFull(error)) return cacheFailure(cache.directory, error);
  return asCorruption(error, username) ?? error;
}

/** Reads one version. The file is shared and never changes; the handle is read-only. */
export class ReadSession {
  readonly username: string;
  readonly stored: StoredDatabase;
  readonly database: SqliteDatabase;
  /** True when no request was needed. */
  readonly fromCache: boolean;
  readonly #end: () => void;
  readonly #work: WorkDirectory | undefined;

  private constructor(
    username: string,
    local: LocalVersion,
    environment: ReadyEnvironment,
    fromCache: boolean,
    handles: ReadHandles | undefined,
  ) {
    this.username = username;
    this.stored = local.stored;
    this.fromCache = fromCache;
    const open = (): SqliteDatabase =>
      openInspected(
        () => openReadOnly(environment.sqlite, local.path),
        (database) => database,
        username,
        environment,
      );
    if (local.entry !== undefined && handles !== undefined) {
      const { database, giveBack } = handles.borrow(local.entry, open);
      this.database = database;
      this.#end = giveBack;
    } else {
      const database = open();
      this.database = database;
      this.#end = () => void database.close();
    }
    this.#work = local.work;
  }

  /** `handles`: where a handle on a cached version comes from, and goes to when the session is closed. */
  static async open(
    username: string,
    local: LocalVersion,
    environment: SessionEnvironment,
    fromCache: boolean,
    handles?: ReadHandles,
  ): Promise<ReadSession> {
    try {
      const ready = await readyFor(environment);
      return await runBlockingIn(environment)(() => new ReadSession(username, local, ready, fromCache, handles));
    } catch (error) {
      local.work?.release();
      throw error;
    }
  }

  close(): void {
    try {
      this.#end();
    } finally {
      this.#work?.release();
    }
  }
}

/** Opens a user's database, unless `inspect` refuses it. */
export function openInspected<T extends { close(): unknown }>(
  open: () => T,
  databaseOf: (opened: T) => SqliteDatabase,
  username: string,
  environment: Pick<SessionEnvironment, 'inspect'> | undefined,
): T {
  let opened: T | undefined;
  try {
    opened = open();
    environment?.inspect?.(databaseOf(opened), username);
    return opened;
  } catch (error) {
    opened?.close();
    throw asCorruption(error, username) ?? asDatabaseFailure(error, username);
  }
}

/**
 * Returns what a caller's function returned. Throws `usage` for a promise: it would go on in a database that is closed by
 * then, and nothing of it would be stored.
 */
export function synchronous<T>(value: T, username: string): T {
  if (typeof (value as { then?: unknown } | null | undefined)?.then !== 'function') return value;
  Promise.resolve(value).catch(() => {});
  throw new JavumboError('usage', 'the function that works on the database is asynchronous', {
    try: 'a synchronous function: await what it needs before, not inside',
    username,
  });
}
