import type { Command } from 'commander';
import type { Paint } from '../../cli/paint.ts';
import { formatBytes, formatCount, formatMs } from '../../core/format.ts';
import type { Report } from '../../report/document.ts';
import type { Execute } from '../execute.ts';
import { metricLines, reportView } from './scenario.ts';
import { registerSequence, type SequenceCommand } from './sequence.ts';
import { functionLines } from './via.ts';

const LATENCY: SequenceCommand = {
  name: 'latency',
  description: 'Test 2.3: what one uncached request costs, phase by phase',
  requests: ['how many requests, one after the other', 10],
  notes: 10,
  operation: 'one request without a cache: GET, SELECT, UPDATE, PUT',
  cached: false,
  load: async () => (await import('../../bench/latency.ts')).LATENCY,
  judge: ({ metrics, requests: { get, put, bytesDown, bytesUp }, operations }) => ({
    warnings: doubtsAboutTheFirst(metrics.totalMs?.samples ?? []),
    derived: {
      getPerRequest: get / operations,
      putPerRequest: put / operations,
      bytesDownPerRequest: bytesDown / operations,
      bytesUpPerRequest: bytesUp / operations,
    },
  }),
};

export function registerBenchLatency(parent: Command, execute: Execute): void {
  registerSequence(parent, execute, LATENCY, latencyView);
}

/** A first request that is far off says more about the connection than about the store. */
function doubtsAboutTheFirst([first = 0, ...others]: readonly number[]): string[] {
  const median = [...others].sort((a, b) => a - b)[Math.floor(others.length / 2)];
  if (median === undefined || first < 3 * median) return [];
  return [
    `the first request took ${(first / median).toFixed(1)} times the median: something was cold; try more --requests`,
  ];
}

const PHASES = [
  ['downloadMs', 'download'],
  ['queryMs', 'query'],
  ['uploadMs', 'upload'],
  ['totalMs', 'total'],
] as const;

export const latencyView = reportView((report, paint) => [
  ...requestLines(report),
  '',
  ...summaryLines(report, paint),
  ...functionLines(report),
]);

function requestLines({ metrics }: Report): string[] {
  const samples = PHASES.map(([name, label]) => ({ label, values: metrics[name]?.samples ?? [] }));
  // A call takes fewer arguments than a run may have samples.
  const width = samples
    .flatMap(({ values }) => values)
    .reduce((most, value) => Math.max(most, formatMs(value).length), 0);
  return (samples[0]?.values ?? []).map(
    (_, index) =>
      `request ${String(index + 1).padStart(2)}  ${samples.map(({ label, values }) => `${label} ${formatMs(values[index] ?? 0).padStart(width)}`).join('  ')}`,
  );
}

function summaryLines({ metrics, derived }: Report, paint: Paint): string[] {
  const of = (name: string): number => derived[name] ?? Number.NaN;
  return [
    ...metricLines('phase', PHASES, metrics, paint),
    '',
    `${of('storeSharePercent').toFixed(1)} % of the time is the store; upload is ${of('uploadToDownloadRatio').toFixed(2)} times download`,
    `${formatCount(of('distinctVersions'), 'distinct version')}; size ${formatBytes(of('sizeBeforeBytes'))} before, ${formatBytes(of('sizeAfterBytes'))} after`,
    `with a cache that hits ${of('projectedHitRatePercent')} %: download ${formatMs(of('projectedDownloadMs'))}, total ${formatMs(of('projectedTotalMs'))},`,
    `  ${formatMs(of('projectedSavingMs'))} (${of('projectedSavingPercent').toFixed(1)} %) saved; a cached request ${formatMs(of('projectedCachedRequestMs'))}`,
    'cache off: each request fetches and stores the whole database',
  ];
}
