import type { Clock } from './clock.ts';
import { JavumboError } from './failure.ts';
import type { Random } from './random.ts';

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

export interface RetriesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy?: RetryPolicy | undefined;
}

/** How often a request is sent again, and how long is waited before. */
export class Retries {
  readonly attemptsMax: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #policy: RetryPolicy;

  constructor({ clock, random, policy = DEFAULT_RETRY_POLICY }: RetriesOptions) {
    this.attemptsMax = policy.attemptsMax;
    this.#clock = clock;
    this.#random = random;
    this.#policy = policy;
  }

  /** Sends a request that may be sent again without harm until it succeeds, or fails for good, or the attempts are used up. */
  async repeated<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (!isRetryable(error) || attempt >= this.attemptsMax) throw error;
      }
      await this.backOff(attempt);
    }
  }

  /** Waits before the retry of that number, from 1. */
  backOff(retry: number): Promise<void> {
    const longest = Math.min(this.#policy.backoffMs * 2 ** (retry - 1), this.#policy.backoffMaxMs);
    return this.#clock.sleep(this.#random.fraction() * longest);
  }
}

/** True for a failure after which the same request may succeed, and that changed nothing. */
export function isRetryable(error: unknown): error is JavumboError {
  return error instanceof JavumboError && error.retryable;
}
