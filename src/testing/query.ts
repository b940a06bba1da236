import type { SqliteDatabase } from '../sqlite/engine.ts';
import { type JsonValue, openQuery } from '../sqlite/sql.ts';

/** Runs a query to its end. */
export function runQuery(
  database: SqliteDatabase,
  sql: string,
  values: readonly string[],
): { readonly columns: readonly string[]; readonly rows: readonly Record<string, JsonValue>[] } {
  const { columns, rows } = openQuery(database, sql, values);
  const object = (row: readonly JsonValue[]) =>
    Object.fromEntries(columns.map((column, n) => [column, row[n] ?? null]));
  return { columns, rows: [...rows].map(object) };
}
