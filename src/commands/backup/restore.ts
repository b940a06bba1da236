import type { Command } from 'commander';
import type { RestoredUser, RestoreOptions } from '../../backup/restore.ts';
import type { RestorePlan } from '../../backup/restore-plan.ts';
import { repeated } from '../../cli/arguments.ts';
import { type Paint, PLAIN } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { rateText, withProgress } from '../../cli/progress.ts';
import { formatBytes, formatCount } from '../../core/format.ts';
import { parseUsername } from '../../core/username.ts';
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

interface Options {
  readonly only?: readonly string[];
  readonly run?: string;
  readonly replace?: boolean;
  readonly withoutAccounts?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly parallel: number;
}

export interface RestoreReport extends Outcomes {
  readonly users: readonly RestoredUser[];
  /** When the run that was restored began. */
  readonly run: { readonly startedAt: string | undefined };
  /** What the first look found. */
  readonly plan: Omit<RestorePlan, 'run'>;
  /** Databases that were read back from the deployment and compared with the backup, and are equal to it. */
  readonly equal: number;
  readonly dryRun: boolean;
}

export function registerBackupRestore(parent: Command, execute: Execute): void {
  const command = parent
    .command('restore <dir>')
    .description('bring back databases and accounts that are not there; with --replace, also those that differ')
    .option('--only <username>', 'this user; can be given several times', repeated(parseUsername))
    .option('--run <time>', 'the run that began then (default: the newest complete one)')
    .option('--replace', 'also replace what differs from the backup, and ask before')
    .option('--without-accounts', 'leave accounts alone')
    .option('-n, --dry-run', 'show what would be done, and do nothing')
    .option('-y, --yes', 'do not ask before replacing')
    .addOption(parallelOption())
    .addHelpText('after', '\nExample:\n  $ javumbo backup restore ./backup --only alice --replace');
  command.action((directory: string, options: Options) =>
    execute(command, (invocation) => backupRestore(invocation, directory, options), restoreView),
  );
}

export async function backupRestore(
  invocation: Invocation,
  directory: string,
  { only, run, replace = false, withoutAccounts = false, dryRun = false, yes = false, parallel }: Options,
): Promise<RestoreReport> {
  const [{ restoreBackup }, { BackupFolder }, { chosenRun }, { sqliteEngine }] = await Promise.all([
    import('../../backup/restore.ts'),
    import('../../backup/folder.ts'),
    import('../../backup/runs.ts'),
    import('../../sqlite/choose-engine.ts'),
  ]);
  const { context, config } = invocation;
  const { clock, random } = context;
  const chosen = await chosenRun(BackupFolder.existing(directory), run);
  const deployment = await invocation.deployment();
  const target = {
    databases: deployment.databases({ cacheTtlDefault: 0, caching: false }),
    // A backup without accounts needs no table for them.
    users: withoutAccounts || chosen.accounts === 0 ? undefined : await accountsOf(deployment),
    sqlite: () => sqliteEngine(config.sqliteEngine.value),
    workDirectory: () => deployment.cache.workDirectory(),
  };
  const local = deployment.description.kind === 'local';
  const outcomes = new OutcomeCollector<RestoredUser>(invocation.flags);
  let [users, bytes] = [0, 0];
  const restored = await withProgress(invocation, async (progress) => {
    let startedAt = clock.monotonic();
    progress.show('looking at what is there');
    const options: RestoreOptions = {
      directory,
      run: chosen.name,
      only,
      replace,
      parallel,
      clock,
      random,
      decide: async (plan) => {
        progress.done();
        if (dryRun) return false;
        if (replace && plan.different + plan.accountsDifferent > 0) {
          const { confirm } = await import('../../cli/prompt.ts');
          const word = local ? 'local' : (config.bucket.value ?? 'replace');
          const what = questionOf(plan, local ? 'the local deployment' : `bucket "${word}"`);
          await confirm(context, { what, word, yes, spared: 'nothing was changed' });
        }
        startedAt = clock.monotonic();
        return true;
      },
      onLook: (looked, of) => progress.show(`looking at what is there: ${looked} of ${of} users`),
      onStored: (stored, storedBytes) => {
        const rate = rateText(storedBytes, clock.monotonic() - startedAt);
        progress.show(`restoring: ${stored} users, ${formatBytes(storedBytes)}${rate}`);
      },
    };
    return drained(restoreBackup(target, options), (user) => {
      outcomes.add(user);
      bytes += user.sizeBytes ?? 0;
      progress.show(`comparing: ${++users} users, ${formatBytes(bytes)}`);
    });
  });
  const { run: _, ...plan } = restored.plan;
  return {
    users: outcomes.users,
    counts: outcomes.counts,
    run: { startedAt: chosen.header?.startedAt },
    plan,
    equal: restored.equal,
    dryRun,
  };
}

function questionOf(plan: RestorePlan, where: string): string {
  const { different, accountsDifferent, run } = plan;
  const names = namesOf(plan);
  const what = [
    ...(different > 0 ? [formatCount(different, 'database')] : []),
    ...(accountsDifferent > 0 ? [formatCount(accountsDifferent, 'account')] : []),
  ].join(' and ');
  return `This replaces ${what} in ${where} (${names}) by what they were at ${run.header?.startedAt}`;
}

/** Names some of those who differ. */
function namesOf({ examples, different, accountsDifferent }: RestoreReport['plan']): string {
  return examples.join(', ') + (Math.max(different, accountsDifferent) > examples.length ? ' …' : '');
}

const restoreView: View<RestoreReport> = {
  ...OUTCOME_ROWS,
  text: (report, paint) => (exitCodeOf(report) === 0 ? paint.good : paint.bad)(summaryOf(report, paint)),
  failures: (report) => [summaryOf(report, PLAIN)],
  exitCode: exitCodeOf,
};

function summaryOf({ counts, plan, equal, run, dryRun }: RestoreReport, { times }: Paint): string {
  const { created, unchanged, different, accountsCreated, accountsUnchanged, accountsDifferent, examples } = plan;
  const looked = [
    `databases: ${created} to create, ${unchanged} equal, ${different} different`,
    `accounts: ${accountsCreated} to create, ${accountsUnchanged} equal, ${accountsDifferent} different`,
    ...(examples.length > 0 ? [`different, and left without --replace: ${namesOf(plan)}`] : []),
  ];
  const of = run.startedAt === undefined ? 'unknown time' : times(run.startedAt);
  if (dryRun) return [`the backup of ${of}, before anything is stored:`, ...looked].join('\n');
  return [
    `restored the backup of ${of}: ${countsText(counts)}`,
    `compared with the backup: ${equal} of ${formatCount(created + unchanged + different, 'database')} equal`,
  ].join('\n');
}
