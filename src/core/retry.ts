import type { Clock } from './clock.ts';
import { JavumboError } from './failure.ts';
import type { Random } from './random.ts';

export interface RetryPolicy {
  /** The most times that one request is sent, the first included. */
  readonly attemptsMax: number;
  /** The bound of the first wait; it doubles with each retry, and a random part of it is waited (full jitter). */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

// Five attempts wait 0.75 s in total on average, 1.5 s at most: a refused connection is reported within seconds, and a
// reset, a 409 or a burst of SlowDown is survived.
export const DEFAULT_RETRY_POLICY: RetryPolicy = { attemptsMax: 5, backoffMs: 100, backoffMaxMs: 5_000 };

/** A request that is about to be retried. */
export interface Retry {
  /** The number of the attempt that comes next, from 2. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** The wait before it, in milliseconds. */
  readonly waitMs: number;
  /** How the previous attempt ended. */
  readonly cause: Error | undefined;
}

export interface RetriesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy?: RetryPolicy | undefined;
  /** Called before each wait. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** Decides how often a request is retried and how long to wait in between. */
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

  /** Sends an idempotent request until it succeeds, fails for good, or runs out of attempts. */
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

  /** Waits before retry number `retry`, counted from 1. `cause`: how the previous attempt ended. */
  backOff(retry: number, cause: Error | undefined): Promise<void> {
    const longest = Math.min(this.#policy.backoffMs * 2 ** (retry - 1), this.#policy.backoffMaxMs);
    const waitMs = this.#random.fraction() * longest;
    try {
      this.#onRetry({ attempt: retry + 1, attemptsMax: this.attemptsMax, waitMs, cause });
    } catch {
      // A listener that fails must not decide what a write in doubt is told.
    }
    return this.#clock.sleep(waitMs);
  }
}

/** True for a failure that changed nothing and may not recur. */
export function isRetryable(error: unknown): error is JavumboError {
  return error instanceof JavumboError && error.retryable;
}
