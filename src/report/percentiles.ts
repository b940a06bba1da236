import { formatMs } from '../core/format.ts';
import type { Metric } from './document.ts';

/**
 * Returns how many samples the p-th percentile takes: p50 takes 2, p95 takes 20 and p99 takes 100. Of fewer, none lies
 * beyond it, and it would be the maximum by another name.
 */
export function samplesFor(p: number): number {
  return Math.ceil(100 / (100 - p));
}

/** True if that many samples can bear the p-th percentile. */
export function bears(count: number, p: number): boolean {
  return count >= samplesFor(p);
}

/** Returns p50, p95 and p99 for people, with a dash for what the samples cannot bear. */
export function percentileTexts({ count, p50, p95, p99 }: Metric): string[] {
  return (
    [
      [50, p50],
      [95, p95],
      [99, p99],
    ] as const
  ).map(([p, value]) => (bears(count, p) ? formatMs(value) : '-'));
}
