/** Time, as the program sees it. Injected, so that tests and simulations decide what time it is. */
export interface Clock {
  /** Wall-clock time, in milliseconds since 1970. It can jump. */
  now(): number;
  /** Milliseconds that never go backwards, from an origin that all processes of one boot share. For durations. */
  monotonic(): number;
  /** Resolves after that many milliseconds; rejects at once with the signal's reason when it is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** One moment on both clocks: the wall's, which people set, and the monotonic one, which nobody can. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not performance.now(), which begins with the process.
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
