import type { Command } from 'commander';
import { parseCount } from '../../cli/arguments.ts';
import { JavumboError } from '../../core/failure.ts';
import { readTextFile } from '../../core/input-file.ts';
import { interruptibleClock, interruptionOf } from '../../core/interruptible.ts';
import { parseUsername } from '../../core/username.ts';
import type { SqliteDatabase } from '../../sqlite/engine.ts';
import type { Execute, Invocation } from '../execute.ts';
import { LEASE_WAIT_MAX_MS, type LeaseFlags, leaseOptions, leaseTtlOf } from './lease-options.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';

/** How often an operator's write runs again after conflicts, each of which means that another writer committed. */
export const OPERATOR_RETRIES = 20;

export function registerDbExec(parent: Command, execute: Execute): void {
  const command = parent
    .command('exec <username> [sql] [values...]')
    .description('change a database in one transaction; run again if another writer commits first')
    .option('--file <script>', 'a file of SQL statements instead of <sql>')
    .option('--retries <n>', 'how often to run again after a conflict', parseCount, OPERATOR_RETRIES)
    .addHelpText(
      'after',
      "\nExample:\n  $ javumbo db exec alice 'UPDATE notes SET tags = ? WHERE id = ?' ' animals ' 1700000000000",
    );
  leaseOptions(command).action((username: string, sql: string | undefined, values: string[], options: ExecOptions) =>
    execute(
      command,
      async (invocation) => dbExec(invocation, parseUsername(username), await scriptOf(sql, options), values, options),
      writeView,
    ),
  );
}

interface ExecOptions extends LeaseFlags {
  readonly file?: string;
  readonly retries: number;
}

export async function dbExec(
  invocation: Invocation,
  username: string,
  script: string,
  values: readonly string[],
  { retries, ...lease }: ExecOptions,
): Promise<WriteReport> {
  const ttlMs = leaseTtlOf(lease);
  const { runScript } = await import('../../sqlite/sql.ts');
  const { leasedUpdate } = await import('../../locks/leased-update.ts');
  const { context } = invocation;
  const interruption = interruptionOf(context);
  // A signal ends the wait for a lease.
  const clock = interruption === undefined ? context.clock : interruptibleClock(interruption);
  return reportWrite(invocation, username, async (databases, deployment) => {
    const edit = (database: SqliteDatabase): number => runScript(database, script, values);
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
}

async function scriptOf(sql: string | undefined, { file }: ExecOptions): Promise<string> {
  if (file === undefined) {
    if (sql === undefined) throw new JavumboError('usage', 'db exec needs SQL', { try: 'javumbo db exec --help' });
    return sql;
  }
  if (sql !== undefined)
    throw new JavumboError('usage', 'SQL was given twice: as an argument and with --file', { try: 'one of the two' });
  return readTextFile(file, 'another --file, of SQL in UTF-8');
}
