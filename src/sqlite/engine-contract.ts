import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import { systemClock } from '../core/clock.ts';
import { codeOf } from '../core/failure.ts';
import { seededRandom } from '../core/random.ts';
import { sentenceOf } from '../testing/sentence.ts';
import {
  asCorruption,
  canOpenInMemory,
  integrityFindings,
  openInMemory,
  openReadOnly,
  openWorkingCopy,
  quickCheck,
  type SqliteDatabase,
  type SqliteEngine,
  settleJournal,
  tableCounts,
} from './engine.ts';
import { readHeader } from './header.ts';

interface EngineUnderTest {
  readonly engine: SqliteEngine;
  /** A file that does not exist yet. */
  readonly path: string;
  /** Opens it for changes. It is closed after the test. */
  open(): SqliteDatabase;
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
  });
}

export const CLAUSES = [
  readsBackWhatWasWritten,
  bindsEveryKindOfValue,
  countsTheRowsThatAStatementChanged,
  findsNoRowWhereThereIsNone,
  knowsWhetherATransactionIsOpen,
  rollsBack,
  closesTwice,
  doesNotOpenForReadingWhatIsNotThere,
  doesNotWriteOnAReadOnlyHandle,
  readsAFileThatNobodyMayWriteTo,
  namesABrokenConstraintAsSqliteDoes,
  namesDamageAsSqliteDoes,
  namesAFileThatIsNoDatabaseAsSqliteDoes,
  namesWrongSqlAsSqliteDoes,
  enforcesForeignKeys,
  takesNoTextInDoubleQuotes,
  trustsNoSchema,
  movesTheChangeCounter,
  settlesAWriteAheadLog,
  changesACopyInMemoryAndNothingElse,
  findsASoundFileSound,
  countsTheRowsOfEveryTable,
  makesACollectionWithNotes,
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

function closesTwice({ open }: EngineUnderTest): void {
  const database = open();
  // An unfinalised statement does not keep the file open.
  database.prepare('SELECT 1').get();
  database.close();
  expect(() => database.close()).not.toThrow();
}

function doesNotOpenForReadingWhatIsNotThere({ engine, path }: EngineUnderTest): void {
  expect(() => openReadOnly(engine, path)).toThrow(/unable to open database file/);
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

function changesACopyInMemoryAndNothingElse({ engine, path, open }: EngineUnderTest): void {
  const database = open();
  database.exec('CREATE TABLE t (x PRIMARY KEY); INSERT INTO t VALUES (1)');
  database.close();
  if (!canOpenInMemory(engine)) return;
  const bytes = readFileSync(path);
  const copy = openInMemory(engine, bytes);
  expect(copy.serialize().equals(bytes)).toBe(true);
  copy.exec('BEGIN IMMEDIATE; DELETE FROM t; ROLLBACK');
  expect(copy.serialize().equals(bytes)).toBe(true);
  expect(() => copy.exec('INSERT INTO t VALUES (2), (1)')).toThrow(/UNIQUE/);
  expect(readHeader(copy.serialize())).toEqual(readHeader(bytes));
  copy.exec('INSERT INTO t VALUES (2)');
  expect(readHeader(copy.serialize()).changeCounter).toBeGreaterThan(readHeader(bytes).changeCounter);
  settleJournal(copy);
  writeFileSync(`${path}-copy`, copy.serialize());
  copy.close();
  copy.close();
  const read = openReadOnly(engine, `${path}-copy`);
  expect(tableCounts(read)).toEqual({ t: 2 });
  expect(integrityFindings(read)).toEqual([]);
  read.close();
  expect(readFileSync(path).equals(bytes)).toBe(true);
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
