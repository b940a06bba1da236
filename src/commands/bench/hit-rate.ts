import type { Command } from 'commander';
import type { HitRateRequest } from '../../bench/hit-rate.ts';
import { parsePositive } from '../../cli/arguments.ts';
import { formatMs } from '../../core/format.ts';
import type { Execute, Invocation } from '../execute.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import {
  type BenchResult,
  DEFAULT_RTT_MS,
  FUNCTION_CACHE_TTL,
  notesOption,
  reportView,
  runScenario,
} from './scenario.ts';
import { functionLines, openRequester, planVia, type ViaFlags, viaOption } from './via.ts';

interface HitRateOptions extends ReportFlags, ViaFlags {
  readonly requests: number;
  readonly notes: number;
}

export function registerBenchHitRate(parent: Command, execute: Execute): void {
  const command = parent
    .command('hit-rate')
    .description('Test 3.2: how many reads of one user the cache serves')
    .option('--requests <n>', 'how many reads, one after the other', parsePositive, 50)
    .addHelpText('after', '\nExample:\n  $ javumbo bench hit-rate --rtt 171ms');
  benchOptions(viaOption(notesOption(command, 10))).action((options: HitRateOptions) =>
    execute(command, (invocation) => benchHitRate(invocation, options), hitRateView),
  );
}

export async function benchHitRate(
  invocation: Invocation,
  { requests, notes, via, ...output }: HitRateOptions,
): Promise<BenchResult> {
  const { HIT_RATE_FIGURES, hitRateFigures, measureHitRate } = await import('../../bench/hit-rate.ts');
  const { createWithNotes } = await import('../../bench/latency.ts');
  const { requestsSince } = await import('../../core/request-counts.ts');
  const { context } = invocation;
  const plan = planVia(
    {
      name: 'hit-rate',
      parameters: { requests, notes, loop: 'closed' },
      cacheTtlDefault: FUNCTION_CACHE_TTL,
      operation: 'one read of a user who reads again and again',
      figures: HIT_RATE_FIGURES,
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
      const requested = () => ({ ...requestsSince(before, deployment.requests()), ...lambda() });
      const soFar: HitRateRequest[] = [];
      measuring(() => ({
        metrics: soFar.length === 0 ? {} : hitRateFigures(soFar).metrics,
        hits: soFar.map(({ hit }) => hit),
        requests: requested(),
      }));
      const made = await measureHitRate({
        requester,
        username,
        requests,
        counts: () => deployment.requests(),
        onRequest: (request, index) => {
          soFar.push(request);
          progress.show(`request ${index + 1} of ${requests}: ${request.hit ? 'hit' : 'miss'}`);
        },
      });
      const { metrics, derived } = hitRateFigures(made);
      return {
        metrics: { ...metrics, ...parts().metrics },
        derived: { ...derived, ...parts().derived },
        hits: made.map(({ hit }) => hit),
        requests: requested(),
        operations: requests,
        warnings: hitRateDoubts(derived),
      };
    },
  );
}

function hitRateDoubts({ hits = 0, misses = 0 }: Readonly<Record<string, number>>): string[] {
  return misses > 1 && hits + misses > 1
    ? [`${misses} requests missed: is --cache-ttl or DB_CACHE_TTL shorter than the run?`]
    : [];
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
