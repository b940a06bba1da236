import type { Random } from '../core/random.ts';

// After each conflict a writer waits for a random part of a window, in cycles: a cycle is the GET and the PUT of one
// attempt. The windows grow until 50 writers meet as rarely as chance allows, and then shrink, so that none is left
// behind by writers that come straight back. (benchmarks/results/contention-backoff.md)
const WINDOWS = [4, 16, 48, 24, 12, 6, 3];
const LAST_WINDOW = 2;
const WINDOW_MAX_MS = 5_000;

// Others may write many times in one cycle of a writer that is slow, or that many keep from its turn.
const LOOK_MS = 200;
// To fetch a larger one takes long enough for others to write often.
const LOOK_BYTES = 1_000_000;

/** From this age on, in milliseconds, a cached version counts as old. */
export const OLD_MS = 60_000;

/** What an update has met so far. */
export interface Contention {
  /** At least 1. */
  readonly conflicts: number;
  /** How long one attempt takes, in milliseconds. */
  readonly cycleMs: number;
  /** True if the version that was refused came from the cache, and long ago: that explains the refusal. */
  readonly isOld: boolean;
}

/** Returns the time to wait after a conflict, in milliseconds. */
export function waitAfter({ conflicts, cycleMs, isOld }: Contention, random: Random): number {
  // Nothing says that others are writing now.
  if (isOld) return 0;
  const windowMs = cycleMs * (WINDOWS[conflicts - 1] ?? LAST_WINDOW);
  // A slow store still needs room for one attempt after the other.
  return random.fraction() * Math.min(windowMs, Math.max(WINDOW_MAX_MS, 2 * cycleMs));
}

/**
 * True if a refused write must be looked for with a request of its own, before such a wait and the GET of the winner: others
 * could write so often meanwhile that the list of writes would no longer show ours. After a single conflict and a short
 * wait that GET still does.
 */
export function mustLookBefore(waitMs: number, sizeBytes: number, { conflicts, isOld }: Contention): boolean {
  return conflicts > 1 || waitMs > LOOK_MS || (isOld && sizeBytes > LOOK_BYTES);
}
