import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../clock.ts';
import { codeOf, JavumboError, messageOf } from '../failure.ts';
import type { Random } from '../random.ts';
import { syncToDisk } from './file.ts';
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
 *     <root>/<deployment>/work/<namespace>-<pid>-<process start>-<random>/
 *
 * The modification time of `entry.json` is when the last request began that found this version current; its access time
 * is when the entry was last used.
 */
export class DatabaseCache {
  /** Where this deployment's entries and work directories are. */
  readonly directory: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: CacheLimits;
  readonly #atStep: (step: CacheStep) => void;
  #swept = false;

  /** Nothing is created before it is needed. Throws `usage` when `root` is no directory of this user's. */
  constructor(options: DatabaseCacheOptions) {
    requireOwnDirectory(options.root);
    this.directory = join(
      resolve(options.root),
      createHash('sha256').update(options.deployment).digest('hex').slice(0, 16),
    );
    this.#clock = options.clock;
    this.#random = options.random;
    this.#limits = options.limits ?? DEFAULT_CACHE_LIMITS;
    this.#atStep = options.atStep ?? (() => {});
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
    const validatedAt = Math.max(at, entry.validatedAt);
    setTimes(entry, this.#clock.now(), validatedAt);
    return { ...entry, validatedAt };
  }

  /**
   * Takes a file out of a work directory of this cache as the entry of the version it holds. `at` is when the request
   * began that delivered or stored it. Older versions of the user go, and what the limits do not allow.
   *
   * A cache is an aid: when there is no space for an entry there is none, the file stays where it was, and undefined
   * is returned.
   */
  admit(
    work: WorkDirectory,
    file: string,
    username: string,
    stored: StoredDatabase,
    at: number,
  ): CacheEntry | undefined {
    const prepared = join(work.path, 'entry');
    const final = this.#entryPath(username, stored.version);
    try {
      mkdirSync(prepared, { mode: 0o700 });
      renameSync(file, join(prepared, `${username}.anki2`));
      chmodSync(join(prepared, `${username}.anki2`), 0o400);
      const { version, writes, lastModified } = stored;
      const sizeBytes = statSync(join(prepared, `${username}.anki2`)).size;
      const description: Description = { username, version, writes, lastModified, sizeBytes };
      writeFileSync(join(prepared, 'entry.json'), JSON.stringify(description), { mode: 0o600 });
      utimesSync(join(prepared, 'entry.json'), this.#clock.now() / 1000, at / 1000);
      for (const path of [join(prepared, `${username}.anki2`), join(prepared, 'entry.json'), prepared])
        syncToDisk(path);
      this.#atStep('entry-written');
      mkdirSync(dirname(final), { recursive: true, mode: 0o700 });
      // The same version may be there already, from another process; a newer copy of equal bytes replaces it.
      rmSync(final, { recursive: true, force: true });
      renameSync(prepared, final);
      this.#atStep('entry-renamed');
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT', 'ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) {
        throw cacheFailure(this.directory, error);
      }
      const taken = join(prepared, `${username}.anki2`);
      if (existsSync(taken)) renameSync(taken, file);
      return undefined;
    }
    const admitted = readEntry(final);
    if (admitted !== undefined) this.#makeRoom(admitted);
    return admitted;
  }

  /** Forgets a user: what is cached must not be served again, not even within the allowed staleness. */
  invalidate(username: string): void {
    rmSync(join(this.directory, 'entries', username), { recursive: true, force: true });
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
    rmSync(join(this.directory, 'entries'), { recursive: true, force: true });
    this.#sweep();
    return { deletedCount: entries.length, deletedBytes };
  }

  #entriesOf(username: string): CacheEntry[] {
    const directory = join(this.directory, 'entries', username);
    return namesIn(directory).flatMap((name) => {
      const entry = readEntry(join(directory, name));
      return entry?.username === username ? entry : [];
    });
  }

  #entryPath(username: string, version: Version): string {
    const name = createHash('sha256').update(version).digest('hex').slice(0, 32);
    return join(this.directory, 'entries', username, name);
  }

  #makeRoom(admitted: CacheEntry): void {
    const others = this.entries().filter((entry) => entry.directory !== admitted.directory);
    let total = others.reduce((sum, entry) => sum + entry.sizeBytes, admitted.sizeBytes);
    for (const entry of others) {
      const superseded = entry.username === admitted.username && !isBasedOn(entry, admitted);
      const expired = this.#clock.now() - entry.usedAt > this.#limits.ageMaxMs;
      if (!superseded && !expired && total <= this.#limits.bytesMax) continue;
      rmSync(entry.directory, { recursive: true, force: true });
      total -= entry.sizeBytes;
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

export const CACHE_STEPS = ['entry-written', 'entry-renamed'] as const;
export type CacheStep = (typeof CACHE_STEPS)[number];

export interface CacheEntry extends StoredDatabase {
  readonly username: string;
  readonly directory: string;
  /** The database file. Never written to. */
  readonly path: string;
  /** When the last request began that found this version current, in milliseconds since 1970. */
  readonly validatedAt: number;
  readonly usedAt: number;
}

type Description = StoredDatabase & { readonly username: string };

function isBasedOn(entry: StoredDatabase, base: StoredDatabase): boolean {
  return entry.writes.slice(1).includes(base.writes[0] ?? base.version);
}

function readEntry(directory: string): CacheEntry | undefined {
  try {
    const described = JSON.parse(readFileSync(join(directory, 'entry.json'), 'utf8')) as Description;
    const path = join(directory, `${described.username}.anki2`);
    // Whatever cleans /tmp may have taken one file of the two, or truncated it.
    if (statSync(path).size !== described.sizeBytes || !Array.isArray(described.writes)) return undefined;
    const { mtimeMs, atimeMs } = statSync(join(directory, 'entry.json'));
    return { ...described, directory, path, validatedAt: mtimeMs, usedAt: atimeMs };
  } catch {
    return undefined;
  }
}

function setTimes(entry: CacheEntry, usedAt: number, validatedAt: number): void {
  try {
    utimesSync(join(entry.directory, 'entry.json'), usedAt / 1000, validatedAt / 1000);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw cacheFailure(directory, error);
  }
}

/** Refuses a directory that somebody else could read or plant files in; /tmp is everybody's. */
function requireOwnDirectory(root: string): void {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const found = lstatSync(root);
    if (!found.isDirectory())
      throw new JavumboError('usage', `the cache path ${root} is not a directory`, { try: OTHER_PLACE });
    if (process.getuid !== undefined && found.uid !== process.getuid()) {
      throw new JavumboError('usage', `the cache directory ${root} belongs to another user`, { try: OTHER_PLACE });
    }
    if ((found.mode & 0o077) !== 0) chmodSync(root, 0o700);
  } catch (error) {
    throw cacheFailure(root, error);
  }
}

const OTHER_PLACE = 'another directory with --cache-dir';

function cacheFailure(path: string, error: unknown): Error {
  if (error instanceof JavumboError) return error;
  return new JavumboError('usage', `the cache directory ${path} cannot be used: ${messageOf(error)}`, {
    try: OTHER_PLACE,
    cause: error,
  });
}
