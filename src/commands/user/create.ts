import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { askPassword } from '../../cli/prompt.ts';
import { JavumboError, messageOf } from '../../core/failure.ts';
import { refuseTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { User } from '../../users/repository.ts';
import { dbCreate } from '../db/create.ts';
import type { WriteReport } from '../db/outcome.ts';
import type { Execute, Invocation } from '../execute.ts';
import { openRepository, userFields } from './repository.ts';

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
    .description('create an account; asks for the password')
    .requiredOption('--name <text>', 'the display name')
    .option('--password-stdin', 'read the password from standard input instead of a hidden prompt')
    .option('--with-database', "also create the user's database, an empty collection")
    .addHelpText('after', '\nExample:\n  $ javumbo user create alice --name Alice --password-stdin < password.txt');
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
  if (withDatabase) await refuseOldDatabase(invocation, username);
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

/** Throws `conflict` if there is a database of that name: a new user must not find the cards of another. */
async function refuseOldDatabase(invocation: Invocation, username: string): Promise<void> {
  const { store } = await invocation.deployment();
  const found = await store.head(username);
  if (found === undefined) return;
  throw new JavumboError('conflict', `user "${username}" already has a database (version ${found.version})`, {
    try: `javumbo db info ${username}; then without --with-database, or after javumbo db delete ${username}`,
    username,
    actualVersion: found.version,
  });
}

/** Says that the account was created, and how to create its database: repeating the command would fail. */
function halfDone(username: string, error: unknown): JavumboError {
  const failure = error instanceof JavumboError ? error : undefined;
  const there = failure?.kind === 'conflict';
  return new JavumboError(
    failure?.kind ?? 'internal',
    there
      ? `user "${username}" was created, but another writer created a database of that name meanwhile`
      : `user "${username}" was created, but its database was not: ${messageOf(error)}`,
    {
      try: there || failure?.kind === 'unknown' ? `javumbo db info ${username}` : `javumbo db create ${username}`,
      username,
      actualVersion: failure?.actualVersion,
      cause: error,
    },
  );
}

const createdView: View<CreatedUser> = {
  fields: ({ database, ...user }) => ({ ...userFields(user), database: database && `version ${database.version}` }),
};
