import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { parseUsername } from '../../core/username.ts';
import type { ReadSession } from '../../databases/session.ts';
import type { QueryResult } from '../../sqlite/sql.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { reportRead } from './outcome.ts';

export function registerDbQuery(parent: Command, execute: Execute): void {
  const command = parent
    .command('query <username> <sql> [values...]')
    .description('run one statement that reads; values fill its question marks')
    .option('--at <time>', AT)
    .addHelpText('after', "\nExample:\n  $ javumbo db query alice 'SELECT id, flds FROM notes WHERE id > ?' 0");
  command.action((username: string, sql: string, values: string[], { at }: AtFlag) =>
    execute(command, (invocation) => dbQuery(invocation, parseUsername(username), sql, values, at), queryView),
  );
}

export async function dbQuery(
  invocation: Invocation,
  username: string,
  sql: string,
  values: readonly string[],
  at?: string,
): Promise<QueryResult> {
  const { runQuery } = await import('../../sqlite/sql.ts');
  const { asSqlFailure } = await import('../../sqlite/failure.ts');
  const query = ({ database }: ReadSession): QueryResult => {
    try {
      return runQuery(database, sql, values);
    } catch (error) {
      throw asSqlFailure(error);
    }
  };
  return reportRead(invocation, username, query, at);
}

export const queryView: View<QueryResult> = {
  unbounded: true,
  table: ({ columns, rows }) => ({
    head: columns,
    rows: rows.map((row) => columns.map((column) => row[column] ?? null)),
  }),
  text: ({ rows }) => `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`,
};
