import { JavumboError } from '../core/failure.ts';
import type {
  DatabaseStore,
  DeleteOutcome,
  GetOptions,
  GetResult,
  ListPage,
  PutOutcome,
  StoredDatabase,
  Trace,
} from './database-store.ts';

export interface UnsafeVerdict {
  /** As in messages: `s3 http://127.0.0.1:7480 bucket`. */
  readonly store: string;
  /** ISO 8601. */
  readonly foundAt: string;
  /** One sentence per broken promise; at least one. */
  readonly findings: readonly string[];
}

/** Reads from a store but never writes to it, because it was seen to lose updates. */
export class RefusingDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #verdict: UnsafeVerdict;

  constructor(inner: DatabaseStore, verdict: UnsafeVerdict) {
    this.#inner = inner;
    this.#verdict = verdict;
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#inner.get(username, destination, options);
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#inner.head(username);
  }

  trace(username: string): Promise<Trace> {
    return this.#inner.trace(username);
  }

  list(from?: string): Promise<ListPage> {
    return this.#inner.list(from);
  }

  async put(username: string): Promise<PutOutcome> {
    throw this.#refusal(username);
  }

  async delete(username: string): Promise<DeleteOutcome> {
    throw this.#refusal(username);
  }

  #refusal(username: string): JavumboError {
    const { store, foundAt, findings } = this.#verdict;
    return new JavumboError(
      'violation',
      `nothing was written for "${username}": ${store} lost updates when doctor looked on ${foundAt.slice(0, 10)}: ${findings.join('; ')}`,
      { try: 'javumbo doctor, once the store is fixed; --allow-unsafe-store writes anyway', username },
    );
  }
}
