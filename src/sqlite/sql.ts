import { codeOf, JavumboError } from '../core/failure.ts';
import type { SqliteDatabase, SqliteEngine, SqliteStatement, SqlValue } from './engine.ts';
import { asSqlFailure } from './failure.ts';
import { refuseJournalMode, refuseOtherValues, refuseUnsafe, type Statement, splitStatements } from './statements.ts';
import { withSuggestion } from './suggestion.ts';

/** Integers beyond 2^53 and infinities are strings. */
export type JsonValue = string | number | null | { readonly base64: string };

const INTEGER = /^(0|-?[1-9]\d*)$/;
const NUMBER_LENGTH_MAX = 32;
const INT64_MAX = 2n ** 63n - 1n;

const TRANSACTION = ['BEGIN', 'COMMIT', 'END', 'ROLLBACK', 'SAVEPOINT', 'RELEASE'];

/** Parses a command-line word: a number if it is in canonical form, else text. */
export function boundValue(text: string): bigint | number | string {
  // Longer ones fit neither, and turning them into a number takes more than linear time.
  if (text.length > NUMBER_LENGTH_MAX) return text;
  if (INTEGER.test(text)) {
    const integer = BigInt(text);
    return integer <= INT64_MAX && integer >= -INT64_MAX - 1n ? integer : text;
  }
  const number = Number(text);
  return Number.isFinite(number) && String(number) === text && text !== '' ? number : text;
}

/** The rows of a query, each with a value for each column, in turn. */
export interface QueryRows {
  /** No two are equal: a name that comes again has a number. */
  readonly columns: readonly string[];
  /** Throws SQLite's errors, as its rows are found one by one. */
  readonly rows: IterableIterator<readonly JsonValue[]>;
}

/** Begins one statement that only reads. Throws `usage` for SQL that does not parse, or that changes anything. */
export function openQuery(database: SqliteDatabase, sql: string, values: readonly string[]): QueryRows {
  const [statement, ...more] = splitStatements(sql);
  if (statement === undefined)
    throw new JavumboError('usage', 'the SQL is empty', { try: "'SELECT count(*) FROM notes'" });
  if (more.length > 0)
    throw new JavumboError('usage', 'db query takes one statement', { try: 'one db query for each' });
  const onlyReads = (hint = 'javumbo db exec'): JavumboError =>
    new JavumboError('usage', `db query only reads, and ${statement.verb} does not`, { try: hint });
  // db exec would refuse these too.
  if (TRANSACTION.includes(statement.verb)) throw onlyReads('the SELECT alone: one statement needs no transaction');
  refuseUnsafe([statement]);
  refuseJournalMode([statement]);
  const prepared = prepare(database, statement.sql);
  // A read-only handle is not enough: VACUUM INTO writes on one. (docs/engines.md)
  if (!prepared.readonly || !prepared.reader) throw onlyReads();
  refuseOtherValues(statement.sql, values);
  const columns = distinct(prepared.columns().map((column) => column.name));
  return { columns, rows: valuesOf(prepared.safeIntegers().raw(), values.map(boundValue), onlyReads) };
}

/** What one statement of a session has done. */
export interface RanStatement {
  /** The rows that it returns, if it is one that returns any. */
  readonly found?: QueryRows;
  /** How many rows it changed, if it is one that changes rows. */
  readonly changes?: number;
  /** True if it may have changed anything: the file, or how later statements run. */
  readonly writes: boolean;
}

/**
 * Runs one statement of a session. Rows of one that only reads are found as they are asked for. Throws as `runScript`
 * does, and the statement then changes nothing; but one that rolls back on a conflict ends the transaction that was open.
 */
export function runStatement(database: SqliteDatabase, sql: string): RanStatement {
  const statements = splitStatements(sql);
  refuseUnsafe(statements);
  refuseJournalMode(statements);
  try {
    const prepared = prepare(database, sql);
    refuseOtherValues(sql, []);
    const verb = statements[0]?.verb ?? '';
    const changesFile = !prepared.readonly && verb !== 'PRAGMA';
    // SQLite says that a ROLLBACK TO only reads.
    const writes = changesFile || verb === 'PRAGMA' || TRANSACTION.includes(verb);
    // Some pragmas do nothing inside a transaction.
    const whole = <T>(work: () => T): T => (changesFile ? wholeOrNothing(database, work) : work());
    if (!prepared.reader) {
      const { changes } = whole(() => prepared.run());
      return { writes, ...(changesRows(verb, prepared) ? { changes: Number(changes) } : {}) };
    }
    const columns = distinct(prepared.columns().map((column) => column.name));
    const rows = valuesOf(prepared.safeIntegers().raw(), []);
    // What a statement changes does not wait for a reader of its rows.
    return { writes, found: { columns, rows: writes ? whole(() => [...rows]).values() : rows } };
  } catch (error) {
    throw asSqlFailure(error);
  }
}

/** Undoes what a statement did before it failed, which OR FAIL and RAISE(FAIL) would leave. */
function wholeOrNothing<T>(database: SqliteDatabase, work: () => T): T {
  database.exec(`SAVEPOINT ${STATEMENT}`);
  try {
    const value = work();
    database.exec(`RELEASE ${STATEMENT}`);
    return value;
  } catch (error) {
    // After OR ROLLBACK there is nothing left to go back to.
    if (database.inTransaction) database.exec(`ROLLBACK TO ${STATEMENT}; RELEASE ${STATEMENT}`);
    throw error;
  }
}

const STATEMENT = 'javumbo_statement';

function prepare(database: SqliteDatabase, sql: string): SqliteStatement {
  try {
    return database.prepare(sql);
  } catch (error) {
    throw withSuggestion(error, database, sql);
  }
}

function* valuesOf(
  prepared: SqliteStatement,
  values: readonly SqlValue[],
  onlyReads: () => unknown = () => undefined,
): IterableIterator<readonly JsonValue[]> {
  try {
    for (const row of prepared.iterate(...values) as Iterable<unknown[]>) {
      // In place: of millions of rows, as many copies are work for the collector.
      for (let column = 0; column < row.length; column++) row[column] = jsonValue(row[column]);
      yield row as JsonValue[];
    }
  } catch (error) {
    throw (codeOf(error)?.startsWith('SQLITE_READONLY') && onlyReads()) || error;
  }
}

/** Adds a number to names that come again: `id`, `id_2`. */
function distinct(names: readonly string[]): string[] {
  const all = new Set(names);
  const times = new Map<string, number>();
  return names.map((name) => {
    let n = (times.get(name) ?? 0) + 1;
    while (n > 1 && all.has(`${name}_${n}`)) n++;
    times.set(name, n);
    return n === 1 ? name : `${name}_${n}`;
  });
}

/**
 * Runs statements in the open transaction. Returns how many rows they changed, as SQLite counts, without triggers.
 * Throws `usage`, before running anything, for what does not parse or reaches outside the database.
 */
export function runScript(database: SqliteDatabase, script: string, values: readonly string[]): number {
  const statements = statementsOf(script);
  if (statements.length > 1 && values.length > 0) {
    throw new JavumboError('usage', 'values go with one statement, and there are several', {
      try: 'one db exec for each',
    });
  }
  let changes = 0;
  for (const { sql, line, verb } of statements) {
    try {
      const prepared = prepare(database, sql);
      refuseOtherValues(sql, values);
      const counts = changesRows(verb, prepared);
      const bound = values.map(boundValue);
      if (!prepared.reader) {
        const ran = prepared.run(...bound);
        if (counts) changes += Number(ran.changes);
      } else {
        // RETURNING, or a pragma that returns rows: they are not needed but must be stepped through.
        for (const _ of prepared.iterate(...bound));
        if (counts) changes += (database.prepare('SELECT changes() AS n').get() as { n: number }).n;
      }
    } catch (error) {
      throw asSqlFailure(error, statements.length > 1 ? `line ${line}: ` : '');
    }
  }
  return changes;
}

/** Throws `usage` for a statement that parses in no database, whatever its tables are. Runs none. */
export function refuseUnparsable(engine: SqliteEngine, statements: readonly Statement[]): void {
  const database = engine.open(':memory:', 'read-write');
  try {
    for (const { sql, line } of statements) {
      try {
        prepare(database, sql);
      } catch (error) {
        if (!/: syntax error|incomplete input|unrecognized token/.test((error as Error).message)) continue;
        throw asSqlFailure(error, statements.length > 1 ? `line ${line}: ` : '');
      }
    }
  } finally {
    database.close();
  }
}

/** Returns the statements of a script. Throws `usage` if it is empty, or for one that must not run. */
export function statementsOf(script: string): Statement[] {
  const statements = splitStatements(script);
  if (statements.length === 0)
    throw new JavumboError('usage', 'the SQL is empty', { try: 'a statement, such as DELETE FROM graves' });
  refuseUnsafe(statements);
  refuseJournalMode(statements);
  return statements;
}

const ROWS = ['INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'WITH'];

/** After any other statement, changes() still refers to the one before it. */
function changesRows(verb: string, prepared: SqliteStatement): boolean {
  return ROWS.includes(verb) && !(prepared.reader && prepared.readonly);
}

export function jsonValue(value: unknown): JsonValue {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return { base64: Buffer.from(value as Uint8Array).toString('base64') };
}
