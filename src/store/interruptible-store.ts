import { type InterruptibleOptions, interruptibleRead, interruptibleWrite } from '../core/interruptible.ts';
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

/** Starts no request after an interruption; interruptible.ts says what happens to requests under way. */
export class InterruptibleDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #options: InterruptibleOptions;

  constructor(inner: DatabaseStore, options: InterruptibleOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return interruptibleRead(this.#options, () => this.#inner.get(username, destination, options));
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return interruptibleRead(this.#options, () => this.#inner.head(username));
  }

  trace(username: string): Promise<Trace> {
    return interruptibleRead(this.#options, () => this.#inner.trace(username));
  }

  list(from?: string): Promise<ListPage> {
    return interruptibleRead(this.#options, () => this.#inner.list(from));
  }

  put(username: string, source: string, options: PutOptions): Promise<PutOutcome> {
    return interruptibleWrite(this.#options, username, () => this.#inner.put(username, source, options));
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    return interruptibleWrite(this.#options, username, () => this.#inner.delete(username, options));
  }
}
