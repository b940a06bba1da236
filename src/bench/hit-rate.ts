import { countsSince, type RequestCounts } from '../core/usage.ts';
import type { Requester } from './requester.ts';
import { type Metric, metricOf } from './stats.ts';

export interface HitRateRequest {
  /** Told from the state of the cache, and not from how long it took. */
  readonly hit: boolean;
  readonly totalMs: number;
  readonly gets: number;
}

/** Test 3.2: reads of one user, one after the other, beginning with an empty cache. */
export async function measureHitRate(options: {
  readonly requester: Requester;
  readonly username: string;
  readonly requests: number;
  readonly counts: () => RequestCounts;
  readonly onRequest?: ((request: HitRateRequest, index: number) => void) | undefined;
}): Promise<HitRateRequest[]> {
  const { requester, username, requests, counts, onRequest } = options;
  const made: HitRateRequest[] = [];
  for (let index = 0; index < requests; index++) {
    const before = counts();
    const { hit, totalMs } = await requester.read(username, 'use');
    const request = { hit, totalMs, gets: countsSince(before, counts()).get };
    made.push(request);
    onRequest?.(request, index);
  }
  return made;
}

/** What Test 3.2 measures, for whoever must know it beforehand. */
export const HIT_RATE_FIGURES = {
  metrics: ['requestMs', 'coldMs', 'warmMs'],
  derived: ['hits', 'misses', 'hitRatePercent', 'getsOnHits', 'speedup', 'savedMs', 'reductionPercent', 'warmSpreadMs'],
} as const;

/** The figures of Test 3.2. Warm ones are absent where nothing was hit. */
export function hitRateFigures(requests: readonly HitRateRequest[]): {
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly derived: Readonly<Record<string, number>>;
} {
  const timesOf = (hit: boolean): number[] =>
    requests.filter((request) => request.hit === hit).map(({ totalMs }) => totalMs);
  const [hits, misses] = [timesOf(true), timesOf(false)];
  const metrics: Record<string, Metric> = {
    requestMs: metricOf(requests.map(({ totalMs }) => totalMs)),
    ...(misses.length === 0 ? {} : { coldMs: metricOf(misses) }),
    ...(hits.length === 0 ? {} : { warmMs: metricOf(hits) }),
  };
  const { coldMs, warmMs } = metrics;
  return {
    metrics,
    derived: {
      hits: hits.length,
      misses: misses.length,
      hitRatePercent: (hits.length / requests.length) * 100,
      getsOnHits: requests.filter(({ hit }) => hit).reduce((sum, { gets }) => sum + gets, 0),
      ...(coldMs === undefined || warmMs === undefined
        ? {}
        : {
            speedup: coldMs.mean / warmMs.mean,
            savedMs: coldMs.mean - warmMs.mean,
            reductionPercent: (1 - warmMs.mean / coldMs.mean) * 100,
            warmSpreadMs: warmMs.max - warmMs.min,
          }),
    },
  };
}
