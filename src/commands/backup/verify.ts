import type { Command } from 'commander';
import type { VerifiedFolder, VerifiedUser } from '../../backup/verify.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { rateText, withProgress } from '../../cli/progress.ts';
import { formatBytes, formatCount } from '../../core/format.ts';
import type { Execute, Invocation } from '../execute.ts';
import { ownDirectories } from './directories.ts';
import { countsText, drained, exitCodeOf, OUTCOME_ROWS, OutcomeCollector, type Outcomes } from './outcomes.ts';

export interface VerifyReport extends Outcomes, VerifiedFolder {
  readonly users: readonly VerifiedUser[];
  readonly bytes: number;
}

export function registerBackupVerify(parent: Command, execute: Execute): void {
  const command = parent
    .command('verify <dir>')
    .description("read a backup back: every byte, every page, and every collection by Anki's rules")
    .addHelpText('after', '\nExample:\n  $ javumbo backup verify ./backup');
  command.action((directory: string) =>
    execute(command, (invocation) => backupVerify(invocation, directory), verifyView),
  );
}

export async function backupVerify(invocation: Invocation, directory: string): Promise<VerifyReport> {
  const { verifyBackup } = await import('../../backup/verify.ts');
  const { clock, random, runBlocking, signal } = invocation.context;
  const outcomes = new OutcomeCollector<VerifiedUser>(invocation.flags);
  let [users, bytes] = [0, 0];
  const options = { directory, clock, random, runBlocking, signal, ...(await ownDirectories(invocation)) };
  const folder = await withProgress(invocation, async (progress) => {
    const startedAt = clock.monotonic();
    progress.show('reading manifests');
    return drained(verifyBackup(options), (user) => {
      outcomes.add(user);
      bytes += user.sizeBytes ?? 0;
      const rate = rateText(bytes, clock.monotonic() - startedAt);
      progress.show(`verifying: ${++users} users, ${formatBytes(bytes)}${rate}`);
    });
  });
  return { users: outcomes.users, counts: outcomes.counts, bytes, ...folder };
}

const verifyView: View<VerifyReport> = {
  ...OUTCOME_ROWS,
  text: (report, paint) => (verifyExitCode(report) === 0 ? paint.good : paint.bad)(summaryOf(report)),
  failures: (report) => [summaryOf(report)],
  exitCode: verifyExitCode,
};

function verifyExitCode(report: VerifyReport) {
  const none = report.runs - report.stoppedRuns - report.damagedRuns.length === 0;
  return report.damagedRuns.length > 0 || none ? EXIT_CODE.violation : exitCodeOf(report);
}

function summaryOf({ counts, bytes, runs, stoppedRuns, damagedRuns, unusedFiles }: VerifyReport): string {
  const closed = runs - stoppedRuns - damagedRuns.length;
  return [
    ...damagedRuns.map(({ error }) => error),
    `${countsText(counts)}; ${formatBytes(bytes)} in ${formatCount(closed, 'complete run')}`,
    ...(closed === 0
      ? ['error: no run is complete, so this is no backup yet\ntry:   javumbo backup create <dir>']
      : []),
    ...(stoppedRuns > 0 ? [`stopped runs: ${stoppedRuns}; the next backup create goes on with them`] : []),
    ...(unusedFiles > 0 ? [`files that no complete run names: ${unusedFiles}`] : []),
  ].join('\n');
}
