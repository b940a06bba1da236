import type { Command } from 'commander';
import { refuseTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';
import { storeFile } from './store-file.ts';

export function registerDbCreate(parent: Command, execute: Execute): void {
  const command = parent
    .command('create <username>')
    .description('create an empty Anki collection for a user, or store one from a file')
    .option('--from <file>', 'an .anki2 file to start with, which Anki must not have open')
    .addHelpText('after', '\nExample:\n  $ javumbo db create alice');
  command.action((username: string, { from }: { from?: string }) =>
    execute(command, (invocation) => dbCreate(invocation, parseUsername(username), from), writeView),
  );
}

export async function dbCreate(
  invocation: Invocation,
  username: string,
  from: string | undefined,
): Promise<WriteReport> {
  refuseTestUser(username);
  return reportWrite(invocation, username, async (databases) => {
    if (from !== undefined) return storeFile(invocation, databases, username, from, { kind: 'nothing' });
    const { createCollection } = await import('../../anki/collection.ts');
    const { outcome, version, attempts } = await databases.create(username, (database) =>
      createCollection(database, invocation.context),
    );
    return { outcome, version, attempts };
  });
}
