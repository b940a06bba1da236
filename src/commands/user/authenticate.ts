import type { Command } from 'commander';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { askPassword } from '../../cli/prompt.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
import { openRepository } from './repository.ts';

interface Authentication {
  readonly username: string;
  readonly valid: boolean;
}

export function registerUserAuthenticate(parent: Command, execute: Execute): void {
  const command = parent
    .command('authenticate <username>')
    .description('check a password: exit code 0 if it is right, 7 if it is wrong or the user unknown')
    .option('--password-stdin', 'read the password from standard input instead of a hidden prompt')
    .addHelpText('after', '\nExample:\n  $ javumbo user authenticate alice --password-stdin < password.txt');
  command.action((username: string, { passwordStdin = false }: { passwordStdin?: boolean }) =>
    execute(
      command,
      (invocation) => userAuthenticate(invocation, parseUsername(username), passwordStdin),
      authenticationView,
    ),
  );
}

export async function userAuthenticate(
  invocation: Invocation,
  username: string,
  fromStdin: boolean,
): Promise<Authentication> {
  const repository = await openRepository(invocation);
  const password = await askPassword(invocation.context, { fromStdin, twice: false });
  return { username, valid: await repository.authenticate(username, password) };
}

const authenticationView: View<Authentication> = {
  fields: ({ username, valid }) => ({ username, valid: valid ? 'yes' : 'no' }),
  exitCode: ({ valid }) => (valid ? EXIT_CODE.ok : EXIT_CODE.violation),
};
