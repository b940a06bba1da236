import Database from 'better-sqlite3';
import type { SqliteEngine } from './engine.ts';

/** SQLite in better-sqlite3's native module, which the command uses. */
export const betterSqlite: SqliteEngine = {
  name: 'better-sqlite3',
  open: (path, mode) =>
    mode === 'read-only'
      ? new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
      : new Database(path, { timeout: 0 }),
};
