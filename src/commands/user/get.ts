import type { Command } from 'commander';
import { parseUsername } from '../../core/username.ts';
import type { User } from '../../users/repository.ts';
import type { Execute, Invocation } from '../execute.ts';
import { openRepository, userView } from './repository.ts';

export function registerUserGet(parent: Command, execute: Execute): void {
  const command = parent
    .command('get <username>')
    .description('show the account of a user')
    .addHelpText('after', '\nExample:\n  $ javumbo user get alice --json');
  command.action((username: string) =>
    execute(command, (invocation) => userGet(invocation, parseUsername(username)), userView),
  );
}

export async function userGet(invocation: Invocation, username: string): Promise<User> {
  const user = await (await openRepository(invocation)).get(username);
  if (user !== undefined) return user;
  const { noSuchUser } = await import('../../users/repository.ts');
  throw noSuchUser(username);
}
