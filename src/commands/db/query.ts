import { type Command, Option } from 'commander';
import { rowsAsJson } from '../../cli/json-rows.ts';
import type { View } from '../../cli/print.ts';
import { ROW_FORMATS, type RowFormat, rowWriter, type Screen } from '../../cli/row-formats.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatCount } from '../../core/format.ts';
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
  /** Undefined: what fits the terminal, or the pipe. */
  readonly format: RowFormat | undefined;
  readonly columns: readonly string[];
  /** In batches, as they are found; ends the session with the last one. */
  readonly batches: AsyncIterable<Rows>;
}

type Rows = readonly (readonly JsonValue[])[];

interface QueryOptions extends AtFlag {
  readonly format?: RowFormat;
}

export function registerDbQuery(parent: Command, execute: Execute): void {
  const command = parent
    .command('query <username> <sql> [values...]')
    .description('run one statement that reads; values fill its question marks, and - as the SQL takes standard input')
    .addOption(formatOption())
    .option('--at <time>', AT)
    .addHelpText('after', "\nExample:\n  $ javumbo db query alice 'SELECT id, flds FROM notes WHERE id > ?' 0");
  command.action((username: string, sql: string, values: string[], options: QueryOptions) =>
    execute(command, (invocation) => dbQuery(invocation, parseUsername(username), sql, values, options), queryView),
  );
}

export function formatOption(): Option {
  const what = 'how to write the rows (default: what fits the terminal; tsv in a pipe)';
  return new Option('--format <name>', what).choices(ROW_FORMATS);
}

/** Finds the first rows before it returns, so that most of what can fail fails before anything is printed. */
export async function dbQuery(
  invocation: Invocation,
  username: string,
  given: string,
  values: readonly string[],
  { format, at }: QueryOptions,
): Promise<QueriedRows> {
  if (format !== undefined && invocation.flags.json) {
    throw new JavumboError('usage', '--json is one document, and --format another form of the rows', {
      try: 'one of the two; --format jsonl has an object on each line',
    });
  }
  const sql = await sqlOf(invocation, given);
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
  const batches = inBatches(invocation, rows, named, first);
  async function* closing(): AsyncGenerator<Rows> {
    try {
      yield* batches;
    } finally {
      session.close();
    }
  }
  return { format, columns, batches: closing() };
}

/** Yields rows as they are found; a signal can end the process during each search. `named` turns its errors into failures. */
export async function* inBatches(
  { context }: Pick<Invocation, 'context'>,
  rows: IterableIterator<readonly JsonValue[]>,
  named: <T>(work: () => T) => T,
  first?: ReturnType<typeof taken>,
): AsyncGenerator<Rows> {
  const run = runBlockingIn(context);
  const next = (): Promise<ReturnType<typeof taken>> => run(() => named(() => taken(rows)));
  try {
    for (let { batch, isLast } = first ?? (await next()); ; { batch, isLast } = await next()) {
      yield batch;
      if (isLast) return;
    }
  } finally {
    rows.return?.();
  }
}

/** Returns the SQL of an argument, or of standard input for `-`. */
export async function sqlOf({ context }: Pick<Invocation, 'context'>, given: string): Promise<string> {
  if (given !== '-') return given;
  const { readStdin } = await import('../../core/input-file.ts');
  return readStdin(context, 'SQL in UTF-8 through a pipe, or < script.sql');
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
  parts: rowsAsText,
};

/** Writes rows as they come and, on a terminal below a table or lines, how many there were. */
export async function* rowsAsText({ columns, batches, format }: QueriedRows, screen: Screen): AsyncGenerator<string> {
  const write = await rowWriter(columns, format, screen);
  let count = 0;
  for await (const batch of batches) {
    count += batch.length;
    yield write(batch);
  }
  const counts = screen.columns !== undefined && (format ?? 'table') in { table: true, line: true };
  if (counts) yield `${formatCount(count, 'row')}\n`;
}
