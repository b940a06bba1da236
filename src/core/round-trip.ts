import type { Around } from './around.ts';
import type { Clock } from './clock.ts';

/**
 * Adds a round trip to every request: half before it, half after it, whatever the answer is. Requests in flight together
 * overlap, as on a wire. Bandwidth is not simulated: a large file costs the same as a small one, so reports mark these
 * figures as simulated.
 */
export function delaying({ roundTripMs, clock }: { readonly roundTripMs: number; readonly clock: Clock }): Around {
  const travel = async <T>(request: () => Promise<T>): Promise<T> => {
    await clock.sleep(roundTripMs / 2);
    try {
      return await request();
    } finally {
      await clock.sleep(roundTripMs / 2);
    }
  };
  return { read: travel, write: (_username, request) => travel(request) };
}
