import { JavumboError, messageOf } from '../failure.ts';
import { isRetryable, Retries, type RetriesOptions } from '../retry.ts';
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
import { type Base, settle } from './write-ids.ts';

/**
 * Sends failed requests again, and settles puts whose reply was lost.
 *
 * A put is sent again as it is, with the same bytes, base and write id, as long as nobody knows its fate. That is safe:
 * once one attempt has landed, the base is gone and every later one is refused. A refusal proves a conflict only when
 * no earlier attempt can have landed; otherwise HEAD and the write ids decide (write-ids.ts). What cannot be decided,
 * or not within the budget, is `unknown`.
 */
export class RetryingDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #retries: Retries;

  constructor(inner: DatabaseStore, options: RetriesOptions) {
    this.#inner = inner;
    this.#retries = new Retries(options);
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#retries.repeated(() => this.#inner.get(username, destination, options));
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#retries.repeated(() => this.#inner.head(username));
  }

  list(from?: string): Promise<ListPage> {
    return this.#retries.repeated(() => this.#inner.list(from));
  }

  /**
   * A delete whose reply was lost is not blindly sent again: on an engine that does not compare, the second one could
   * remove what somebody made after the first. HEAD decides: nothing there is `deleted`, another version than the one
   * to delete is `unknown`, for either this delete or another came first.
   */
  async delete(username: string, options: DeleteOptions = {}): Promise<DeleteOutcome> {
    let doubt: Error | undefined;
    for (let attempt = 1; ; attempt++) {
      let failure: JavumboError;
      try {
        const outcome = await this.#inner.delete(username, options);
        if (outcome.kind === 'absent') return doubt === undefined ? outcome : { kind: 'deleted' };
        if (outcome.kind === 'conflict' && doubt !== undefined) return { kind: 'unknown', cause: doubt };
        if (outcome.kind !== 'unknown') return outcome;
        doubt = outcome.cause;
        const current = await this.head(username);
        if (current === undefined) return { kind: 'deleted' };
        if (options.ifVersion !== undefined && current.version !== options.ifVersion) return outcome;
        failure = new JavumboError('unavailable', messageOf(doubt), { retryable: true });
      } catch (error) {
        if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
        if (!isRetryable(error)) throw error;
        failure = error;
      }
      if (attempt >= this.#retries.attemptsMax) {
        if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
        throw failure;
      }
      await this.#retries.backOff(attempt);
    }
  }

  async put(username: string, source: string, options: PutOptions): Promise<PutOutcome> {
    const own = options.writes[0];
    if (own === undefined) throw new JavumboError('internal', `put database "${username}" without a write id`);
    const base: Base =
      options.condition.kind === 'absent'
        ? undefined
        : { version: options.condition.version, writes: options.writes.slice(1) };
    // Set from the first attempt on that may have landed; then a refusal may be this put's own doing.
    let doubt: Error | undefined;
    let definite: JavumboError | undefined;

    for (let attempt = 1; attempt <= this.#retries.attemptsMax; attempt++) {
      if (attempt > 1) await this.#retries.backOff(attempt - 1);
      let outcome: PutOutcome;
      try {
        outcome = await this.#inner.put(username, source, options);
      } catch (error) {
        if (isRetryable(error)) {
          definite = error;
          continue;
        }
        if (doubt === undefined) throw error;
        return { kind: 'unknown', cause: doubt };
      }
      if (outcome.kind === 'committed') return outcome;
      if (outcome.kind === 'conflict' && doubt === undefined) return outcome;
      if (outcome.kind === 'unknown') doubt = outcome.cause;

      let current: StoredDatabase | undefined;
      try {
        current = await this.head(username);
      } catch (error) {
        return {
          kind: 'unknown',
          cause: new Error(`${messageOf(doubt)}, and then ${messageOf(error)}`, { cause: doubt }),
        };
      }
      const settlement = settle(own, base, current);
      switch (settlement) {
        case 'committed':
          return {
            kind: 'committed',
            version: current?.version ?? '',
            ...(current?.writes[0] === own ? {} : { superseded: true }),
          };
        case 'conflict':
          return { kind: 'conflict', reason: 'changed' };
        case 'unknown':
          return { kind: 'unknown', cause: doubt ?? new Error('the write could not be found again') };
        case 'resend':
          continue;
      }
    }
    if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
    throw definite ?? new JavumboError('internal', `put database "${username}": no attempt was made`);
  }
}
