import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import { JavumboError } from '../core/failure.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import { parseUsername } from '../core/username.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import {
  type DeleteOutcome,
  databaseIn,
  type Past,
  type StoredDatabase,
  type Version,
} from '../store/database-store.ts';
import { DigestThread } from '../store/digest-thread.ts';
import { writable } from '../store/tombstone.ts';
import { committedIn, type Settlement, seenIn, settle, writesOver } from '../store/write-ids.ts';
import { DatabaseLoader, type DatabaseLoaderOptions, noDatabase } from './database-loader.ts';
import type { UpdateResult } from './edits.ts';
import { type OpenOptions, OptimisticUpdates, type UpdateOptions } from './optimistic-update.ts';
import { alreadyExists, conflictFailure, traceIfPossible, unknownOutcome } from './outcome-failures.ts';
import { ReadHandles } from './read-handles.ts';
import { type CommitOutcome, callerFailure, ReadSession, type SessionStart, synchronous } from './session.ts';
import { UpdateQueue } from './update-queue.ts';
import { workingCopyIn } from './working-copy.ts';
import { WriteSession } from './write-session.ts';

export interface UserDatabasesOptions extends DatabaseLoaderOptions {
  /**
   * False: each update has a PUT of its own. By default those of one user that wait for another one in this process go
   * out together.
   */
  readonly groupCommit?: boolean | undefined;
  /** Those of all that work on the same cache. Default: its own. */
  readonly readHandles?: ReadHandles | undefined;
  /** Default: its own. */
  readonly digests?: DigestThread | undefined;
}

export type { OpenOptions, UpdateOptions, UpdateResult };

/** What a whole database replaces: nothing, exactly one version, or whatever is stored. */
export type ReplaceOver =
  | { readonly kind: 'nothing' | 'anything' }
  | { readonly kind: 'version'; readonly version: Version };

// Sending the same file again would only undo the other writer's work.
const PULL_AGAIN = 'javumbo db pull, and make your changes to that version';

/** Reads, updates and creates the user databases of one deployment. */
export class UserDatabases {
  readonly #environment: UserDatabasesOptions;
  readonly #loader: DatabaseLoader;
  readonly #handles: ReadHandles;
  readonly #digests: DigestThread;
  readonly #updates: OptimisticUpdates;
  readonly #update: OptimisticUpdates['update'];

  constructor(options: UserDatabasesOptions) {
    this.#digests = options.digests ?? new DigestThread();
    const environment = { ...options, digests: this.#digests };
    this.#environment = environment;
    this.#loader = new DatabaseLoader(environment);
    this.#handles = options.readHandles ?? new ReadHandles();
    const updates = new OptimisticUpdates(environment, this.#loader);
    const queue = new UpdateQueue(updates);
    this.#updates = updates;
    this.#update = (username, edit, options_) =>
      options.groupCommit === false ? updates.update(username, edit, options_) : queue.update(username, edit, options_);
  }

  /**
   * With `point`, runs `query` on an earlier version (history/points.ts), with one GET and without the cache. Else runs
   * `query` on a version within the allowed staleness, with at most one request. Throws `not-found` for a user
   * without a database, `corrupt`, `unavailable`, and whatever `query` throws.
   */
  async read<T>(username: string, query: (session: ReadSession) => T, past: Past = {}): Promise<T> {
    const { value, session } = await this.hold(username, query, past);
    session.close();
    return value;
  }

  /** Like `read`, but leaves the session open, for what `query` has only begun. The caller closes it. */
  async hold<T>(
    username: string,
    query: (session: ReadSession) => T,
    { point }: Past = {},
  ): Promise<{ readonly value: T; readonly session: ReadSession }> {
    const readOnce = async (): Promise<{ readonly value: T; readonly session: ReadSession }> => {
      const session = await (point === undefined
        ? this.#open(username, this.#handles)
        : this.openPoint(username, point));
      try {
        const value = await runBlockingIn(this.#environment)(() => synchronous(query(session), username));
        return { value, session };
      } catch (error) {
        session.close();
        throw callerFailure(error, username, this.#environment.cache);
      }
    };
    return point === undefined ? this.#loader.retryWithoutCache(username, readOnce) : readOnce();
  }

  /**
   * Opens an earlier version, with one GET, for a caller that closes the session itself. `anySchema`: also one that could
   * not be written.
   */
  async openPoint(username: string, point: string, { anySchema = false } = {}): Promise<ReadSession> {
    const local = await this.#loader.loadPoint(parseUsername(username), point);
    const environment = anySchema ? { ...this.#environment, inspect: undefined } : this.#environment;
    return ReadSession.open(username, local, environment, false);
  }

  /** Closes what is kept between calls: open files, and a thread. The databases can be used again. */
  closeFiles(): void {
    this.#handles.close();
    this.#digests.close();
  }

  /** True if a read now would be served from the cache without asking the store. */
  isCached(username: string): boolean {
    return this.#loader.isFresh(this.#loader.lookup(parseUsername(username))?.entry);
  }

  /** Asks the store whether the cached version is current, and fetches a newer one. Does nothing without a cache. */
  revalidate(username: string): Promise<void> {
    return this.#loader.revalidate(parseUsername(username));
  }

  /** Like `read`, for a caller that closes the session itself. */
  async openForReading(username: string): Promise<ReadSession> {
    return this.#open(username);
  }

  #open(username: string, handles?: ReadHandles): Promise<ReadSession> {
    parseUsername(username);
    return this.#loader.withCurrent(username, (local, fromCache) =>
      ReadSession.open(username, local, this.#environment, fromCache, handles),
    );
  }

  /** Opens a session on a private copy with at most one GET. Never revalidates a cached version: the commit does. */
  async openForWriting(username: string, options: OpenOptions = {}): Promise<WriteSession> {
    return this.#updates.openForWriting(parseUsername(username), options);
  }

  /**
   * Optimistic concurrency control: runs `edit` in a transaction on a private copy and commits. On a conflict, fetches
   * the winner and reruns `edit` on it, at most `retries` times. `edit` must be synchronous and may run several times,
   * each on a fresh copy, but never again once a write may have landed.
   *
   * Throws what `edit` throws (nothing is stored, the cache is unchanged), `conflict` with both versions when the
   * retries are used up or the database was deleted, `unknown`, `unavailable`, `corrupt`, `not-found`.
   */
  async update<T>(
    username: string,
    edit: (database: SqliteDatabase) => T,
    options: UpdateOptions = {},
  ): Promise<UpdateResult<T>> {
    return this.#update(parseUsername(username), edit, options);
  }

  /** Stores a new database that `build` fills: one conditional PUT. Throws `conflict` if the user has one already. */
  async create<T>(username: string, build: (database: SqliteDatabase) => T): Promise<UpdateResult<T>> {
    parseUsername(username);
    const session = await WriteSession.begin(username, { kind: 'new', base: undefined }, this.#environment);
    let value: T;
    try {
      value = synchronous(build(session.database), username);
    } catch (error) {
      session.discard();
      throw callerFailure(error, username, this.#environment.cache);
    }
    return { ...(await this.#commitWhole(session)), value };
  }

  /**
   * Stores a whole database, which `write` puts into a file, over what `over` says: one conditional PUT, after a HEAD
   * if the version to replace is not known locally; no PUT if that HEAD shows the same content. Throws `conflict` with
   * both versions, `corrupt` for a damaged file, and whatever `write` throws.
   */
  async replace(
    username: string,
    over: ReplaceOver,
    write: (path: string) => Promise<void>,
  ): Promise<Omit<UpdateResult<void>, 'value'>> {
    parseUsername(username);
    const base = await this.#baseOf(username, over);
    const work = this.#environment.cache.workDirectory();
    try {
      await write(workingCopyIn(work));
    } catch (error) {
      work.release();
      throw isDiskFull(error) ? cacheFailure(work.path, error) : error;
    }
    const start = { kind: 'file', work, ...base } as const;
    return this.#commitWhole(await WriteSession.begin(username, start, this.#environment));
  }

  /**
   * Looks with one HEAD how a write over `base` ended that was in doubt: `resend` if it has not arrived so far, `unknown` if
   * what is stored does not show it.
   */
  async fateOf(
    writeId: string,
    username: string,
    base: StoredDatabase,
  ): Promise<{ readonly kind: Exclude<Settlement, 'committed'> } | (CommitOutcome & { readonly kind: 'committed' })> {
    const seen = await this.#environment.store.trace(parseUsername(username));
    const kind = settle(writeId, base, seenIn(seen), 'doubt');
    return kind === 'committed' ? committedIn(writeId, seen) : { kind };
  }

  async #baseOf(username: string, over: ReplaceOver): Promise<Omit<SessionStart & { kind: 'file' }, 'kind' | 'work'>> {
    const { store, cache, clock } = this.#environment;
    if (over.kind === 'nothing') return { base: undefined, looked: false };
    if (over.kind === 'version') {
      // The pull that printed the version cached it, with the write ids that the next version must carry.
      const base = cache.find(username, over.version);
      if (base !== undefined) return { base, looked: false };
    }
    const seen = await store.trace(username);
    const base = databaseIn(seen);
    if (over.kind === 'version' && base === undefined) {
      throw new JavumboError('conflict', `user "${username}" has no database, so no version ${over.version} of it`, {
        try: 'javumbo db push without --if-version, which stores a new one',
        username,
        expectedVersion: over.version,
      });
    }
    if (over.kind === 'version' && base?.version !== over.version) {
      throw conflictFailure(username, over.version, seen, PULL_AGAIN);
    }
    const tombstone = seen.kind === 'tombstone' ? writable(seen, username, clock) : undefined;
    return { base, looked: true, tombstone };
  }

  async #commitWhole(session: WriteSession): Promise<Omit<UpdateResult<void>, 'value'>> {
    const { username, base } = session;
    const outcome = await session.commit();
    switch (outcome.kind) {
      case 'committed':
      case 'unchanged':
        return { outcome: outcome.kind, version: outcome.version, attempts: 1 };
      case 'unknown':
        throw unknownOutcome(username, outcome.base, outcome.cause, outcome.writeId);
      case 'conflict':
        throw base === undefined
          ? alreadyExists(username, outcome.seen)
          : conflictFailure(username, base.version, outcome.seen, PULL_AGAIN);
    }
  }

  /**
   * Passes the current version to `use` as a file, byte for byte, whether or not it can be opened; `damage` says if the
   * bytes differ from what was stored. One GET. Throws `not-found`, `unavailable`, and what `use` throws.
   */
  async withFile<T>(
    username: string,
    use: (path: string, stored: StoredDatabase, damage: JavumboError | undefined) => Promise<T>,
    { point }: Past = {},
  ): Promise<T> {
    parseUsername(username);
    return this.#loader.withStoredBytes(username, use, point);
  }

  /**
   * Deletes a user's database, if it still is `ifVersion`, with one HEAD and one DELETE. Returns the deleted version. Throws `not-found`, `conflict`
   * if another version was committed in between, `unknown`, `unavailable`.
   */
  async delete(username: string, { ifVersion }: { readonly ifVersion?: Version | undefined } = {}): Promise<Version> {
    parseUsername(username);
    const { store, cache, random } = this.#environment;
    const current = (await store.head(username)) ?? noDatabase(username);
    if (ifVersion !== undefined && current.version !== ifVersion) {
      throw conflictFailure(username, ifVersion, { kind: 'database', ...current });
    }
    // No one may read it from the cache whatever the outcome, nor what a concurrent read fetches meanwhile.
    cache.invalidate(username);
    let outcome: DeleteOutcome;
    try {
      const writes = writesOver(current, random.hex(16));
      outcome = await store.delete(username, { ifVersion: current.version, writes });
    } finally {
      try {
        cache.invalidate(username);
      } catch {
        // A failing cache does not change the outcome of the delete.
      }
    }
    switch (outcome.kind) {
      case 'deleted':
        return current.version;
      case 'absent':
        return noDatabase(username);
      case 'conflict':
        throw conflictFailure(username, current.version, await traceIfPossible(store, username));
      case 'unknown':
        throw unknownOutcome(username, current.version, outcome.cause);
    }
  }
}
