import { existsSync } from 'node:fs';
import type { CacheEntry } from '../cache/entry.ts';
import { isDiskFull } from '../core/cache-directory.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { StoredDatabase, Tombstone, Trace, Version } from '../store/database-store.ts';
import { writable } from '../store/tombstone.ts';
import { committedIn, seenIn, settle } from '../store/write-ids.ts';
import { type DatabaseLoader, type DatabaseLoaderOptions, isTombstone, noDatabase } from './database-loader.ts';
import { conflictFailure, unexplainedRefusal, unknownOutcome } from './outcome-failures.ts';
import { type LocalVersion, type Placing, type SendOutcome, sessionFailure, synchronous } from './session.ts';
import { WriteSession } from './write-session.ts';

// Another writer's commit takes a round trip; a similar wait lets it finish before the next attempt reads.
const BACKOFF_MS = 20;
const BACKOFF_MAX_MS = 1_000;

// The default: more than the writers that meet on one user's collection.
const RETRIES = 10;

export interface OpenOptions {
  /** Fills an empty database for a user who has none. Called only if the store definitely holds none. */
  readonly create?: ((database: SqliteDatabase) => void) | undefined;
}

export interface UpdateOptions extends OpenOptions {
  /** How often the edit is rerun after a conflict. Default 10. */
  readonly retries?: number;
}

/** `attempts` counts the runs of the edit that reached a commit. */
export interface UpdateResult<T> {
  readonly outcome: 'committed' | 'unchanged';
  readonly value: T;
  readonly version: Version;
  readonly attempts: number;
}

/** Opens write sessions, and reruns an edit on whatever version came first. */
export class OptimisticUpdates {
  readonly #environment: DatabaseLoaderOptions;
  readonly #loader: DatabaseLoader;

  constructor(environment: DatabaseLoaderOptions, loader: DatabaseLoader) {
    this.#environment = environment;
    this.#loader = loader;
  }

  /** See `UserDatabases.openForWriting`. */
  async openForWriting(username: string, options: OpenOptions = {}, placing: Placing = {}): Promise<WriteSession> {
    const cached = this.#loader.lookup(username);
    if (cached !== undefined) {
      try {
        return await this.#begin(username, cached, options, placing);
      } catch (error) {
        // Another process removed the entry before it was copied: a miss. So is an entry with damaged bytes.
        if (existsSync(cached.path)) {
          if (!(error instanceof JavumboError && error.kind === 'corrupt')) throw error;
          this.#environment.cache.invalidate(username);
        }
      }
    }
    const found = await this.#loader.load(username, undefined, 'private');
    if ((found === undefined || isTombstone(found)) && options.create === undefined) return noDatabase(username);
    return this.#begin(username, found, options, placing);
  }

  /** See `UserDatabases.update`. */
  async update<T>(
    username: string,
    edit: (database: SqliteDatabase) => T,
    options: UpdateOptions,
  ): Promise<UpdateResult<T>> {
    return this.#loader.retryWithoutCache(username, () => this.#attempt(username, edit, options));
  }

  async #attempt<T>(
    username: string,
    edit: (database: SqliteDatabase) => T,
    options: UpdateOptions,
  ): Promise<UpdateResult<T>> {
    const { retries = RETRIES } = options;
    let placing: Placing = {};
    let session = await this.openForWriting(username, options);
    for (let attempts = 1; ; attempts++) {
      let value: T;
      for (;;) {
        const { base, baseEntry } = session;
        const ended = await runBlockingIn(this.#environment)(() => this.#run(session, edit)).catch(threw);
        if (ended.kind === 'changed') {
          value = ended.value;
          break;
        }
        session.discard();
        if (ended.kind === 'threw' && session.isInMemory && isDiskFull(ended.error)) {
          // There is more room on the disk.
          placing = { inMemory: false };
          session = await this.openForWriting(username, options, placing);
          continue;
        }
        // An edit's error or lack of changes on an old copy says nothing about the current version.
        const newer = await this.#newerThan(username, base, baseEntry);
        if (newer === undefined) {
          if (ended.kind === 'threw') throw sessionFailure(ended.error, username, this.#environment.cache);
          return { outcome: 'unchanged', value: ended.value, version: base?.version ?? '', attempts };
        }
        session = await this.#begin(username, newer, options, placing);
      }

      const { base } = session;
      // The last attempt checks a refusal by a HEAD; earlier ones check it in the winner, which they fetch next.
      const outcome = await (attempts > retries ? session.commit() : session.send());
      switch (outcome.kind) {
        case 'committed':
        case 'unchanged':
          return { outcome: outcome.kind, value, version: outcome.version, attempts };
        case 'unknown':
          throw unknownOutcome(username, outcome.base, outcome.cause);
        case 'conflict':
          if (attempts > retries) throw conflictFailure(username, base?.version, outcome.seen);
      }
      const winner = await this.#fetchWinner(username, base, outcome, attempts);
      if (winner.kind === 'ourselves') return { outcome: 'committed', value, version: winner.version, attempts };
      session = await this.#begin(username, winner.found, options, placing);
    }
  }

  /**
   * Fetches what refused a commit: another writer's version, or another copy of the same request. Always asks the
   * store, even if another session has cached a version meanwhile, since the base was just refused. Throws `conflict`
   * if the database was deleted, and `unknown` if that cannot be told from a create of our own that was deleted.
   */
  async #fetchWinner(
    username: string,
    base: StoredDatabase | undefined,
    outcome: SendOutcome & { readonly kind: 'refused' | 'conflict' },
    conflicts: number,
  ): Promise<
    | { readonly kind: 'ourselves'; readonly version: Version }
    | { readonly kind: 'another'; readonly found: LocalVersion | Tombstone }
  > {
    let found: LocalVersion | Tombstone | undefined;
    try {
      await this.#backOff(conflicts);
      found = await this.#loader.load(username, undefined, 'private');
    } catch (error) {
      // Also if the command is interrupted here: no one has looked.
      if (outcome.kind !== 'refused') throw error;
      const cause = new Error(`it was refused, and then ${messageOf(error)}`, { cause: error });
      throw unknownOutcome(username, base?.version, cause);
    }
    const seen = traceOf(found);
    if (outcome.kind === 'refused') {
      const settlement = settle(outcome.writeId, base, seenIn(seen), outcome.because, outcome.sentAt);
      if (settlement === 'committed' || settlement === 'unknown') release(found);
      if (settlement === 'committed') return { kind: 'ourselves', version: committedIn(outcome.writeId, seen).version };
      if (settlement === 'unknown') throw unknownOutcome(username, base?.version, unexplainedRefusal());
    }
    if (found === undefined || (isTombstone(found) && base !== undefined))
      throw conflictFailure(username, base?.version, seen);
    return { kind: 'another', found };
  }

  async #begin(
    username: string,
    found: LocalVersion | Tombstone | undefined,
    options: OpenOptions,
    placing: Placing,
  ): Promise<WriteSession> {
    if (found !== undefined && !isTombstone(found)) {
      return WriteSession.begin(username, { kind: 'version', local: found }, this.#environment, placing);
    }
    const tombstone = found && writable(found, username, this.#environment.clock);
    const session = await WriteSession.begin(username, { kind: 'new', base: undefined, tombstone }, this.#environment);
    try {
      const { create } = options;
      if (create !== undefined) await runBlockingIn(this.#environment)(() => create(session.database));
      return session;
    } catch (error) {
      session.discard();
      throw sessionFailure(error, username, this.#environment.cache);
    }
  }

  #run<T>(session: WriteSession, edit: (database: SqliteDatabase) => T): Ended<T> {
    const { database } = session;
    try {
      database.exec('BEGIN IMMEDIATE');
      const value = synchronous(edit(database), session.username);
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

  /** Returns the current version if it differs from `base`; undefined if `base` is as current as it must be. */
  async #newerThan(
    username: string,
    base: StoredDatabase | undefined,
    entry: CacheEntry | undefined,
  ): Promise<LocalVersion | undefined> {
    if (base === undefined || entry === undefined || this.#loader.isFresh(entry)) return undefined;
    const cached = this.#loader.lookup(username);
    const known = cached?.stored.version === base.version ? cached : undefined;
    const current = (await this.#loader.fetch(username, known, 'private')) ?? noDatabase(username);
    if (current.stored.version !== base.version) return current;
    current.work?.release();
    return undefined;
  }

  #backOff(conflicts: number): Promise<void> {
    const { clock, random } = this.#environment;
    return clock.sleep(random.fraction() * Math.min(BACKOFF_MS * 2 ** (conflicts - 1), BACKOFF_MAX_MS));
  }
}

function release(found: LocalVersion | Tombstone | undefined): void {
  if (found !== undefined && !isTombstone(found)) found.work?.release();
}

function traceOf(found: LocalVersion | Tombstone | undefined): Trace {
  if (found === undefined) return { kind: 'nothing' };
  return isTombstone(found) ? { kind: 'tombstone', ...found } : { kind: 'database', ...found.stored };
}

type Ended<T> =
  | { readonly kind: 'changed'; readonly value: T }
  | { readonly kind: 'unchanged'; readonly value: T }
  | { readonly kind: 'threw'; readonly error: unknown };

function threw(error: unknown): Ended<never> {
  return { kind: 'threw', error };
}
