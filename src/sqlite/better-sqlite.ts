import Database from 'better-sqlite3';
import type { SqliteEngine } from './engine.ts';

/** SQLite as better-sqlite3 carries it, in a native module: what the command works with. */
export const betterSqlite: SqliteEngine = {
  name: 'better-sqlite3',
  open: (path, mode) =>
    mode === 'read-only'
      ? new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
      : new Database(path, { timeout: 0 }),
};
