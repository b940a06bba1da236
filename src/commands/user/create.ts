import type { Command } from 'commander';
import type { Execute, Invocation } from '../../cli/execute.ts';
import { askPassword } from '../../cli/password.ts';
import type { View } from '../../cli/print.ts';
import { parseUsername } from '../../databases/username.ts';
import { JavumboError, messageOf } from '../../failure.ts';
import { refuseTestUser } from '../../test-data.ts';
import type { User } from '../../users/repository.ts';
import { dbCreate } from '../db/create.ts';
import type { WriteReport } from '../db/outcome.ts';
import { openRepository, userRows } from './repository.ts';

interface CreateOptions {
  readonly name: string;
  readonly passwordStdin?: boolean;
  readonly withDatabase?: boolean;
}

interface CreatedUser extends User {
  readonly database?: Pick<WriteReport, 'outcome' | 'version'>;
}

export function registerUserCreate(parent: Command, execute: Execute): void {
  const command = parent
    .command('create <username>')
    .description('make an account; the password comes from a hidden prompt')
    .requiredOption('--name <text>', 'the name that is shown')
    .option('--password-stdin', 'the password from standard input instead of a prompt')
    .option('--with-database', "also make the user's database, an empty collection")
    .addHelpText(
      'after',
      "\nExample:\n  $ javumbo user create alice --name 'Alice Smith' --password-stdin < password.txt",
    );
  command.action((username: string, options: CreateOptions) =>
    execute(command, (invocation) => userCreate(invocation, parseUsername(username), options), createdView),
  );
}

export async function userCreate(
  invocation: Invocation,
  username: string,
  { name, passwordStdin = false, withDatabase = false }: CreateOptions,
): Promise<CreatedUser> {
  refuseTestUser(username);
  const repository = await openRepository(invocation);
  const password = await askPassword(invocation.context, { fromStdin: passwordStdin, twice: true });
  const user = await repository.create(username, { name, password });
  if (!withDatabase) return user;
  try {
    const { outcome, version } = await dbCreate(invocation, username, undefined);
    return { ...user, database: { outcome, version } };
  } catch (error) {
    throw halfDone(username, error);
  }
}

/** The account stays: it is what was asked for, and whoever asks again for both would be told that it exists. */
function halfDone(username: string, error: unknown): JavumboError {
  const failure = error instanceof JavumboError ? error : undefined;
  const there = failure?.kind === 'conflict';
  return new JavumboError(
    failure?.kind ?? 'internal',
    there
      ? `user "${username}" was created, and has a database from before, which was left as it is`
      : `user "${username}" was created, and its database was not: ${messageOf(error)}`,
    {
      try: there || failure?.kind === 'unknown' ? `javumbo db info ${username}` : `javumbo db create ${username}`,
      username,
      actualVersion: failure?.actualVersion,
      cause: error,
    },
  );
}

const createdView: View<CreatedUser> = {
  table: ({ database, ...user }) => ({
    rows: [...userRows(user), ...(database === undefined ? [] : [['database', `version ${database.version}`]])],
  }),
};
