import type { Command } from 'commander';
import { parseCount, parseNames, parsePositive, parseWorkTime } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import type { ConsistencyFindings } from '../../consistency/report.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatMs } from '../../core/format.ts';
import { usageSince } from '../../core/usage.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { Report } from '../../report/document.ts';
import type { StartedReport } from '../../report/start.ts';
import type { Execute, Invocation } from '../execute.ts';
import { allWritten, type ReportFlags, reportOptions, withReport } from '../report-options.ts';
import { verifyViewOf } from './view.ts';

interface ConsistencyFlags extends ReportFlags {
  readonly duration: number;
  readonly clients: number;
  readonly users: number;
  readonly faults?: readonly string[];
  readonly seed?: number;
  readonly history?: string;
  readonly sabotage?: string;
  readonly check?: string;
}

interface ConsistencyResult {
  readonly report: Report;
  readonly failure: ConsistencyFindings['failure'];
}

const DURATION_MS = 60_000;
const CLIENTS = 8;
const USERS = 4;
const SEEDS = 2 ** 31;

export function registerVerifyConsistency(parent: Command, execute: Execute): void {
  const command = parent
    .command('consistency')
    .description('prove on this deployment that no update is lost, under kills and lost, late and repeated requests')
    .option(
      '--duration <time>',
      'how long the clients work (default: 60s), and as long again for what has not occurred',
      parseWorkTime,
    )
    .option('--clients <number>', 'how many processes work at once', parsePositive, CLIENTS)
    .option('--users <number>', 'how many test users they work on', parsePositive, USERS)
    .option('--faults <names>', 'only these (repeatable, or with commas; default: all)', parseNames)
    .option('--seed <number>', 'what decides the plan and the faults (default: a random one)', parseCount)
    .option('--history <file>', 'keep the history, for --check')
    .option('--sabotage <name>', 'put a wrong client among them, which must be caught')
    .option('--check <file>', 'judge the history of an earlier run again, without a deployment')
    .addHelpText('after', '\nExample:\n  $ javumbo verify consistency --duration 60s --history run.jsonl');
  reportOptions(command).action((flags: ConsistencyFlags) =>
    flags.check === undefined
      ? execute(command, (invocation) => verifyConsistency(invocation, flags), consistencyView)
      : execute(command, (invocation) => checkHistory(invocation, flags), consistencyView, { unconfigured: true }),
  );
}

async function verifyConsistency(invocation: Invocation, flags: ConsistencyFlags): Promise<ConsistencyResult> {
  const { context } = invocation;
  const { duration: durationMs = DURATION_MS, clients, users, faults, sabotage, history, ...output } = flags;
  const { isSabotage, SABOTAGES } = await import('../../consistency/sabotage.ts');
  if (sabotage !== undefined && !isSabotage(sabotage)) {
    throw new JavumboError('usage', `there is no sabotage ${sabotage}`, {
      try: `--sabotage with one of ${Object.keys(SABOTAGES).join(', ')}`,
    });
  }
  const seed = flags.seed ?? Math.floor(context.random.fraction() * SEEDS);
  const start = {
    kind: 'verify',
    name: 'consistency',
    parameters: {
      durationMs,
      clients,
      users,
      seed,
      ...(faults === undefined ? {} : { faults: faults.join(',') }),
      ...(sabotage === undefined ? {} : { sabotage }),
    },
    operation: 'one run of verify consistency, without the requests of its clients',
  } as const;
  // Finding out whether the store is safe is the point.
  return withReport(invocation, { allowUnsafeStore: true }, output, start, async (report, deployment) => {
    const work = deployment.cache.workDirectory();
    try {
      const path = history ?? `${work.path}/history.jsonl`;
      const options = { durationMs, clients, users, seed, faults, sabotage, history: path };
      return await run(invocation, deployment, report, options);
    } finally {
      work.release();
    }
  });
}

async function run(
  invocation: Invocation,
  deployment: Deployment,
  report: StartedReport,
  options: import('../../consistency/run.ts').ConsistencyOptions,
): Promise<ConsistencyResult> {
  const { context, flags } = invocation;
  const [{ askEngine }, { startHistory }, { recordViolation }, { runClients }, { findingsOf }] = await Promise.all([
    import('../../consistency/engine-answers.ts'),
    import('../../consistency/history-file.ts'),
    import('../../consistency/record.ts'),
    import('../../consistency/run.ts'),
    import('../../consistency/report.ts'),
  ]);
  startHistory(options.history);
  const testRun = invocation.run();
  const before = deployment.usage();
  const { answers, recorded } = await withProgress({ context, flags }, async (progress) => {
    progress.show('asking the engine');
    const answers = await askEngine(deployment, context, testRun);
    progress.show(`starting ${options.clients} clients`);
    const recorded = await runClients(deployment, context, testRun, options, answers.deletion, (so) => {
      const still = so.missing.length === 0 ? '' : `, still to come: ${so.missing.slice(0, 3).join(', ')}`;
      progress.show(`${so.operations} operations in ${formatMs(so.elapsedMs)}, ${so.kills} clients killed${still}`);
    });
    progress.show('judging the history');
    return { answers, recorded };
  });
  const findings = findingsOf(recorded, answers);
  const warnings = options.sabotage === undefined ? recordViolation(deployment, findings.verdict, context) : [];
  const usage = usageSince(before, deployment.usage());
  return {
    failure: findings.failure,
    report: report.finish({ ...partsOf(findings), warnings, requests: { ...usage.store, dynamo: usage.tables } }),
  };
}

/** Judges a history file. Neither a setting is read nor a request made. */
async function checkHistory(
  { context, flags, deploymentKind }: Invocation,
  { check = '', report: targets = [], prices }: ConsistencyFlags,
): Promise<ConsistencyResult> {
  const [{ readTextFile }, { readHistory }, { findingsOf }, { startReport }, { loadPrices }, { openReportFiles }] =
    await Promise.all([
      import('../../core/input-file.ts'),
      import('../../consistency/history-file.ts'),
      import('../../consistency/report.ts'),
      import('../../report/start.ts'),
      import('../../report/prices.ts'),
      import('../../report/files.ts'),
    ]);
  const files = await openReportFiles(targets, context, flags);
  const recorded = readHistory(await readTextFile(check, 'a file that --history wrote'), check);
  const { deployment, seed, sabotage, run } = recorded.header;
  const report = await startReport(
    {
      kind: 'verify',
      name: 'consistency',
      parameters: { check, run, seed, ...(sabotage === undefined ? {} : { sabotage }) },
      operation: 'one judgement of a history',
      thresholds: [],
      prices: await loadPrices(prices),
    },
    deployment.kind ?? deploymentKind,
    context,
  );
  const findings = findingsOf(recorded, undefined);
  const finished = report.finish(partsOf(findings));
  await allWritten(files.write(finished));
  return { failure: findings.failure, report: finished };
}

function partsOf({
  checks,
  history,
  failure,
  failureReasons,
}: ConsistencyFindings): Parameters<StartedReport['finish']>[0] {
  return { checks: [...checks], history, passed: failure === undefined, failureReasons: [...failureReasons] };
}

const consistencyView: View<ConsistencyResult> = {
  json: ({ report }) => report,
  text: ({ report }, paint) => verifyViewOf(false).text?.({ report, days: [], failure: undefined }, paint) ?? '',
  exitCode: ({ failure, report }) =>
    failure !== undefined ? EXIT_CODE[failure] : report.passed ? EXIT_CODE.ok : EXIT_CODE.violation,
};
