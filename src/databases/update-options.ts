import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { Version } from '../store/database-store.ts';

export interface OpenOptions {
  /** Fills an empty database for a user who has none. Called only if the store definitely holds none. */
  readonly create?: ((database: SqliteDatabase) => void) | undefined;
}

export interface UpdateOptions extends OpenOptions {
  /** How often the edit is rerun after a conflict. Default 10. */
  readonly retries?: number;
}

/** `attempts` counts the runs of the edit that reached a commit. */
export interface UpdateResult<T> {
  readonly outcome: 'committed' | 'unchanged';
  readonly value: T;
  readonly version: Version;
  readonly attempts: number;
}

/** What a whole database replaces: nothing, exactly one version, or whatever is stored. */
export type ReplaceOver =
  | { readonly kind: 'nothing' | 'anything' }
  | { readonly kind: 'version'; readonly version: Version };
