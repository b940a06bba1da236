import type { Command } from 'commander';
import { formatCount, formatMs } from '../../core/format.ts';
import type { Execute } from '../execute.ts';
import { metricLines, reportView } from './scenario.ts';
import { registerSequence, type SequenceCommand } from './sequence.ts';
import { functionLines } from './via.ts';

const HIT_RATE: SequenceCommand = {
  name: 'hit-rate',
  description: 'Test 3.2: how many reads the cache serves, of one user or of several who also write',
  requests: ['how many reads, one after the other', 50],
  notes: 10,
  operation: 'one read of a user who reads again and again',
  cached: true,
  workload: true,
  load: async () => (await import('../../bench/hit-rate.ts')).HIT_RATE,
  judge: ({ derived: { misses = 0 } }, users) => ({
    warnings:
      misses > users
        ? [
            `${misses} reads of ${formatCount(users, 'user')} missed: is --cache-ttl or DB_CACHE_TTL shorter than the run?`,
          ]
        : [],
  }),
};

export function registerBenchHitRate(parent: Command, execute: Execute): void {
  registerSequence(parent, execute, HIT_RATE, hitRateView);
}

const ROWS = [
  ['requestMs', 'read'],
  ['coldMs', 'miss'],
  ['warmMs', 'hit'],
  ['writeMs', 'write'],
] as const;

export const hitRateView = reportView((report, paint) => {
  const { metrics, derived, hits = [] } = report;
  const of = (name: string): number => derived[name] ?? Number.NaN;
  const { requestMs, warmMs } = metrics;
  const samples = requestMs?.samples ?? [];
  const everyTenth = samples.flatMap((sample, index) =>
    (index + 1) % 10 === 0
      ? `read ${String(index + 1).padStart(3)}  ${formatMs(sample).padStart(9)}  ${hits[index] === true ? 'hit' : 'miss'}`
      : [],
  );
  return [
    ...everyTenth,
    '',
    ...metricLines('request', ROWS, metrics, paint),
    '',
    // A mix of writes alone has no hit rate.
    ...(samples.length === 0
      ? []
      : [
          `${formatCount(of('hits'), 'hit')}, ${formatCount(of('misses'), 'miss', 'misses')}: ${of('hitRatePercent').toFixed(1)} % of ${formatCount(samples.length, 'read')}`,
        ]),
    ...(warmMs === undefined
      ? []
      : [`the slowest hit took ${formatMs(warmMs.max - warmMs.min)} longer than the fastest`]),
    ...(derived.speedup === undefined
      ? []
      : [
          `warm is ${of('speedup').toFixed(1)} times faster: ${formatMs(of('savedMs'))} (${of('reductionPercent').toFixed(1)} %) saved`,
        ]),
    ...functionLines(report),
  ];
});
