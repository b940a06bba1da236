import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';

// Large enough to differ from a process that was preempted between reading two clocks.
const STEP_MS = 150;
const STEPS_MAX = 4;

/** A clock that a simulation sets. */
export interface SetClock extends Clock {
  set(random: Random): void;
}

/** One machine's clock: it follows the simulation, and now and then its wall clock is set. */
export class SettableClock implements SetClock {
  readonly #true: Clock;
  #ahead = 0;

  constructor(trueTime: Clock) {
    this.#true = trueTime;
  }

  now(): number {
    return this.#true.now() + this.#ahead;
  }

  monotonic(): number {
    return this.#true.monotonic();
  }

  sleep(milliseconds: number): Promise<void> {
    return this.#true.sleep(milliseconds);
  }

  /** Sets the wall clock by some steps from the true time, about as far as a simulation lasts. */
  set(random: Random): void {
    this.#ahead = Math.round((random.fraction() * 2 - 1) * STEPS_MAX) * STEP_MS;
  }
}
