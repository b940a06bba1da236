import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { isTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
import { confirmLoss, inWords } from './losses.ts';
import { operatorDatabases } from './outcome.ts';

export interface DeletedDatabase {
  readonly username: string;
  readonly outcome: 'deleted';
  /** The deleted version, which a versioned bucket can restore. */
  readonly version: string;
}

export function registerDbDelete(parent: Command, execute: Execute): void {
  const command = parent
    .command('delete <username>')
    .description("delete a user's database; where the store keeps versions, db restore brings it back")
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ javumbo db delete alice');
  command.action((username: string, { yes = false }: { yes?: boolean }) =>
    execute(command, (invocation) => dbDelete(invocation, parseUsername(username), yes), deleteView),
  );
}

export async function dbDelete(invocation: Invocation, username: string, yes: boolean): Promise<DeletedDatabase> {
  const deployment = await invocation.deployment();
  let ifVersion: string | undefined;
  if (!yes && !isTestUser(username)) {
    const current = await deployment.store.trace(username);
    // Without one there is nothing to ask.
    if (current.kind === 'database') {
      // Not what somebody commits during the question.
      ifVersion = current.version;
      const what = `This deletes database "${username}" (${inWords(current)})`;
      await confirmLoss(invocation, deployment, { username, what, yes, look: `javumbo db info ${username}` });
    }
  }
  const version = await operatorDatabases(deployment, invocation).delete(username, { ifVersion });
  return { username, outcome: 'deleted', version };
}

export const deleteView: View<DeletedDatabase> = {
  fields: ({ username, outcome, version }) => ({ username, outcome, version }),
};
