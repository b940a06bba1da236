import type { Command } from 'commander';
import { formatMs } from '../../core/format.ts';
import type { Execute } from '../execute.ts';
import { reportView } from './scenario.ts';
import { registerSequence, type SequenceCommand } from './sequence.ts';
import { functionLines } from './via.ts';

const HIT_RATE: SequenceCommand = {
  name: 'hit-rate',
  description: 'Test 3.2: how many reads of one user the cache serves',
  requests: ['how many reads, one after the other', 50],
  notes: 10,
  operation: 'one read of a user who reads again and again',
  cached: true,
  load: async () => (await import('../../bench/hit-rate.ts')).HIT_RATE,
  judge: ({ derived: { misses = 0 }, operations }) => ({
    warnings:
      misses > 1 && operations > 1
        ? [`${misses} requests missed: is --cache-ttl or DB_CACHE_TTL shorter than the run?`]
        : [],
  }),
};

export function registerBenchHitRate(parent: Command, execute: Execute): void {
  registerSequence(parent, execute, HIT_RATE, hitRateView);
}

export const hitRateView = reportView((report) => {
  const { metrics, derived, hits = [] } = report;
  const of = (name: string): number => derived[name] ?? Number.NaN;
  const { requestMs, coldMs, warmMs } = metrics;
  const samples = requestMs?.samples ?? [];
  const everyTenth = samples.flatMap((sample, index) =>
    (index + 1) % 10 === 0
      ? `request ${String(index + 1).padStart(3)}  ${formatMs(sample).padStart(9)}  ${hits[index] === true ? 'hit' : 'miss'}`
      : [],
  );
  return [
    ...everyTenth,
    '',
    `${of('hits')} hits, ${of('misses')} misses: ${of('hitRatePercent').toFixed(1)} % of ${samples.length} requests`,
    `cold          ${coldMs === undefined ? '-' : formatMs(coldMs.mean)}`,
    ...(warmMs === undefined
      ? ['warm          -']
      : [`warm          ${formatMs(warmMs.mean)} on average, ${formatMs(warmMs.min)} to ${formatMs(warmMs.max)}`]),
    `all           ${formatMs(requestMs?.mean ?? Number.NaN)} on average`,
    ...(derived.speedup === undefined
      ? []
      : [
          `warm is ${of('speedup').toFixed(1)} times faster: ${formatMs(of('savedMs'))} (${of('reductionPercent').toFixed(1)} %) saved`,
        ]),
    ...functionLines(report),
  ];
});
