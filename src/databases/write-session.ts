import { chmodSync, constants, copyFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheEntry } from '../cache/entry.ts';
import type { WorkDirectory } from '../cache/work-directory.ts';
import { type Clock, type Moment, momentOf } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import {
  openWorkingCopy,
  quickCheck,
  readHeader,
  type SqliteDatabase,
  setRollbackMode,
  settleJournal,
} from '../sqlite/engine.ts';
import { contentDigestOf, damaged, isDamaged, makeUnique } from '../store/content-digest.ts';
import type { PutCondition, StoredDatabase, Tombstone, Trace } from '../store/database-store.ts';
import { CLOSING_MS } from '../store/tombstone.ts';
import { committedIn, seenIn, settle, writesOver } from '../store/write-ids.ts';
import { refusesItsOwnVersion, unexplainedRefusal } from './outcome-failures.ts';
import {
  type CommitOutcome,
  type LocalVersion,
  openInspected,
  type ReadyEnvironment,
  readyFor,
  type SendOutcome,
  type SendRefusal,
  type SessionEnvironment,
  type SessionStart,
  sessionFailure,
  WORKING_COPY,
} from './session.ts';

// No change counter is negative, so a first check finds the file changed.
const ALWAYS_CHANGED = -1;

// A store that refuses a write over the version it holds this often will not change its mind.
const RESENDS_MAX = 3;

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
  readonly database: SqliteDatabase;
  readonly #environment: ReadyEnvironment;
  readonly #work: WorkDirectory;
  readonly #path: string;
  readonly #counterBefore: number;
  readonly #looked: boolean;
  #tombstone: Tombstone | undefined;
  /** The final file, once it is closed. */
  #closed: { readonly writeId: string; readonly digest: string } | undefined;
  /** Set once the file is closed, because then its counter has lost its meaning. */
  #changed: boolean | undefined;
  #open = true;

  private constructor(username: string, start: SessionStart, work: WorkDirectory, environment: ReadyEnvironment) {
    this.username = username;
    this.base = start.kind === 'version' ? start.local.stored : start.base;
    this.baseEntry = start.kind === 'version' ? start.local.entry : undefined;
    this.#tombstone = start.tombstone;
    this.#looked = start.kind === 'file' && start.looked;
    this.#environment = environment;
    this.#work = work;
    this.#path = join(work.path, WORKING_COPY);
    this.#counterBefore = start.kind === 'version' ? readHeader(this.#path).changeCounter : ALWAYS_CHANGED;
    const handle = (): SqliteDatabase => openWorkingCopy(environment.sqlite, this.#path);
    this.database = openInspected(handle, username, start.kind === 'new' ? undefined : environment);
  }

  /** Makes the private copy. Throws `corrupt` if a cached version is damaged. */
  static async begin(username: string, start: SessionStart, environment: SessionEnvironment): Promise<WriteSession> {
    const work = (start.kind === 'version' ? start.local.work : start.work) ?? environment.cache.workDirectory();
    try {
      const ready = await readyFor(environment);
      if (start.kind === 'version') await takeCopy(start.local, join(work.path, WORKING_COPY));
      environment.atStep?.('copied');
      return await runBlockingIn(environment)(() => new WriteSession(username, start, work, ready));
    } catch (error) {
      work.release();
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
        const settled = await this.#settleRefusal(sent);
        if (settled === 'over the tombstone') continue;
        if (settled !== 'resend') return settled;
        if (++resent > RESENDS_MAX) throw refusesItsOwnVersion(this.username);
      }
    } catch (error) {
      throw sessionFailure(error, this.username, this.#environment.cache);
    } finally {
      this.discard();
    }
  }

  /** Like `commit`, for a caller that fetches what is stored after a refusal and looks for the write id itself. */
  async send(): Promise<SendOutcome> {
    try {
      return await this.#send();
    } catch (error) {
      throw sessionFailure(error, this.username, this.#environment.cache);
    } finally {
      this.discard();
    }
  }

  async #send(): Promise<SendOutcome> {
    const { store, clock, atStep } = this.#environment;
    this.#closed ??= await this.#close();
    const { writeId, digest } = this.#closed;
    const base = this.base;
    // A copy's counter shows whether it changed; a file put in its place must be compared by content.
    if (base !== undefined && (!this.hasChanged() || (await this.#isStoredAlready(base, digest)))) {
      return { kind: 'unchanged', version: base.version };
    }
    atStep?.('checked');
    const over = base ?? this.#tombstone;
    const writes = writesOver(over, writeId);
    const condition: PutCondition =
      over === undefined ? { kind: 'absent' } : { kind: 'version', version: over.version };
    const startedAt = momentOf(clock);
    const outcome = await store.put(this.username, this.#path, { condition, writes, digest });
    switch (outcome.kind) {
      case 'committed': {
        atStep?.('stored');
        const { version, superseded, lastModified = startedAt.wall } = outcome;
        this.#remember(superseded === true ? undefined : { version, writes, lastModified, digest }, startedAt);
        atStep?.('cached');
        return { kind: 'committed', version, ...(superseded === true ? { superseded } : {}) };
      }
      case 'conflict': {
        this.#remember(undefined, startedAt);
        const { reason, seen } = outcome;
        if (seen === undefined)
          return {
            kind: 'refused',
            writeId,
            because: reason === 'deleted' ? 'absence' : 'refusal',
            sentAt: startedAt.wall,
          };
        return { kind: 'conflict', reason, base: base?.version, seen };
      }
      case 'unknown':
        this.#remember(undefined, startedAt);
        return { kind: 'unknown', cause: outcome.cause, base: base?.version };
    }
  }

  /** True if the store, which was just asked, holds this content. Its bytes must confirm its metadata. */
  async #isStoredAlready(base: StoredDatabase, digest: string): Promise<boolean> {
    if (!this.#looked || base.digest !== digest) return false;
    const path = join(this.#work.path, 'stored.anki2');
    const result = await this.#environment.store.get(this.username, path);
    return result.kind === 'found' && result.version === base.version && !(await isDamaged(path, result));
  }

  /** Looks up what refused a write. A create that met a tombstone goes over it. */
  async #settleRefusal({
    writeId,
    because,
    sentAt,
  }: SendRefusal): Promise<CommitOutcome | 'over the tombstone' | 'resend'> {
    const base = this.base?.version;
    let seen: Trace;
    try {
      seen = await this.#environment.store.trace(this.username);
    } catch (error) {
      const cause = new Error(`it was refused, and then ${messageOf(error)}`, { cause: error });
      return { kind: 'unknown', cause, base };
    }
    switch (settle(writeId, this.base ?? this.#tombstone, seenIn(seen), because, sentAt)) {
      case 'committed': {
        const { version, superseded = false } = committedIn(writeId, seen);
        return { kind: 'committed', version, ...(superseded ? { superseded } : {}) };
      }
      case 'unknown':
        return { kind: 'unknown', cause: unexplainedRefusal(), base };
      case 'resend':
        return 'resend';
      case 'conflict':
        if (seen.kind === 'tombstone' && this.base === undefined) {
          this.#tombstone = writable(seen, this.username, this.#environment.clock);
          return 'over the tombstone';
        }
        return { kind: 'conflict', reason: seen.kind === 'database' ? 'changed' : 'deleted', base, seen };
    }
  }

  /** True if the copy differs from its base, ignoring an open transaction. */
  hasChanged(): boolean {
    // Unlike total_changes(), the counter also moves with DDL and user_version.
    if (this.#changed !== undefined) return this.#changed;
    return this.base === undefined || readHeader(this.#path).changeCounter !== this.#counterBefore;
  }

  /** Ends the session without storing anything or changing the cache. Can be called at any time, also twice. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.database.close();
    } finally {
      this.#work.release();
    }
  }

  /** Finishes SQLite's work and returns whether it changed anything. */
  #settle(): boolean {
    if (this.database.inTransaction) this.database.exec('COMMIT');
    this.#environment.atStep?.('edited');
    settleJournal(this.database);
    const changed = this.hasChanged();
    if (changed) {
      quickCheck(this.database);
      // An empty file passes every check of SQLite, but no one else takes it for a database.
      readHeader(this.#path);
    }
    this.database.close();
    return changed;
  }

  /** Ends the edit: the file then is complete, sound, and unlike any other ever stored. */
  async #close(): Promise<{ readonly writeId: string; readonly digest: string }> {
    const { random } = this.#environment;
    this.#changed = await runBlockingIn(this.#environment)(() => this.#settle());
    if (!this.#changed) return { writeId: '', digest: '' };
    // Once per commit, never per attempt: a retry sends the same bytes.
    makeUnique(this.#path, random);
    return { writeId: random.hex(16), digest: await contentDigestOf(this.#path) };
  }

  /**
   * Caches the committed copy, or forgets the user if the cached version is outdated. The store's decision stands, so
   * trouble with the cache must not change the outcome; a file that it could not take is not served.
   */
  #remember(committed: Omit<StoredDatabase, 'sizeBytes'> | undefined, startedAt: Moment): void {
    const { cache, caching } = this.#environment;
    try {
      const stored = committed && caching ? { ...committed, sizeBytes: statSync(this.#path).size } : undefined;
      const entry = stored && cache.insert(this.#work, this.#path, this.username, stored, startedAt);
      // Without an entry for the new version the old one must go, or it would still be served.
      if (entry === undefined) cache.invalidate(this.username);
    } catch {
      this.#forget();
    }
  }

  #forget(): void {
    try {
      this.#environment.cache.invalidate(this.username);
    } catch {}
  }
}

/**
 * Makes the working copy of a version. A privately fetched file becomes it; a cached one is shared, so it is copied,
 * and the copy checked for damage before anything builds on it.
 */
async function takeCopy(local: LocalVersion, path: string): Promise<void> {
  if (local.entry === undefined) renameSync(local.path, path);
  else {
    copyFileSync(local.path, path, constants.COPYFILE_FICLONE);
    chmodSync(path, 0o600);
    if (await isDamaged(path, local.stored)) throw damaged('in the cache of this machine');
  }
  if (readHeader(path).journal === 'wal') setRollbackMode(path);
}

/** Returns the tombstone if a create may replace it. Throws `unavailable` while clean-up is removing it. */
export function writable(tombstone: Tombstone, username: string, clock: Clock): Tombstone {
  if (!tombstone.closing || clock.now() - tombstone.lastModified > CLOSING_MS) return tombstone;
  throw new JavumboError(
    'unavailable',
    `create database "${username}": clean-up is removing the tombstone of a deleted database`,
    {
      try: 'the same command again in a minute',
      username,
      retryable: true,
    },
  );
}
