import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { JavumboError } from '../failure.ts';
import { alreadyExists, conflictFailure, unknownOutcome } from './outcome-failures.ts';
import { runBlockingIn } from './run-blocking.ts';
import { type LocalVersion, ReadSession, WORKING_COPY, WriteSession } from './session.ts';
import { asCorruption, type SqliteDatabase } from './sqlite.ts';
import type { StoredDatabase, Version } from './store.ts';
import type { OpenOptions, UpdateOptions, UpdateResult } from './update-options.ts';
import { parseUsername } from './username.ts';
import { noDatabase, VersionSource, type VersionSourceOptions } from './version-source.ts';

export type UserDatabasesOptions = VersionSourceOptions;
export type { OpenOptions, UpdateOptions, UpdateResult };

// Another writer's commit takes a round trip; waiting about as long lets it finish before the next attempt reads.
const [BACKOFF_MS, BACKOFF_MAX_MS] = [20, 1_000];

// Sending the same file again would only undo what the other writer did, if it were allowed.
const PULL_AGAIN = 'javumbo db pull, and make your changes to that version';

/** The user databases of one deployment: reading, updating and creating them. */
export class UserDatabases {
  readonly #environment: UserDatabasesOptions;
  readonly #versions: VersionSource;

  constructor(options: UserDatabasesOptions) {
    this.#environment = options;
    this.#versions = new VersionSource(options);
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
        throw asCorruption(error, username) ?? error;
      } finally {
        session.close();
      }
    };
    return this.#versions.onSoundCopy(username, readOnce);
  }

  /** Whether a read now would be served from the cache without asking the store. */
  isCached(username: string): boolean {
    return this.#versions.isFresh(this.#versions.lookup(username)?.entry?.validatedAt);
  }

  /** Asks the store whether the cached version is current, and fetches the one that is. Without a cache: nothing to do. */
  makeCurrent(username: string): Promise<void> {
    return this.#versions.makeCurrent(parseUsername(username));
  }

  /** As `read`, for a caller that closes the session itself. */
  async openForReading(username: string): Promise<ReadSession> {
    parseUsername(username);
    return this.#versions.withCurrent(username, async (local, fromCache) => {
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
    parseUsername(username);
    const cached = this.#versions.lookup(username);
    if (cached !== undefined) {
      try {
        return await this.#begin(username, cached, options);
      } catch (error) {
        // Another process removed the entry between finding and copying it: a miss.
        if (existsSync(cached.path)) throw error;
      }
    }
    const fetched = await this.#versions.fetch(username, undefined, 'private');
    if (fetched === undefined && options.create === undefined) return noDatabase(username);
    return this.#begin(username, fetched, options);
  }

  /**
   * Optimistic concurrency control: runs `edit` in a transaction on a private copy and commits; on a conflict fetches
   * the winner and runs it again, at most `retries` times. `edit` must be synchronous and may run several times, each
   * time on a fresh copy. It never runs again when a write may have landed.
   *
   * Throws what `edit` throws (nothing is stored, the cache stays as it was), `conflict` naming both versions when the
   * retries are used up or the database was deleted meanwhile, `unknown`, `unavailable`, `corrupt`, `not-found`.
   */
  async update<T>(
    username: string,
    edit: (database: SqliteDatabase) => T,
    options: UpdateOptions,
  ): Promise<UpdateResult<T>> {
    return this.#versions.onSoundCopy(username, () => this.#update(username, edit, options));
  }

  async #update<T>(
    username: string,
    edit: (database: SqliteDatabase) => T,
    options: UpdateOptions,
  ): Promise<UpdateResult<T>> {
    let session = await this.openForWriting(username, options);
    for (let attempts = 1; ; attempts++) {
      let value: T;
      for (;;) {
        const { base, baseValidatedAt } = session;
        const ended = await runBlockingIn(this.#environment)(() => this.#run(session, edit)).catch(threw);
        if (ended.kind === 'changed') {
          value = ended.value;
          break;
        }
        session.discard();
        // What an edit finds wrong, or finds done, in an old copy says nothing about the current version.
        const newer = await this.#newerThan(username, base, baseValidatedAt);
        if (newer === undefined) {
          if (ended.kind === 'threw') throw asCorruption(ended.error, username) ?? ended.error;
          return { outcome: 'unchanged', value: ended.value, version: base?.version ?? '', attempts };
        }
        session = await this.#begin(username, newer, options);
      }
      const base = session.base;
      const outcome = await session.commit();
      switch (outcome.kind) {
        case 'committed':
        case 'unchanged':
          return { outcome: outcome.kind, value, version: outcome.version, attempts };
        case 'unknown':
          throw unknownOutcome(username, outcome.base, outcome.cause);
        case 'conflict': {
          if (attempts > options.retries) throw await conflictFailure(this.#environment.store, username, base?.version);
          await this.#backOff(attempts);
          // Fetched even when another session cached it meanwhile: a base that was just refused is out of the question.
          const winner = await this.#versions.fetch(username, undefined, 'private');
          if (winner === undefined) throw await conflictFailure(this.#environment.store, username, base?.version);
          session = await this.#begin(username, winner, { create: undefined });
        }
      }
    }
  }

  /**
   * Stores a new database whose content `build` makes. One conditional PUT.
   * Throws `conflict` when the user has one already.
   */
  async create<T>(username: string, build: (database: SqliteDatabase) => T): Promise<UpdateResult<T>> {
    parseUsername(username);
    const session = new WriteSession(username, { kind: 'new', base: undefined }, this.#environment);
    let value: T;
    try {
      value = build(session.database);
    } catch (error) {
      session.discard();
      throw error;
    }
    return { ...(await this.#commitWhole(session)), value };
  }

  /**
   * Stores a whole database that `write` puts into a file: over exactly `base`, or as a new one. One conditional PUT.
   * Throws `conflict` naming both versions, `corrupt` for a file that is damaged, and whatever `write` throws.
   */
  async replace(
    username: string,
    base: StoredDatabase | undefined,
    write: (path: string) => Promise<void>,
  ): Promise<Omit<UpdateResult<void>, 'value'>> {
    parseUsername(username);
    const work = this.#environment.cache.workDirectory();
    try {
      await write(join(work.path, WORKING_COPY));
    } catch (error) {
      work.release();
      throw error;
    }
    return this.#commitWhole(new WriteSession(username, { kind: 'file', base, work }, this.#environment));
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
          ? await alreadyExists(this.#environment.store, username)
          : await conflictFailure(this.#environment.store, username, base.version, PULL_AGAIN);
    }
  }

  /**
   * Hands the current version to `use` as a file, byte for byte as the store has it, whether or not it can be opened.
   * One GET. Throws `not-found`, `unavailable`, and what `use` throws.
   */
  async withFile<T>(username: string, use: (path: string, stored: StoredDatabase) => Promise<T>): Promise<T> {
    parseUsername(username);
    return this.#versions.withStoredBytes(username, use);
  }

  /**
   * Deletes a user's database and returns the version that was there: one HEAD and one DELETE.
   * Throws `not-found`, `conflict` when another version came in between, `unknown`, `unavailable`.
   */
  async delete(username: string): Promise<Version> {
    parseUsername(username);
    const { store, cache } = this.#environment;
    const current = (await store.head(username)) ?? noDatabase(username);
    // First, since nobody may go on reading it however the request ends.
    cache.invalidate(username);
    const outcome = await store.delete(username, { ifVersion: current.version });
    switch (outcome.kind) {
      case 'deleted':
        return current.version;
      case 'absent':
        return noDatabase(username);
      case 'conflict':
        throw await conflictFailure(store, username, current.version);
      case 'unknown':
        throw unknownOutcome(username, current.version, outcome.cause);
    }
  }

  #begin(username: string, local: LocalVersion | undefined, options: OpenOptions): Promise<WriteSession> {
    const begun = runBlockingIn(this.#environment)(() => {
      if (local !== undefined) return new WriteSession(username, { kind: 'version', local }, this.#environment);
      const session = new WriteSession(username, { kind: 'new', base: undefined }, this.#environment);
      try {
        options.create?.(session.database);
        return session;
      } catch (error) {
        session.discard();
        throw error;
      }
    });
    begun.catch(() => local?.work?.release());
    return begun;
  }

  #run<T>(session: WriteSession, edit: (database: SqliteDatabase) => T): Ended<T> {
    const { database } = session;
    try {
      database.exec('BEGIN IMMEDIATE');
      const value = edit(database);
      if (!database.inTransaction) {
        throw new JavumboError('usage', 'the edit ended its transaction itself, so nothing of it was stored', {
          try: 'the same statements without BEGIN, COMMIT, END and ROLLBACK',
          username: session.username,
        });
      }
      database.exec('COMMIT');
      return session.hasChanged() ? { kind: 'changed', value } : { kind: 'unchanged', value };
    } catch (error) {
      return threw(error);
    }
  }

  /** The current version, if it is another than `base`; undefined when `base` is current as far as need be known. */
  async #newerThan(
    username: string,
    base: StoredDatabase | undefined,
    validatedAt: number | undefined,
  ): Promise<LocalVersion | undefined> {
    if (base === undefined || validatedAt === undefined || this.#versions.isFresh(validatedAt)) return undefined;
    const cached = this.#versions.lookup(username);
    const known = cached?.stored.version === base.version ? cached : undefined;
    const current = (await this.#versions.fetch(username, known, 'private')) ?? noDatabase(username);
    if (current.stored.version !== base.version) return current;
    current.work?.release();
    return undefined;
  }

  #backOff(conflicts: number): Promise<void> {
    const { clock, random } = this.#environment;
    return clock.sleep(random.fraction() * Math.min(BACKOFF_MS * 2 ** (conflicts - 1), BACKOFF_MAX_MS));
  }
}

type Ended<T> =
  | { readonly kind: 'changed'; readonly value: T }
  | { readonly kind: 'unchanged'; readonly value: T }
  | { readonly kind: 'threw'; readonly error: unknown };

const threw = (error: unknown): Ended<never> => ({ kind: 'threw', error });
