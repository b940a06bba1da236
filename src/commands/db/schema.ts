import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { visibleLines } from '../../core/format.ts';
import { nearest } from '../../core/nearest.ts';
import { parseUsername } from '../../core/username.ts';
import type { ReadSession } from '../../databases/session.ts';
import type { SchemaObject } from '../../sqlite/schema.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { reportRead } from './outcome.ts';

interface SchemaReport {
  readonly username: string;
  readonly version: string;
  readonly objects: readonly SchemaObject[];
}

export function registerDbSchema(parent: Command, execute: Execute): void {
  const command = parent
    .command('schema <username> [table]')
    .description('show the statements that make the tables of a database, or one of them')
    .option('--at <time>', AT)
    .addHelpText('after', '\nExample:\n  $ javumbo db schema alice notes');
  command.action((username: string, table: string | undefined, { at }: AtFlag) =>
    execute(command, (invocation) => dbSchema(invocation, parseUsername(username), table, at), schemaView),
  );
}

/** Returns the schema. Throws `not-found` for a table that is not in it. */
async function dbSchema(
  invocation: Invocation,
  username: string,
  table: string | undefined,
  at: string | undefined,
): Promise<SchemaReport> {
  const { namesOf, schemaOf } = await import('../../sqlite/schema.ts');
  const look = ({ database, stored: { version } }: ReadSession): SchemaReport => {
    const objects = schemaOf(database, table);
    if (table !== undefined && objects.length === 0) {
      const near = nearest(table, namesOf(database).tables);
      throw new JavumboError('not-found', `database "${username}" has no table or view ${table}`, {
        try: near === undefined ? `javumbo db schema ${username}` : `javumbo db schema ${username} ${near}`,
        username,
      });
    }
    return { username, version, objects };
  };
  return reportRead(invocation, username, look, at);
}

const schemaView: View<SchemaReport> = {
  text: ({ objects }) => objects.map(({ sql }) => `${visibleLines(sql)};`).join('\n'),
  verbatim: true,
};
