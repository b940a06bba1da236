import Database from 'better-sqlite3';
import { JavumboError } from '../core/failure.ts';
import type { SqliteDatabase, SqliteEngine } from './engine.ts';

/** SQLite as better-sqlite3 carries it, in a native module: what the command works with. */
export const betterSqlite: SqliteEngine = {
  name: 'better-sqlite3',
  open: (path, mode) =>
    mode === 'read-only'
      ? new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
      : new Database(path, { timeout: 0 }),
};

/** The handle as better-sqlite3's own, for what only it can do: statements that say whether they read, and exact integers. */
export function asBetterSqlite(database: SqliteDatabase): Database.Database {
  if (database instanceof Database) return database;
  throw new JavumboError('internal', 'a database that better-sqlite3 did not open was given SQL of its own');
}
