import { ageOf, type CacheEntry, refreshed } from '../cache/entry.ts';
import { isDiskFull } from '../core/cache-directory.ts';
import { momentOf } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { StoredDatabase, Tombstone, Trace, Version } from '../store/database-store.ts';
import { writable } from '../store/tombstone.ts';
import { committedIn } from '../store/write-ids.ts';
import { type Contention, mustLookBefore, OLD_MS, waitAfter } from './contention.ts';
import { type DatabaseLoader, type DatabaseLoaderOptions, isTombstone, noDatabase } from './database-loader.ts';
import { type Ended, type PendingEdit, runEdits, type Settled, type UpdateResult } from './edits.ts';
import { conflictFailure, refusesItsOwnVersion, unexplainedRefusal, unknownOutcome } from './outcome-failures.ts';
import { callerFailure, type LocalVersion, type Placing, type SendOutcome } from './session.ts';
import { RESENDS_MAX, settlementOf, settleRefusal } from './settle-refusal.ts';
import { WriteSession } from './write-session.ts';

// The default: more than the writers that meet on one user's collection.
const RETRIES = 10;

export interface OpenOptions {
  /** Fills an empty database for a user who has none. Called only if the store definitely holds none. */
  readonly create?: ((database: SqliteDatabase) => void) | undefined;
}

export interface UpdateOptions extends OpenOptions {
  /** How often the edit is rerun after a conflict. Default 10. */
  readonly retries?: number;
  /** True for an edit that may make the database many times larger: its copy is a file, however small it begins. */
  readonly grows?: boolean;
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
        if (cached.entry !== undefined && refreshed(cached.entry) !== undefined) {
          if (!(error instanceof JavumboError && error.kind === 'corrupt')) throw error;
          this.#environment.cache.invalidate(username);
        }
      }
    }
    const found = await this.#loader.load(username, undefined, 'private');
    if ((found === undefined || isTombstone(found)) && options.create === undefined) {
      return noDatabase(username, 'changing');
    }
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
  async together(username: string, edits: readonly PendingEdit[], options: UpdateOptions = {}): Promise<Settled[]> {
    const settled: Settled[] = edits.map(() => ({ kind: 'again' }));
    let pending = edits.map(({ edit, retries = RETRIES }, index) => ({ edit, retries, index }));
    let placing: Placing = { inMemory: options.grows !== true };
    let session = await this.openForWriting(username, options, placing);
    let loadMs: number | undefined;
    for (let attempts = 1; ; attempts++) {
      let ended: Ended[];
      for (;;) {
        const { base, baseEntry } = session;
        const { isInMemory } = session;
        ended = await runEdits(session, pending, this.#environment);
        const outgrown = isInMemory && ended.some((one) => one.kind === 'threw' && isDiskFull(one.error));
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
      let sent: Sent;
      try {
        sent = await this.#send(username, session, { attempts, isLast, loadMs });
      } catch (error) {
        // Found before anything was sent: which edit did it is not known.
        if (edits.length > 1 && error instanceof JavumboError && error.kind === 'corrupt') throw error;
        for (const { index } of changed) settled[index] = { kind: 'failed', error };
        return settled;
      }
      if (sent.kind === 'stored') {
        this.#settle(settled, pending, ended, { username, version: sent.version, attempts });
        return settled;
      }
      const { found } = sent;
      loadMs = sent.loadMs;
      const usedUp = changed.filter(({ retries }) => attempts > retries);
      const error = conflictFailure(username, base?.version, traceOf(found));
      for (const { index } of usedUp) settled[index] = { kind: 'failed', error };
      pending = pending.filter((one) => !usedUp.includes(one));
      session = await this.#begin(username, found, options, placing);
    }
  }

  /** Sends a session until it is stored or another version came first, and ends it. */
  async #send(
    username: string,
    session: WriteSession,
    {
      attempts,
      isLast,
      loadMs,
    }: { readonly attempts: number; readonly isLast: boolean; readonly loadMs?: number | undefined },
  ): Promise<Sent> {
    const { base, baseEntry } = session;
    const { clock } = this.#environment;
    const isOld = baseEntry !== undefined && (ageOf(baseEntry, momentOf(clock)) ?? OLD_MS) >= OLD_MS;
    try {
      for (let resent = 0; ; ) {
        const sentAt = clock.monotonic();
        const outcome = await (isLast ? session.commit() : session.send());
        if (outcome.kind === 'unknown') throw unknownOutcome(username, outcome.base, outcome.cause);
        if (outcome.kind === 'committed' || outcome.kind === 'unchanged') {
          return { kind: 'stored', version: outcome.version };
        }
        if (isLast && outcome.kind === 'conflict') throw conflictFailure(username, base?.version, outcome.seen);
        const putMs = clock.monotonic() - sentAt;
        const met = { conflicts: attempts, cycleMs: putMs + (loadMs ?? putMs), isOld };
        const sent = await this.#fetchWinner(username, base, outcome, met);
        if (sent !== 'resend') return sent;
        if (++resent > RESENDS_MAX) throw refusesItsOwnVersion(username);
      }
    } finally {
      session.discard();
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
        settled[index] = { kind: 'failed', error: callerFailure(one.error, username, this.#environment.cache) };
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
  ): Promise<Sent | 'resend'> {
    const { clock, random } = this.#environment;
    // A create does not wait: a copy of it may have landed, and is recognised only until somebody deletes it.
    const waitMs = base === undefined ? 0 : waitAfter(met, random);
    let refusal = outcome.kind === 'refused' ? outcome : undefined;
    if (refusal !== undefined && mustLookBefore(waitMs, base?.sizeBytes ?? 0, met)) {
      const settled = await settleRefusal(refusal, username, base, this.#environment);
      if (settled === 'resend') return 'resend';
      if (settled.kind === 'committed') return { kind: 'stored', version: settled.version };
      if (settled.kind === 'unknown') throw unknownOutcome(username, settled.base, settled.cause);
      refusal = undefined;
    }
    let found: LocalVersion | Tombstone | undefined;
    let askedAt = 0;
    try {
      await clock.sleep(waitMs);
      askedAt = clock.monotonic();
      found = await this.#loader.load(username, undefined, 'private');
    } catch (error) {
      // Also if the command is interrupted here: no one has looked.
      if (refusal === undefined) throw error;
      const cause = new Error(`it was refused, and then ${messageOf(error)}`, { cause: error });
      throw unknownOutcome(username, base?.version, cause);
    }
    const seen = traceOf(found);
    if (refusal !== undefined) {
      const settlement = settlementOf(refusal, base, seen, clock);
      if (settlement !== 'conflict') release(found);
      if (settlement === 'resend') return 'resend';
      if (settlement === 'committed') return { kind: 'stored', version: committedIn(refusal.writeId, seen).version };
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
      throw callerFailure(error, username, this.#environment.cache);
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
    const current = (await this.#loader.fetch(username, known, 'private')) ?? noDatabase(username, 'changing');
    if (current.stored.version !== base.version) return current;
    current.work?.release();
    return undefined;
  }
}

function release(found: LocalVersion | Tombstone | undefined): void {
  if (found !== undefined && !isTombstone(found)) found.work?.release();
}

function traceOf(found: LocalVersion | Tombstone | undefined): Trace {
  if (found === undefined) return { kind: 'nothing' };
  return isTombstone(found) ? { kind: 'tombstone', ...found } : { kind: 'database', ...found.stored };
}

type Sent =
  | { readonly kind: 'stored'; readonly version: Version }
  | { readonly kind: 'another'; readonly found: LocalVersion | Tombstone; readonly loadMs: number };
