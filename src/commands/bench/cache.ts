import type { Command } from 'commander';
import { formatMs } from '../../core/format.ts';
import type { Execute } from '../execute.ts';
import { metricLines, reportView } from './scenario.ts';
import { registerSequence, type SequenceCommand } from './sequence.ts';
import { functionLines } from './via.ts';

const CACHE: SequenceCommand = {
  name: 'cache',
  description: 'Test 3.1: what a cached request saves, beside the same one uncached',
  requests: ['how many requests of each kind: uncached, cold and warm', 6],
  notes: 20,
  operation: 'one read or write: a third each without a cache, cold and warm',
  cached: true,
  load: async () => (await import('../../bench/cache.ts')).CACHE,
  judge: ({ derived: { getsOnWarmReads = 0 } }) => ({
    warnings:
      getsOnWarmReads > 0
        ? [
            `warm reads asked the store ${getsOnWarmReads} times: is --cache-ttl or DB_CACHE_TTL shorter than a request?`,
          ]
        : [],
  }),
};

export function registerBenchCache(parent: Command, execute: Execute): void {
  registerSequence(parent, execute, CACHE, cacheView);
}

const METRICS = [
  ['uncachedReadMs', 'read, uncached'],
  ['coldReadMs', 'read, cold'],
  ['warmReadMs', 'read, warm'],
  ['uncachedWriteMs', 'write, uncached'],
  ['coldWriteMs', 'write, cold'],
  ['warmWriteMs', 'write, warm'],
] as const;

// Week 1's table of Day 2 against Day 3, row by row.
const ROWS = [
  ['cold read', 'uncachedReadMs', 'coldReadMs'],
  ['warm read', 'uncachedReadMs', 'warmReadMs'],
  ['cold write', 'uncachedWriteMs', 'coldWriteMs'],
  ['warm write', 'uncachedWriteMs', 'warmWriteMs'],
  ['download of a write', 'uncachedDownloadMs', 'warmDownloadMs'],
  ['upload of a write', 'uncachedUploadMs', 'warmUploadMs'],
  ['query of a write', 'uncachedQueryMs', 'warmQueryMs'],
] as const;

export const cacheView = reportView((report, paint) => {
  const { metrics, derived } = report;
  const mean = (name: string): number => metrics[name]?.mean ?? Number.NaN;
  const of = (name: string): number => derived[name] ?? Number.NaN;
  return [
    ...metricLines('request', METRICS, metrics, paint),
    '',
    paint.strong(
      `${''.padEnd(22)}${'samples'.padStart(9)}${'uncached'.padStart(12)}${'cached'.padStart(12)}${'improvement'.padStart(14)}`,
    ),
    ...ROWS.map(([label, without, cached]) => {
      // Plus zero, since -0.3 rounds to -0.
      const improvement = `${Math.round((1 - mean(cached) / mean(without)) * 100) + 0} %`;
      const samples = String(metrics[cached]?.count ?? 0).padStart(9);
      return `${label.padEnd(22)}${samples}${formatMs(mean(without)).padStart(12)}${formatMs(mean(cached)).padStart(12)}${improvement.padStart(14)}`;
    }),
    '',
    `a warm read is ${of('readSpeedup').toFixed(1)} times faster than a cold one: ${formatMs(of('readSavedMs'))} (${of('readReductionPercent').toFixed(1)} %) saved`,
    `a warm write is ${of('writeSpeedup').toFixed(1)} times faster than a cold one: ${formatMs(of('writeSavedMs'))} (${of('writeReductionPercent').toFixed(1)} %) saved`,
    `warm reads made ${of('getsOnWarmReads')} GET; warm writes ${of('getsOnWarmWrites')} GET and ${of('putsOnWarmWrites')} PUT`,
    ...functionLines(report),
  ];
});
