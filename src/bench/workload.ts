import type { Random } from '../core/random.ts';

/** How often users read and write, as weights. */
export interface Mix {
  readonly read: number;
  readonly write: number;
}

export interface Workload {
  /** How many users there are. */
  readonly users: number;
  /** Zipf's exponent: the n-th user comes 1/n^skew as often as the first; 0: all equally often. */
  readonly skew: number;
  readonly mix: Mix;
}

export interface Visit {
  /** From 0, the most frequent first. */
  readonly user: number;
  readonly reads: boolean;
}

/** Returns a function that draws who comes next, and for what. */
export function visitorsOf({ users, skew, mix }: Workload, random: Random): () => Visit {
  const cumulative: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= users; rank++) {
    total += 1 / rank ** skew;
    cumulative.push(total);
  }
  const readShare = mix.read / (mix.read + mix.write);
  return () => {
    const drawn = random.fraction() * total;
    let [low, high] = [0, users - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (drawn < (cumulative[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return { user: low, reads: random.fraction() < readShare };
  };
}

/**
 * Returns when requests come, in milliseconds: a Poisson process, which is what many independent users amount to, under
 * the condition that it brings exactly rate × duration requests. So two seeds differ in the times, and not in the rate.
 */
export function arrivalsOf(perSecond: number, durationMs: number, random: Random): number[] {
  const count = Math.round((perSecond * durationMs) / 1000);
  return Array.from({ length: count }, () => random.fraction() * durationMs).sort((a, b) => a - b);
}
