import type { SqlDatabase } from '../sqlite/engine.ts';
import { foldCase } from './text.ts';

/** What has a name of its own in a collection, as the column of `col` is called. */
export type NamedColumn = 'decks' | 'models';

/**
 * Returns new names for those that another one has already, by id: with as many `_` behind them as it takes. The lowest id
 * keeps its name. Source: rslib/src/storage/{deck,notetype}/mod.rs (`upgrade_decks_to_schema15`).
 */
export function newNames(named: ReadonlyMap<number, { readonly name: string }>): Map<number, string> {
  const taken = new Set<string>();
  const renamed = new Map<number, string>();
  for (const [id, { name }] of [...named].sort(([a], [b]) => a - b)) {
    let free = name;
    while (taken.has(foldCase(free))) free += '_';
    taken.add(foldCase(free));
    if (free !== name) renamed.set(id, free);
  }
  return renamed;
}

/** Stores new names. */
export function rename(
  database: SqlDatabase,
  column: NamedColumn,
  names: ReadonlyMap<number, string>,
  seconds: number,
): void {
  for (const [id, name] of names) {
    const at = (key: string): string => `$."${id}".${key}`;
    database
      .prepare(`UPDATE col SET ${column} = json_set(${column}, ?, ?, ?, json(?), ?, json(?))`)
      .run(at('name'), name, at('mod'), String(seconds), at('usn'), '-1');
  }
}
