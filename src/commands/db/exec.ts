import type { Command } from 'commander';
import { parseCount } from '../../cli/arguments.ts';
import { JavumboError } from '../../core/failure.ts';
import { readTextFile } from '../../core/input-file.ts';
import { interruptibleClock, interruptionOf } from '../../core/interruptible.ts';
import { isTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { SqliteDatabase } from '../../sqlite/engine.ts';
import type { Execute, Invocation } from '../execute.ts';
import { LEASE_WAIT_MAX_MS, type LeaseFlags, leaseOptions, leaseTtlOf } from './lease-options.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';
import { sqlOf } from './query.ts';

/** How often an operator's write runs again after conflicts, each of which means that another writer committed. */
export const OPERATOR_RETRIES = 20;

export function registerDbExec(parent: Command, execute: Execute): void {
  const command = parent
    .command('exec <username> [sql] [values...]')
    .description(
      'change a database in one transaction, again if another writer commits first; - as the SQL takes standard input',
    )
    .option('--file <script>', 'a file of SQL statements instead of <sql>')
    .option('-y, --yes', "do not ask before a table of Anki's is dropped or emptied")
    .option('--force', 'also leave what is no Anki collection any more')
    .option('--retries <n>', 'how often to run again after a conflict', parseCount, OPERATOR_RETRIES)
    .addHelpText('after', "\nExample:\n  $ javumbo db exec alice 'UPDATE notes SET tags = ?' ' animals '");
  leaseOptions(command).action((username: string, sql: string | undefined, values: string[], options: ExecOptions) =>
    execute(
      command,
      async (invocation) =>
        dbExec(invocation, parseUsername(username), await scriptOf(invocation, sql, options), values, options),
      writeView,
    ),
  );
}

interface ExecOptions extends LeaseFlags {
  readonly file?: string;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly retries: number;
}

export async function dbExec(
  invocation: Invocation,
  username: string,
  script: string,
  values: readonly string[],
  { retries, yes = false, force = false, ...lease }: ExecOptions,
): Promise<WriteReport> {
  const ttlMs = leaseTtlOf(lease);
  const { runScript } = await import('../../sqlite/sql.ts');
  const { holdingsOf, LossError, refuseLosses } = await import('../../anki/losses.ts');
  const { leasedUpdate } = await import('../../locks/leased-update.ts');
  const { context } = invocation;
  const interruption = interruptionOf(context);
  // A signal ends the wait for a lease.
  const clock = interruption === undefined ? context.clock : interruptibleClock(interruption);
  const update = (agreed: readonly string[]): Promise<WriteReport> =>
    reportWrite(invocation, username, async (databases, deployment) => {
      const edit = (database: SqliteDatabase): number => {
        const before = holdingsOf(database);
        const changes = runScript(database, script, values);
        refuseLosses(before, holdingsOf(database), { agreed, all: yes || isTestUser(username), force }, username);
        return changes;
      };
      const { value: changes, ...result } =
        ttlMs === undefined
          ? await databases.update(username, edit, { retries })
          : await leasedUpdate(databases, await deployment.locks(), username, edit, {
              retries,
              ttlMs,
              waitMaxMs: LEASE_WAIT_MAX_MS,
              clock,
              random: context.random,
            });
      return { ...result, changes };
    });
  let losses: readonly string[];
  try {
    return await update([]);
  } catch (error) {
    // The first run was the dry run: nothing of it is stored.
    if (!(error instanceof LossError)) throw error;
    losses = error.losses;
  }
  const { confirmLoss } = await import('./losses.ts');
  const what = `In database "${username}" ${losses.join(', ')}`;
  const look = `javumbo db info ${username} to see what is there`;
  await confirmLoss(invocation, await invocation.deployment(), { username, what, yes, look });
  try {
    return await update(losses);
  } catch (error) {
    if (!(error instanceof LossError)) throw error;
    throw new JavumboError('conflict', `database "${username}" was changed meanwhile: now also ${error.message}`, {
      try: 'the same command again',
      username,
      cause: error,
    });
  }
}

async function scriptOf(
  invocation: Invocation,
  sql: string | undefined,
  { file }: Pick<ExecOptions, 'file'>,
): Promise<string> {
  if (file === undefined) {
    if (sql === undefined) throw new JavumboError('usage', 'db exec needs SQL', { try: 'javumbo db exec --help' });
    return sqlOf(invocation, sql);
  }
  if (sql !== undefined)
    throw new JavumboError('usage', 'SQL was given twice: as an argument and with --file', { try: 'one of the two' });
  return readTextFile(file, 'another --file, of SQL in UTF-8');
}
