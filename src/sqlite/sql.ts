import Database from 'better-sqlite3';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { asCorruption, type SqliteDatabase } from './engine.ts';
import { refuseUnsafe, splitStatements } from './statements.ts';

/** What a query returned; integers beyond 2^53 and infinities are strings, blobs `{ base64 }`. */
export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly Record<string, JsonValue>[];
}

export type JsonValue = string | number | null | { readonly base64: string };

const INTEGER = /^(0|-?[1-9]\d*)$/;
const INT64_MAX = 2n ** 63n - 1n;

/** A word of the command line as a value: a number where it is written as one would print it, else text. */
export function boundValue(text: string): bigint | number | string {
  if (INTEGER.test(text)) {
    const integer = BigInt(text);
    return integer <= INT64_MAX && integer >= -INT64_MAX - 1n ? integer : text;
  }
  const number = Number(text);
  return Number.isFinite(number) && String(number) === text && text !== '' ? number : text;
}

/**
 * Runs one statement that reads. Throws `usage` for SQL that does not parse, changes anything, or has two columns of
 * one name.
 */
export function runQuery(database: SqliteDatabase, sql: string, values: readonly string[]): QueryResult {
  const [statement, ...more] = splitStatements(sql);
  if (statement === undefined)
    throw new JavumboError('usage', 'the SQL is empty', { try: "'SELECT count(*) FROM notes'" });
  if (more.length > 0)
    throw new JavumboError('usage', 'db query takes one statement', { try: 'one db query for each' });
  refuseUnsafe([statement]);
  const prepared = asBetterSqlite(database).prepare(statement.sql);
  // A read-only handle alone is not enough: VACUUM INTO writes on one. (docs/engines.md)
  if (!prepared.readonly || !prepared.reader) {
    throw new JavumboError('usage', `db query only reads, and ${statement.verb} does not`, { try: 'javumbo db exec' });
  }
  prepared.safeIntegers(true);
  const columns = prepared.columns().map((column) => column.name);
  const repeated = columns.find((name, index) => columns.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw new JavumboError('usage', `two columns are named "${repeated}"`, {
      try: 'another name for one of them, with AS',
    });
  }
  const rows = prepared.raw(true).all(...values.map(boundValue)) as unknown[][];
  return {
    columns,
    rows: rows.map((row) => Object.fromEntries(row.map((value, index) => [columns[index] ?? '', jsonValue(value)]))),
  };
}

/**
 * Runs statements inside the transaction that is open, and returns how many rows they changed (as SQLite counts, so
 * without triggers). Throws `usage` for what does not parse or reaches outside; nothing has run then.
 */
export function runScript(database: SqliteDatabase, script: string, values: readonly string[]): number {
  const statements = splitStatements(script);
  if (statements.length === 0) throw new JavumboError('usage', 'the SQL is empty', { try: 'javumbo db exec --help' });
  if (statements.length > 1 && values.length > 0) {
    throw new JavumboError('usage', 'values go with one statement, and there are several', {
      try: 'one db exec for each',
    });
  }
  refuseUnsafe(statements);
  let changes = 0;
  for (const { sql, line, verb } of statements) {
    try {
      const prepared = asBetterSqlite(database).prepare(sql);
      const bound = values.map(boundValue);
      if (!prepared.reader) changes += prepared.run(...bound).changes;
      else {
        // RETURNING, or a pragma that answers: the rows are not asked for, but they must be stepped through.
        for (const _ of prepared.iterate(...bound));
        if (changesRows(verb, prepared.readonly))
          changes += (database.prepare('SELECT changes() AS n').get() as { n: number }).n;
      }
    } catch (error) {
      throw asSqlFailure(error, statements.length > 1 ? `line ${line}: ` : '');
    }
  }
  return changes;
}

/** A pragma that answers may count as writing, and changes no row: changes() still tells of the statement before it. */
function changesRows(verb: string, readonly: boolean): boolean {
  return !readonly && verb !== 'PRAGMA';
}

function jsonValue(value: unknown): JsonValue {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return { base64: Buffer.from(value as Uint8Array).toString('base64') };
}

/** An error of SQLite over somebody's SQL: their `usage`, unless the file or the machine is to blame. */
export function asSqlFailure(error: unknown, where = ''): unknown {
  if (error instanceof JavumboError || asCorruption(error, '') !== undefined) return error;
  const code = codeOf(error) ?? '';
  // Not LOCKED: nobody else has the copy open, so it is the statement that cannot run inside of a transaction.
  const machine = /^SQLITE_(FULL|IOERR|NOMEM|CANTOPEN|BUSY|INTERRUPT)/.test(code);
  if (machine) {
    return new JavumboError('unavailable', `${where}${messageOf(error)}`, {
      try: 'the same command again, with space on the disk of --cache-dir and in memory',
      cause: error,
    });
  }
  // better-sqlite3 throws RangeError and TypeError for values that do not fit the statement.
  if (code.startsWith('SQLITE_') || error instanceof RangeError || error instanceof TypeError) {
    return new JavumboError('usage', `${where}${lowerFirst(messageOf(error))}`, {
      try: 'other SQL, or other values',
      cause: error,
    });
  }
  return error;
}

function lowerFirst(text: string): string {
  // Not UNIQUE and NOT NULL, which are names.
  return /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** The handle as better-sqlite3's own, for what only it can do: statements that say whether they read, and exact integers. */
function asBetterSqlite(database: SqliteDatabase): Database.Database {
  if (database instanceof Database) return database;
  throw new JavumboError('internal', 'a database that better-sqlite3 did not open was given SQL of its own');
}
