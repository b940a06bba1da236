import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import type { Execute, Invocation } from '../execute.ts';

interface ListedRun {
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
  readonly complete: boolean;
  readonly users: number;
  readonly databases: number;
  readonly accounts: number;
  readonly bytes: number;
  readonly damaged: number;
  /** What is wrong with its manifest. */
  readonly error: string | undefined;
  readonly manifest: string;
}

export function registerBackupList(parent: Command, execute: Execute): void {
  const command = parent
    .command('list <dir>')
    .description('list the runs of a backup, newest first, and whether each is complete')
    .addHelpText('after', '\nExample:\n  $ javumbo backup list ./backup');
  command.action((directory: string) =>
    execute(command, (invocation) => backupList(invocation, directory), listView, { unconfigured: true }),
  );
}

export async function backupList(_: Invocation, directory: string): Promise<{ runs: readonly ListedRun[] }> {
  const [{ BackupFolder }, { allRuns, isComplete }] = await Promise.all([
    import('../../backup/folder.ts'),
    import('../../backup/runs.ts'),
  ]);
  const runs: ListedRun[] = [];
  for await (const run of allRuns(BackupFolder.existing(directory))) {
    const { name, header, endedAt, users, databases, accounts, bytes, damaged, damage } = run;
    runs.unshift({
      startedAt: header?.startedAt,
      endedAt,
      complete: isComplete(run),
      users,
      databases,
      accounts,
      bytes,
      damaged,
      error: damage,
      manifest: name,
    });
  }
  return { runs };
}

const listView: View<{ runs: readonly ListedRun[] }> = {
  table: ({ runs }) => ({
    head: ['started (UTC)', 'users', 'databases', 'accounts', 'size', 'damaged', 'state'],
    rows: runs.map(({ startedAt, users, databases, accounts, bytes, damaged, complete, error }) => [
      startedAt === undefined ? '' : { time: Date.parse(startedAt) },
      users,
      databases,
      accounts,
      { bytes },
      damaged,
      error !== undefined ? 'BAD' : complete ? 'complete' : 'stopped',
    ]),
  }),
  text: ({ runs }) =>
    [
      ...runs.flatMap(({ error }) => (error === undefined ? [] : [error])),
      ...(runs.some(({ complete }) => complete) ? [] : ['no run is complete, so this is no backup yet']),
    ].join('\n'),
};
