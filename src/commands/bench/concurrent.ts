import type { Command } from 'commander';
import type { ConcurrentVerdict } from '../../bench/concurrent.ts';
import type { Execute, Invocation } from '../../cli/execute.ts';
import { formatMs } from '../../cli/format.ts';
import { parseCount } from '../db/exec.ts';
import { type LeaseFlags, leaseOptions } from '../db/lease-options.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import {
  type BenchResult,
  DEFAULT_RTT_MS,
  FUNCTION_CACHE_TTL,
  notesOption,
  parsePositive,
  reportView,
  runScenario,
} from './scenario.ts';

interface ConcurrentOptions extends LeaseFlags, ReportFlags {
  readonly workers: number;
  readonly requests: number;
  readonly notes: number;
  readonly retries?: number;
}

export function registerBenchConcurrent(parent: Command, execute: Execute): void {
  const command = parent
    .command('concurrent')
    .description('Test 4.2: processes that change one database at once, and what became of each change')
    .option('--workers <n>', 'how many processes, each with a cache of its own', parsePositive, 10)
    .option('--requests <n>', 'how many changes each makes, one after the other', parsePositive, 1)
    .option(
      '--retries <n>',
      'how often a change runs again after a conflict (default: workers × requests - 1)',
      parseCount,
    )
    .addHelpText('after', '\nExample:\n  $ javumbo bench concurrent --workers 10 --retries 0');
  benchOptions(leaseOptions(notesOption(command, 5))).action((options: ConcurrentOptions) =>
    execute(command, (invocation) => benchConcurrent(invocation, options), concurrentView),
  );
}

export async function benchConcurrent(
  invocation: Invocation,
  { workers, requests, notes, retries = workers * requests - 1, lease = false, leaseTtl, ...output }: ConcurrentOptions,
): Promise<BenchResult> {
  const { CONCURRENT_FIGURES, concurrentFigures, judgeConcurrent, measureConcurrent } = await import(
    '../../bench/concurrent.ts'
  );
  const { createWithNotes } = await import('../../bench/latency.ts');
  const { context } = invocation;
  const plan = {
    name: 'concurrent',
    parameters: {
      workers,
      requests,
      notes,
      retries,
      lease,
      ...(lease ? { leaseTtlMs: leaseTtl } : {}),
      loop: 'closed',
    },
    cacheTtlDefault: FUNCTION_CACHE_TTL,
    operation: 'one committed change, with all that the others of the race cost',
    figures: CONCURRENT_FIGURES,
  };
  return runScenario(
    invocation,
    { rttDefaultMs: DEFAULT_RTT_MS },
    output,
    plan,
    async ({ deployment, username, progress }) => {
      // Asked before any data is made: nothing may say where the lock table is.
      if (lease) await deployment.locks();
      const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
      await createWithNotes(databases, username, notes, context);
      // Swept by the next process if this one is killed.
      const directory = deployment.cache.workDirectory();
      const result = await measureConcurrent({
        config: deployment.config,
        directory: directory.path,
        env: context.env,
        databases,
        username,
        workers,
        edits: requests,
        retries,
        leaseTtlMs: lease ? leaseTtl : undefined,
        monotonic: () => context.clock.monotonic(),
        onProgress: (text) => progress.show(text),
        signal: context.signal,
      }).finally(directory.release);
      const verdict = judgeConcurrent(result, notes);
      const failureReasons = reasons(
        verdict,
        result.workers.flatMap(({ error }) => error ?? []),
      );
      return {
        ...concurrentFigures(result, verdict),
        workers: result.workers,
        requests: { ...result.requests, ...(lease ? { dynamo: result.tableRequests } : {}) },
        operations: verdict.committed,
        warnings: lease ? [] : concurrentDoubts(verdict, workers, retries),
        passed: failureReasons.length === 0,
        failureReasons,
      };
    },
  );
}

function reasons(verdict: ConcurrentVerdict, errors: readonly string[]): string[] {
  const { committed, lost, unexpected, missing } = verdict;
  return [
    ...(lost.length > 0 ? [`DATA LOSS: acknowledged and not there: notes ${lost.join(', ')}`] : []),
    ...(unexpected.length > 0 ? [`refused and there all the same: notes ${unexpected.join(', ')}`] : []),
    ...(missing > 0 ? [`${missing} of the notes that were there before are gone`] : []),
    ...(committed === 0 ? ['not one change was committed'] : []),
    ...[...new Set(errors)].map((error) => `a worker failed: ${error}`),
  ];
}

/** Losers are what a race is about: without them the run says little about conflicts. */
export function concurrentDoubts({ conflicts }: ConcurrentVerdict, workers: number, retries: number): string[] {
  if (retries > 0 || conflicts >= workers - 1) return [];
  return [
    `only ${conflicts} of ${workers - 1} possible conflicts: the workers hardly met; try a longer --rtt or more --workers`,
  ];
}

export const concurrentView = reportView(({ workers = [], metrics, derived, parameters }) => {
  const of = (name: string): number => derived[name] ?? Number.NaN;
  const { successMs } = metrics;
  return [
    ...workers.map(
      ({ noteId, outcome, attempts, durationMs }) =>
        `note ${noteId}  ${outcome.padEnd(9)}  ${String(attempts).padStart(3)} ${attempts === 1 ? 'attempt ' : 'attempts'}  ${formatMs(durationMs).padStart(9)}`,
    ),
    '',
    `${workers.length} changes by ${parameters.workers} processes: ${of('committed')} committed, ${of('conflicts')} conflicts, ${of('unknown')} unknown, ${of('other')} other`,
    ...(successMs === undefined
      ? []
      : [
          `committed after ${formatMs(successMs.min)} to ${formatMs(successMs.max)}, ${formatMs(successMs.mean)} on average; all in after ${formatMs(of('allInMs'))}`,
        ]),
    `the database holds ${of('notesAtEnd')} notes: ${of('lost')} acknowledged ones lost, ${of('unexpected')} refused ones there`,
  ];
});
