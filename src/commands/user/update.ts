import type { Command } from 'commander';
import { askPassword } from '../../cli/prompt.ts';
import { parseUsername } from '../../core/username.ts';
import type { User } from '../../users/repository.ts';
import type { Execute, Invocation } from '../execute.ts';
import { openRepository, userView } from './repository.ts';

interface UpdateOptions {
  readonly name?: string;
  readonly passwordStdin?: boolean;
}

export function registerUserUpdate(parent: Command, execute: Execute): void {
  const command = parent
    .command('update <username>')
    .description('change the name, the password, or both')
    .option('--name <text>', 'the display name')
    .option('--password-stdin', 'a new password from standard input or, on a terminal, from a hidden prompt')
    .addHelpText('after', "\nExample:\n  $ javumbo user update alice --name 'Alice B.'");
  command.action((username: string, options: UpdateOptions) =>
    execute(command, (invocation) => userUpdate(invocation, parseUsername(username), options), userView),
  );
}

export async function userUpdate(
  invocation: Invocation,
  username: string,
  { name, passwordStdin }: UpdateOptions,
): Promise<User> {
  const repository = await openRepository(invocation);
  const password =
    passwordStdin === true ? await askPassword(invocation.context, { fromStdin: true, twice: true }) : undefined;
  return repository.update(username, { name, password });
}
