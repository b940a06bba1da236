import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';

// Steps that a cache can tell from a process that lost its turn between reading two clocks.
const STEP_MS = 150;
const STEPS_MAX = 4;

/** A clock that a simulation sets. */
export interface SetClock extends Clock {
  set(random: Random): void;
}

/** The clock of one machine: time passes as in the simulation, and now and then somebody sets what the wall clock shows. */
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

  /** By so many steps forwards or back from the true time, which is about as long as a simulation takes. */
  set(random: Random): void {
    this.#ahead = Math.round((random.fraction() * 2 - 1) * STEPS_MAX) * STEP_MS;
  }
}
