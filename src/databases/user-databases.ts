import { join } from 'node:path';
import { codeOf, JavumboError } from '../failure.ts';
import {
  type LocalVersion,
  ReadSession,
  type SessionEnvironment,
  unknownOutcome,
  WORKING_COPY,
  WriteSession,
} from './session.ts';
import { asCorruption, readHeader, type SqliteDatabase, setRollbackMode } from './sqlite.ts';
import type { StoredDatabase, Version } from './store.ts';
import { parseUsername } from './username.ts';

export interface UserDatabasesOptions extends SessionEnvironment {
  /** How old a cached version may be and still be read without asking the store, in milliseconds. 0: always ask. */
  readonly stalenessMaxMs: number;
}

export interface OpenOptions {
  /** For a user without a database: makes its first content in an empty one. Only on the store's definite "absent". */
  readonly create?: ((database: SqliteDatabase) => void) | undefined;
}

export interface UpdateOptions extends OpenOptions {
  /** How often the edit is run again after a conflict. */
  readonly retries: number;
}

/** `attempts` counts the runs of the edit that came as far as a commit. */
export interface UpdateResult<T> {
  readonly outcome: 'committed' | 'unchanged';
  readonly value: T;
  readonly version: Version;
  readonly attempts: number;
}

// Another writer's commit takes a round trip; waiting about as long lets it finish before the next attempt reads.
const BACKOFF_MS = 20;
const BACKOFF_MAX_MS = 1_000;

/** The user databases of one deployment: reading, updating and creating them. */
export class UserDatabases {
  readonly #environment: UserDatabasesOptions;

  constructor(options: UserDatabasesOptions) {
    this.#environment = options;
  }

  /**
   * Runs `query` on a version that is at most the allowed staleness old: at most one request.
   * Throws `not-found` for a user without a database, `corrupt`, `unavailable`, and whatever `query` throws.
   */
  async read<T>(username: string, query: (session: ReadSession) => T): Promise<T> {
    const session = await this.openForReading(username);
    try {
      return query(session);
    } catch (error) {
      throw asCorruption(error, username) ?? error;
    } finally {
      session.close();
    }
  }

  /** As `read`, for a caller that closes the session itself. */
  async openForReading(username: string): Promise<ReadSession> {
    parseUsername(username);
    for (let missing = 0; ; missing++) {
      const cached = this.#lookup(username);
      const fresh = cached !== undefined && this.#isFresh(cached.entry?.validatedAt);
      const local = fresh ? cached : ((await this.#fetch(username, cached)) ?? noDatabase(username));
      try {
        if (fresh && cached.entry !== undefined) this.#environment.cache.touch(cached.entry);
        return new ReadSession(username, local, this.#environment, fresh);
      } catch (error) {
        local.work?.release();
        // Another process removed the entry between finding and opening it. Anything else, or twice, is an error.
        if (local.entry === undefined || !isMissing(error) || missing > 2) throw error;
      }
    }
  }

  /**
   * A session on a private copy. Never asks whether a cached version is current: the commit does. At most one GET,
   * and none when the user is cached.
   */
  async openForWriting(username: string, options: OpenOptions = {}): Promise<WriteSession> {
    parseUsername(username);
    for (let missing = 0; ; missing++) {
      const cached = this.#lookup(username);
      const local = cached ?? (await this.#fetch(username, undefined));
      if (local === undefined && options.create === undefined) return noDatabase(username);
      try {
        return this.#begin(username, local, options);
      } catch (error) {
        if (cached === undefined || !isMissing(error) || missing > 2) throw error;
      }
    }
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
    let session = await this.openForWriting(username, options);
    for (let attempts = 1; ; attempts++) {
      let value: T;
      for (;;) {
        const { base, baseValidatedAt } = session;
        const ended = this.#run(session, edit);
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
        session = this.#begin(username, newer, options);
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
          if (attempts > options.retries) throw await this.conflict(username, base?.version);
          await this.#backOff(attempts);
          // Fetched even when another session cached it meanwhile: a base that was just refused is out of the question.
          const winner = await this.#fetch(username, undefined);
          if (winner === undefined) throw await this.conflict(username, base?.version);
          session = this.#begin(username, winner, { create: undefined });
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
        throw base === undefined ? await this.alreadyExists(username) : await this.conflict(username, base.version);
    }
  }

  /**
   * The current version as a file, at most the allowed staleness old, whether or not it can be opened. The file must
   * not be changed, and is the caller's until `release`.
   */
  async fetch(username: string): Promise<{ path: string; stored: StoredDatabase; release: () => void }> {
    parseUsername(username);
    const cached = this.#lookup(username);
    const fresh = cached !== undefined && this.#isFresh(cached.entry?.validatedAt);
    const { path, stored, work } = fresh ? cached : ((await this.#fetch(username, cached)) ?? noDatabase(username));
    return { path, stored, release: () => work?.release() };
  }

  /** Deletes a user's database and returns the version that was there. Throws `not-found`, `conflict`, `unavailable`. */
  async delete(username: string): Promise<Version> {
    parseUsername(username);
    const { store, cache } = this.#environment;
    const current = (await store.head(username)) ?? noDatabase(username);
    const { kind } = await store.delete(username, { ifVersion: current.version });
    cache.invalidate(username);
    if (kind === 'conflict') throw await this.conflict(username, current.version);
    if (kind === 'absent') return noDatabase(username);
    return current.version;
  }

  /** The failure of a lost race, naming the version that won. One HEAD; without it when even that fails. */
  async conflict(username: string, expected: Version | undefined): Promise<JavumboError> {
    const winner = await this.#winner(username);
    const actual =
      winner === 'not asked'
        ? 'another version'
        : winner === undefined
          ? 'nothing: it was deleted'
          : `version ${winner.version}`;
    return new JavumboError(
      'conflict',
      `database "${username}" was changed by somebody else: expected version ${expected ?? 'none'}, but the store holds ${actual}`,
      {
        try: winner === undefined ? `javumbo db create ${username}` : 'the same command again',
        username,
        expectedVersion: expected,
        actualVersion: winner === 'not asked' ? undefined : winner?.version,
      },
    );
  }

  /** The failure of a create that met an existing database. One HEAD. */
  async alreadyExists(username: string): Promise<JavumboError> {
    const winner = await this.#winner(username);
    const version = winner === 'not asked' ? undefined : winner?.version;
    return new JavumboError(
      'conflict',
      `user "${username}" already has a database${version ? ` (version ${version})` : ''}`,
      {
        try: `javumbo db info ${username}`,
        username,
        actualVersion: version,
      },
    );
  }

  async #winner(username: string): Promise<StoredDatabase | undefined | 'not asked'> {
    try {
      return await this.#environment.store.head(username);
    } catch {
      return 'not asked';
    }
  }

  #begin(username: string, local: LocalVersion | undefined, options: OpenOptions): WriteSession {
    if (local !== undefined) return new WriteSession(username, { kind: 'version', local }, this.#environment);
    const session = new WriteSession(username, { kind: 'new', base: undefined }, this.#environment);
    try {
      options.create?.(session.database);
      return session;
    } catch (error) {
      session.discard();
      throw error;
    }
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
      return { kind: 'threw', error };
    }
  }

  /** The current version, if it is another than `base`; undefined when `base` is current as far as need be known. */
  async #newerThan(
    username: string,
    base: StoredDatabase | undefined,
    validatedAt: number | undefined,
  ): Promise<LocalVersion | undefined> {
    if (base === undefined || validatedAt === undefined || this.#isFresh(validatedAt)) return undefined;
    const cached = this.#lookup(username);
    const current =
      (await this.#fetch(username, cached?.stored.version === base.version ? cached : undefined)) ??
      noDatabase(username);
    if (current.stored.version !== base.version) return current;
    current.work?.release();
    return undefined;
  }

  #isFresh(validatedAt: number | undefined): boolean {
    if (validatedAt === undefined) return false;
    const age = this.#environment.clock.now() - validatedAt;
    // A time in the future is a clock that was set back: how old the entry is, nobody knows.
    return age >= 0 && age <= this.#environment.stalenessMaxMs && this.#environment.stalenessMaxMs > 0;
  }

  #lookup(username: string): LocalVersion | undefined {
    if (!this.#environment.caching) return undefined;
    const entry = this.#environment.cache.lookup(username);
    return entry && { path: entry.path, stored: entry, entry, work: undefined };
  }

  /** One GET, conditional on `known` being outdated. Undefined: the store says that there is no such database. */
  async #fetch(username: string, known: LocalVersion | undefined): Promise<LocalVersion | undefined> {
    const { store, cache, clock, caching } = this.#environment;
    const startedAt = clock.now();
    const work = cache.workDirectory();
    let keep = false;
    try {
      const path = join(work.path, 'fetched.anki2');
      const result = await store.get(username, path, { ifVersionNot: known?.stored.version });
      switch (result.kind) {
        case 'absent':
          cache.invalidate(username);
          return undefined;
        case 'not-modified': {
          if (known?.entry === undefined)
            throw new JavumboError('internal', `get "${username}": not modified since never`);
          const entry = cache.validated(known.entry, startedAt);
          const lastModified = result.lastModified ?? entry.lastModified;
          return { ...known, stored: { ...entry, lastModified }, entry };
        }
        case 'found': {
          const { kind: _, ...stored } = result;
          if (readHeader(path).journal === 'wal') setRollbackMode(path);
          const entry = caching ? cache.admit(work, path, username, stored, startedAt) : undefined;
          if (entry !== undefined) return { path: entry.path, stored, entry, work: undefined };
          keep = true;
          return { path, stored, entry: undefined, work };
        }
      }
    } catch (error) {
      throw asCorruption(error, username) ?? error;
    } finally {
      if (!keep) work.release();
    }
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

function noDatabase(username: string): never {
  throw new JavumboError('not-found', `user "${username}" has no database`, {
    try: `javumbo db create ${username}`,
    username,
  });
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'SQLITE_CANTOPEN';
}
