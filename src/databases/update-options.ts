import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { Version } from '../store/database-store.ts';

export interface OpenOptions {
  /** For a user without a database: makes its first content in an empty one. Only on the store's definite "absent". */
  readonly create?: ((database: SqliteDatabase) => void) | undefined;
}

export interface UpdateOptions extends OpenOptions {
  /** How often the edit is run again after a conflict. Default 10. */
  readonly retries?: number;
}

/** `attempts` counts the runs of the edit that came as far as a commit. */
export interface UpdateResult<T> {
  readonly outcome: 'committed' | 'unchanged';
  readonly value: T;
  readonly version: Version;
  readonly attempts: number;
}

/** What a whole database is stored over: nothing, exactly one version, or whatever is there. */
export type ReplaceOver =
  | { readonly kind: 'nothing' | 'anything' }
  | { readonly kind: 'version'; readonly version: Version };
