import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';

/**
 * A clock for tests of concurrent waits. Time moves in steps, one per turn of the event loop, and only while a test
 * lets it. A slow machine takes more turns and sees the same order.
 */
export class SteppedClock implements Clock {
  #now = Date.UTC(2026, 10, 22);
  #sleeping: { readonly until: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  /** The number of current sleepers. */
  get sleepers(): number {
    return this.#sleeping.length;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = {
        until: this.#now + milliseconds,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#sleeping = this.#sleeping.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleeping.push(sleeper);
    });
  }

  /** Jumps ahead and wakes all whose time has come, the earliest first. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#sleeping.filter(({ until }) => until <= this.#now).sort((a, b) => a.until - b.until);
    this.#sleeping = this.#sleeping.filter(({ until }) => until > this.#now);
    for (const { wake } of due) wake();
  }

  async pass(milliseconds: number, stepMs: number): Promise<void> {
    for (const end = this.#now + milliseconds; this.#now < end; ) {
      await setImmediate();
      this.jump(stepMs);
    }
  }

  /** Lets time pass until `work` ends, and returns or throws its result. */
  async passUntil<T>(work: Promise<T>, stepMs: number): Promise<T> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    for (;;) {
      await setImmediate();
      if (ended) return work;
      this.jump(stepMs);
    }
  }
}
