import type { Command } from 'commander';
import type { RequestTimes } from '../../bench/timed-request.ts';
import { parsePositive } from '../../cli/arguments.ts';
import type { Paint } from '../../cli/paint.ts';
import { formatBytes, formatMs } from '../../core/format.ts';
import type { Report } from '../../report/document.ts';
import type { Execute, Invocation } from '../execute.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import {
  type BenchResult,
  doubtsAboutTheFirst,
  metricLines,
  notesOption,
  reportView,
  runScenario,
} from './scenario.ts';
import { functionLines, openRequester, planVia, type ViaFlags, viaOption } from './via.ts';

interface LatencyOptions extends ReportFlags, ViaFlags {
  readonly requests: number;
  readonly notes: number;
}

export function registerBenchLatency(parent: Command, execute: Execute): void {
  const command = parent
    .command('latency')
    .description('Test 2.3: what one uncached request costs, phase by phase')
    .option('--requests <n>', 'how many requests, one after the other', parsePositive, 10)
    .addHelpText('after', '\nExample:\n  $ javumbo bench latency --rtt 171ms');
  benchOptions(viaOption(notesOption(command, 10))).action((options: LatencyOptions) =>
    execute(command, (invocation) => benchLatency(invocation, options), latencyView),
  );
}

export async function benchLatency(
  invocation: Invocation,
  { requests, notes, via, ...output }: LatencyOptions,
): Promise<BenchResult> {
  const { createWithNotes, LATENCY_FIGURES, latencyFigures, measureLatency } = await import('../../bench/latency.ts');
  const { metricsOf } = await import('../../bench/stats.ts');
  const { requestsSince } = await import('../../core/request-counts.ts');
  const { context } = invocation;
  const plan = planVia(
    {
      name: 'latency',
      parameters: { requests, notes, loop: 'closed', cache: 'off' },
      operation: 'one request without a cache: GET, SELECT, UPDATE, PUT',
      figures: LATENCY_FIGURES,
    },
    via,
  );
  return runScenario(invocation, {}, output, plan, async ({ deployment, username, progress, measuring }) => {
    const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
    progress.show(`creating a database of ${notes} notes`);
    const noteIds = await createWithNotes(databases, username, notes, context);
    const { requester, parts, lambda } = await openRequester(via, deployment, context.clock, noteIds);
    const before = deployment.requests();
    let after = before;
    const made: RequestTimes[] = [];
    measuring(() => ({
      metrics: metricsOf(
        Object.fromEntries(LATENCY_FIGURES.metrics.map((phase) => [phase, made.map((times) => times[phase])])),
      ),
      requests: { ...requestsSince(before, after), ...lambda() },
    }));
    const result = await measureLatency({
      requester,
      databases,
      username,
      requests,
      onRequest: (index, times) => {
        made.push(times);
        after = deployment.requests();
        progress.show(`request ${index + 1} of ${requests}`);
      },
    });
    const { metrics, derived } = latencyFigures(result);
    const counts = requestsSince(before, after);
    return {
      metrics: { ...metrics, ...parts().metrics },
      derived: {
        ...derived,
        ...parts().derived,
        getPerRequest: counts.get / requests,
        putPerRequest: counts.put / requests,
        bytesDownPerRequest: counts.bytesDown / requests,
        bytesUpPerRequest: counts.bytesUp / requests,
      },
      requests: { ...counts, ...lambda() },
      operations: requests,
      warnings: doubtsAboutTheFirst(metrics.totalMs.samples),
    };
  });
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
  const width = Math.max(...samples.flatMap(({ values }) => values.map((value) => formatMs(value).length)));
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
    `${of('distinctVersions')} distinct versions; size ${formatBytes(of('sizeBeforeBytes'))} before, ${formatBytes(of('sizeAfterBytes'))} after`,
    `with a cache that hits ${of('projectedHitRatePercent')} %: download ${formatMs(of('projectedDownloadMs'))}, total ${formatMs(of('projectedTotalMs'))},`,
    `  ${formatMs(of('projectedSavingMs'))} (${of('projectedSavingPercent').toFixed(1)} %) saved; a cached request ${formatMs(of('projectedCachedRequestMs'))}`,
    'cache off: each request fetches and stores the whole database',
  ];
}
