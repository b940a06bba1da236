import type { Clock } from '../clock.ts';
import { JavumboError, messageOf } from '../failure.ts';
import type { Random } from '../random.ts';
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

export interface RetryPolicy {
  /** How many times one request is sent at the most, the first included. */
  readonly attemptsMax: number;
  /** The longest wait before the first retry; it doubles with each, and a random part of it is waited (full jitter). */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

// Five attempts wait 0.75 s on average in all and 1.5 s at the most: an endpoint that refuses connections is reported
// within seconds, and a reset, a 409 or a burst of SlowDown is outlived.
export const DEFAULT_RETRY_POLICY: RetryPolicy = { attemptsMax: 5, backoffMs: 100, backoffMaxMs: 5_000 };

export interface RetryingDatabaseStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy?: RetryPolicy | undefined;
}

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
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #policy: RetryPolicy;

  constructor(inner: DatabaseStore, { clock, random, policy = DEFAULT_RETRY_POLICY }: RetryingDatabaseStoreOptions) {
    this.#inner = inner;
    this.#clock = clock;
    this.#random = random;
    this.#policy = policy;
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#repeated(() => this.#inner.get(username, destination, options));
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#repeated(() => this.#inner.head(username));
  }

  list(from?: string): Promise<ListPage> {
    return this.#repeated(() => this.#inner.list(from));
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
        if (!(error instanceof JavumboError && error.retryable)) throw error;
        failure = error;
      }
      if (attempt >= this.#policy.attemptsMax) {
        if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
        throw failure;
      }
      await this.#backOff(attempt);
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

    for (let attempt = 1; attempt <= this.#policy.attemptsMax; attempt++) {
      if (attempt > 1) await this.#backOff(attempt - 1);
      let outcome: PutOutcome;
      try {
        outcome = await this.#inner.put(username, source, options);
      } catch (error) {
        if (error instanceof JavumboError && error.retryable) {
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

  async #repeated<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (!(error instanceof JavumboError && error.retryable) || attempt >= this.#policy.attemptsMax) throw error;
      }
      await this.#backOff(attempt);
    }
  }

  #backOff(retry: number): Promise<void> {
    const longest = Math.min(this.#policy.backoffMs * 2 ** (retry - 1), this.#policy.backoffMaxMs);
    return this.#clock.sleep(this.#random.fraction() * longest);
  }
}
