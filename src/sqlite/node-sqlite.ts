import { DatabaseSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteEngine, SqlStatement } from './engine.ts';

/**
 * SQLite in Node itself since 22.16, which the function on Lambda uses: one bundle then runs on every architecture.
 * (https://nodejs.org/api/sqlite.html)
 */
export const nodeSqlite: SqliteEngine = {
  name: 'node:sqlite',
  open: (path, mode) => {
    const database = named(() => new DatabaseSync(path, { readOnly: mode === 'read-only', timeout: 0 }));
    return handleOn(database);
  },
};

function handleOn(database: DatabaseSync): SqliteDatabase {
  return {
    get inTransaction() {
      return database.isTransaction;
    },
    exec: (sql) => named(() => database.exec(sql)),
    prepare: (sql): SqlStatement => {
      const statement = named(() => database.prepare(sql));
      return {
        run: (...values) => named(() => statement.run(...values)),
        get: (...values) => named(() => statement.get(...values)),
        all: (...values) => named(() => statement.all(...values)),
      };
    },
    close: () => {
      if (database.isOpen) database.close();
    },
  };
}

/** Adds SQLite's name of an error, as better-sqlite3 does and callers expect; Node gives only its number. */
function named<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { errcode } = error as { errcode?: unknown };
    // The low byte of an extended code is the error that it extends. (https://sqlite.org/rescode.html)
    const name = typeof errcode === 'number' ? NAMES[errcode & 0xff] : undefined;
    if (name !== undefined) Object.assign(error as object, { code: `SQLITE_${name}` });
    throw error;
  }
}

const NAMES: Readonly<Record<number, string>> = {
  1: 'ERROR',
  2: 'INTERNAL',
  3: 'PERM',
  4: 'ABORT',
  5: 'BUSY',
  6: 'LOCKED',
  7: 'NOMEM',
  8: 'READONLY',
  9: 'INTERRUPT',
  10: 'IOERR',
  11: 'CORRUPT',
  12: 'NOTFOUND',
  13: 'FULL',
  14: 'CANTOPEN',
  15: 'PROTOCOL',
  17: 'SCHEMA',
  18: 'TOOBIG',
  19: 'CONSTRAINT',
  20: 'MISMATCH',
  21: 'MISUSE',
  23: 'AUTH',
  25: 'RANGE',
  26: 'NOTADB',
};
