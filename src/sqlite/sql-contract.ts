import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { runQuery } from '../testing/query.ts';
import { openReadOnly, openWorkingCopy, type SqliteDatabase, type SqliteEngine, tableCounts } from './engine.ts';
import type { EngineTraits } from './engine-contract.ts';
import { asSqlFailure } from './failure.ts';
import { runScript } from './sql.ts';

/** Runs the SQL of `db query` and `db exec` on one library, which must not show which one it is. */
export function describeSql(engine: SqliteEngine, { textEndsAtNul = false }: EngineTraits): void {
  let directory: string;
  /** As `db query` has it. */
  let query: SqliteDatabase;
  /** As `db exec` has it. */
  let database: SqliteDatabase;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'javumbo-sql-'));
    const path = join(directory, 'alice.anki2');
    database = openWorkingCopy(engine, path);
    database.exec(
      "CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    );
    query = openReadOnly(engine, path);
  });

  afterEach(() => {
    database.close();
    query.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test.each([
    ['SELECT bb FROM t', 'no such column: bb; did you mean b?'],
    ['SELECT x.bb FROM t AS x', 'no such column: x.bb; did you mean b?'],
    ['SELECT amount FROM t', 'no such column: amount'],
    ['SELECT amount FROM other', 'no such column: amount; did you mean amounts?'],
    ['SELECT 1 FROM othr', 'no such table: othr; did you mean other?'],
    ['SELECT 1 FROM elsewhere', 'no such table: elsewhere'],
    ['INSERT INTO other (amout) VALUES (1)', 'table other has no column named amout; did you mean amounts?'],
    ['SELECT lenght(b) FROM t', 'no such function: lenght; did you mean length?'],
    ['SELECT Cout(*) FROM t', 'no such function: Cout; did you mean count?'],
    ['SELECT len(b) FROM t', 'no such function: len; did you mean length?'],
    ['SELECT group_con(b) FROM t', 'no such function: group_con; did you mean group_concat?'],
    ['SELECT left(b, 1) FROM t', 'no such function: left'],
    ['SELECT now()', 'no such function: now'],
    ['SELECT translate(b) FROM t', 'no such function: translate'],
    ['SELECT l(b) FROM t', 'no such function: l'],
    ['SELECT sub(b, 1) FROM t', 'no such function: sub'],
    ['SELECT abc(1)', 'no such function: abc'],
    ['SELCT a FROM t', 'near "SELCT": syntax error; did you mean SELECT?'],
    ['selct a form t', 'near "selct": syntax error; did you mean SELECT?'],
    ['SELECT a FORM t', 'near "t": syntax error; did you mean FROM instead of FORM?'],
    ["SELECT 'FORM t' AS a FORM t", 'near "FORM": syntax error; did you mean FROM?'],
    ['SELECT a FROM t WHER a = 1', 'near "a": syntax error; did you mean WHERE instead of WHER?'],
    ["SELECT a FROM t WHER 'a' = b", 'near "\'a\'": syntax error; did you mean WHERE instead of WHER?'],
    ['SELECT a FROM t ORDR BY a', 'near "BY": syntax error; did you mean ORDER instead of ORDR?'],
    ['SELECT a FROM t LIMT 1', 'near "1": syntax error; did you mean LIMIT instead of LIMT?'],
    ["INSRT INTO t VALUES (4, 'x')", 'near "INSRT": syntax error; did you mean INSERT?'],
    ["INSERT INTO t VALEUS (4, 'x')", 'near "VALEUS": syntax error; did you mean VALUES?'],
    ['UPDATE t ST b = 1', 'near "ST": syntax error'],
    ['UPDATE t SETT b = 1', 'near "SETT": syntax error; did you mean SET?'],
    ['DELETE FRM t', 'near "FRM": syntax error; did you mean FROM?'],
    ['CREATE TABEL x (y)', 'near "TABEL": syntax error; did you mean TABLE?'],
    // Another keyword would not help.
    ['SELECT a FROM order', 'near "order": syntax error'],
    ['SELECT a b c FROM t', 'near "c": syntax error'],
    ['SELECT a, FROM t', 'near "FROM": syntax error'],
    ['SHOW tables', 'near "SHOW": syntax error'],
    ['DESCRIBE t', 'near "DESCRIBE": syntax error'],
    ['EXPALIN PRAGMA user_version = 5', 'near "EXPALIN": syntax error'],
  ])('a name or a word that SQLite does not know: %s', (sql, message) => {
    database.exec('CREATE TABLE other (amounts)');
    expect(() => runScript(database, sql, [])).toThrow(expect.objectContaining({ kind: 'usage', message }));
  });

  test('a bound number arrives as it was written, to the digit', () => {
    const words = ['-9223372036854775808', '9223372036854775807', '1.5', '007', '', '-0'];
    for (const word of words) {
      const { rows } = runQuery(query, 'SELECT CAST(? AS TEXT) AS text', [word]);
      expect(rows).toEqual([{ text: word }]);
    }
  });

  describe('a query', () => {
    test.each<{ name: string; sql: string; values?: string[]; columns: string[]; rows: unknown[] }>([
      {
        name: 'returns columns and rows',
        sql: 'SELECT a, b FROM t WHERE a < 3',
        columns: ['a', 'b'],
        rows: [
          { a: 1, b: 'one' },
          { a: 2, b: 'two' },
        ],
      },
      { name: 'without rows still has columns', sql: 'SELECT a, b FROM t WHERE 0', columns: ['a', 'b'], rows: [] },
      {
        name: 'takes values in order',
        sql: 'SELECT ? AS x, ? AS y',
        values: ['1', 'b'],
        columns: ['x', 'y'],
        rows: [{ x: 1, y: 'b' }],
      },
      { name: 'keeps NULL', sql: 'SELECT NULL AS x', columns: ['x'], rows: [{ x: null }] },
      {
        name: 'keeps the largest safe integer a number',
        sql: 'SELECT 9007199254740991 AS x',
        columns: ['x'],
        rows: [{ x: 9007199254740991 }],
      },
      {
        name: 'makes integers beyond 2^53 strings',
        sql: 'SELECT 9007199254740993 AS x, -9223372036854775808 AS y',
        columns: ['x', 'y'],
        rows: [{ x: '9007199254740993', y: '-9223372036854775808' }],
      },
      { name: 'keeps fractions', sql: 'SELECT 0.1 AS x', columns: ['x'], rows: [{ x: 0.1 }] },
      {
        name: 'makes infinities strings',
        sql: 'SELECT 9e999 AS x, -9e999 AS y',
        columns: ['x', 'y'],
        rows: [{ x: 'Infinity', y: '-Infinity' }],
      },
      {
        name: 'makes blobs base64',
        sql: "SELECT x'00ff10' AS x, x'' AS y",
        columns: ['x', 'y'],
        rows: [{ x: { base64: 'AP8Q' }, y: { base64: '' } }],
      },
      {
        name: 'keeps control characters and U+0000 in text',
        sql: "SELECT 'a' || char(31) || char(0) || 'b' AS x",
        columns: ['x'],
        rows: [{ x: textEndsAtNul ? 'a\u001f' : 'a\u001f\u0000b' }],
      },
      {
        name: 'takes a semicolon and a comment behind it',
        sql: 'SELECT 1 AS x; -- done',
        columns: ['x'],
        rows: [{ x: 1 }],
      },
      { name: 'may be a CTE', sql: 'WITH c AS (SELECT 1 AS x) SELECT x FROM c', columns: ['x'], rows: [{ x: 1 }] },
      {
        name: 'may be VALUES',
        sql: 'VALUES (1, 2)',
        columns: ['column1', 'column2'],
        rows: [{ column1: 1, column2: 2 }],
      },
      {
        name: 'may be a pragma that tells',
        sql: 'PRAGMA user_version',
        columns: ['user_version'],
        rows: [{ user_version: 0 }],
      },
      {
        name: 'may be a pragma with an argument',
        sql: 'PRAGMA index_list(t)',
        columns: ['seq', 'name', 'unique', 'origin', 'partial'],
        rows: [],
      },
      {
        name: 'may explain',
        sql: 'EXPLAIN QUERY PLAN SELECT * FROM t WHERE 0',
        columns: ['id', 'parent', 'notused', 'detail'],
        rows: expect.anything() as unknown as unknown[],
      },
      {
        name: 'takes only question marks outside of strings, names and comments for parameters',
        sql: 'SELECT \'?\' AS "a?", ?AS [:b] /* :c */ -- ?',
        values: ['1'],
        columns: ['a?', ':b'],
        rows: [{ 'a?': '?', ':b': 1 }],
      },
      {
        name: 'may return columns of one name, which get numbers that no other has',
        sql: 'SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a, 5 AS "A"',
        columns: ['a', 'a_3', 'a_2', 'a_4', 'A'],
        rows: [{ a: 1, a_3: 2, a_2: 3, a_4: 4, A: 5 }],
      },
      {
        name: 'may name a column __proto__',
        sql: 'SELECT 1 AS "__proto__"',
        columns: ['__proto__'],
        rows: [JSON.parse('{"__proto__":1}')],
      },
    ])('$name', ({ sql, values = [], columns, rows }) => {
      expect(runQuery(query, sql, values)).toEqual({ columns, rows });
    });

    test.each<{ name: string; sql: string; values?: string[]; message: RegExp }>([
      { name: 'nothing', sql: ' -- only a comment', message: /the SQL is empty/ },
      { name: 'two statements', sql: 'SELECT 1; SELECT 2', message: /one statement/ },
      { name: 'a second statement that writes', sql: 'SELECT 1; DELETE FROM t', message: /one statement/ },
      { name: 'an UPDATE', sql: 'UPDATE t SET b = 1', message: /only reads, and UPDATE does not/ },
      { name: 'a write that returns rows', sql: 'DELETE FROM t RETURNING a', message: /only reads, and DELETE/ },
      { name: 'a write behind WITH', sql: 'WITH c AS (SELECT 1) DELETE FROM t', message: /only reads, and WITH/ },
      { name: 'DDL', sql: 'CREATE TABLE u (a)', message: /only reads, and CREATE/ },
      { name: 'a pragma that sets', sql: 'PRAGMA user_version = 7', message: /only reads, and PRAGMA/ },
      { name: 'VACUUM INTO', sql: "VACUUM INTO '/tmp/javumbo-must-not-be'", message: /VACUUM/ },
      { name: 'ATTACH', sql: "ATTACH ':memory:' AS x", message: /ATTACH/ },
      { name: 'BEGIN', sql: 'BEGIN', message: /BEGIN/ },
      { name: 'what would explain a write', sql: 'EXPLAIN DELETE FROM t', message: /only reads, and DELETE/ },
      { name: 'a write behind a comment', sql: '-- SELECT\nDELETE FROM t', message: /only reads, and DELETE/ },
      {
        name: 'a write behind WITH that returns rows',
        sql: 'WITH c AS (SELECT 1) DELETE FROM t RETURNING a',
        message: /only reads, and WITH/,
      },
      { name: 'a pragma that may set', sql: 'PRAGMA journal_mode', message: /only reads, and PRAGMA/ },
      { name: 'a pragma that moves a log', sql: 'PRAGMA wal_checkpoint', message: /only reads, and PRAGMA/ },
      { name: 'a pragma that answers nothing', sql: 'PRAGMA foreign_keys = OFF', message: /only reads, and PRAGMA/ },
    ])('of $name is refused as usage', ({ sql, values = [], message }) => {
      const run = (): unknown => runQuery(query, sql, values);
      expect(run).toThrow(message);
      expect(run).toThrow(expect.objectContaining({ kind: 'usage', try: expect.any(String) }));
      expect(tableCounts(query)).toEqual({ t: 3 });
    });

    test.each<{ name: string; sql: string; values?: string[]; message: RegExp }>([
      {
        name: 'SQL that does not parse',
        sql: 'SELEC 1',
        message: /^near "SELEC": syntax error; did you mean SELECT\?$/,
      },
      { name: 'an absent table', sql: 'SELECT * FROM nope', message: /^no such table: nope$/ },
      { name: 'too few values', sql: 'SELECT ?', message: /^too few parameter values/ },
      { name: 'too many values', sql: 'SELECT 1', values: ['1'], message: /^too many parameter values/ },
      { name: 'a named parameter', sql: 'SELECT :x', message: /^missing named parameter :x$/ },
      { name: 'a numbered parameter', sql: 'SELECT ?1', message: /^missing named parameter \?1$/ },
      { name: 'text in double quotes', sql: 'SELECT "nope"', message: /^no such column: "?nope/ },
    ])('with $name is its writer’s mistake', ({ sql, values = [], message }) => {
      let failure: unknown;
      try {
        runQuery(query, sql, values);
      } catch (error) {
        failure = asSqlFailure(error);
      }
      expect(failure).toMatchObject({
        kind: 'usage',
        message: expect.stringMatching(message),
        try: expect.any(String),
      });
    });
  });

  describe('a script counts the rows that it changed', () => {
    const TRIGGER =
      'CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (1); INSERT INTO log VALUES (2); END;';

    test.each<{ name: string; script: string; values?: string[]; changes: number }>([
      { name: 'an update', script: 'UPDATE t SET b = 1', changes: 3 },
      {
        name: 'several statements',
        script: 'UPDATE t SET b = 1; DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (9, 9)',
        changes: 5,
      },
      { name: 'no row', script: 'UPDATE t SET b = 1 WHERE 0', changes: 0 },
      {
        name: 'no row behind a statement that changed some',
        script: 'UPDATE t SET b = 1; DELETE FROM t WHERE 0',
        changes: 3,
      },
      { name: 'an update that returns its rows', script: 'UPDATE t SET b = 1 RETURNING a', changes: 3 },
      {
        name: 'an update that would return rows, and has none',
        script: 'UPDATE t SET b = 1; DELETE FROM t WHERE 0 RETURNING a',
        changes: 3,
      },
      { name: 'DDL, which changes no row', script: 'CREATE TABLE u (a)', changes: 0 },
      { name: 'a query, which changes no row', script: 'UPDATE t SET b = 1; SELECT * FROM t', changes: 3 },
      {
        name: 'a pragma that answers, which changes no row',
        script: 'UPDATE t SET b = 1; PRAGMA journal_mode = DELETE',
        changes: 3,
      },
      { name: 'not what triggers do', script: `CREATE TABLE log (n); ${TRIGGER} UPDATE t SET b = 1`, changes: 3 },
      { name: 'with values', script: 'UPDATE t SET b = ? WHERE a > ?', values: ['x', '1'], changes: 2 },
      {
        name: 'with values that return',
        script: 'INSERT INTO t VALUES (?, ?) RETURNING a',
        values: ['9', 'x'],
        changes: 1,
      },
      {
        name: 'inside of a savepoint',
        script: 'SAVEPOINT s; UPDATE t SET b = 1; ROLLBACK TO s; RELEASE s; DELETE FROM t',
        changes: 6,
      },
    ])('$name', ({ script, values = [], changes }) => {
      database.exec('BEGIN IMMEDIATE');
      expect(runScript(database, script, values)).toBe(changes);
      expect(database.inTransaction).toBe(true);
    });

    test.each<{ name: string; script: string; values?: string[]; message: RegExp }>([
      { name: 'is empty', script: ';;', message: /the SQL is empty/ },
      {
        name: 'has values for several statements',
        script: 'SELECT 1; SELECT ?',
        values: ['1'],
        message: /values go with one statement/,
      },
      { name: 'does not parse', script: 'UPDATE t SET', message: /^incomplete input$/ },
      {
        name: 'does not parse further down',
        script: 'UPDATE t SET b = 1;\nUPDAT t',
        message: /^line 2: near "UPDAT": syntax error$/,
      },
      { name: 'commits', script: 'UPDATE t SET b = 1;\nCOMMIT', message: /^line 2: COMMIT would end/ },
      { name: 'attaches', script: "UPDATE t SET b = 1; ATTACH 'x' AS x", message: /ATTACH reaches outside/ },
      {
        name: 'breaks a constraint',
        script: 'INSERT INTO t VALUES (1, 1)',
        message: /^UNIQUE constraint failed: t.a$/i,
      },
      {
        name: 'cannot run inside a transaction',
        script: 'UPDATE t SET b = 1; PRAGMA wal_checkpoint',
        message: /^line 1: database table is locked/,
      },
      { name: 'loads an extension', script: "SELECT load_extension('x')", message: /not authorized|no such function/ },
    ])('one that $name is refused as usage', ({ script, values = [], message }) => {
      database.exec('BEGIN IMMEDIATE');
      let failure: unknown;
      try {
        runScript(database, script, values);
      } catch (error) {
        failure = error;
      }
      expect(failure).toBeInstanceOf(JavumboError);
      expect(failure).toMatchObject({
        kind: 'usage',
        message: expect.stringMatching(message),
        try: expect.any(String),
      });
    });

    test('refusing a script runs none of it', () => {
      database.exec('BEGIN IMMEDIATE');
      expect(() => runScript(database, "UPDATE t SET b = 'gone'; VACUUM", [])).toThrow(/VACUUM/);
      expect({ ...(database.prepare("SELECT count(*) AS n FROM t WHERE b = 'gone'").get() as object) }).toEqual({
        n: 0,
      });
    });
  });
}
