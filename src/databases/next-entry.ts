import type { PreparedEntry } from '../cache/cache.ts';
import type { Moment } from '../core/clock.ts';
import type { Content } from '../core/file.ts';
import type { StoredDatabase } from '../store/database-store.ts';
import type { SessionEnvironment } from './session.ts';

/**
 * The cache entry of a version that a commit stores. The store's decision stands, so trouble with the cache never changes
 * an outcome; a version that it could not take is not served.
 */
export class NextEntry {
  readonly #username: string;
  readonly #environment: Pick<SessionEnvironment, 'cache' | 'caching'>;
  #prepared: PreparedEntry | undefined;

  constructor(username: string, environment: Pick<SessionEnvironment, 'cache' | 'caching'>) {
    this.#username = username;
    this.#environment = environment;
  }

  /** Waits for a request that stores `content`, and writes the entry's file meanwhile. Rejects as the request does. */
  async preparedDuring<T>(request: Promise<T>, content: Content): Promise<T> {
    const { cache, caching } = this.#environment;
    if (!caching || typeof content === 'string') return request;
    // By then the request is on its way: whatever is done before delays it.
    const writing = setImmediate(() => {
      try {
        this.#prepared ??= cache.prepare(content, this.#username);
      } catch {}
    });
    try {
      return await request;
    } finally {
      clearImmediate(writing);
    }
  }

  /** Inserts the entry, or forgets the user if there is none: the cached version is outdated. */
  insert(committed: StoredDatabase | undefined, content: Content, startedAt: Moment): void {
    const { cache, caching } = this.#environment;
    try {
      if (committed === undefined || !caching) {
        this.forget();
        return;
      }
      const prepared =
        typeof content === 'string' ? content : (this.#prepared ?? cache.prepare(content, this.#username));
      this.#prepared = undefined;
      const entry = cache.insert(prepared, this.#username, committed, startedAt);
      // Without an entry for the new version the old one must go, or it would still be served.
      if (entry === undefined) cache.invalidate(this.#username);
    } catch {
      this.forget();
    }
  }

  forget(): void {
    this.discard();
    try {
      this.#environment.cache.invalidate(this.#username);
    } catch {}
  }

  /** Takes away what was prepared and not inserted. */
  discard(): void {
    if (this.#prepared === undefined) return;
    try {
      this.#environment.cache.discard(this.#prepared);
    } catch {}
    this.#prepared = undefined;
  }
}
