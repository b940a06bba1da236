import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import { isDiskFull } from '../core/cache-directory.ts';
import { systemClock } from '../core/clock.ts';
import { codeOf, messageOf } from '../core/failure.ts';
import { seededRandom } from '../core/random.ts';
import { sentenceOf } from '../testing/sentence.ts';
import {
  immediately,
  integrityFindings,
  openReadOnly,
  openWorkingCopy,
  quickCheck,
  type SqliteDatabase,
  type SqliteEngine,
  settleJournal,
  tableCounts,
} from './engine.ts';
import { asCorruption } from './failure.ts';
import { describeSchemaFailures } from './failure-contract.ts';
import { readHeader } from './header.ts';
import { describeSql } from './sql-contract.ts';

interface EngineUnderTest {
  readonly engine: SqliteEngine;
  /** A file that does not exist yet. */
  readonly path: string;
  /** Opens it for changes. It is closed after the test. */
  open(): SqliteDatabase;
}

/** Where libraries differ. */
export interface EngineTraits {
  /** True: text is read up to its first U+0000 only, as node:sqlite of Node 22 does. */
  readonly textEndsAtNul?: boolean;
}

export function traitsOf({ name }: SqliteEngine): EngineTraits {
  return { textEndsAtNul: name === 'node:sqlite' && /^v22\./.test(process.version) };
}

/** Runs the contract of engine.ts against one library. The function names below are its clauses. */
export function describeSqliteEngine(engine: SqliteEngine): void {
  describe(engine.name, () => {
    let directory: string;
    let opened: SqliteDatabase[];
    let made: EngineUnderTest;

    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'javumbo-engine-'));
      opened = [];
      const path = join(directory, 'alice.anki2');
      const open = (): SqliteDatabase => {
        const database = openWorkingCopy(engine, path);
        opened.push(database);
        return database;
      };
      made = { engine, path, open };
    });

    afterEach(() => {
      for (const database of opened) database.close();
      rmSync(directory, { recursive: true, force: true });
    });

    for (const clause of CLAUSES) test(sentenceOf(clause.name), () => clause(made));
    describeSql(engine, traitsOf(engine));
    describeSchemaFailures(engine);
  });
}

const CLAUSES = [
  readsBackWhatWasWritten,
  bindsEveryKindOfValue,
  returnsTheNearestNumberForAnIntegerBeyondThem,
  returnsExactIntegersOnRequest,
  returnsColumnsOfEqualNamesOnRequest,
  returnsOneRowAtATime,
  namesColumns,
  saysWhetherAStatementReads,
  preparesOneStatement,
  countsTheRowsThatAStatementChanged,
  findsNoRowWhereThereIsNone,
  knowsWhetherATransactionIsOpen,
  rollsBack,
  rollsBackWhatThrows,
  closesTwice,
  doesNotOpenForReadingWhatIsNotThere,
  doesNotWriteOnAReadOnlyHandle,
  readsAFileThatNobodyMayWriteTo,
  namesABrokenConstraintAsSqliteDoes,
  namesALockedFileAsSqliteDoes,
  waitsForALockAsLongAsItIsTold,
  namesAFullDiskAsSqliteDoes,
  namesDamageAsSqliteDoes,
  namesAFileThatIsNoDatabaseAsSqliteDoes,
  namesWrongSqlAsSqliteDoes,
  enforcesForeignKeys,
  takesNoTextInDoubleQuotes,
  trustsNoSchema,
  movesTheChangeCounter,
  settlesAWriteAheadLog,
  findsASoundFileSound,
  countsTheRowsOfEveryTable,
  makesACollectionWithNotes,
  backsUpStepByStep,
  endsABackupWhenItIsTold,
];

function readsBackWhatWasWritten({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)');
  database.close();
  const read = openReadOnly(engine, path);
  expect({ ...(read.prepare('SELECT sum(x) AS n FROM t').get() as object) }).toEqual({ n: 3 });
  read.close();
}

function bindsEveryKindOfValue({ open }: EngineUnderTest): void {
  const database = open();
  const types = database
    .prepare('SELECT typeof(?) AS a, typeof(?) AS b, typeof(?) AS c, typeof(?) AS d, typeof(?) AS e')
    .get('text', 1.5, 7n, null, Buffer.from([1]));
  expect({ ...(types as object) }).toEqual({ a: 'text', b: 'real', c: 'integer', d: 'null', e: 'blob' });
  const { t, i, b } = database.prepare('SELECT ? AS t, ? AS i, ? AS b').get('ä\u001f', 7n, Buffer.from([1, 2])) as {
    t: string;
    i: number;
    b: Uint8Array;
  };
  expect([t, i, [...b]]).toEqual(['ä\u001f', 7, [1, 2]]);
}

function returnsTheNearestNumberForAnIntegerBeyondThem({ open }: EngineUnderTest): void {
  const statement = open().prepare('SELECT 9007199254740993 AS x');
  const expected = { x: 9007199254740992 };
  expect({ ...(statement.get() as object) }).toEqual(expected);
  expect(statement.all().map((row) => ({ ...(row as object) }))).toEqual([expected]);
  expect([...statement.iterate()].map((row) => ({ ...(row as object) }))).toEqual([expected]);
}

function returnsExactIntegersOnRequest({ open }: EngineUnderTest): void {
  const statement = open().prepare('SELECT ? AS x, 1 AS y, 1.0 AS z').safeIntegers();
  const row = statement.get(-9223372036854775808n) as object;
  expect({ ...row }).toEqual({ x: -9223372036854775808n, y: 1n, z: 1 });
}

function returnsColumnsOfEqualNamesOnRequest({ open }: EngineUnderTest): void {
  const statement = open().prepare("SELECT 1 AS a, 'b' AS a, x'00' AS a").raw();
  expect([...statement.all(), ...statement.iterate(), statement.get()]).toEqual(
    Array.from({ length: 3 }, () => [1, 'b', expect.objectContaining({ 0: 0, length: 1 })]),
  );
}

function returnsOneRowAtATime({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  const numbers = 'WITH RECURSIVE c (n) AS (SELECT x FROM t UNION ALL SELECT n + 1 FROM c) SELECT n FROM c, t';
  const seen: unknown[] = [];
  // All of them would never end.
  for (const row of database.prepare(numbers).raw().iterate()) {
    seen.push(row);
    if (seen.length === 3) break;
  }
  expect(seen).toEqual([[1], [2], [3]]);
  // A statement that still ran would keep it locked.
  expect(() => database.exec('DROP TABLE t')).not.toThrow();
}

function namesColumns({ open }: EngineUnderTest): void {
  const columns = open().prepare('SELECT 1 AS a, 2 AS "b c", 3 WHERE 0').columns();
  expect(columns.map(({ name }) => name)).toEqual(['a', 'b c', '3']);
}

function saysWhetherAStatementReads({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); CREATE VIEW v AS SELECT x FROM t');
  const said = (handle: SqliteDatabase): string[] =>
    STATEMENTS.map(([sql]) => {
      const { reader, readonly } = handle.prepare(sql);
      return `${sql}: ${reader ? 'returns rows' : 'returns none'}, ${readonly ? 'reads' : 'writes'}`;
    });
  const expected = STATEMENTS.map(([sql, what]) => `${sql}: ${what}`);
  expect(said(database)).toEqual(expected);
  const read = openReadOnly(engine, path);
  expect(said(read)).toEqual(expected);
  read.close();
}

const STATEMENTS = [
  ['SELECT x FROM t', 'returns rows, reads'],
  ['SELECT x FROM v', 'returns rows, reads'],
  ['VALUES (1)', 'returns rows, reads'],
  ['WITH c AS (SELECT 1) SELECT * FROM c', 'returns rows, reads'],
  ['WITH c AS (SELECT 1) DELETE FROM t', 'returns none, writes'],
  ['INSERT INTO t VALUES (1)', 'returns none, writes'],
  ['UPDATE t SET x = 1 RETURNING x', 'returns rows, writes'],
  ['CREATE TABLE u (x)', 'returns none, writes'],
  ['EXPLAIN SELECT x FROM t', 'returns rows, reads'],
  ['EXPLAIN DELETE FROM t', 'returns rows, writes'],
  ['/* a */ explain -- b\n query plan DELETE FROM t', 'returns rows, writes'],
  ['explain query plan SELECT x FROM t', 'returns rows, reads'],
  ['PRAGMA user_version', 'returns rows, reads'],
  ['PRAGMA user_version = 7', 'returns none, writes'],
  ['PRAGMA table_info(t)', 'returns rows, reads'],
  ['PRAGMA journal_mode', 'returns rows, writes'],
  ['PRAGMA wal_checkpoint', 'returns rows, writes'],
  ['PRAGMA incremental_vacuum', 'returns none, writes'],
  ['VACUUM', 'returns none, writes'],
  ['BEGIN', 'returns none, reads'],
  ['BEGIN IMMEDIATE', 'returns none, writes'],
] as const;

function preparesOneStatement({ open }: EngineUnderTest): void {
  const database = open();
  for (const sql of ['SELECT 1;', 'SELECT 1 ; -- end', 'SELECT 1; /* end */ ;\n']) {
    expect(database.prepare(sql).raw().get()).toEqual([1]);
  }
  for (const sql of ['SELECT 1; SELECT 2', 'SELECT 1; garbage', 'SELECT 1;; SELECT 2']) {
    expect(() => database.prepare(sql), sql).toThrow(/more than one statement/);
  }
  expect(() => database.prepare('-- nothing')).toThrow();
}

function countsTheRowsThatAStatementChanged({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3)');
  expect(Number(database.prepare('UPDATE t SET x = x + ? WHERE x > ?').run(1, 1).changes)).toBe(2);
}

function findsNoRowWhereThereIsNone({ open }: EngineUnderTest): void {
  const database = open();
  expect(database.prepare('SELECT 1 WHERE 0').get()).toBeUndefined();
  expect(database.prepare('SELECT 1 WHERE 0').all()).toEqual([]);
}

function knowsWhetherATransactionIsOpen({ open }: EngineUnderTest): void {
  const database = open();
  expect(database.inTransaction).toBe(false);
  database.exec('BEGIN IMMEDIATE');
  expect(database.inTransaction).toBe(true);
  database.exec('COMMIT');
  expect(database.inTransaction).toBe(false);
}

function rollsBack({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1); ROLLBACK');
  expect(tableCounts(database)).toEqual({ t: 0 });
}

function rollsBackWhatThrows({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x)');
  const insert = (): unknown => database.exec('INSERT INTO t VALUES (1)');
  const fail = (): void => {
    insert();
    throw new Error('stop');
  };
  expect(() => immediately(database, fail)).toThrow('stop');
  expect([database.inTransaction, tableCounts(database)]).toEqual([false, { t: 0 }]);
  immediately(database, insert);
  expect([database.inTransaction, tableCounts(database)]).toEqual([false, { t: 1 }]);
}

function closesTwice({ open }: EngineUnderTest): void {
  const database = open();
  // An unfinalised statement does not keep the file open.
  database.prepare('SELECT 1').get();
  database.close();
  expect(() => database.close()).not.toThrow();
}

function doesNotOpenForReadingWhatIsNotThere({ engine, path }: EngineUnderTest): void {
  const error = thrownBy(() => openReadOnly(engine, path));
  expect([codeOf(error), messageOf(error)]).toEqual(['SQLITE_CANTOPEN', 'unable to open database file']);
  expect(existsSync(path)).toBe(false);
}

function doesNotWriteOnAReadOnlyHandle({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x)');
  database.close();
  const read = openReadOnly(engine, path);
  expect(codeOfThrown(() => read.exec('INSERT INTO t VALUES (1)'))).toMatch(/^SQLITE_READONLY/);
  read.close();
}

function readsAFileThatNobodyMayWriteTo({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x)');
  database.close();
  const before = readFileSync(path);
  const read = openReadOnly(engine, path);
  expect(tableCounts(read)).toEqual({ t: 0 });
  read.close();
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(existsSync(`${path}-journal`)).toBe(false);
}

function namesABrokenConstraintAsSqliteDoes({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1)');
  expect(codeOfThrown(() => database.prepare('INSERT INTO t VALUES (?)').run(1))).toMatch(/^SQLITE_CONSTRAINT/);
}

function namesALockedFileAsSqliteDoes({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); BEGIN EXCLUSIVE');
  const other = engine.open(path, 'read-write');
  expect(codeOfThrown(() => other.exec('BEGIN IMMEDIATE'))).toMatch(/^SQLITE_BUSY/);
  expect(codeOfThrown(() => other.prepare('SELECT * FROM t'))).toMatch(/^SQLITE_BUSY/);
  other.close();
}

function waitsForALockAsLongAsItIsTold({ engine, path }: EngineUnderTest): void {
  for (const milliseconds of [0, 1234]) {
    const database = engine.open(path, 'read-write', milliseconds);
    expect({ ...(database.prepare('PRAGMA busy_timeout').get() as object) }).toEqual({ timeout: milliseconds });
    database.close();
  }
}

function namesAFullDiskAsSqliteDoes({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); PRAGMA max_page_count = 2');
  const error = thrownBy(() => database.exec('INSERT INTO t VALUES (zeroblob(100000))'));
  expect([codeOf(error), isDiskFull(error)]).toEqual(['SQLITE_FULL', true]);
}

function namesDamageAsSqliteDoes({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  database.close();
  // Overwrites the table's page and keeps the header sound.
  const bytes = readFileSync(path);
  bytes.fill(0xff, 4096, 8192);
  writeFileSync(path, bytes);
  const read = openReadOnly(engine, path);
  const error = thrownBy(() => read.prepare('SELECT * FROM t').all());
  expect(codeOf(error)).toMatch(/^SQLITE_CORRUPT/);
  expect(asCorruption(error, 'alice')).toMatchObject({ kind: 'corrupt', username: 'alice' });
  expect(() => quickCheck(read)).toThrow(/it is damaged|malformed/);
  read.close();
}

function namesAFileThatIsNoDatabaseAsSqliteDoes({ engine, path }: EngineUnderTest): void {
  writeFileSync(path, 'no database at all '.repeat(100));
  const error = thrownBy(() => {
    const read = openReadOnly(engine, path);
    try {
      tableCounts(read);
    } finally {
      read.close();
    }
  });
  expect(codeOf(error)).toBe('SQLITE_NOTADB');
  expect(asCorruption(error, 'alice')).toMatchObject({ kind: 'corrupt' });
}

function namesWrongSqlAsSqliteDoes({ open }: EngineUnderTest): void {
  const database = open();
  expect(codeOfThrown(() => database.prepare('SELEC 1'))).toBe('SQLITE_ERROR');
  expect(codeOfThrown(() => database.exec('SELEC 1'))).toBe('SQLITE_ERROR');
}

function enforcesForeignKeys({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p)');
  expect(codeOfThrown(() => database.exec('INSERT INTO c VALUES (1)'))).toMatch(/^SQLITE_CONSTRAINT/);
}

function takesNoTextInDoubleQuotes({ open }: EngineUnderTest): void {
  const database = open();
  expect(() => database.prepare('SELECT "no such column" AS x').get()).toThrow(/no such column/);
}

function trustsNoSchema({ open }: EngineUnderTest): void {
  const database = open();
  expect({ ...(database.prepare('PRAGMA trusted_schema').get() as object) }).toEqual({ trusted_schema: 0 });
  expect({ ...(database.prepare('PRAGMA cell_size_check').get() as object) }).toEqual({ cell_size_check: 1 });
}

function movesTheChangeCounter({ path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x)');
  const before = readHeader(path).changeCounter;
  database.exec('BEGIN; COMMIT');
  expect(readHeader(path).changeCounter).toBe(before);
  database.exec('PRAGMA user_version = 7');
  expect(readHeader(path).changeCounter).toBeGreaterThan(before);
}

function settlesAWriteAheadLog({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x)');
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('INSERT INTO t VALUES (1)');
  settleJournal(database);
  database.close();
  expect(readHeader(path).journal).toBe('rollback');
  expect(existsSync(`${path}-wal`)).toBe(false);
  const read = openReadOnly(engine, path);
  expect(tableCounts(read)).toEqual({ t: 1 });
  read.close();
}

function findsASoundFileSound({ path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  expect(() => quickCheck(database)).not.toThrow();
  expect(integrityFindings(database)).toEqual([]);
  database.close();
  truncateSync(path, 4096);
  expect(() => readHeader(path)).toThrow(/truncated/);
}

function countsTheRowsOfEveryTable({ open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE "odd ""name" (x); CREATE TABLE b (x); INSERT INTO b VALUES (1), (2)');
  expect(tableCounts(database)).toEqual({ b: 2, 'odd "name': 0 });
}

function makesACollectionWithNotes({ open }: EngineUnderTest): void {
  const sources = { clock: systemClock, random: seededRandom(7) };
  const database = open();
  createCollection(database, sources);
  const { noteId } = addNote(database, { fields: ['Front', 'Back'] }, sources);
  expect(tableCounts(database)).toMatchObject({ col: 1, notes: 1, cards: 1 });
  const note = database.prepare('SELECT flds, sfld, typeof(sfld) AS type FROM notes WHERE id = ?').get(noteId);
  expect({ ...(note as object) }).toEqual({ flds: 'Front\u001fBack', sfld: 'Front', type: 'text' });
  expect(integrityFindings(database)).toEqual([]);
}

async function backsUpStepByStep({ engine, path, open }: EngineUnderTest): Promise<void> {
  const database = open();
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(1000000))');
  let steps = 0;
  const progress = (): number => {
    steps++;
    return 10;
  };
  await database.backup(`${path}.copy`, { progress });
  // Of 4,096 bytes each.
  expect(steps).toBeGreaterThan(1_000_000 / 4096 / 10);
  const copy = openReadOnly(engine, `${path}.copy`);
  expect(tableCounts(copy)).toEqual({ t: 1 });
  copy.close();
}

async function endsABackupWhenItIsTold({ path, open }: EngineUnderTest): Promise<void> {
  const database = open();
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(1000000))');
  const reason = new Error('stop');
  for (const last of [1, 3]) {
    let steps = 0;
    const progress = (): number => {
      if (++steps === last) throw reason;
      return 10;
    };
    await expect(database.backup(`${path}.copy`, { progress })).rejects.toBe(reason);
    expect(steps).toBe(last);
  }
  expect(tableCounts(database)).toEqual({ t: 1 });
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function codeOfThrown(work: () => unknown): string | undefined {
  return codeOf(thrownBy(work));
}
