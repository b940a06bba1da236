import { join } from 'node:path';
import type { CacheEntry } from '../cache/entry.ts';
import { momentOf } from '../core/clock.ts';
import { sizeOf } from '../core/file.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import { canOpenInMemory, type SqliteDatabase, settleJournal } from '../sqlite/engine.ts';
import { isDamaged } from '../store/content-digest.ts';
import type { PutCondition, StoredDatabase, Tombstone } from '../store/database-store.ts';
import { writable } from '../store/tombstone.ts';
import { writesOver } from '../store/write-ids.ts';
import { type ClosedCopy, closed, UNCHANGED } from './closed-copy.ts';
import { NextEntry } from './next-entry.ts';
import { refusesItsOwnVersion } from './outcome-failures.ts';
import {
  type CommitOutcome,
  openInspected,
  type Placing,
  type ReadyEnvironment,
  readyFor,
  type SendOutcome,
  type SessionEnvironment,
  type SessionStart,
  sessionFailure,
} from './session.ts';
import { RESENDS_MAX, settleRefusal } from './settle-refusal.ts';
import {
  copyInMemory,
  copyTo,
  fileCopy,
  IN_MEMORY_BYTES_MAX,
  memoryCopy,
  type WorkingCopy,
  workingCopyIn,
} from './working-copy.ts';

/**
 * Work on a private copy of one version, or on a new database, committed once or discarded. The copy is invisible to
 * others; after a crash the next process removes it.
 */
export class WriteSession {
  readonly username: string;
  /** The version that was copied; undefined for a database that does not exist yet. */
  readonly base: StoredDatabase | undefined;
  /** The cache entry of the base; undefined if this session fetched it. */
  readonly baseEntry: CacheEntry | undefined;
  readonly #environment: ReadyEnvironment;
  readonly #copy: WorkingCopy;
  readonly #looked: boolean;
  #tombstone: Tombstone | undefined;
  /** What is sent, once the copy is closed. */
  #closed: ClosedCopy | undefined;
  /** Set once the copy is closed, because then its counter has lost its meaning. */
  #changed: boolean | undefined;
  #open = true;
  readonly #entry: NextEntry;
  #counter: number;

  private constructor(username: string, start: SessionStart, open: () => WorkingCopy, environment: ReadyEnvironment) {
    this.username = username;
    this.base = start.kind === 'version' ? start.local.stored : start.base;
    this.baseEntry = start.kind === 'version' ? start.local.entry : undefined;
    this.#tombstone = start.tombstone;
    this.#looked = start.kind === 'file' && start.looked;
    this.#environment = environment;
    this.#entry = new NextEntry(username, environment);
    this.#copy = openInspected(
      open,
      ({ database }) => database,
      username,
      start.kind === 'new' ? undefined : environment,
    );
    this.#counter = this.#copy.counterBefore;
  }

  /** Makes the private copy, a small one in memory. Throws `corrupt` if a cached version is damaged. */
  static async begin(
    username: string,
    start: SessionStart,
    environment: SessionEnvironment,
    { inMemory = true }: Placing = {},
  ): Promise<WriteSession> {
    let work = start.kind === 'version' ? start.local.work : start.work;
    try {
      const ready = await readyFor(environment);
      const { sqlite, cache } = ready;
      let open: () => WorkingCopy;
      if (
        inMemory &&
        start.kind === 'version' &&
        start.local.stored.sizeBytes <= IN_MEMORY_BYTES_MAX &&
        canOpenInMemory(sqlite)
      ) {
        const bytes = await copyInMemory(start.local);
        work?.release();
        work = undefined;
        open = () => memoryCopy(sqlite, bytes);
      } else {
        const place = work ?? cache.workDirectory();
        work = place;
        await cache.spaceFreed();
        const path = workingCopyIn(place);
        if (start.kind !== 'new') ready.digests?.expect(sizeOf(start.kind === 'version' ? start.local.path : path));
        if (start.kind === 'version') await copyTo(path, start.local);
        const isCopy = start.kind === 'version';
        open = () => fileCopy(sqlite, place, isCopy);
      }
      environment.atStep?.('copied');
      return await runBlockingIn(environment)(() => new WriteSession(username, start, open, ready));
    } catch (error) {
      work?.release();
      throw sessionFailure(error, username, environment.cache);
    }
  }

  /**
   * Commits an open transaction, uploads the file if anything changed, and ends the session in every case. Throws
   * `corrupt` if the copy is damaged, `unavailable` if no attempt to store it can have arrived; nothing is stored then.
   */
  async commit(): Promise<CommitOutcome> {
    try {
      for (let resent = 0; ; ) {
        const sent = await this.#send();
        if (sent.kind !== 'refused') return sent;
        const over = this.base ?? this.#tombstone;
        const settled = await settleRefusal(sent, this.username, over, this.#environment);
        if (settled !== 'resend') {
          if (settled.kind !== 'conflict' || settled.seen.kind !== 'tombstone' || this.base !== undefined)
            return settled;
          // A create that met a tombstone goes over it.
          this.#tombstone = writable(settled.seen, this.username, this.#environment.clock);
          continue;
        }
        if (++resent > RESENDS_MAX) throw refusesItsOwnVersion(this.username);
      }
    } catch (error) {
      throw sessionFailure(error, this.username, this.#environment.cache);
    } finally {
      this.discard();
    }
  }

  /**
   * Like `commit`, for a caller that fetches what is stored after a refusal and looks for the write id itself. A session
   * that was refused can be sent again, with the same bytes, and must be discarded.
   */
  async send(): Promise<SendOutcome> {
    let outcome: SendOutcome | undefined;
    try {
      outcome = await this.#send();
      return outcome;
    } catch (error) {
      throw sessionFailure(error, this.username, this.#environment.cache);
    } finally {
      if (outcome?.kind !== 'refused') this.discard();
    }
  }

  async #send(): Promise<SendOutcome> {
    const { store, clock, atStep, beforePut } = this.#environment;
    this.#closed ??= await closed(this.#copy, () => this.hasChanged(), this.#environment);
    this.#changed = this.#closed !== UNCHANGED;
    const { writeId, digest, body, content, sizeBytes } = this.#closed;
    const base = this.base;
    // A copy's counter shows whether it changed; a file put in its place must be compared by content.
    if (base !== undefined && (!this.#changed || (await this.#isStoredAlready(base, digest)))) {
      return { kind: 'unchanged', version: base.version };
    }
    atStep?.('checked');
    const over = base ?? this.#tombstone;
    const writes = writesOver(over, writeId);
    const condition: PutCondition =
      over === undefined ? { kind: 'absent' } : { kind: 'version', version: over.version };
    await beforePut?.({ username: this.username, writeId, base });
    const startedAt = momentOf(clock);
    const sending = store.put(this.username, content, { condition, writes, digest, body });
    const outcome = await this.#entry.preparedDuring(sending, content);
    switch (outcome.kind) {
      case 'committed': {
        atStep?.('stored');
        const { version, superseded, lastModified = startedAt.wall } = outcome;
        const stored = { version, writes, lastModified, digest, sizeBytes };
        this.#entry.insert(superseded === true ? undefined : stored, content, startedAt);
        atStep?.('cached');
        return { kind: 'committed', version, ...(superseded === true ? { superseded } : {}) };
      }
      case 'conflict': {
        this.#entry.forget();
        const { reason, seen } = outcome;
        if (seen === undefined)
          return {
            kind: 'refused',
            writeId,
            because: reason === 'deleted' ? 'absence' : 'refusal',
            sentAt: startedAt,
          };
        return { kind: 'conflict', reason, base: base?.version, seen };
      }
      case 'unknown':
        this.#entry.forget();
        return { kind: 'unknown', cause: outcome.cause, base: base?.version, writeId };
    }
  }

  /** True if the store, which was just asked, holds this content. Its bytes must confirm its metadata. */
  async #isStoredAlready(base: StoredDatabase, digest: string): Promise<boolean> {
    const { work } = this.#copy;
    if (!this.#looked || work === undefined || base.digest !== digest) return false;
    const path = join(work.path, 'stored.anki2');
    const result = await this.#environment.store.get(this.username, path);
    return result.kind === 'found' && result.version === base.version && !(await isDamaged(path, result));
  }

  get database(): SqliteDatabase {
    return this.#copy.database;
  }

  get isInMemory(): boolean {
    return this.#copy.work === undefined;
  }

  /** True if the copy differs from its base, ignoring an open transaction. */
  hasChanged(): boolean {
    // Unlike total_changes(), the counter also moves with DDL and user_version.
    if (this.#changed !== undefined) return this.#changed;
    return this.base === undefined || this.#copy.counter() !== this.#copy.counterBefore;
  }

  /** Commits an open transaction, and writes what the copy holds into a file. The session goes on. */
  copyTo(path: string): void {
    if (this.database.inTransaction) this.database.exec('COMMIT');
    // The file alone is copied.
    settleJournal(this.database);
    this.#copy.copyTo(path);
  }

  /**
   * Ends the connection, with whatever is open on it, and opens the copy again, unless it must not be opened now. Returns
   * true if anything was committed in it since it was made, or since the last call of this.
   */
  renew(): boolean {
    const before = this.#counter;
    this.#counter = this.#copy.renew();
    this.#environment.inspect?.(this.#copy.database, this.username);
    return this.#counter !== before;
  }

  /** Ends the session without storing anything or changing the cache. Can be called at any time, also twice. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#entry.discard();
    this.#copy.release();
  }
}
