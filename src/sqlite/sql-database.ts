/** What SQLite takes as a bound value. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** One prepared statement. Rows are objects with a property per column; integers arrive as numbers. */
export interface SqlStatement {
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  /** The first row, or undefined where there is none. */
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

/**
 * As much of an open SQLite database as this folder uses: better-sqlite3's `Database` and node:sqlite's `DatabaseSync`
 * both have it, so that the function can run on the second without carrying the first's native module.
 */
export interface SqlDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqlStatement;
}
