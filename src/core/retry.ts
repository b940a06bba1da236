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

/** A request that is about to be sent again. */
export interface Retry {
  /** Which attempt comes next, from 2. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** How long is waited before, in milliseconds. */
  readonly waitMs: number;
  /** What the last attempt ended with. */
  readonly cause: Error | undefined;
}

export interface RetriesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy?: RetryPolicy | undefined;
  /** Called before each wait. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** How often a request is sent again, and how long is waited before. */
export class Retries {
  readonly attemptsMax: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #policy: RetryPolicy;
  readonly #onRetry: (retry: Retry) => void;

  constructor({ clock, random, policy = DEFAULT_RETRY_POLICY, onRetry = () => {} }: RetriesOptions) {
    this.attemptsMax = policy.attemptsMax;
    this.#clock = clock;
    this.#random = random;
    this.#policy = policy;
    this.#onRetry = onRetry;
  }

  /** Sends a request that may be sent again without harm until it succeeds, or fails for good, or the attempts are used up. */
  async repeated<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (!isRetryable(error) || attempt >= this.attemptsMax) throw error;
        await this.backOff(attempt, error);
      }
    }
  }

  /** Waits before the retry of that number, from 1. `cause`: what the attempt before it ended with. */
  backOff(retry: number, cause: Error | undefined): Promise<void> {
    const longest = Math.min(this.#policy.backoffMs * 2 ** (retry - 1), this.#policy.backoffMaxMs);
    const waitMs = this.#random.fraction() * longest;
    this.#onRetry({ attempt: retry + 1, attemptsMax: this.attemptsMax, waitMs, cause });
    return this.#clock.sleep(waitMs);
  }
}

/** True for a failure after which the same request may succeed, and that changed nothing. */
export function isRetryable(error: unknown): error is JavumboError {
  return error instanceof JavumboError && error.retryable;
}
