import { type Content, sizeOf } from '../core/file.ts';
import { type RequestCounts, UsageMeter } from '../core/usage.ts';
import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  GetOptions,
  GetResult,
  ListPage,
  Past,
  PutOptions,
  PutOutcome,
  StoredDatabase,
  Trace,
} from './database-store.ts';

/** Counts the requests that reach the store below. Stands below the retries, so that every attempt is counted. */
export class CountingDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly meter: UsageMeter;

  constructor(inner: DatabaseStore, meter = new UsageMeter()) {
    this.#inner = inner;
    this.meter = meter;
  }

  /** Returns a copy of the counts so far. */
  counts(): RequestCounts {
    return this.meter.usage().store;
  }

  get bodyDigest(): DatabaseStore['bodyDigest'] {
    return this.#inner.bodyDigest;
  }

  async get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    this.meter.countStore({ get: 1 });
    const result = await this.#inner.get(username, destination, options);
    if (result.kind === 'found') this.meter.countStore({ bytesDown: result.sizeBytes });
    return result;
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    this.meter.countStore({ head: 1 });
    return this.#inner.head(username);
  }

  trace(username: string, past?: Past): Promise<Trace> {
    this.meter.countStore({ head: 1 });
    return this.#inner.trace(username, past);
  }

  async put(username: string, source: Content, options: PutOptions): Promise<PutOutcome> {
    const size = sizeOf(source);
    this.meter.countStore({ put: 1, bytesUp: size });
    return this.#inner.put(username, source, options);
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    this.meter.countStore({ delete: 1 });
    return this.#inner.delete(username, options);
  }

  list(from?: string, prefix?: string): Promise<ListPage> {
    this.meter.countStore({ list: 1 });
    return this.#inner.list(from, prefix);
  }
}
