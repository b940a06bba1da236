import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { bootId, isBootKnown } from '../core/boot.ts';
import { cacheFailure, isDiskFull, requireOwnDirectory } from '../core/cache-directory.ts';
import type { Clock, Moment } from '../core/clock.ts';
import { codeOf } from '../core/failure.ts';
import { syncToDisk } from '../core/file.ts';
import { makeDirectory } from '../core/make-directory.ts';
import type { Random } from '../core/random.ts';
import type { StoredDatabase, Version } from '../store/database-store.ts';
import {
  type CacheEntry,
  entryFiles,
  isBasedOn,
  renew,
  sameClock,
  setTimes,
  setUsedAt,
  standingAmong,
  writeEntry,
  writeEntryFile,
} from './entry.ts';
import { EntryIndex } from './entry-index.ts';
import { EntryPlaces } from './entry-places.ts';
import { CacheEvictions, type CacheLimits, DEFAULT_CACHE_LIMITS } from './evictions.ts';
import { InvalidationMarks } from './invalidation-marks.ts';
import { VerifiedFiles } from './verified-files.ts';
import { WorkDirectories } from './work-directories.ts';
import type { WorkDirectory } from './work-directory.ts';

/**
 * User databases kept on local disk between sessions and processes.
 *
 * An entry is a directory for one version of one user's database: the file, never changed again, and `entry.json`. It
 * is built in a work directory and renamed into place, so a killed process never leaves a torn entry. A power cut may,
 * so an entry counts only during the boot that wrote it: nothing waits for the disk. Only what is committed in the store
 * becomes an entry, so none is dirty. Any process may remove any entry at any time: for a reader a missing file is a
 * miss, and an open one stays readable.
 *
 *     <root>/<deployment>/entries/<username>/<hash of version>/{<username>.anki2, entry.json}
 *     <root>/<deployment>/invalidations/<username>
 *     <root>/<deployment>/work/<namespace>-<pid>-<process start>-<random>/
 *
 * The modification time of `entry.json` is the start of the last request that found this version current; that of the
 * database file is when the entry was last used (every look would move an access time).
 */
export class DatabaseCache {
  /** This deployment's entries and work directories. */
  readonly directory: string;
  /** The files that this process has checked against their digests. */
  readonly verified = new VerifiedFiles();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #evictions: CacheEvictions;
  readonly #atStep: (step: CacheStep) => void;
  readonly #boot: string;
  readonly #survivesBoots: boolean;
  readonly #index: EntryIndex;
  readonly #places: EntryPlaces;
  readonly #marks: InvalidationMarks;
  readonly #works: WorkDirectories;

  /** Creates nothing but its directories. Throws `usage` if `root` is not a directory of this user. */
  constructor(options: DatabaseCacheOptions) {
    this.directory = join(
      resolve(options.root),
      createHash('sha256').update(options.deployment).digest('hex').slice(0, 16),
    );
    this.#clock = options.clock;
    this.#random = options.random;
    this.#atStep = options.atStep ?? (() => {});
    requireOwnDirectory(resolve(options.root));
    requireOwnDirectory(this.directory);
    this.#boot = options.boot ?? bootId();
    this.#survivesBoots = options.boot === undefined && !isBootKnown();
    this.#index = new EntryIndex(options.clock);
    this.#places = new EntryPlaces(join(this.directory, 'entries'));
    this.#marks = new InvalidationMarks(join(this.directory, 'invalidations'), options.clock, this.#boot);
    this.#works = new WorkDirectories(this.directory, options);
    this.#evictions = new CacheEvictions({
      directory: this.directory,
      clock: options.clock,
      limits: options.limits ?? DEFAULT_CACHE_LIMITS,
      marks: this.#marks,
      scan: () => this.#places.scan(),
      remove: (path) => this.#works.takeAway(path, 'later'),
    });
  }

  /** Returns the entry that is most likely current, whatever its age, or undefined on a miss. */
  lookup(username: string): CacheEntry | undefined {
    const entries = this.#index.entriesIn(this.#places.ofUser(username), () => this.#entriesOf(username));
    // A write on this machine is newer than its base, whatever the clocks of two requests say.
    const candidates = entries.filter((entry) => !entries.some((other) => isBasedOn(other, entry)));
    return candidates.sort((a, b) => b.validatedAt - a.validatedAt)[0];
  }

  /** Returns the entry of exactly that version, or undefined. */
  find(username: string, version: Version): CacheEntry | undefined {
    return this.#entriesOf(username).find((entry) => entry.version === version);
  }

  touch(entry: CacheEntry): void {
    setUsedAt(entry, this.#clock.now());
  }

  /** Records that a request that began at `at` found this version current. Returns the updated entry. */
  validated(entry: CacheEntry, at: Moment): CacheEntry {
    if (sameClock(entry.clockOffset, at)) {
      const validatedAt = Math.max(at.wall, entry.validatedAt);
      setTimes(entry, this.#clock.now(), validatedAt);
      return { ...entry, validatedAt };
    }
    // The clock was set since, so its earlier times are meaningless: it gets a new reference.
    const work = this.workDirectory();
    try {
      return renew(entry, at, this.#clock.now(), work.path);
    } finally {
      work.release();
    }
  }

  /** Makes an entry appear last found current at `at` (milliseconds since 1970), for checks that cannot wait. */
  backdate(entry: CacheEntry, at: number): void {
    setTimes(entry, entry.usedAt, at);
  }

  /**
   * Writes the bytes of a version that is being stored, so that `insert` need not: nobody waits for a disk meanwhile. What
   * is not inserted must be discarded.
   */
  prepare(bytes: Buffer, username: string): PreparedEntry {
    const prepared = this.#works.emptyDirectory();
    try {
      writeEntryFile(prepared, username, bytes);
      return { prepared };
    } catch (error) {
      this.#works.giveBack(prepared);
      throw error;
    }
  }

  discard({ prepared }: PreparedEntry): void {
    this.#works.giveBack(prepared);
  }

  /**
   * Makes an entry for a version, of what was prepared for it or of a file in a work directory of this cache, which it
   * moves. `at` is the start of the request that delivered or stored it. Removes the user's older versions and what the
   * limits do not allow.
   *
   * Returns undefined, with the file back in place (unless another process removed it just then), if there is no space,
   * if the user was invalidated since `at`, or if a cached version may be newer: the cache is only an aid.
   */
  insert(
    content: string | PreparedEntry,
    username: string,
    stored: StoredDatabase,
    at: Moment,
  ): CacheEntry | undefined {
    const moved = typeof content === 'string' ? content : undefined;
    let prepared = typeof content === 'string' ? undefined : content.prepared;
    const directory = this.#places.ofEntry(username, stored.version);
    const replaced = this.#places.directoriesOf(username).filter((path) => path !== directory);
    const others = replaced.flatMap((path) => this.#places.read(path, username));
    if (!this.#mayInsert(username, stored, at, others)) {
      if (prepared !== undefined) this.#works.giveBack(prepared);
      return undefined;
    }
    try {
      prepared ??= this.#works.emptyDirectory();
      const usedAt = this.#clock.now();
      const entry = writeEntry({ prepared, directory }, moved, { username, stored, boot: this.#boot, at, usedAt });
      if (this.#survivesBoots) for (const path of [...entryFiles(prepared, username), prepared]) syncToDisk(path);
      this.#atStep('entry-written');
      makeDirectory(dirname(directory));
      // Another process may have inserted the same version already; this copy of equal bytes is as good.
      this.#works.takeAway(directory);
      renameSync(prepared, directory);
      this.#atStep('entry-renamed');
      // Checked again: a process that invalidates the user now either finds this entry or has already left its mark.
      if (!this.#isUndisturbed(username, [...replaced, directory], at) && !this.#mayInsert(username, stored, at)) {
        if (moved !== undefined) copyFileSync(entry.path, moved);
        this.#works.takeAway(directory);
        return undefined;
      }
      this.verified.add(entry);
      this.#evictions.makeRoom(entry, replaced);
      return entry;
    } catch (error) {
      if (prepared !== undefined) {
        const [preparedFile] = entryFiles(prepared, username);
        if (moved !== undefined && existsSync(preparedFile)) renameSync(preparedFile, moved);
        rmSync(prepared, { recursive: true, force: true });
      }
      if (!isDiskFull(error) && !['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) {
        throw cacheFailure(this.directory, error);
      }
      return undefined;
    }
  }

  /** Forgets a user: no cached version may be served again, not even within the allowed staleness. */
  invalidate(username: string): void {
    const path = this.#places.ofUser(username);
    try {
      this.#marks.mark(username);
      this.#works.takeAway(path);
    } catch {
      // The disk may be full: removing the entries makes room for the mark.
      this.#works.takeAway(path);
      this.#marks.mark(username);
    }
  }

  /** Creates a private directory for working copies, on the same file system as the entries. */
  workDirectory(): WorkDirectory {
    return this.#works.make();
  }

  /** Resolves once the space of former entries is free. Who waits for it before a copy needs no room for one more. */
  spaceFreed(): Promise<void> {
    return this.#works.freed();
  }

  /** Removes what this process keeps beside the entries. The cache can be used again. */
  close(): void {
    this.#evictions.close();
    this.#works.close();
  }

  /** Returns every entry of this deployment, those of earlier boots too, least recently used first. */
  entries(): CacheEntry[] {
    const steps = this.#places.scan();
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    return [...step.value.entries];
  }

  /** Removes every entry and every orphaned working copy, but no working copy in use. */
  clear(): { readonly deletedCount: number; readonly deletedBytes: number } {
    const entries = this.entries();
    const deletedBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    for (const { username } of entries) this.invalidate(username);
    this.#works.takeAway(join(this.directory, 'entries'));
    this.#works.sweep();
    return { deletedCount: entries.length, deletedBytes };
  }

  /** True if a version from a request that began at `at` is the newest that this cache has held. */
  #mayInsert(
    username: string,
    stored: StoredDatabase,
    at: Moment,
    others = this.#othersThan(username, stored.version),
  ): boolean {
    const standing = standingAmong(others.filter(this.#isOfThisBoot), stored, at);
    if (standing === 'unclear') this.invalidate(username);
    if (standing === 'unclear' || standing === 'outdated') return false;
    return standing === 'based on one' || !this.#marks.since(username, at);
  }

  #othersThan(username: string, version: Version): CacheEntry[] {
    return this.#places.entriesOf(username).filter((entry) => entry.version !== version);
  }

  /** True if no one has inserted or marked anything since. Comparing names avoids reading each entry. */
  #isUndisturbed(username: string, known: readonly string[], at: Moment): boolean {
    return (
      this.#places.directoriesOf(username).every((path) => known.includes(path)) && !this.#marks.since(username, at)
    );
  }

  #entriesOf(username: string): CacheEntry[] {
    return this.#places.entriesOf(username).filter(this.#isOfThisBoot);
  }

  readonly #isOfThisBoot = ({ boot }: CacheEntry): boolean => boot === this.#boot;
}

/** What was written for an entry that is yet to be inserted. */
export interface PreparedEntry {
  readonly prepared: string;
}

export interface DatabaseCacheOptions {
  /** The cache directory of this user, shared by all deployments. */
  readonly root: string;
  /** Identifies the deployment: resolved endpoint and bucket, or the local deployment's id. */
  readonly deployment: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: CacheLimits | undefined;
  /** Identifies the origin of the monotonic clock; default: this boot of this machine. */
  readonly boot?: string | undefined;
  readonly atStep?: ((step: CacheStep) => void) | undefined;
}

export type CacheStep = 'entry-written' | 'entry-renamed';
