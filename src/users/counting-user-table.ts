import type { TableRequestCounter } from '../core/table-requests.ts';
import type { ChangeOutcome, PutUserOutcome, UserChanges, UserItem, UserPage, UserTable } from './user-table.ts';

/** Counts the requests that reach the table below. Stands below the retries, so that every attempt is counted. */
export class CountingUserTable implements UserTable {
  readonly #inner: UserTable;
  readonly #counter: TableRequestCounter;

  constructor(inner: UserTable, counter: TableRequestCounter) {
    this.#inner = inner;
    this.#counter = counter;
  }

  get(username: string): Promise<UserItem | undefined> {
    this.#counter.countRead();
    return this.#inner.get(username);
  }

  putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    this.#counter.countWrite();
    return this.#inner.putIfAbsent(item);
  }

  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    this.#counter.countWrite();
    return this.#inner.replace(base, changes);
  }

  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    this.#counter.countWrite();
    return this.#inner.delete(base);
  }

  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    this.#counter.countRead();
    return this.#inner.page(options);
  }
}
