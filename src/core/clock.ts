/** The source of time, injected so that tests and simulations control it. */
export interface Clock {
  /** Wall-clock time, in milliseconds since 1970. It can jump. */
  now(): number;
  /** Milliseconds that never go backwards, for durations. All processes of one boot share the origin. */
  monotonic(): number;
  /** Resolves after `milliseconds`, or rejects with the reason of `signal` as soon as it aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** One moment on both clocks: the wall clock can be set, the monotonic one cannot. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not performance.now(): its origin is the start of the process.
  monotonic: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, milliseconds);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** Returns when this process began, on the monotonic clock. */
export function processStartedAt(): number {
  return systemClock.monotonic() - process.uptime() * 1000;
}

/** Returns how many milliseconds the event loop of this process has worked so far, and not waited. */
export function busyMs(): number {
  return performance.eventLoopUtilization().active;
}
