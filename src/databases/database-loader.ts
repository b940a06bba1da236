import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ageOf, type CacheEntry, refreshed } from '../cache/entry.ts';
import type { WorkDirectory } from '../cache/work-directory.ts';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import { type Moment, momentOf } from '../core/clock.ts';
import { codeOf, JavumboError } from '../core/failure.ts';
import { sha256Of } from '../core/file.ts';
import { asCorruption } from '../sqlite/failure.ts';
import { readHeader, setRollbackMode } from '../sqlite/header.ts';
import { damaged, isDamaged } from '../store/content-digest.ts';
import type { GetOptions, GetResult, StoredDatabase, Tombstone } from '../store/database-store.ts';
import type { LocalVersion, SessionEnvironment } from './session.ts';

export interface DatabaseLoaderOptions extends SessionEnvironment {
  /** The greatest age of a cached version that is read without asking the store, in milliseconds. 0: always ask. */
  readonly stalenessMaxMs: number;
}

/** Brings versions to local disk: from the cache if allowed, else from the store. */
export class DatabaseLoader {
  readonly #environment: DatabaseLoaderOptions;

  constructor(options: DatabaseLoaderOptions) {
    this.#environment = options;
  }

  /**
   * Calls `use` with the cached version if it is fresh enough, else with the store's. Any process may remove an entry
   * at any time, even one just found or inserted; a private copy is fetched then. The same happens if the cached bytes
   * are damaged, which each process checks once per version.
   */
  async withCurrent<T>(username: string, use: (local: LocalVersion, fromCache: boolean) => T | Promise<T>): Promise<T> {
    const cached = this.lookup(username);
    const fresh = cached?.entry !== undefined && this.isFresh(cached.entry);
    if (fresh) this.#environment.cache.touch(cached.entry);
    const local = fresh ? cached : ((await this.fetch(username, cached, 'shared')) ?? noDatabase(username));
    if (!(await this.#isDamagedEntry(local.entry))) {
      try {
        return await use(local, fresh);
      } catch (error) {
        // That a file is there says nothing: another process may have put the same version back since.
        if (local.entry === undefined || refreshed(local.entry) !== undefined) throw error;
      }
    } else this.#environment.cache.invalidate(username);
    return use((await this.fetch(username, undefined, 'private')) ?? noDatabase(username), false);
  }

  async #isDamagedEntry(entry: CacheEntry | undefined): Promise<boolean> {
    const { cache } = this.#environment;
    if (entry === undefined || cache.verified.has(entry)) return false;
    try {
      if (await isDamaged(entry.path, entry)) return true;
    } catch (error) {
      // Removed meanwhile; opening it will show that.
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
    cache.verified.add(entry);
    return false;
  }

  /**
   * Fetches the bytes with one GET and passes them to `use`, sound or not; `damage` says how they differ from what was
   * stored. Then caches them if possible, so that a writer over them knows the version and its write ids.
   */
  async withStoredBytes<T>(
    username: string,
    use: (path: string, stored: StoredDatabase, damage: JavumboError | undefined) => Promise<T>,
    point?: string,
  ): Promise<T> {
    const { cache, caching, clock } = this.#environment;
    const work = cache.workDirectory();
    try {
      const path = join(work.path, 'fetched.anki2');
      const startedAt = momentOf(clock);
      const { result, damage } = await this.#get(username, path, { point });
      if (result.kind !== 'found') return point === undefined ? noDatabase(username) : noPoint(username, point);
      const { kind: _, ...stored } = result;
      const value = await use(path, stored, damage);
      if (caching && damage === undefined && point === undefined) this.#keep(work, path, username, stored, startedAt);
      return value;
    } catch (error) {
      throw isDiskFull(error) ? cacheFailure(work.path, error) : error;
    } finally {
      work.release();
    }
  }

  /** Sends a GET and checks the bytes against the digest that came with them; once more if they differ. */
  async #get(
    username: string,
    path: string,
    asked: GetOptions,
  ): Promise<{ readonly result: GetResult; readonly damage?: JavumboError | undefined }> {
    const { store, cache } = this.#environment;
    await cache.spaceFreed();
    const first = await store.get(username, path, asked);
    if (first.kind !== 'found' || !(await isDamaged(path, first))) return { result: first };
    const bytes = await sha256Of(path);
    const result = await store.get(username, path, { point: asked.point });
    if (result.kind !== 'found' || !(await isDamaged(path, result))) return { result };
    // Transmission does not damage the same bytes twice in the same way.
    if (result.version === first.version && bytes === (await sha256Of(path))) {
      return { result, damage: asCorruption(damaged('in the store'), username) };
    }
    throw new JavumboError('unavailable', `get database "${username}": it arrived damaged twice`, {
      try: 'the same command again; something between this machine and the store changes bytes',
      username,
      retryable: true,
    });
  }

  #keep(_work: WorkDirectory, path: string, username: string, stored: StoredDatabase, at: Moment): void {
    try {
      if (readHeader(path).journal === 'wal') setRollbackMode(path);
      this.#environment.cache.insert(path, username, stored, at);
    } catch {
      // Damaged, or no space: the caller has the bytes, and the next reader will report it.
    }
  }

  /** Brings the cache up to the store's current version. Does nothing without a cache. */
  async revalidate(username: string): Promise<void> {
    if (!this.#environment.caching) return;
    const local = await this.fetch(username, this.lookup(username), 'shared');
    local?.work?.release();
  }

  /** Runs `work`, and again without the cached entry if it finds corruption: it may be only on the local disk. */
  async retryWithoutCache<T>(username: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const corrupt = error instanceof JavumboError && error.kind === 'corrupt';
      if (!corrupt || this.lookup(username) === undefined) throw error;
    }
    this.#environment.cache.invalidate(username);
    return work();
  }

  /** True if an entry may be read without asking the store. */
  isFresh(entry: CacheEntry | undefined): boolean {
    const { clock, stalenessMaxMs } = this.#environment;
    if (entry === undefined || stalenessMaxMs <= 0) return false;
    const age = ageOf(entry, momentOf(clock));
    return age !== undefined && age <= stalenessMaxMs;
  }

  /** Returns the cached version, whatever its age; undefined on a miss or without a cache. */
  lookup(username: string): LocalVersion | undefined {
    if (!this.#environment.caching) return undefined;
    const entry = this.#environment.cache.lookup(username);
    return entry && { path: entry.path, stored: entry, entry, work: undefined };
  }

  /** Fetches an earlier version into a work directory, with one GET. Throws `not-found`, `corrupt`. */
  async loadPoint(username: string, point: string): Promise<LocalVersion> {
    const found = await this.load(username, undefined, 'private', point);
    return found === undefined || isTombstone(found) ? noPoint(username, point) : found;
  }

  /** Like `load`, but returns undefined for a tombstone. */
  async fetch(
    username: string,
    known: LocalVersion | undefined,
    use: 'shared' | 'private',
  ): Promise<LocalVersion | undefined> {
    const found = await this.load(username, known, use);
    return isTombstone(found) ? undefined : found;
  }

  /**
   * Sends one GET, conditional on `known` being outdated. Returns undefined or the tombstone if the store has no such
   * database. `shared` becomes a cache entry if possible; `private` stays in a work directory, for a session that will
   * change it. Throws `corrupt` if the store holds other bytes than were stored.
   */
  async load(
    username: string,
    known: LocalVersion | undefined,
    use: 'shared' | 'private',
    point?: string,
  ): Promise<LocalVersion | Tombstone | undefined> {
    const { cache, clock } = this.#environment;
    const caching = this.#environment.caching && use === 'shared';
    const startedAt = momentOf(clock);
    const work = cache.workDirectory();
    let keep = false;
    try {
      const path = join(work.path, 'fetched.anki2');
      const { result, damage } = await this.#get(username, path, { ifVersionNot: known?.stored.version, point });
      if (damage !== undefined) throw damage;
      switch (result.kind) {
        case 'absent':
          if (point === undefined) cache.invalidate(username);
          return result.tombstone;
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
          const entry = caching ? cache.insert(path, username, stored, startedAt) : undefined;
          if (entry !== undefined) return { path: entry.path, stored, entry, work: undefined };
          // Another process removed it during the insertion.
          if (!existsSync(path)) return await this.load(username, undefined, 'private');
          keep = true;
          return { path, stored, entry: undefined, work };
        }
      }
    } catch (error) {
      if (isDiskFull(error)) throw cacheFailure(cache.directory, error);
      throw asCorruption(error, username) ?? error;
    } finally {
      if (!keep) work.release();
    }
  }
}

export function isTombstone(found: LocalVersion | Tombstone | undefined): found is Tombstone {
  return found !== undefined && 'closing' in found;
}

/** Who reads or deletes has perhaps another name in mind; who changes one can begin it. */
export function noDatabase(username: string, forWhat: 'reading' | 'changing' = 'reading'): never {
  throw new JavumboError('not-found', `user "${username}" has no database`, {
    try: forWhat === 'changing' ? `javumbo db create ${username}` : 'javumbo db list',
    username,
  });
}

function noPoint(username: string, point: string): never {
  throw new JavumboError('not-found', `database "${username}" had no content at ${point}, or it is no longer kept`, {
    try: `javumbo db history ${username}`,
    username,
  });
}
