import type { Announcements } from '../supervision/announcements.ts';
import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  GetOptions,
  GetResult,
  ListPage,
  PutOptions,
  PutOutcome,
  StoredDatabase,
} from './store.ts';

export interface InterruptibleDatabaseStoreOptions {
  /** Its reason is what requests throw once it is aborted. */
  readonly signal: AbortSignal;
  readonly announcements?: Announcements | undefined;
}

/**
 * Begins no request once the work is interrupted, and does not wait for one that only reads. A write that has begun is
 * waited for: what becomes of it must be known, and it is announced beforehand in case nobody lives to see it.
 */
export class InterruptibleDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #signal: AbortSignal;
  readonly #announcements: Announcements | undefined;

  constructor(inner: DatabaseStore, { signal, announcements }: InterruptibleDatabaseStoreOptions) {
    this.#inner = inner;
    this.#signal = signal;
    this.#announcements = announcements;
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#reading(() => this.#inner.get(username, destination, options));
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#reading(() => this.#inner.head(username));
  }

  list(from?: string): Promise<ListPage> {
    return this.#reading(() => this.#inner.list(from));
  }

  put(username: string, source: string, options: PutOptions): Promise<PutOutcome> {
    return this.#writing(username, async () => {
      const outcome = await this.#inner.put(username, source, options);
      return { outcome, version: outcome.kind === 'committed' ? outcome.version : undefined };
    });
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    return this.#writing(username, async () => {
      const outcome = await this.#inner.delete(username, options);
      return { outcome, version: undefined };
    });
  }

  async #reading<T>(request: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    let stop = (): void => {};
    const interrupted = new Promise<never>((_, reject) => {
      stop = () => reject(this.#signal.reason);
      this.#signal.addEventListener('abort', stop);
    });
    try {
      return await Promise.race([request(), interrupted]);
    } finally {
      this.#signal.removeEventListener('abort', stop);
    }
  }

  async #writing<T extends { readonly kind: string }>(
    username: string,
    request: () => Promise<{ readonly outcome: T; readonly version: string | undefined }>,
  ): Promise<T> {
    this.#signal.throwIfAborted();
    await this.#announcements?.writing(username);
    let known: { readonly outcome: T; readonly version: string | undefined };
    try {
      this.#signal.throwIfAborted();
      known = await request();
    } catch (error) {
      // A store throws where it knows that nothing was written.
      await this.#announcements?.written(username, undefined);
      throw error;
    }
    if (known.outcome.kind !== 'unknown') await this.#announcements?.written(username, known.version);
    return known.outcome;
  }
}
