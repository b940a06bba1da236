import type { Command } from 'commander';
import { parsePositive } from '../../cli/arguments.ts';
import { formatMs } from '../../core/format.ts';
import type { Execute, Invocation } from '../execute.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import {
  type BenchResult,
  DEFAULT_RTT_MS,
  FUNCTION_CACHE_TTL,
  metricLines,
  notesOption,
  reportView,
  runScenario,
} from './scenario.ts';
import { functionLines, openRequester, planVia, type ViaFlags, viaOption } from './via.ts';

interface CacheOptions extends ReportFlags, ViaFlags {
  readonly requests: number;
  readonly notes: number;
}

export function registerBenchCache(parent: Command, execute: Execute): void {
  const command = parent
    .command('cache')
    .description('Test 3.1: what a cached request saves, beside the same one uncached')
    .option('--requests <n>', 'how many warm requests after the cold one', parsePositive, 6)
    .addHelpText('after', '\nExample:\n  $ javumbo bench cache --rtt 171ms');
  benchOptions(viaOption(notesOption(command, 20))).action((options: CacheOptions) =>
    execute(command, (invocation) => benchCache(invocation, options), cacheView),
  );
}

export async function benchCache(
  invocation: Invocation,
  { requests, notes, via, ...output }: CacheOptions,
): Promise<BenchResult> {
  const { CACHE_FIGURES, cacheFigures, measureCache } = await import('../../bench/cache.ts');
  const { createWithNotes } = await import('../../bench/latency.ts');
  const { metricsOf } = await import('../../bench/stats.ts');
  const { requestsSince } = await import('../../core/request-counts.ts');
  const { context } = invocation;
  const plan = planVia(
    {
      name: 'cache',
      parameters: { requests, notes, loop: 'closed' },
      cacheTtlDefault: FUNCTION_CACHE_TTL,
      operation: 'one read or write: half of them without a cache, the others cold or warm',
      figures: CACHE_FIGURES,
    },
    via,
  );
  return runScenario(
    invocation,
    { rttDefaultMs: DEFAULT_RTT_MS },
    output,
    plan,
    async ({ deployment, username, progress, measuring }) => {
      const uncached = deployment.databases({ cacheTtlDefault: 0, caching: false });
      const noteIds = await createWithNotes(uncached, username, notes, context);
      const { requester, parts, lambda } = await openRequester(via, deployment, context.clock, noteIds);
      const before = deployment.requests();
      const samples: Record<string, number[]> = Object.fromEntries(CACHE_FIGURES.metrics.map((name) => [name, []]));
      const requested = () => ({ ...requestsSince(before, deployment.requests()), ...lambda() });
      measuring(() => ({ metrics: metricsOf(samples), requests: requested() }));
      const result = await measureCache({
        requester,
        username,
        warmCount: requests,
        requests: () => deployment.requests(),
        onRequest: (text) => progress.show(text),
        onMeasured: (metric, totalMs) => samples[metric]?.push(totalMs),
      });
      const { metrics, derived } = cacheFigures(result);
      return {
        metrics: { ...metrics, ...parts().metrics },
        derived: { ...derived, ...parts().derived },
        requests: requested(),
        operations: 4 * (requests + 1),
        warnings: cacheDoubts(derived),
      };
    },
  );
}

function cacheDoubts({ getsOnWarmReads = 0 }: Readonly<Record<string, number>>): string[] {
  return getsOnWarmReads > 0
    ? [`warm reads asked the store ${getsOnWarmReads} times: is --cache-ttl or DB_CACHE_TTL shorter than a request?`]
    : [];
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
    paint.strong(`${''.padEnd(22)}${'uncached'.padStart(12)}${'cached'.padStart(12)}${'improvement'.padStart(14)}`),
    ...ROWS.map(([label, without, cached]) => {
      // Rounded before it is printed, plus zero: -0.3 would read -0.
      const improvement = `${Math.round((1 - mean(cached) / mean(without)) * 100) + 0} %`;
      return `${label.padEnd(22)}${formatMs(mean(without)).padStart(12)}${formatMs(mean(cached)).padStart(12)}${improvement.padStart(14)}`;
    }),
    '',
    `a warm read is ${of('readSpeedup').toFixed(1)} times faster than a cold one: ${formatMs(of('readSavedMs'))} (${of('readReductionPercent').toFixed(1)} %) saved`,
    `a warm write is ${of('writeSpeedup').toFixed(1)} times faster than a cold one: ${formatMs(of('writeSavedMs'))} (${of('writeReductionPercent').toFixed(1)} %) saved`,
    `warm reads made ${of('getsOnWarmReads')} GET; warm writes ${of('getsOnWarmWrites')} GET and ${of('putsOnWarmWrites')} PUT`,
    ...functionLines(report),
  ];
});
