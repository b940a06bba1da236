import type { Command } from 'commander';
import type { ConcurrentResult, ConcurrentVerdict, Race } from '../../bench/concurrent.ts';
import type { Figures } from '../../bench/stats.ts';
import { parseCount, parsePositive } from '../../cli/arguments.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatMs } from '../../core/format.ts';
import { lambdaOf } from '../../core/usage.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { type LeaseFlags, leaseOptions, leaseTtlOf } from '../db/lease-options.ts';
import type { Execute, Invocation } from '../execute.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import { type BenchResult, DEFAULT_RTT_MS, notesOption, reportView, runScenario } from './scenario.ts';
import { FUNCTION_CACHE_TTL, functionLines, type ViaFlags, viaOption } from './via.ts';

interface ConcurrentOptions extends LeaseFlags, ReportFlags, ViaFlags {
  readonly workers: number;
  readonly requests: number;
  readonly notes: number;
  readonly retries?: number;
}

export function registerBenchConcurrent(parent: Command, execute: Execute): void {
  const command = parent
    .command('concurrent')
    .description('Test 4.2: processes that change one database at once, and how each change ended')
    .option('--workers <n>', 'how many processes, each with its own cache', parsePositive, 10)
    .option('--requests <n>', 'how many changes each makes, one after the other', parsePositive, 1)
    .option('--retries <n>', 'how often a change runs again (default: workers × requests - 1)', parseCount)
    .addHelpText('after', '\nExample:\n  $ javumbo bench concurrent --workers 10 --retries 0');
  benchOptions(viaOption(leaseOptions(notesOption(command, 5)))).action((options: ConcurrentOptions) =>
    execute(command, (invocation) => benchConcurrent(invocation, options), concurrentView),
  );
}

export async function benchConcurrent(invocation: Invocation, options: ConcurrentOptions): Promise<BenchResult> {
  const { workers, requests, notes, via } = options;
  const { retries = workers * requests - 1 } = options;
  const leaseTtlMs = leaseTtlOf(options);
  const lease = leaseTtlMs !== undefined;
  const { CONCURRENT_FIGURES, concurrentDoubts, concurrentFigures, judgeConcurrent } = await import(
    '../../bench/concurrent.ts'
  );
  const { createWithNotes } = await import('../../bench/test-user.ts');
  const { context } = invocation;
  if (lease && via === 'function') {
    throw new JavumboError('usage', 'the function takes no lease: its writers race', {
      try: 'one of --lease and --via function',
    });
  }
  const plan = {
    name: 'concurrent',
    parameters: {
      workers,
      requests,
      notes,
      retries,
      lease,
      ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }),
      loop: 'closed',
    },
    cacheTtlDefault: FUNCTION_CACHE_TTL,
    rttDefaultMs: DEFAULT_RTT_MS,
    operation: 'one committed change, with all that the others of the race cost',
    figures: CONCURRENT_FIGURES,
  };
  return runScenario(invocation, plan, options, async ({ deployment, username, progress }) => {
    // Before any data is made, since the lock table may not be configured.
    if (lease) await deployment.locks();
    const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
    await createWithNotes(databases, username, notes, context);
    const race: Race = {
      databases,
      username,
      workers,
      edits: requests,
      retries,
      monotonic: () => context.clock.monotonic(),
      onProgress: (text) => progress.show(text),
    };
    const { result, more } =
      via === 'function'
        ? await inContainers(deployment, race)
        : await inProcesses(invocation, deployment, race, leaseTtlMs);
    const verdict = judgeConcurrent(result, notes);
    const { metrics, derived } = concurrentFigures(result, verdict);
    const failureReasons = reasons(
      verdict,
      result.workers.flatMap(({ error }) => error ?? []),
    );
    return {
      metrics: { ...metrics, ...more.metrics },
      derived: { ...derived, ...more.derived },
      workers: result.workers,
      requests: { ...result.usage.store, ...(lease ? { dynamo: result.usage.tables } : {}), ...lambdaOf(result.usage) },
      operations: verdict.committed,
      warnings: lease ? [] : concurrentDoubts(verdict, workers, retries, 'a longer --rtt or more --workers'),
      passed: failureReasons.length === 0,
      failureReasons,
    };
  });
}

/** A finished race, with what its report has beside the figures of every race. */
interface Raced {
  readonly result: ConcurrentResult;
  readonly more: Figures;
}

async function inProcesses(
  { context }: Invocation,
  deployment: Deployment,
  race: Race,
  leaseTtlMs: number | undefined,
): Promise<Raced> {
  const { measureConcurrent } = await import('../../bench/concurrent.ts');
  const { env, signal } = context;
  // The next process removes it if this one is killed.
  const { path, release } = deployment.cache.workDirectory();
  const orders = { config: deployment.config, directory: path, env, leaseTtlMs, signal };
  const result = await measureConcurrent(race, orders).finally(release);
  return { result, more: { metrics: {}, derived: {} } };
}

async function inContainers(deployment: Deployment, race: Race): Promise<Raced> {
  const { measureConcurrentFunction } = await import('../../bench/concurrent-function.ts');
  const { functionFigures } = await import('../../bench/function-requester.ts');
  const client = await deployment.function();
  const result = await measureConcurrentFunction(client, race);
  const invocationMs = result.workers.map(({ durationMs }) => durationMs);
  return {
    result,
    more: functionFigures({ ...result.calls, invocationMs, containers: result.writers }),
  };
}

function reasons(verdict: ConcurrentVerdict, errors: readonly string[]): string[] {
  const { committed, lost, unexpected, missing } = verdict;
  return [
    ...(lost.length > 0 ? [`DATA LOSS: acknowledged and absent: notes ${lost.join(', ')}`] : []),
    ...(unexpected.length > 0 ? [`refused and present: notes ${unexpected.join(', ')}`] : []),
    ...(missing > 0 ? [`${missing} of the earlier notes are gone`] : []),
    ...(committed === 0 ? ['no change was committed'] : []),
    ...[...new Set(errors)].map((error) => `a worker failed: ${error}`),
  ];
}

export const concurrentView = reportView((report) => {
  const { workers = [], metrics, derived, parameters } = report;
  const of = (name: string): number => derived[name] ?? Number.NaN;
  const { successMs } = metrics;
  return [
    ...workers.map(
      ({ noteId, outcome, attempts, durationMs }) =>
        `note ${noteId}  ${outcome.padEnd(9)}  ${String(attempts).padStart(3)} ${attempts === 1 ? 'attempt ' : 'attempts'}  ${formatMs(durationMs).padStart(9)}`,
    ),
    '',
    `${workers.length} changes by ${parameters.workers} ${parameters.via === 'function' ? 'callers' : 'processes'}: ${of('committed')} committed, ${of('conflicts')} conflicts, ${of('unknown')} unknown, ${of('other')} other`,
    ...(successMs === undefined
      ? []
      : [
          `committed after ${formatMs(successMs.min)} to ${formatMs(successMs.max)}, ${formatMs(successMs.mean)} on average; all in after ${formatMs(of('allInMs'))}`,
        ]),
    `the database holds ${of('notesAtEnd')} notes: ${of('lost')} acknowledged ones lost, ${of('unexpected')} refused ones there`,
    ...functionLines(report),
  ];
});
