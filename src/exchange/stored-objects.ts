import type { SqlDatabase, SqlValue } from '../sqlite/engine.ts';

/*
 * The objects in the JSON of the `col` row, as text. They go from one collection to another without being parsed, so
 * that what add-ons keep in them and numbers beyond 2^53 survive.
 */

type ObjectColumn = 'models' | 'decks' | 'dconf';

/** Returns the objects of a column by their id. The caller has read the collection, so that each key is an id. */
export function storedObjects(database: SqlDatabase, column: ObjectColumn): Map<number, string> {
  const rows = database
    .prepare(
      `SELECT e.key, e.value FROM (SELECT ${column} AS objects FROM col ORDER BY id LIMIT 1), json_each(objects) AS e`,
    )
    .all() as { key: string; value: string }[];
  return new Map(rows.map(({ key, value }) => [Number(key), value]));
}

/** Stores an object under an id. */
export function storeObject(database: SqlDatabase, column: ObjectColumn, id: number, object: string): void {
  database.prepare(`UPDATE col SET ${column} = json_set(${column}, ?, json(?))`).run(`$."${id}"`, object);
}

/** Returns an object with some of its values replaced: JSON by path, as in `{ '$.usn': -1 }`. */
export function withValues(database: SqlDatabase, object: string, values: Readonly<Record<string, unknown>>): string {
  // As JSON text: a bound number can arrive as 2.0, which is not an id.
  const bound: SqlValue[] = Object.entries(values).flatMap(([path, value]) => [path, JSON.stringify(value)]);
  const pairs = Object.keys(values).map(() => ', ?, json(?)');
  const row = database.prepare(`SELECT json_set(?${pairs.join('')}) AS json`).get(object, ...bound);
  return (row as { json: string }).json;
}
