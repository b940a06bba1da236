import type { Command } from 'commander';
import { rowsAsJson } from '../../cli/json-rows.ts';
import type { View } from '../../cli/print.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import { parseUsername } from '../../core/username.ts';
import type { ReadSession } from '../../databases/session.ts';
import type { JsonValue } from '../../sqlite/sql.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { holdForReading } from './outcome.ts';

// Enough to cost nothing each, and few enough that whoever reads the first lines need not wait for more.
const BATCH_ROWS = 500;
const BATCH_CHARACTERS = 1_000_000;

export interface QueriedRows {
  readonly columns: readonly string[];
  /** In batches, as they are found; ends the session with the last one. */
  readonly batches: AsyncIterable<Rows>;
  /** How many have been found so far. */
  readonly count: () => number;
}

type Rows = readonly (readonly JsonValue[])[];

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

/** Finds the first rows before it returns, so that most of what can fail fails before anything is printed. */
export async function dbQuery(
  invocation: Invocation,
  username: string,
  sql: string,
  values: readonly string[],
  at?: string,
): Promise<QueriedRows> {
  const { openQuery } = await import('../../sqlite/sql.ts');
  const { asSqlFailure } = await import('../../sqlite/failure.ts');
  const named = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw asSqlFailure(error);
    }
  };
  const begin = ({ database }: ReadSession) =>
    named(() => {
      const { columns, rows } = openQuery(database, sql, values);
      return { columns, rows, first: taken(rows) };
    });
  const { value, session } = await holdForReading(invocation, username, begin, at);
  const { columns, rows, first } = value;
  const run = runBlockingIn(invocation.context);
  let count = 0;
  async function* batches(): AsyncGenerator<Rows> {
    try {
      for (let { batch, isLast } = first; ; { batch, isLast } = await run(() => named(() => taken(rows)))) {
        count += batch.length;
        yield batch;
        if (isLast) return;
      }
    } finally {
      rows.return?.();
      session.close();
    }
  }
  return { columns, batches: batches(), count: () => count };
}

function taken(rows: Iterator<readonly JsonValue[]>): { readonly batch: Rows; readonly isLast: boolean } {
  const batch: (readonly JsonValue[])[] = [];
  let characters = 0;
  while (batch.length < BATCH_ROWS && characters < BATCH_CHARACTERS) {
    const { done, value } = rows.next();
    if (done === true) return { batch, isLast: true };
    batch.push(value);
    for (const one of value) characters += lengthOf(one);
  }
  return { batch, isLast: false };
}

function lengthOf(value: JsonValue): number {
  if (typeof value === 'string') return value.length;
  return value !== null && typeof value === 'object' ? value.base64.length : 0;
}

export const queryView: View<QueriedRows> = {
  unbounded: true,
  endsWithReader: true,
  jsonParts: ({ columns, batches }) => rowsAsJson(columns, batches),
  lines: ({ batches }) => batches,
  table: async ({ columns, batches }) => {
    const rows: (readonly JsonValue[])[] = [];
    for await (const batch of batches) rows.push(...batch);
    return { head: columns, rows };
  },
  text: ({ count }) => `${count()} ${count() === 1 ? 'row' : 'rows'}`,
};
