import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { isTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
import { openRepository } from './repository.ts';

interface Deleted {
  readonly username: string;
  readonly outcome: 'deleted';
}

export function registerUserDelete(parent: Command, execute: Execute): void {
  const command = parent
    .command('delete <username>')
    .description("delete the account of a user, and keep the user's database")
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ javumbo user delete alice');
  command.action((username: string, { yes = false }: { yes?: boolean }) =>
    execute(command, (invocation) => userDelete(invocation, parseUsername(username), yes), deletedView),
  );
}

export async function userDelete(invocation: Invocation, username: string, yes: boolean): Promise<Deleted> {
  const users = await openRepository(invocation);
  if (!yes && !isTestUser(username) && (await users.get(username)) !== undefined) {
    const { confirm } = await import('../../cli/prompt.ts');
    await confirm(invocation.context, {
      what: `This deletes the account of user "${username}", and only a backup brings it back; the database stays`,
      word: username,
      yes,
      look: `javumbo user get ${username}`,
      spared: 'nothing was changed',
    });
  }
  await users.delete(username);
  return { username, outcome: 'deleted' };
}

const deletedView: View<Deleted> = { fields: ({ username, outcome }) => ({ username, outcome }) };
