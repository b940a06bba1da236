import type { Command } from 'commander';
import { type CleanResult, cleanResult } from '../../cleanup/plan.ts';
import { withProgress } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { TEST_USER_PREFIX } from '../../core/test-data.ts';
import type { Execute, Invocation } from '../execute.ts';
import { cleanOptions, cleanView } from './plan.ts';

interface UsersOptions {
  readonly prefix?: string;
  readonly minAge?: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function registerCleanUsers(parent: Command, execute: Execute): void {
  const command = parent
    .command('users')
    .description('remove accounts of test users, or those whose names begin with --prefix; keep databases')
    .option('--prefix <prefix>', `usernames that begin with it (default: ${TEST_USER_PREFIX})`)
    .option('-y, --yes', 'do not ask before removing what is not test data')
    .addHelpText('after', '\nExample:\n  $ javumbo clean users --dry-run');
  cleanOptions(command).action((options: UsersOptions) =>
    execute(command, (invocation) => cleanUsers(invocation, options), cleanView),
  );
}

export async function cleanUsers(
  invocation: Invocation,
  { prefix = TEST_USER_PREFIX, minAge = 0, dryRun = false, yes = false }: UsersOptions,
): Promise<CleanResult> {
  if (prefix === '') {
    throw new JavumboError('usage', '--prefix is empty, and that is every account', { try: '--prefix <letters>' });
  }
  const { accountsUnder, deleteAccountsThatCan, plannedAccount } = await import('../../cleanup/accounts.ts');
  const { context, config } = invocation;
  const deployment = await invocation.deployment();
  const table = await deployment.users();
  return withProgress(invocation, async (progress) => {
    const onProgress = (text: string): void => progress.show(text);
    const listed = await accountsUnder(table, prefix, onProgress);
    const now = context.clock.now();
    // An account without a time counts as old.
    const found = listed.filter((account) => (plannedAccount(account, now).ageSeconds ?? Infinity) * 1000 >= minAge);
    const plan = found.map((account) => plannedAccount(account, now));
    if (dryRun || found.length === 0) return cleanResult(plan, dryRun);
    progress.done();
    const real = found.filter(({ username }) => !username.startsWith(TEST_USER_PREFIX));
    if (real.length > 0) {
      const local = deployment.description.kind === 'local';
      const where = local ? 'the local deployment' : `table "${config.usersTable.value}"`;
      const what = `This deletes ${real.length} accounts from ${where}, and they are not test data`;
      const { confirm } = await import('../../cli/prompt.ts');
      await confirm(context, { what, word: local ? 'local' : config.usersTable.value, yes });
    }
    return cleanResult(plan, dryRun, await deleteAccountsThatCan(table, found, { onProgress, signal: context.signal }));
  });
}
