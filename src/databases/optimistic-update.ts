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
import { type Ended, type PendingEdit, runEdits, type Settled, type UpdateResult } from './edits.ts';
import { conflictFailure, unexplainedRefusal, unknownOutcome } from './outcome-failures.ts';
import { type LocalVersion, type Placing, type SendOutcome, sessionFailure } from './session.ts';
import { WriteSession } from './write-session.ts';

// After a conflict a writer waits for a random part of a window, measured in cycles: the GET and the PUT of one attempt.
// Attempts of 50 writers then meet as rarely as chance allows; two are done with little waiting.
// (benchmarks/results/contention-backoff.md)
const WINDOW_GROWTH = 4;
const WINDOW_CYCLES_MAX = 48;
const WINDOW_MAX_MS = 5_000;

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
    return this.#loader.retryWithoutCache(username, async () => {
      const [settled] = await this.together(username, [{ edit, retries: options.retries }], options);
      if (settled?.kind === 'failed') throw settled.error;
      if (settled?.kind !== 'done') throw new JavumboError('internal', `update "${username}" was not settled`);
      return settled.result as UpdateResult<T>;
    });
  }

  /**
   * Runs edits one after the other on one private copy, each on a connection and in a transaction of its own, and commits
   * them with one PUT. Returns how each ended, in their order. After a conflict all run again on the winner, except those
   * that have used up their retries. Only one of several can end `again`: nothing of it is stored, and nothing is known of
   * it on the current version.
   *
   * Throws, with nothing stored, what concerns all: no database, no connection, a copy that one of them has damaged.
   */
  async together(username: string, edits: readonly PendingEdit[], options: OpenOptions = {}): Promise<Settled[]> {
    const settled: Settled[] = edits.map(() => ({ kind: 'again' }));
    let pending = edits.map(({ edit, retries = RETRIES }, index) => ({ edit, retries, index }));
    let placing: Placing = {};
    let session = await this.openForWriting(username, options);
    let loadMs: number | undefined;
    for (let attempts = 1; ; attempts++) {
      let ended: Ended[];
      for (;;) {
        const { base, baseEntry } = session;
        ended = await runEdits(session, pending, this.#environment);
        const outgrown = session.isInMemory && ended.some((one) => one.kind === 'threw' && isDiskFull(one.error));
        if (!outgrown && ended.some(({ kind }) => kind === 'changed')) break;
        session.discard();
        if (outgrown) {
          // There is more room on the disk.
          placing = { inMemory: false };
          session = await this.openForWriting(username, options, placing);
          continue;
        }
        // An edit's error or lack of changes on an old copy says nothing about the current version.
        const newer = await this.#newerThan(username, base, baseEntry);
        if (newer === undefined) {
          this.#settle(settled, pending, ended, { username, version: base?.version ?? '', attempts });
          return settled;
        }
        session = await this.#begin(username, newer, options, placing);
      }

      const { base } = session;
      const changed = pending.filter((_, place) => ended[place]?.kind === 'changed');
      // The last attempt checks a refusal by a HEAD; earlier ones check it in the winner, which they fetch next.
      const isLast = pending.every(({ retries }) => attempts > retries);
      let winner: Winner;
      const sentAt = this.#environment.clock.monotonic();
      try {
        const outcome = await (isLast ? session.commit() : session.send());
        if (outcome.kind === 'committed' || outcome.kind === 'unchanged') {
          this.#settle(settled, pending, ended, { username, version: outcome.version, attempts });
          return settled;
        }
        if (outcome.kind === 'unknown') throw unknownOutcome(username, outcome.base, outcome.cause);
        if (isLast && outcome.kind === 'conflict') throw conflictFailure(username, base?.version, outcome.seen);
        const putMs = this.#environment.clock.monotonic() - sentAt;
        winner = await this.#fetchWinner(username, base, outcome, {
          conflicts: attempts,
          cycleMs: putMs + (loadMs ?? putMs),
        });
      } catch (error) {
        // Found before anything was sent: which edit did it is not known.
        if (edits.length > 1 && error instanceof JavumboError && error.kind === 'corrupt') throw error;
        for (const { index } of changed) settled[index] = { kind: 'failed', error };
        return settled;
      }
      if (winner.kind === 'ourselves') {
        this.#settle(settled, pending, ended, { username, version: winner.version, attempts });
        return settled;
      }
      const { found } = winner;
      loadMs = winner.loadMs;
      const usedUp = changed.filter(({ retries }) => attempts > retries);
      const error = conflictFailure(username, base?.version, traceOf(found));
      for (const { index } of usedUp) settled[index] = { kind: 'failed', error };
      pending = pending.filter((one) => !usedUp.includes(one));
      session = await this.#begin(username, found, options, placing);
    }
  }

  #settle(
    settled: Settled[],
    pending: readonly { readonly index: number }[],
    ended: readonly Ended[],
    {
      username,
      version,
      attempts,
    }: { readonly username: string; readonly version: Version; readonly attempts: number },
  ): void {
    for (const [place, { index }] of pending.entries()) {
      const one = ended[place];
      if (one === undefined) continue;
      if (one.kind === 'threw') {
        settled[index] = { kind: 'failed', error: sessionFailure(one.error, username, this.#environment.cache) };
      } else {
        const outcome = one.kind === 'changed' ? 'committed' : 'unchanged';
        settled[index] = { kind: 'done', result: { outcome, value: one.value, version, attempts } };
      }
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
    met: Contention,
  ): Promise<Winner> {
    const { clock } = this.#environment;
    let found: LocalVersion | Tombstone | undefined;
    let askedAt = 0;
    try {
      // A create looks at once: a copy of it may have landed, and is recognised only until somebody deletes it.
      if (base !== undefined) await this.#backOff(met);
      askedAt = clock.monotonic();
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
    return { kind: 'another', found, loadMs: clock.monotonic() - askedAt };
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

  #backOff({ conflicts, cycleMs }: Contention): Promise<void> {
    const { clock, random } = this.#environment;
    const windowMs = cycleMs * Math.min(WINDOW_GROWTH ** conflicts, WINDOW_CYCLES_MAX);
    // A slow store still needs room for one attempt after the other.
    return clock.sleep(random.fraction() * Math.min(windowMs, Math.max(WINDOW_MAX_MS, 2 * cycleMs)));
  }
}

function release(found: LocalVersion | Tombstone | undefined): void {
  if (found !== undefined && !isTombstone(found)) found.work?.release();
}

function traceOf(found: LocalVersion | Tombstone | undefined): Trace {
  if (found === undefined) return { kind: 'nothing' };
  return isTombstone(found) ? { kind: 'tombstone', ...found } : { kind: 'database', ...found.stored };
}

type Winner =
  | { readonly kind: 'ourselves'; readonly version: Version }
  | { readonly kind: 'another'; readonly found: LocalVersion | Tombstone; readonly loadMs: number };

/** What an update has met so far, and how long one attempt takes. */
interface Contention {
  readonly conflicts: number;
  readonly cycleMs: number;
}
