import { stat } from 'node:fs/promises';
import { type ExtraRequest, NO_REQUESTS, type RequestCounts } from '../core/request-counts.ts';
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

/** Counts the requests that reach the store below. Stands below the retries, so that every attempt is counted. */
export class CountingDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #counts = { ...NO_REQUESTS } as { -readonly [Name in keyof RequestCounts]: number };

  constructor(inner: DatabaseStore) {
    this.#inner = inner;
  }

  /** Returns a copy of the counts so far. */
  counts(): RequestCounts {
    return { ...this.#counts };
  }

  /** Counts a request that the store below sent beyond the one that was called, or, for a tombstone, in its place. */
  countExtra(request: ExtraRequest, bytesUp: number): void {
    if (request === 'tombstone') this.#counts.delete--;
    this.#counts[request === 'tombstone' ? 'put' : request]++;
    this.#counts.bytesUp += bytesUp;
  }

  async get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    this.#counts.get++;
    const result = await this.#inner.get(username, destination, options);
    if (result.kind === 'found') this.#counts.bytesDown += result.sizeBytes;
    return result;
  }

  async head(username: string): Promise<StoredDatabase | undefined> {
    this.#counts.head++;
    return this.#inner.head(username);
  }

  async trace(username: string): Promise<Trace> {
    this.#counts.head++;
    return this.#inner.trace(username);
  }

  async put(username: string, source: string, options: PutOptions): Promise<PutOutcome> {
    const { size } = await stat(source);
    this.#counts.put++;
    this.#counts.bytesUp += size;
    return this.#inner.put(username, source, options);
  }

  async delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    this.#counts.delete++;
    return this.#inner.delete(username, options);
  }

  async list(from?: string): Promise<ListPage> {
    this.#counts.list++;
    return this.#inner.list(from);
  }
}
