import { resolve } from 'node:path';
import type { SqliteDatabase, SqliteEngine, SqliteStatement, SqlValue } from './engine.ts';
import { namingStatement } from './failure.ts';
import { leadingWords, withoutComments } from './statements.ts';

type Module = typeof import('node:sqlite');
type Statement = InstanceType<Module['StatementSync']>;
type Handle = InstanceType<Module['DatabaseSync']>;

/**
 * Loads SQLite from Node itself, where the function on Lambda takes it from too: one bundle then runs on every
 * architecture. Throws an Error that says what this Node lacks. (https://nodejs.org/api/sqlite.html)
 */
export function loadNodeSqlite(): SqliteEngine {
  const module = withoutItsWarning(() => process.getBuiltinModule?.('node:sqlite') as Module | undefined);
  if (module === undefined) throw new Error(`Node ${process.versions.node} has no node:sqlite`);
  const lacking = whatLacks(module);
  if (lacking.length > 0) {
    throw new Error(`node:sqlite of Node ${process.versions.node} lacks ${lacking.join(', ')}`);
  }
  return {
    name: 'node:sqlite',
    open: (path, mode, busyTimeoutMs = 0) => {
      // A relative path that begins with `file:` would be taken for a URI.
      const file = path === ':memory:' ? path : resolve(path);
      const options = { readOnly: mode === 'read-only', timeout: busyTimeoutMs };
      return new NodeDatabase(
        module,
        named(() => new module.DatabaseSync(file, options)),
      );
    },
  };
}

/** Returns what node:sqlite got only in Node 22.16, and is not here. */
function whatLacks({ DatabaseSync, backup }: Module): string[] {
  const database = new DatabaseSync(':memory:');
  const statement = database.prepare('SELECT 1');
  const has = {
    isTransaction: database.isTransaction === false,
    columns: typeof statement.columns === 'function',
    setReturnArrays: typeof statement.setReturnArrays === 'function',
    iterate: typeof statement.iterate === 'function',
    backup: typeof backup === 'function',
  };
  database.close();
  return Object.entries(has).flatMap(([name, isThere]) => (isThere ? [] : [name]));
}

/**
 * Runs `load` without the warning that SQLite is experimental. Node raises it while it loads the module; whatever else is
 * raised meanwhile goes on, and nobody who listens for warnings is touched.
 */
function withoutItsWarning<T>(load: () => T): T {
  const isIts = ([warning, type]: unknown[]): boolean =>
    type === 'ExperimentalWarning' && String(warning).startsWith('SQLite ');
  const { emitWarning } = process;
  process.emitWarning = (...warning: unknown[]): void => {
    if (!isIts(warning)) Reflect.apply(emitWarning, process, warning);
  };
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

class NodeDatabase implements SqliteDatabase {
  readonly #module: Module;
  readonly #handle: Handle;

  constructor(module: Module, handle: Handle) {
    this.#module = module;
    this.#handle = handle;
  }

  get inTransaction(): boolean {
    return this.#handle.isTransaction;
  }

  exec(sql: string): void {
    named(() => this.#handle.exec(sql), sql);
  }

  prepare(sql: string): SqliteStatement {
    const statement = named(() => this.#handle.prepare(sql), sql);
    // Node leaves what follows the first statement without a word.
    if (/[^\s;]/.test(withoutComments(sql.slice(statement.sourceSQL.length)))) {
      throw new RangeError('The supplied SQL string contains more than one statement');
    }
    return new NodeStatement(this.#handle, statement, sql);
  }

  async backup(destination: string, { progress }: { readonly progress: () => number }): Promise<void> {
    // The number of pages is fixed.
    const rate = progress();
    await this.#module.backup(this.#handle, destination, { rate, progress: () => void progress() }).catch(rethrowNamed);
  }

  close(): void {
    if (this.#handle.isOpen) this.#handle.close();
  }
}

class NodeStatement implements SqliteStatement {
  readonly #handle: Handle;
  readonly #statement: Statement;
  readonly #sql: string;
  #exact = false;

  constructor(handle: Handle, statement: Statement, sql: string) {
    this.#handle = handle;
    this.#statement = statement;
    this.#sql = sql;
    // Otherwise Node throws for an integer beyond 2^53, where better-sqlite3 returns the nearest number.
    statement.setReadBigInts(true);
  }

  get reader(): boolean {
    return this.#statement.columns().length > 0;
  }

  /**
   * Node does not ask SQLite, so this looks for what SQLite itself looks for in the statement's program. Should a later
   * SQLite name these instructions otherwise, a read-only handle still refuses to write.
   */
  get readonly(): boolean {
    const explain = `EXPLAIN ${withoutExplain(this.#sql)}`;
    const program = named(() => this.#handle.prepare(explain).all(), this.#sql) as { opcode: string; p2: number }[];
    return !program.some(({ opcode, p2 }) => WRITES.includes(opcode) || (opcode === 'Transaction' && p2 !== 0));
  }

  run(...values: SqlValue[]): { readonly changes: number } {
    return { changes: Number(named(() => this.#statement.run(...values), this.#sql).changes) };
  }

  get(...values: SqlValue[]): unknown {
    return this.#row(named(() => this.#statement.get(...values), this.#sql));
  }

  all(...values: SqlValue[]): unknown[] {
    const rows = named(() => this.#statement.all(...values), this.#sql);
    return this.#exact ? rows : rows.map((row) => this.#row(row));
  }

  *iterate(...values: SqlValue[]): IterableIterator<unknown> {
    const rows = named(() => this.#statement.iterate(...values), this.#sql);
    try {
      for (;;) {
        const { done, value } = named(() => rows.next(), this.#sql);
        if (done) return;
        yield this.#row(value);
      }
    } finally {
      // Whoever stops early holds no lock.
      rows.return?.();
    }
  }

  columns(): readonly { readonly name: string }[] {
    return this.#statement.columns();
  }

  safeIntegers(): SqliteStatement {
    this.#exact = true;
    return this;
  }

  raw(): SqliteStatement {
    this.#statement.setReturnArrays(true);
    return this;
  }

  #row(row: unknown): unknown {
    if (this.#exact || row === undefined) return row;
    const values = row as Record<string, unknown>;
    for (const name of Object.keys(values)) {
      if (typeof values[name] === 'bigint') values[name] = Number(values[name]);
    }
    return row;
  }
}

/** Returns what an EXPLAIN explains, for SQLite judges it by that; any other statement as it is. */
function withoutExplain(sql: string): string {
  const words = leadingWords(sql, 3);
  if (words[0]?.word !== 'EXPLAIN') return sql;
  const isQueryPlan = words[1]?.word === 'QUERY' && words[2]?.word === 'PLAN';
  return sql.slice(words[isQueryPlan ? 2 : 0]?.end);
}

// As resolveP2Values() of SQLite's vdbeaux.c has it.
const WRITES = ['Checkpoint', 'JournalMode', 'Vacuum'];

/** Adds SQLite's name of an error, as better-sqlite3 does and callers expect; Node gives only its number. */
function named<T>(work: () => T, sql?: string): T {
  try {
    return sql === undefined ? work() : namingStatement(sql, work);
  } catch (error) {
    return rethrowNamed(error);
  }
}

function rethrowNamed(error: unknown): never {
  const { errcode } = error as { errcode?: unknown };
  // The low byte of an extended code is the error that it extends. (https://sqlite.org/rescode.html)
  const name = typeof errcode === 'number' ? (NAMES[errcode] ?? NAMES[errcode & 0xff]) : undefined;
  if (name !== undefined) Object.assign(error as object, { code: `SQLITE_${name}` });
  throw error;
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
  // Means a full disk where a file could not be extended.
  778: 'IOERR_WRITE',
};
