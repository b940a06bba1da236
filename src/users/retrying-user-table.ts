import { messageOf } from '../failure.ts';
import { isRetryable, Retries, type RetriesOptions } from '../retry.ts';
import {
  type ChangeOutcome,
  type PutUserOutcome,
  sameItem,
  type UserChanges,
  type UserItem,
  type UserPage,
  type UserTable,
} from './user-table.ts';

/**
 * Sends failed requests again, and settles writes whose reply was lost.
 *
 * A request that certainly changed nothing is sent again as it is. When it may have landed, a read decides: what the write
 * would have left there → done; anything that cannot be told → `unknown`. Only a change of an account that still is what
 * was read is sent again then: once one attempt has landed, its condition never holds again, so that a second one, or the
 * first one arriving late, is refused. A create has no such condition. Where nobody is there any more, it may have landed
 * and been deleted since, and sending it again would bring back whom somebody deleted: `unknown`.
 *
 * Two answers are true of the end and silent about the way there: `exists` after a doubt (this create may have come first,
 * and was deleted before that account was made), and `deleted` after one (somebody else's delete may have come first).
 */
export class RetryingUserTable implements UserTable {
  readonly #inner: UserTable;
  readonly #retries: Retries;

  constructor(inner: UserTable, options: RetriesOptions) {
    this.#inner = inner;
    this.#retries = new Retries(options);
  }

  get(username: string): Promise<UserItem | undefined> {
    return this.#retries.repeated(() => this.#inner.get(username));
  }

  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    return this.#retries.repeated(() => this.#inner.page(options));
  }

  putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    return this.#settled<PutUserOutcome>(
      item.username,
      () => this.#inner.putIfAbsent(item),
      (current) => {
        if (current === undefined) return undefined;
        if (current.createdAt !== item.createdAt) return { kind: 'exists' };
        // Its salt is 16 random bytes, so nobody else made this one at that moment. The name may have been changed since.
        return current.passwordHash === item.passwordHash ? { kind: 'created' } : undefined;
      },
    );
  }

  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    const { name = base.name, passwordHash = base.passwordHash, updatedAt } = changes;
    const wanted: UserItem = { ...base, name, passwordHash, updatedAt };
    return this.#settled<ChangeOutcome<'replaced'>>(
      base.username,
      () => this.#inner.replace(base, changes),
      (current) => {
        if (current === undefined) return { kind: 'absent' };
        if (sameItem(current, wanted)) return { kind: 'replaced' };
        return sameItem(current, base) ? 'send again' : undefined;
      },
    );
  }

  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    return this.#settled<ChangeOutcome<'deleted'>>(
      base.username,
      () => this.#inner.delete(base),
      (current) => {
        if (current === undefined) return { kind: 'deleted' };
        return sameItem(current, base) ? 'send again' : undefined;
      },
    );
  }

  /** `judge`: what an account as it is now says about a write that may have landed; undefined when it says nothing. */
  async #settled<Outcome extends PutUserOutcome | ChangeOutcome<'replaced'> | ChangeOutcome<'deleted'>>(
    username: string,
    write: () => Promise<Outcome>,
    judge: (current: UserItem | undefined) => Outcome | 'send again' | undefined,
  ): Promise<Outcome | { readonly kind: 'unknown'; readonly cause: Error }> {
    // Set from the first attempt on that may have landed; then a refusal may be this write's own doing.
    let doubt: Error | undefined;
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      try {
        const outcome = await write();
        if (outcome.kind === 'created' || outcome.kind === 'replaced' || outcome.kind === 'deleted') return outcome;
        if (outcome.kind === 'unknown') doubt = outcome.cause;
        else if (doubt === undefined) return outcome;
      } catch (error) {
        if (!isRetryable(error)) {
          if (doubt === undefined) throw error;
          return { kind: 'unknown', cause: doubt };
        }
        failure = error;
      }
      if (doubt !== undefined) {
        const settled = await this.#look(username, doubt, judge);
        if (settled !== 'send again') return settled;
      }
      if (attempt >= this.#retries.attemptsMax) {
        if (doubt === undefined) throw failure;
        return { kind: 'unknown', cause: doubt };
      }
      await this.#retries.backOff(attempt);
    }
  }

  async #look<Outcome>(
    username: string,
    doubt: Error,
    judge: (current: UserItem | undefined) => Outcome | 'send again' | undefined,
  ): Promise<Outcome | 'send again' | { readonly kind: 'unknown'; readonly cause: Error }> {
    try {
      return judge(await this.get(username)) ?? { kind: 'unknown', cause: doubt };
    } catch (error) {
      const cause = new Error(`${messageOf(doubt)}, and then ${messageOf(error)}`, { cause: doubt });
      return { kind: 'unknown', cause };
    }
  }
}
