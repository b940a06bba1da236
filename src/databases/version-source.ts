import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { JavumboError } from '../failure.ts';
import type { LocalVersion, SessionEnvironment } from './session.ts';
import { asCorruption, readHeader, setRollbackMode } from './sqlite.ts';
import type { StoredDatabase } from './store.ts';
import type { WorkDirectory } from './work-directory.ts';

export interface VersionSourceOptions extends SessionEnvironment {
  /** How old a cached version may be and still be read without asking the store, in milliseconds. 0: always ask. */
  readonly stalenessMaxMs: number;
}

/** Brings versions onto local disk: from the cache where that is allowed, else from the store. */
export class VersionSource {
  readonly #environment: VersionSourceOptions;

  constructor(options: VersionSourceOptions) {
    this.#environment = options;
  }

  /**
   * Calls `use` with the cached version where it is fresh enough, else with the store's. Any process may remove an entry
   * at any time, also one that was just found or put there; then a copy of our own is fetched.
   */
  async withCurrent<T>(username: string, use: (local: LocalVersion, fromCache: boolean) => T | Promise<T>): Promise<T> {
    const cached = this.lookup(username);
    const fresh = cached !== undefined && this.isFresh(cached.entry?.validatedAt);
    if (fresh && cached.entry !== undefined) this.#environment.cache.touch(cached.entry);
    const local = fresh ? cached : ((await this.fetch(username, cached, 'shared')) ?? noDatabase(username));
    try {
      return await use(local, fresh);
    } catch (error) {
      if (local.entry === undefined || existsSync(local.path)) throw error;
    }
    return use((await this.fetch(username, undefined, 'private')) ?? noDatabase(username), false);
  }

  /**
   * One GET of the bytes as they are, sound or not, for `use` to look at. Afterwards the cache gets them if it can, so
   * that the version and its write ids are known to whoever writes over it.
   */
  async withStoredBytes<T>(username: string, use: (path: string, stored: StoredDatabase) => Promise<T>): Promise<T> {
    const { store, cache, caching, clock } = this.#environment;
    const work = cache.workDirectory();
    try {
      const path = join(work.path, 'fetched.anki2');
      const startedAt = clock.now();
      const result = await store.get(username, path);
      if (result.kind !== 'found') return noDatabase(username);
      const { kind: _, ...stored } = result;
      const value = await use(path, stored);
      if (caching) this.#keep(work, path, username, stored, startedAt);
      return value;
    } finally {
      work.release();
    }
  }

  #keep(work: WorkDirectory, path: string, username: string, stored: StoredDatabase, at: number): void {
    try {
      if (readHeader(path).journal === 'wal') setRollbackMode(path);
      this.#environment.cache.admit(work, path, username, stored, at);
    } catch {
      // Damaged, or no space: whoever asked has the bytes, and the next reader is told.
    }
  }

  /** Leaves the store's current version in the cache; where nothing is cached there is nothing to do. */
  async makeCurrent(username: string): Promise<void> {
    if (!this.#environment.caching) return;
    const local = await this.fetch(username, this.lookup(username), 'shared');
    local?.work?.release();
  }

  /** Damage on this machine's disk is no damage in the store: what was found in a cached copy is looked at afresh. */
  async onSoundCopy<T>(username: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const corrupt = error instanceof JavumboError && error.kind === 'corrupt';
      if (!corrupt || this.lookup(username) === undefined) throw error;
    }
    this.#environment.cache.invalidate(username);
    return work();
  }

  /** Whether a version that a request found current at that moment may be read without asking again. */
  isFresh(validatedAt: number | undefined): boolean {
    if (validatedAt === undefined) return false;
    const age = this.#environment.clock.now() - validatedAt;
    // A time in the future is a clock that was set back: how old the entry is, nobody knows.
    return age >= 0 && age <= this.#environment.stalenessMaxMs && this.#environment.stalenessMaxMs > 0;
  }

  /** The cached version, however old; undefined on a miss, and where nothing is cached. */
  lookup(username: string): LocalVersion | undefined {
    if (!this.#environment.caching) return undefined;
    const entry = this.#environment.cache.lookup(username);
    return entry && { path: entry.path, stored: entry, entry, work: undefined };
  }

  /**
   * One GET, conditional on `known` being outdated. Undefined: the store says that there is no such database.
   * `shared` becomes an entry of the cache where there is one; `private` stays in a work directory, for a session that
   * will change it.
   */
  async fetch(
    username: string,
    known: LocalVersion | undefined,
    use: 'shared' | 'private',
  ): Promise<LocalVersion | undefined> {
    const { store, cache, clock } = this.#environment;
    const caching = this.#environment.caching && use === 'shared';
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
}

/** Throws the failure of a user whom the store has no database for. */
export function noDatabase(username: string): never {
  throw new JavumboError('not-found', `user "${username}" has no database`, {
    try: `javumbo db create ${username}`,
    username,
  });
}
