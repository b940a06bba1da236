import { join } from 'node:path';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import type { JavumboError } from '../core/failure.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import { parseUsername } from '../core/username.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { type DeleteOutcome, databaseIn, type StoredDatabase, type Version } from '../store/database-store.ts';
import { writesOver } from '../store/write-ids.ts';
import { DatabaseLoader, type DatabaseLoaderOptions, noDatabase } from './database-loader.ts';
import { OptimisticUpdates } from './optimistic-update.ts';
import { alreadyExists, conflictFailure, traceIfPossible, unknownOutcome } from './outcome-failures.ts';
import { ReadSession, type SessionStart, sessionFailure, WORKING_COPY } from './session.ts';
import type { OpenOptions, ReplaceOver, UpdateOptions, UpdateResult } from './update-options.ts';
import { WriteSession, writable } from './write-session.ts';

export type UserDatabasesOptions = DatabaseLoaderOptions;

export type { OpenOptions, ReplaceOver, UpdateOptions, UpdateResult };

// Sending the same file again would only undo what the other writer did, if it were allowed.
const PULL_AGAIN = 'javumbo db pull, and make your changes to that version';

/** The user databases of one deployment: reading, updating and creating them. */
export class UserDatabases {
  readonly #environment: UserDatabasesOptions;
  readonly #loader: DatabaseLoader;
  readonly #updates: OptimisticUpdates;

  constructor(options: UserDatabasesOptions) {
    this.#environment = options;
    this.#loader = new DatabaseLoader(options);
    this.#updates = new OptimisticUpdates(options, this.#loader);
  }

  /**
   * Runs `query` on a version that is at most the allowed staleness old: at most one request.
   * Throws `not-found` for a user without a database, `corrupt`, `unavailable`, and whatever `query` throws.
   */
  async read<T>(username: string, query: (session: ReadSession) => T): Promise<T> {
    const readOnce = async (): Promise<T> => {
      const session = await this.openForReading(username);
      try {
        return await runBlockingIn(this.#environment)(() => query(session));
      } catch (error) {
        throw sessionFailure(error, username, this.#environment.cache);
      } finally {
        session.close();
      }
    };
    return this.#loader.retryWithoutCache(username, readOnce);
  }

  /** Whether a read now would be served from the cache without asking the store. */
  isCached(username: string): boolean {
    return this.#loader.isFresh(this.#loader.lookup(username)?.entry);
  }

  /** Asks the store whether the cached version is current, and fetches the one that is. Without a cache: nothing to do. */
  revalidate(username: string): Promise<void> {
    return this.#loader.revalidate(parseUsername(username));
  }

  /** As `read`, for a caller that closes the session itself. */
  async openForReading(username: string): Promise<ReadSession> {
    parseUsername(username);
    return this.#loader.withCurrent(username, async (local, fromCache) => {
      try {
        return await runBlockingIn(this.#environment)(
          () => new ReadSession(username, local, this.#environment, fromCache),
        );
      } catch (error) {
        local.work?.release();
        throw error;
      }
    });
  }

  /**
   * A session on a private copy. Never asks whether a cached version is current: the commit does. At most one GET,
   * and none when the user is cached.
   */
  async openForWriting(username: string, options: OpenOptions = {}): Promise<WriteSession> {
    return this.#updates.openForWriting(parseUsername(username), options);
  }

  /**
   * Optimistic concurrency control: runs `edit` in a transaction on a private copy and commits; on a conflict fetches
   * the winner and runs it again, at most `retries` times. `edit` must be synchronous and may run several times, each
   * time on a fresh copy. It never runs again when a write may have landed.
   *
   * Throws what `edit` throws (nothing is stored, the cache stays as it was), `conflict` naming both versions when the
   * retries are used up or the database was deleted meanwhile, `unknown`, `unavailable`, `corrupt`, `not-found`.
   */
  update<T>(
    username: string,
    edit: (database: SqliteDatabase) => T,
    options: UpdateOptions = {},
  ): Promise<UpdateResult<T>> {
    return this.#updates.update(username, edit, options);
  }

  /**
   * Stores a new database whose content `build` makes. One conditional PUT.
   * Throws `conflict` when the user has one already.
   */
  async create<T>(username: string, build: (database: SqliteDatabase) => T): Promise<UpdateResult<T>> {
    parseUsername(username);
    const session = await WriteSession.begin(username, { kind: 'new', base: undefined }, this.#environment);
    let value: T;
    try {
      value = build(session.database);
    } catch (error) {
      session.discard();
      throw sessionFailure(error, username, this.#environment.cache);
    }
    return { ...(await this.#commitWhole(session)), value };
  }

  /**
   * Stores a whole database that `write` puts into a file, over what `over` says. One conditional PUT, after a HEAD where
   * the version to replace is not known here; no PUT where that HEAD shows the same content.
   * Throws `conflict` naming both versions, `corrupt` for a file that is damaged, and whatever `write` throws.
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
      await write(join(work.path, WORKING_COPY));
    } catch (error) {
      work.release();
      throw isDiskFull(error) ? cacheFailure(work.path, error) : error;
    }
    const start = { kind: 'file', work, ...base } as const;
    return this.#commitWhole(await WriteSession.begin(username, start, this.#environment));
  }

  async #baseOf(username: string, over: ReplaceOver): Promise<Omit<SessionStart & { kind: 'file' }, 'kind' | 'work'>> {
    const { store, cache, clock } = this.#environment;
    if (over.kind === 'nothing') return { base: undefined, looked: false };
    if (over.kind === 'version') {
      // The pull that printed the version left it in the cache, with the write ids that the next version must carry on.
      const base = cache.find(username, over.version);
      if (base !== undefined) return { base, looked: false };
    }
    const seen = await store.trace(username);
    const base = databaseIn(seen);
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
        throw unknownOutcome(username, outcome.base, outcome.cause);
      case 'conflict':
        throw base === undefined
          ? alreadyExists(username, outcome.seen)
          : conflictFailure(username, base.version, outcome.seen, PULL_AGAIN);
    }
  }

  /**
   * Hands the current version to `use` as a file, byte for byte as the store has it, whether or not it can be opened;
   * `damage` says where these are not the bytes that were stored. One GET. Throws `not-found`, `unavailable`, and what `use` throws.
   */
  async withFile<T>(
    username: string,
    use: (path: string, stored: StoredDatabase, damage: JavumboError | undefined) => Promise<T>,
  ): Promise<T> {
    parseUsername(username);
    return this.#loader.withStoredBytes(username, use);
  }

  /**
   * Deletes a user's database and returns the version that was there: one HEAD and one DELETE.
   * Throws `not-found`, `conflict` when another version came in between, `unknown`, `unavailable`.
   */
  async delete(username: string): Promise<Version> {
    parseUsername(username);
    const { store, cache, random } = this.#environment;
    const current = (await store.head(username)) ?? noDatabase(username);
    // Nobody may go on reading it however the request ends; nor afterwards what a read fetched meanwhile.
    cache.invalidate(username);
    let outcome: DeleteOutcome;
    try {
      const writes = writesOver(current, random.hex(16));
      outcome = await store.delete(username, { ifVersion: current.version, writes });
    } finally {
      try {
        cache.invalidate(username);
      } catch {
        // Trouble with the cache does not change what became of the delete.
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
