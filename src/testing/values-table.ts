import { expect } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';

export const NO_RETRIES = { retries: 0 };

export function createTable(database: SqliteDatabase): void {
  database.exec('CREATE TABLE t (x INTEGER)');
}

export function insert(value: number): (database: SqliteDatabase) => number {
  return (database) => Number(database.prepare('INSERT INTO t VALUES (?)').run(value).changes);
}

export async function values(databases: UserDatabases, username = 'alice'): Promise<number[]> {
  return databases.read(username, ({ database }) =>
    (database.prepare('SELECT x FROM t ORDER BY x').all() as { x: number }[]).map(({ x }) => x),
  );
}

export async function failureOf(work: Promise<unknown>): Promise<JavumboError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(JavumboError);
  return thrown as JavumboError;
}

/** A store that lets a test step in before or after a put, or answer in its place. */
export function interposed(inner: DatabaseStore, put: DatabaseStore['put']): DatabaseStore {
  return {
    get: (...call) => inner.get(...call),
    head: (...call) => inner.head(...call),
    trace: (...call) => inner.trace(...call),
    delete: (...call) => inner.delete(...call),
    list: (...call) => inner.list(...call),
    put,
  };
}
