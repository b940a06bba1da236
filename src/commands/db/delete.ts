import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
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
    .description("delete a user's database; a versioned bucket keeps its old versions")
    .addHelpText('after', '\nExample:\n  $ javumbo db delete alice');
  command.action((username: string) =>
    execute(command, (invocation) => dbDelete(invocation, parseUsername(username)), deleteView),
  );
}

export async function dbDelete(invocation: Invocation, username: string): Promise<DeletedDatabase> {
  const deployment = await invocation.deployment();
  const version = await operatorDatabases(deployment, invocation).delete(username);
  return { username, outcome: 'deleted', version };
}

export const deleteView: View<DeletedDatabase> = {
  fields: ({ username, outcome, version }) => ({ username, outcome, version }),
};
