import type { Command } from 'commander';
import type { BackedUpUser } from '../../backup/create.ts';
import { EXIT_CODE, type ExitCode } from '../../cli/exit-code.ts';
import { type Paint, PLAIN } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { rateText, withProgress } from '../../cli/progress.ts';
import { formatBytes, formatCount } from '../../core/format.ts';
import type { Execute, Invocation } from '../execute.ts';
import { accountsOf } from './deployment-accounts.ts';
import {
  countsText,
  drained,
  exitCodeOf,
  OUTCOME_ROWS,
  OutcomeCollector,
  type Outcomes,
  parallelOption,
} from './outcomes.ts';

interface CreateOptions {
  readonly withoutAccounts?: boolean;
  readonly parallel: number;
}

export interface BackupReport extends Outcomes {
  readonly users: readonly BackedUpUser[];
  readonly run: {
    readonly startedAt: string;
    /** False if somebody is missing. */
    readonly complete: boolean;
    readonly databases: number;
    /** How many the complete run before had; absent in the first. */
    readonly databasesBefore?: number | undefined;
    readonly accounts: number;
    readonly bytes: number;
  };
  /** What was fetched; the rest was there. */
  readonly fetchedBytes: number;
}

export function registerBackupCreate(parent: Command, execute: Execute): void {
  const command = parent
    .command('create <dir>')
    .description('copy all databases and accounts into a folder; again: only what changed')
    .option('--without-accounts', 'leave accounts and their password hashes out')
    .addOption(parallelOption())
    .addHelpText('after', '\nExample:\n  $ javumbo backup create ./backup');
  command.action((directory: string, options: CreateOptions) =>
    execute(command, (invocation) => backupCreate(invocation, directory, options), createView),
  );
}

export async function backupCreate(
  invocation: Invocation,
  directory: string,
  { withoutAccounts = false, parallel }: CreateOptions,
): Promise<BackupReport> {
  const [{ createBackup }, { sqliteEngine }] = await Promise.all([
    import('../../backup/create.ts'),
    import('../../sqlite/choose-engine.ts'),
  ]);
  const { clock, random, signal } = invocation.context;
  const deployment = await invocation.deployment();
  const { kind, bucket, region, endpoint } = deployment.description;
  const source = {
    deployment: { kind, bucket, region, endpoint, id: deployment.identity },
    store: deployment.store,
    databases: deployment.databases({ cacheTtlDefault: 0, caching: false }),
    users: withoutAccounts ? undefined : await accountsOf(deployment),
    sqlite: () => sqliteEngine(invocation.config.sqliteEngine.value),
    workDirectory: () => deployment.cache.workDirectory(),
  };
  const outcomes = new OutcomeCollector<BackedUpUser>(invocation.flags);
  let [users, databases, bytes, fetchedBytes] = [0, 0, 0, 0];
  const run = await withProgress(invocation, async (progress) => {
    const startedAt = clock.monotonic();
    progress.show('reading accounts');
    const onAccounts = (count: number): void => progress.show(`reading accounts: ${count} so far`);
    return drained(createBackup(source, { directory, parallel, clock, random, signal, onAccounts }), (user) => {
      outcomes.add(user);
      users++;
      fetchedBytes += user.fetchedBytes ?? 0;
      const { sizeBytes = 0 } = user;
      if (sizeBytes > 0) databases++;
      bytes += sizeBytes;
      const rate = rateText(fetchedBytes, clock.monotonic() - startedAt);
      progress.show(`backing up: ${users} users, ${formatBytes(fetchedBytes)} fetched${rate}`);
    });
  });
  const { startedAt, end, databasesBefore } = run;
  return {
    users: outcomes.users,
    counts: outcomes.counts,
    run: {
      startedAt,
      complete: end !== undefined,
      databases: end?.databases ?? databases,
      databasesBefore,
      accounts: end?.accounts ?? 0,
      bytes: end?.bytes ?? bytes,
    },
    fetchedBytes,
  };
}

const createView: View<BackupReport> = {
  ...OUTCOME_ROWS,
  text: (report, paint) => (createExitCode(report) === 0 ? paint.good : paint.bad)(summaryOf(report, paint)),
  failures: (report) => [summaryOf(report, PLAIN)],
  exitCode: createExitCode,
};

/** True if most databases are gone since the run before: a bucket that was emptied must not look like a good night. */
function mostAreGone({ complete, databases, databasesBefore = 0 }: BackupReport['run']): boolean {
  return complete && databases * 2 < databasesBefore;
}

function createExitCode(report: BackupReport): ExitCode {
  const code = exitCodeOf(report);
  return code === EXIT_CODE.ok && mostAreGone(report.run) ? EXIT_CODE.violation : code;
}

function summaryOf({ run, counts, fetchedBytes }: BackupReport, { times }: Paint): string {
  const { databases, accounts, bytes, complete, startedAt } = run;
  const held = `${formatCount(databases, 'database')} (${formatBytes(bytes)}) and ${formatCount(accounts, 'account')}`;
  const lines = [
    complete
      ? `backed up ${held}`
      : 'error: the run is not complete\ntry:   the same command, which goes on where this one stopped',
    `${countsText(counts)}; fetched ${formatBytes(fetchedBytes)}; run ${times(startedAt)}`,
    ...(mostAreGone(run)
      ? [
          `error: most databases are gone: the run before had ${run.databasesBefore}`,
          'try:   javumbo backup list <dir>, and --run with the one before, which is kept',
        ]
      : []),
    ...(complete ? ['each user is consistent; users are not consistent with each other'] : []),
  ];
  return lines.join('\n');
}
