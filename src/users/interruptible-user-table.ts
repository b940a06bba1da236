import { type InterruptibleOptions, interruptibleRead, interruptibleWrite } from '../core/interruptible.ts';
import type { ChangeOutcome, PutUserOutcome, UserChanges, UserItem, UserPage, UserTable } from './user-table.ts';

/** Starts no request after an interruption; interruptible.ts says what happens to requests under way. */
export class InterruptibleUserTable implements UserTable {
  readonly #inner: UserTable;
  readonly #options: InterruptibleOptions;

  constructor(inner: UserTable, options: InterruptibleOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  get(username: string): Promise<UserItem | undefined> {
    return interruptibleRead(this.#options, () => this.#inner.get(username));
  }

  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    return interruptibleRead(this.#options, () => this.#inner.page(options));
  }

  putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    return interruptibleWrite(this.#options, item.username, () => this.#inner.putIfAbsent(item));
  }

  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    return interruptibleWrite(this.#options, base.username, () => this.#inner.replace(base, changes));
  }

  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    return interruptibleWrite(this.#options, base.username, () => this.#inner.delete(base));
  }
}
