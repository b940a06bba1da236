import type { Clock } from '../core/clock.ts';
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
  Trace,
} from './database-store.ts';

/**
 * Adds a round trip to every request, half before and half after it, whatever the answer. Parallel requests overlap, as
 * on a wire. Bandwidth is not simulated: a large file costs the same as a small one, so reports mark these figures as
 * simulated.
 */
export class DelayedDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #halfMs: number;
  readonly #clock: Clock;

  constructor(inner: DatabaseStore, { roundTripMs, clock }: { readonly roundTripMs: number; readonly clock: Clock }) {
    this.#inner = inner;
    this.#halfMs = roundTripMs / 2;
    this.#clock = clock;
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#travel(() => this.#inner.get(username, destination, options));
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#travel(() => this.#inner.head(username));
  }

  trace(username: string): Promise<Trace> {
    return this.#travel(() => this.#inner.trace(username));
  }

  put(username: string, source: string, options: PutOptions): Promise<PutOutcome> {
    return this.#travel(() => this.#inner.put(username, source, options));
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    return this.#travel(() => this.#inner.delete(username, options));
  }

  list(from?: string): Promise<ListPage> {
    return this.#travel(() => this.#inner.list(from));
  }

  async #travel<T>(request: () => Promise<T>): Promise<T> {
    await this.#clock.sleep(this.#halfMs);
    try {
      return await request();
    } finally {
      await this.#clock.sleep(this.#halfMs);
    }
  }
}
