/** Time, as the program sees it. Injected, so that tests and simulations decide what time it is. */
export interface Clock {
  /** Wall-clock time, in milliseconds since 1970. It can jump. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never go backwards. For durations. */
  monotonic(): number;
  /** Resolves after that many milliseconds; rejects at once with the signal's reason when it is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
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
