import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../clock.ts';
import { codeOf } from '../failure.ts';
import type { Random } from '../random.ts';
import { cacheFailure, namesIn, requireOwnDirectory } from './cache-directory.ts';
import { type CacheEntry, type EntryDescription, entryNameOf, isBasedOn, readEntry, setTimes } from './cache-entry.ts';
import { syncToDisk } from './file.ts';
import { ForgottenUsers } from './forgotten-users.ts';
import type { StoredDatabase, Version } from './store.ts';
import { makeWorkDirectory, orphanedWorkDirectories, type WorkDirectory } from './work-directory.ts';

/**
 * User databases kept on local disk between sessions and processes.
 *
 * An entry is a directory for one version of one user's database: the file, never changed again, and `entry.json`. It
 * is put together in a work directory, synced, and renamed into place, so it is there whole or not at all; whatever
 * kills the process, no entry is ever torn. Nothing that is not committed in the store becomes an entry, so none is
 * ever dirty. Any process may remove any entry at any time: a reader that meets a missing file takes it for a miss, and
 * one that has the file open keeps it.
 *
 *     <root>/<deployment>/entries/<username>/<hash of version>/{<username>.anki2, entry.json}
 *     <root>/<deployment>/forgotten/<username>
 *     <root>/<deployment>/work/<namespace>-<pid>-<process start>-<random>/
 *
 * The modification time of `entry.json` is when the last request began that found this version current; that of the
 * database file is when the entry was last used (an access time would be moved by every look at it).
 */
export class DatabaseCache {
  /** Where this deployment's entries and work directories are. */
  readonly directory: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: CacheLimits;
  readonly #atStep: (step: CacheStep) => void;
  readonly #forgotten: ForgottenUsers;
  #swept = false;
  #admittedBytes = 0;
  #removed = 0;

  /** Nothing is created before it is needed. Throws `usage` when `root` is no directory of this user's. */
  constructor(options: DatabaseCacheOptions) {
    this.directory = join(
      resolve(options.root),
      createHash('sha256').update(options.deployment).digest('hex').slice(0, 16),
    );
    this.#clock = options.clock;
    this.#random = options.random;
    this.#limits = options.limits ?? DEFAULT_CACHE_LIMITS;
    this.#atStep = options.atStep ?? (() => {});
    requireOwnDirectory(resolve(options.root));
    requireOwnDirectory(this.directory);
    this.#forgotten = new ForgottenUsers(join(this.directory, 'forgotten'), options.clock);
  }

  /** The entry that is most likely current, and usable now; undefined on a miss. Says nothing about its age. */
  lookup(username: string): CacheEntry | undefined {
    const entries = this.#entriesOf(username);
    // A write on this machine is newer than what it was based on, whatever the clocks of two requests say.
    const candidates = entries.filter((entry) => !entries.some((other) => isBasedOn(other, entry)));
    return candidates.sort((a, b) => b.validatedAt - a.validatedAt)[0];
  }

  /** The entry of exactly that version, or undefined. */
  find(username: string, version: Version): CacheEntry | undefined {
    return this.#entriesOf(username).find((entry) => entry.version === version);
  }

  /** Records that an entry is being used. */
  touch(entry: CacheEntry): void {
    setTimes(entry, this.#clock.now(), entry.validatedAt);
  }

  /** Records that the store still held this version for a request that began at `at` (milliseconds since 1970). */
  validated(entry: CacheEntry, at: number): CacheEntry {
    // A validation in the future dates from before the clock was set back, and says nothing any more.
    const validatedAt = entry.validatedAt > this.#clock.now() ? at : Math.max(at, entry.validatedAt);
    setTimes(entry, this.#clock.now(), validatedAt);
    return { ...entry, validatedAt };
  }

  /** Makes an entry as old as if it had last been found current at `at`; for checks that cannot wait for it. */
  age(entry: CacheEntry, at: number): void {
    setTimes(entry, entry.usedAt, at);
  }

  /**
   * Takes a file out of a work directory of this cache as the entry of the version it holds. `at` is when the request
   * began that delivered or stored it. Older versions of the user go, and what the limits do not allow.
   *
   * A cache is an aid: when there is no space for an entry, or the user was forgotten since the request began, there is
   * none, the file stays where it was, and undefined is returned.
   */
  admit(
    work: WorkDirectory,
    file: string,
    username: string,
    stored: StoredDatabase,
    at: number,
  ): CacheEntry | undefined {
    const prepared = join(work.path, 'entry');
    const preparedFile = join(prepared, `${username}.anki2`);
    const directory = this.#entryPath(username, stored.version);
    if (this.#forgotten.since(username, at) && !this.#isNewerThanCached(stored, username)) return undefined;
    let entry: CacheEntry;
    try {
      mkdirSync(prepared, { mode: 0o700 });
      renameSync(file, preparedFile);
      chmodSync(preparedFile, 0o400);
      const { version, writes, lastModified } = stored;
      const sizeBytes = statSync(preparedFile).size;
      const description: EntryDescription = { username, version, writes, lastModified, sizeBytes };
      const usedAt = this.#clock.now();
      writeFileSync(join(prepared, 'entry.json'), JSON.stringify(description), { mode: 0o600 });
      utimesSync(join(prepared, 'entry.json'), at / 1000, at / 1000);
      utimesSync(preparedFile, usedAt / 1000, usedAt / 1000);
      for (const path of [preparedFile, join(prepared, 'entry.json'), prepared]) syncToDisk(path);
      this.#atStep('entry-written');
      mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
      // The same version may be there already, from another process; this copy of equal bytes is as good.
      this.#remove(directory, work);
      renameSync(prepared, directory);
      this.#atStep('entry-renamed');
      // Looked at once more: a process that forgets the user now either finds the entry, or has left its mark before.
      if (this.#forgotten.since(username, at) && !this.#isNewerThanCached(stored, username)) {
        copyFileSync(join(directory, `${username}.anki2`), file);
        this.#remove(directory, work);
        return undefined;
      }
      const path = join(directory, `${username}.anki2`);
      entry = { ...description, directory, path, validatedAt: at, usedAt };
    } catch (error) {
      if (existsSync(preparedFile)) renameSync(preparedFile, file);
      rmSync(prepared, { recursive: true, force: true });
      if (!['ENOSPC', 'EDQUOT', 'ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) {
        throw cacheFailure(this.directory, error);
      }
      return undefined;
    }
    this.#makeRoom(entry, work);
    return entry;
  }

  /** Forgets a user: what is cached must not be served again, not even within the allowed staleness. */
  invalidate(username: string): void {
    this.#forgotten.mark(username);
    this.#remove(join(this.directory, 'entries', username));
  }

  /** A private directory for working copies, on the same file system as the entries. */
  workDirectory(): WorkDirectory {
    try {
      if (!this.#swept) this.#sweep();
      return makeWorkDirectory(join(this.directory, 'work'), this.#random);
    } catch (error) {
      throw cacheFailure(this.directory, error);
    }
  }

  /** Every entry of this deployment, least recently used first. */
  entries(): CacheEntry[] {
    return namesIn(join(this.directory, 'entries'))
      .flatMap((username) => this.#entriesOf(username))
      .sort((a, b) => a.usedAt - b.usedAt);
  }

  /** Removes every entry and every orphaned working copy; never a working copy in use. */
  clear(): { readonly deletedCount: number; readonly deletedBytes: number } {
    const entries = this.entries();
    const deletedBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    for (const { username } of entries) this.#forgotten.mark(username);
    this.#remove(join(this.directory, 'entries'));
    this.#sweep();
    return { deletedCount: entries.length, deletedBytes };
  }

  /** Whether it builds on what somebody has put here since: then it is newer, however long it was under way. */
  #isNewerThanCached(stored: StoredDatabase, username: string): boolean {
    return this.#entriesOf(username).some((entry) => isBasedOn(stored, entry));
  }

  #entriesOf(username: string): CacheEntry[] {
    const directory = join(this.directory, 'entries', username);
    return namesIn(directory).flatMap((name) => {
      const entry = readEntry(join(directory, name));
      return entry?.username === username ? entry : [];
    });
  }

  #entryPath(username: string, version: Version): string {
    return join(this.directory, 'entries', username, entryNameOf(version));
  }

  /** Removes the user's older versions, and from time to time what the limits do not allow. Never `admitted` itself. */
  #makeRoom(admitted: CacheEntry, work: WorkDirectory): void {
    try {
      this.#removeWhatIsTooMuch(admitted, work);
    } catch {
      // The entry is there, which is what was asked for; the next admission tries again.
    }
  }

  #removeWhatIsTooMuch(admitted: CacheEntry, work: WorkDirectory): void {
    for (const entry of this.#entriesOf(admitted.username)) {
      if (entry.directory !== admitted.directory && !isBasedOn(entry, admitted)) this.#remove(entry.directory, work);
    }
    this.#admittedBytes += admitted.sizeBytes;
    if (!this.#scanIsDue()) return;
    this.#forgotten.removeOldMarks();
    const others = this.entries().filter((entry) => entry.directory !== admitted.directory);
    let total = others.reduce((sum, entry) => sum + entry.sizeBytes, admitted.sizeBytes);
    for (const entry of others) {
      const expired = this.#clock.now() - entry.usedAt > this.#limits.ageMaxMs;
      if (!expired && total <= this.#limits.bytesMax) continue;
      this.#forgotten.mark(entry.username);
      this.#remove(entry.directory, work);
      total -= entry.sizeBytes;
    }
  }

  /**
   * Looking at every entry takes as long as a request once thousands are cached, so it is done once a minute by
   * whichever process comes by, and when this one has added a twentieth of the limit since.
   */
  #scanIsDue(): boolean {
    const marker = join(this.directory, 'scanned');
    const scannedAt = statSync(marker, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const age = this.#clock.now() - scannedAt;
    if (age >= 0 && age < SCAN_INTERVAL_MS && this.#admittedBytes < this.#limits.bytesMax / 20) return false;
    this.#admittedBytes = 0;
    writeFileSync(marker, '', { mode: 0o600 });
    utimesSync(marker, this.#clock.now() / 1000, this.#clock.now() / 1000);
    return true;
  }

  /**
   * Takes a directory out of sight in one step and then away. Removing it where it is could meet another process that
   * renames an entry into it. `into`: a work directory that is released soon; a new one costs a write a millisecond.
   */
  #remove(path: string, into?: WorkDirectory): void {
    if (!existsSync(path)) return;
    const work = into ?? this.workDirectory();
    try {
      renameSync(path, join(work.path, `removed-${this.#removed++}`));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw cacheFailure(path, error);
    } finally {
      if (into === undefined) work.release();
    }
  }

  #sweep(): void {
    this.#swept = true;
    for (const path of orphanedWorkDirectories(join(this.directory, 'work'), this.#clock)) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

export interface DatabaseCacheOptions {
  /** The cache directory of this user, shared by all deployments. */
  readonly root: string;
  /** What the deployment is, resolved: endpoint and bucket, or the local deployment's id. */
  readonly deployment: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: CacheLimits | undefined;
  /** Told before each step of an admission, so that a test can end the process there. */
  readonly atStep?: ((step: CacheStep) => void) | undefined;
}

export interface CacheLimits {
  readonly bytesMax: number;
  /** Since an entry was last used, in milliseconds. */
  readonly ageMaxMs: number;
}

// 1,500 MB is what week 1 leaves in Lambda's 2,048 MB of /tmp.
export const DEFAULT_CACHE_LIMITS: CacheLimits = { bytesMax: 1_500_000_000, ageMaxMs: 7 * 24 * 3_600_000 };

const SCAN_INTERVAL_MS = 60_000;

export const CACHE_STEPS = ['entry-written', 'entry-renamed'] as const;
export type CacheStep = (typeof CACHE_STEPS)[number];
