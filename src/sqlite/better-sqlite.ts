import Database from 'better-sqlite3';
import { JavumboError } from '../core/failure.ts';
import type { SqliteDatabase, SqliteEngine } from './engine.ts';

/** SQLite in better-sqlite3's native module, which the command uses. */
export const betterSqlite: SqliteEngine = {
  name: 'better-sqlite3',
  open: (path, mode) =>
    mode === 'read-only'
      ? new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
      : new Database(path, { timeout: 0 }),
};

/** Returns better-sqlite3's own handle: its statements say whether they read, and can return exact integers. */
export function asBetterSqlite(database: SqliteDatabase): Database.Database {
  if (database instanceof Database) return database;
  throw new JavumboError('internal', 'SQL from a user needs a database opened by better-sqlite3');
}
