import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatTime, isoTime } from '../../core/format.ts';
import { parseUsername } from '../../core/username.ts';
import { countDiff, type Row, type RowDiff, type TableDiff } from '../../history/diff.ts';
import type { PointInTime } from '../../history/points.ts';
import { type JsonValue, jsonValue } from '../../sqlite/sql.ts';
import type { Execute, Invocation } from '../execute.ts';
import { allPoints, pastContent } from './at.ts';
import { operatorDatabases } from './outcome.ts';
import { withDiff, withVersion } from './two-versions.ts';

// More would not be read, and must not fill the memory.
const ROWS_MAX = 10_000;

interface DiffOptions {
  readonly from?: string;
  readonly to?: string;
  readonly rows?: boolean;
}

type JsonRow = Readonly<Record<string, JsonValue>>;

interface ShownRow {
  readonly table: string;
  readonly kind: RowDiff['kind'];
  readonly before: JsonRow | undefined;
  readonly after: JsonRow | undefined;
}

export interface DiffReport {
  readonly username: string;
  readonly from: Pick<PointInTime, 'id' | 'at'>;
  readonly to: Pick<PointInTime, 'id' | 'at'>;
  readonly tables: Readonly<Record<string, TableDiff>>;
  /** Only with --rows. */
  readonly rows?: readonly ShownRow[];
}

export function registerDbDiff(parent: Command, execute: Execute): void {
  const command = parent
    .command('diff <username>')
    .description('count the rows that differ between two versions; by default what the last commit changed')
    .option('--from <time>', 'the earlier version: a time, an age, or an id of db history (default: the one before)')
    .option('--to <time>', 'the later version (default: the current one)')
    .option('--rows', 'show the rows')
    .addHelpText('after', '\nExample:\n  $ javumbo db diff alice --from 2h --rows');
  command.action((username: string, options: DiffOptions) =>
    execute(command, (invocation) => dbDiff(invocation, parseUsername(username), options), diffView),
  );
}

export async function dbDiff(
  invocation: Invocation,
  username: string,
  { from, to, rows = false }: DiffOptions,
): Promise<DiffReport> {
  const deployment = await invocation.deployment();
  const points = await allPoints(deployment, username);
  const now = invocation.context.clock.now();
  const later = to === undefined ? newest(points, username) : pastContent(points, to, username, now);
  const earlier = from === undefined ? before(points, later, username) : pastContent(points, from, username, now);
  const databases = operatorDatabases(deployment, invocation);
  return withVersion(databases, username, earlier, (old) =>
    withVersion(databases, username, later, async (current) => {
      const shown: ShownRow[] = [];
      const tables = await withDiff(invocation, old, current, (found) => countDiff(rows ? kept(found, shown) : found));
      const ends = { from: { id: earlier.id, at: earlier.at }, to: { id: later.id, at: later.at } };
      return { username, ...ends, tables, ...(rows ? { rows: shown } : {}) };
    }),
  );
}

function newest(points: readonly PointInTime[], username: string): PointInTime {
  const found = points.find(({ deleted }) => !deleted);
  if (found !== undefined) return found;
  throw new JavumboError('not-found', `the store has no version of database "${username}" any more`, { username });
}

function before(points: readonly PointInTime[], later: PointInTime, username: string): PointInTime {
  const found = points.slice(points.indexOf(later) + 1).find(({ deleted }) => !deleted);
  if (found !== undefined) return found;
  throw new JavumboError('not-found', `the store has no version of database "${username}" before ${later.id}`, {
    try: `javumbo db history ${username}`,
    username,
  });
}

/** Keeps the first rows, for display, of those that are counted. */
function* kept(rows: Iterable<RowDiff>, shown: ShownRow[]): Generator<RowDiff> {
  for (const row of rows) {
    if (shown.length < ROWS_MAX) {
      const { table, kind } = row;
      shown.push({ table, kind, before: jsonRow(row.before), after: jsonRow(row.after) });
    }
    yield row;
  }
}

function jsonRow(row: Row | undefined): JsonRow | undefined {
  if (row === undefined) return undefined;
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, jsonValue(value)]));
}

export const diffView: View<DiffReport> = {
  unbounded: true,
  json: ({ username, from, to, tables, rows }) => ({
    username,
    from: { ...from, at: isoTime(from.at) },
    to: { ...to, at: isoTime(to.at) },
    tables: Object.fromEntries(
      Object.entries(tables).map(([table, counts]) => [
        table,
        {
          ...counts,
          ...(rows === undefined
            ? {}
            : {
                rows: rows
                  .filter((row) => row.table === table)
                  .map(({ kind, before: old, after }) => ({ kind, before: old ?? null, after: after ?? null })),
              }),
        },
      ]),
    ),
  }),
  table: ({ tables, rows }) =>
    rows === undefined
      ? {
          head: ['table', 'added', 'removed', 'changed'],
          rows: Object.entries(tables).map(([table, { added, removed, changed }]) => [table, added, removed, changed]),
        }
      : { head: ['table', '', 'row'], rows: rows.map((row) => [row.table, row.kind, inWords(row)]) },
  text: ({ from, to, tables }) =>
    `${Object.keys(tables).length === 0 ? 'no row differs' : 'rows that differ'} between ${formatTime(from.at)} and ${formatTime(to.at)} UTC`,
};

/** Shows a row; of a changed one, the key and what changed. */
function inWords({ before: old, after }: ShownRow): string {
  if (old === undefined || after === undefined) return JSON.stringify(old ?? after);
  const [key] = Object.entries(after);
  const changed = Object.keys(after).filter((column) => JSON.stringify(old[column]) !== JSON.stringify(after[column]));
  const parts = changed.map((column) => `${column}: ${JSON.stringify(old[column])} → ${JSON.stringify(after[column])}`);
  return `${key?.[0]} ${JSON.stringify(key?.[1])}: ${parts.join(', ')}`;
}
