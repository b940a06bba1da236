import { countsSince, type RequestCounts } from '../core/usage.ts';
import type { Caching, Requester } from './requester.ts';
import { type Metric, metricOf } from './stats.ts';
import type { RequestTimes } from './timed-request.ts';

/** One cold request and the warm ones after it; week 1 made six. */
export interface CacheSeries {
  readonly cold: RequestTimes;
  readonly warm: readonly RequestTimes[];
  /** The same requests without a cache. */
  readonly uncached: readonly RequestTimes[];
  /** What the warm requests asked of the store. */
  readonly warmRequests: RequestCounts;
}

export interface CacheResult {
  readonly reads: CacheSeries;
  readonly writes: CacheSeries;
}

const CACHING = { uncached: 'bypass', cold: 'drop', warm: 'use' } as const;

/** Test 3.1: the same reads and the same writes, cold, warm and uncached, one after the other. */
export async function measureCache(options: {
  readonly requester: Requester;
  readonly username: string;
  readonly warmCount: number;
  readonly requests: () => RequestCounts;
  readonly onRequest?: ((text: string) => void) | undefined;
  /** Told the name of the metric that each request belongs to, as `cacheFigures` has it, and how long it took. */
  readonly onMeasured?: ((metric: string, totalMs: number) => unknown) | undefined;
}): Promise<CacheResult> {
  const { requester, username, warmCount, requests, onRequest, onMeasured } = options;
  const series = async (
    name: 'read' | 'write',
    made: (caching: Caching) => Promise<RequestTimes>,
  ): Promise<CacheSeries> => {
    const request = async (kind: 'uncached' | 'cold' | 'warm'): Promise<RequestTimes> => {
      const times = await made(CACHING[kind]);
      onMeasured?.(`${kind}${name === 'read' ? 'Read' : 'Write'}Ms`, times.totalMs);
      return times;
    };
    const without: RequestTimes[] = [];
    for (let index = 0; index <= warmCount; index++) {
      onRequest?.(`${name} without a cache, ${index + 1} of ${warmCount + 1}`);
      without.push(await request('uncached'));
    }
    onRequest?.(`cold ${name}`);
    const cold = await request('cold');
    const before = requests();
    const warm: RequestTimes[] = [];
    for (let index = 0; index < warmCount; index++) {
      onRequest?.(`warm ${name}, ${index + 1} of ${warmCount}`);
      warm.push(await request('warm'));
    }
    return { cold, warm, uncached: without, warmRequests: countsSince(before, requests()) };
  };
  return {
    reads: await series('read', (caching) => requester.read(username, caching)),
    writes: await series('write', (caching) => requester.write(username, caching)),
  };
}

/** What Test 3.1 measures, for whoever must know it beforehand. */
export const CACHE_FIGURES = {
  metrics: [
    'coldReadMs',
    'warmReadMs',
    'uncachedReadMs',
    'coldWriteMs',
    'warmWriteMs',
    'uncachedWriteMs',
    'warmDownloadMs',
    'uncachedDownloadMs',
    'warmUploadMs',
    'uncachedUploadMs',
    'warmQueryMs',
    'uncachedQueryMs',
  ],
  derived: [
    'readSpeedup',
    'readSavedMs',
    'readReductionPercent',
    'writeSpeedup',
    'writeSavedMs',
    'writeReductionPercent',
    'getsOnWarmReads',
    'getsOnWarmWrites',
    'putsOnWarmWrites',
  ],
} as const;

/** The figures of Test 3.1, and week 1's table of Day 2 against Day 3. */
export function cacheFigures({ reads, writes }: CacheResult): {
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly derived: Readonly<Record<string, number>>;
} {
  const of = (times: readonly RequestTimes[], phase: keyof RequestTimes): Metric =>
    metricOf(times.map((time) => time[phase]));
  const metrics = {
    coldReadMs: of([reads.cold], 'totalMs'),
    warmReadMs: of(reads.warm, 'totalMs'),
    uncachedReadMs: of(reads.uncached, 'totalMs'),
    coldWriteMs: of([writes.cold], 'totalMs'),
    warmWriteMs: of(writes.warm, 'totalMs'),
    uncachedWriteMs: of(writes.uncached, 'totalMs'),
    warmDownloadMs: of(writes.warm, 'downloadMs'),
    uncachedDownloadMs: of(writes.uncached, 'downloadMs'),
    warmUploadMs: of(writes.warm, 'uploadMs'),
    uncachedUploadMs: of(writes.uncached, 'uploadMs'),
    warmQueryMs: of(writes.warm, 'queryMs'),
    uncachedQueryMs: of(writes.uncached, 'queryMs'),
  };
  const cold = metrics.coldReadMs.mean;
  const warm = metrics.warmReadMs.mean;
  return {
    metrics,
    derived: {
      readSpeedup: cold / warm,
      readSavedMs: cold - warm,
      readReductionPercent: (1 - warm / cold) * 100,
      writeSpeedup: metrics.coldWriteMs.mean / metrics.warmWriteMs.mean,
      writeSavedMs: metrics.coldWriteMs.mean - metrics.warmWriteMs.mean,
      writeReductionPercent: (1 - metrics.warmWriteMs.mean / metrics.coldWriteMs.mean) * 100,
      getsOnWarmReads: reads.warmRequests.get,
      getsOnWarmWrites: writes.warmRequests.get,
      putsOnWarmWrites: writes.warmRequests.put,
    },
  };
}
