import Database from 'better-sqlite3';
import type { SqliteEngine } from './engine.ts';

/** SQLite in better-sqlite3's native module, whose own objects are handed out: they fit the port. */
export const betterSqlite: SqliteEngine = {
  name: 'better-sqlite3',
  open: (path, mode, busyTimeoutMs = 0) =>
    mode === 'read-only'
      ? new Database(path, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs })
      : new Database(path, { timeout: busyTimeoutMs }),
  openInMemory: (bytes) => new Database(bytes),
};
