import type { SqlDatabase } from './engine.ts';

/** A table, index, view or trigger, as the schema has it. */
export interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string;
}

/** Returns what the schema holds, tables first, without what SQLite made by itself. Of one table, also its indexes and triggers. */
export function schemaOf(database: SqlDatabase, name?: string): SchemaObject[] {
  return database
    .prepare(
      `SELECT type, name, tbl_name AS "table", sql FROM sqlite_master
       WHERE sql IS NOT NULL AND (? IS NULL OR name = ? COLLATE NOCASE OR tbl_name = ? COLLATE NOCASE)
       ORDER BY type <> 'table', tbl_name, type, name`,
    )
    .all(name ?? null, name ?? null, name ?? null) as SchemaObject[];
}

/** The tables and views of a database; the columns of its tables, by table. */
export interface SchemaNames {
  readonly tables: readonly string[];
  readonly columns: ReadonlyMap<string, readonly string[]>;
}

/** Returns the names that a statement can use. Virtual tables are not opened for their columns: they run code of their own. */
export function namesOf(database: SqlDatabase): SchemaNames {
  const found = database
    .prepare("SELECT name, rootpage FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
    .all() as { name: string; rootpage: number | null }[];
  const columnsOf = database.prepare('SELECT name FROM pragma_table_info(?)');
  const named = found.filter(({ rootpage }) => rootpage).map(({ name }) => name);
  return {
    tables: found.map(({ name }) => name),
    columns: new Map(
      named.map((table) => [table, (columnsOf.all(table) as { name: string }[]).map(({ name }) => name)]),
    ),
  };
}
