import { createHash } from 'node:crypto';
import type { SqliteDatabase, SqlValue } from '../sqlite/engine.ts';

/** How many rows of one table came, went and changed. */
export interface TableDiff {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

/** One row that differs. `before` and `after` have a value for each column of its table there. */
export interface RowDiff {
  readonly table: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before?: Row | undefined;
  readonly after?: Row | undefined;
}

export type Row = Readonly<Record<string, SqlValue>>;

export interface TableOf {
  readonly name: string;
  readonly columns: readonly string[];
  /** The column that is the rowid: rows with the same one are versions of one row. Undefined: rows have no identity. */
  readonly key: string | undefined;
}

/**
 * Yields the rows that differ between two databases, table by table. Rows of a table with an INTEGER PRIMARY KEY are the
 * same row if that is the same; those of other tables can only come and go. Only reads tables; without `before` every row is new. Keeps no more than two
 * rows in memory of the former, and a digest of each row of the latter.
 */
export function* diffRows(before: SqliteDatabase | undefined, after: SqliteDatabase): Generator<RowDiff> {
  const old = before === undefined ? new Map<string, TableOf>() : tablesOf(before);
  const current = tablesOf(after);
  for (const name of [...new Set([...old.keys(), ...current.keys()])].sort()) {
    const [from, to] = [old.get(name), current.get(name)];
    const comparable = from !== undefined && to !== undefined && from.key === to.key && from.key !== undefined;
    if (comparable && before !== undefined) yield* merged(name, keyed(before, from), keyed(after, to));
    else
      yield* exchanged(
        name,
        () => (before && from ? rowsOf(before, from) : []),
        () => (to ? rowsOf(after, to) : []),
      );
  }
}

/** Counts the rows that differ, by table; tables without a difference are left out. */
export function countDiff(rows: Iterable<RowDiff>): Record<string, TableDiff> {
  const counts = new Map<string, { added: number; removed: number; changed: number }>();
  for (const { table, kind } of rows) {
    const count = counts.get(table) ?? { added: 0, removed: 0, changed: 0 };
    count[kind] += 1;
    counts.set(table, count);
  }
  return Object.fromEntries(counts);
}

/** Returns the tables that hold rows, by name. */
export function tablesOf(database: SqliteDatabase): Map<string, TableOf> {
  const names = database
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .all() as { name: string }[];
  return new Map(
    names.map(({ name }) => {
      const columns = database.prepare(`PRAGMA table_info(${quoted(name)})`).all() as {
        name: string;
        type: string;
        pk: number;
      }[];
      const keys = columns.filter(({ pk }) => pk > 0);
      const [only] = keys;
      // A key that is the rowid has no index of its own; one in descending order, or without rowids, has.
      const indexes = database.prepare(`PRAGMA index_list(${quoted(name)})`).all() as { origin: string }[];
      const isRowid =
        keys.length === 1 && only?.type.toUpperCase() === 'INTEGER' && indexes.every(({ origin }) => origin !== 'pk');
      return [name, { name, columns: columns.map((column) => column.name), key: isRowid ? only?.name : undefined }];
    }),
  );
}

interface Keyed {
  readonly key: SqlValue;
  readonly row: Row;
}

function* keyed(database: SqliteDatabase, { name, columns, key = '' }: TableOf): Generator<Keyed> {
  const list = columns.map(quoted).join(', ');
  const statement = database.prepare(`SELECT ${list} FROM ${quoted(name)} ORDER BY ${quoted(key)}`);
  const place = columns.indexOf(key);
  for (const values of statement.safeIntegers().raw().iterate() as Iterable<SqlValue[]>) {
    yield { key: values[place] ?? null, row: rowOf(columns, values) };
  }
}

function* rowsOf(database: SqliteDatabase, { name, columns }: TableOf): Generator<Row> {
  const statement = database.prepare(`SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(name)}`);
  for (const values of statement.safeIntegers().raw().iterate() as Iterable<SqlValue[]>) yield rowOf(columns, values);
}

/** Returns the row of a table with that key, or undefined. */
export function findRow(
  database: SqliteDatabase,
  { name, columns, key = '' }: TableOf,
  value: SqlValue,
): Row | undefined {
  const list = columns.map(quoted).join(', ');
  const statement = database.prepare(`SELECT ${list} FROM ${quoted(name)} WHERE ${quoted(key)} = ?`);
  const values = statement.safeIntegers().raw().get(value) as SqlValue[] | undefined;
  return values && rowOf(columns, values);
}

function rowOf(columns: readonly string[], values: readonly SqlValue[]): Row {
  return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? null]));
}

/** Merges two lists of rows in the order of their keys, which are integers. */
function* merged(table: string, before: Iterator<Keyed>, after: Iterator<Keyed>): Generator<RowDiff> {
  let [old, current] = [before.next(), after.next()];
  while (!old.done || !current.done) {
    const isGone = !old.done && (current.done || (old.value.key as bigint) < (current.value.key as bigint));
    const isNew = !current.done && (old.done || (current.value.key as bigint) < (old.value.key as bigint));
    if (isGone && !old.done) yield { table, kind: 'removed', before: old.value.row };
    else if (isNew && !current.done) yield { table, kind: 'added', after: current.value.row };
    else if (!old.done && !current.done && digestOf(old.value.row) !== digestOf(current.value.row)) {
      yield { table, kind: 'changed', before: old.value.row, after: current.value.row };
    }
    if (!isNew) old = before.next();
    if (!isGone) current = after.next();
  }
}

/** Compares two lists of rows without identity: those that are in one of them only, or more often. */
function* exchanged(table: string, before: () => Iterable<Row>, after: () => Iterable<Row>): Generator<RowDiff> {
  const surplus = new Map<string, number>();
  const count = (row: Row, by: number): number => {
    const digest = digestOf(row);
    const left = (surplus.get(digest) ?? 0) + by;
    surplus.set(digest, left);
    return left;
  };
  for (const row of before()) count(row, 1);
  for (const row of after()) if (count(row, -1) < 0) yield { table, kind: 'added', after: row };
  // What is left over of the earlier ones went.
  for (const row of before()) {
    const digest = digestOf(row);
    const left = surplus.get(digest) ?? 0;
    if (left <= 0) continue;
    surplus.set(digest, left - 1);
    yield { table, kind: 'removed', before: row };
  }
}

/** Returns a digest that tells rows apart by their values and their types. */
export function digestOf(row: Row): string {
  const hash = createHash('sha1');
  for (const [column, value] of Object.entries(row)) {
    const type = value === null ? 'null' : value instanceof Uint8Array ? 'blob' : typeof value;
    const bytes = value instanceof Uint8Array ? value : Buffer.from(Object.is(value, -0) ? '-0' : String(value));
    hash.update(`${column.length} ${column} ${type} ${bytes.length} `).update(bytes);
  }
  return hash.digest('base64');
}

/** Returns a name as SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
