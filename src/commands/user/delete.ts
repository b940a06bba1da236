import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
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
    .addHelpText('after', '\nExample:\n  $ javumbo user delete alice');
  command.action((username: string) =>
    execute(command, (invocation) => userDelete(invocation, parseUsername(username)), deletedView),
  );
}

export async function userDelete(invocation: Invocation, username: string): Promise<Deleted> {
  await (await openRepository(invocation)).delete(username);
  return { username, outcome: 'deleted' };
}

const deletedView: View<Deleted> = { fields: ({ username, outcome }) => ({ username, outcome }) };
