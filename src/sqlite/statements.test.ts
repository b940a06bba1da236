import { array, assert as check, constantFrom, oneof, property, stringMatching } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { refuseJournalMode, refuseUnsafe, splitStatements } from './statements.ts';

const TRIGGER =
  'CREATE TRIGGER t AFTER UPDATE ON notes BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 ELSE 3 END; DELETE FROM b; END;';

describe('a script is split at semicolons', () => {
  test.each<{ name: string; script: string; statements: string[] }>([
    { name: 'one statement without a semicolon', script: 'SELECT 1', statements: ['SELECT 1'] },
    { name: 'two statements', script: 'SELECT 1; SELECT 2;', statements: ['SELECT 1;', 'SELECT 2;'] },
    { name: 'an empty script is none', script: '', statements: [] },
    { name: 'blanks and semicolons are none', script: ' ;\n; ;', statements: [] },
    { name: 'a comment alone is none', script: '-- nothing\n/* SELECT 1; */', statements: [] },
    { name: 'a string keeps its semicolon', script: "SELECT ';'; SELECT 2", statements: ["SELECT ';';", 'SELECT 2'] },
    { name: 'a doubled quote does not end a string', script: "SELECT 'it''s;'", statements: ["SELECT 'it''s;'"] },
    { name: 'a quoted name keeps its semicolon', script: 'SELECT ";""x"', statements: ['SELECT ";""x"'] },
    { name: 'so does one in back quotes', script: 'SELECT `;`', statements: ['SELECT `;`'] },
    { name: 'and one in brackets', script: 'SELECT [;]', statements: ['SELECT [;]'] },
    {
      name: 'a line comment keeps its semicolon',
      script: 'SELECT 1 -- a; b\n+ 1',
      statements: ['SELECT 1 -- a; b\n+ 1'],
    },
    { name: 'a block comment does too', script: 'SELECT /* a; b */ 1', statements: ['SELECT /* a; b */ 1'] },
    {
      name: 'a comment does not begin in a string',
      script: "SELECT '--;'; SELECT 2",
      statements: ["SELECT '--;';", 'SELECT 2'],
    },
    {
      name: 'a string does not begin in a comment',
      script: "SELECT 1; -- it's\nSELECT 2",
      statements: ['SELECT 1;', "-- it's\nSELECT 2"],
    },
    {
      name: '/*/ does not end the comment that it begins',
      script: 'SELECT 1 /*/ ; */',
      statements: ['SELECT 1 /*/ ; */'],
    },
    { name: 'an unclosed string runs to the end', script: "SELECT 'a; b", statements: ["SELECT 'a; b"] },
    { name: 'an unclosed comment runs to the end', script: 'SELECT 1 /* a; b', statements: ['SELECT 1 /* a; b'] },
    {
      name: 'a trigger keeps the semicolons of its body',
      script: `${TRIGGER} SELECT 1`,
      statements: [TRIGGER, 'SELECT 1'],
    },
    {
      name: 'a temporary trigger does too',
      script: TRIGGER.replace('CREATE', 'create temp'),
      statements: [TRIGGER.replace('CREATE', 'create temp')],
    },
    {
      name: 'and one behind EXPLAIN QUERY PLAN',
      script: `EXPLAIN QUERY PLAN ${TRIGGER}`,
      statements: [`EXPLAIN QUERY PLAN ${TRIGGER}`],
    },
    { name: 'and one behind a comment', script: `/* x */ ${TRIGGER}`, statements: [`/* x */ ${TRIGGER}`] },
    {
      name: 'and one with a comment before its END',
      script: 'CREATE TRIGGER t BEGIN SELECT 1; -- ;\nEND; SELECT 2',
      statements: ['CREATE TRIGGER t BEGIN SELECT 1; -- ;\nEND;', 'SELECT 2'],
    },
    {
      name: 'CASE and END elsewhere end nothing',
      script: 'SELECT CASE WHEN 1 THEN 2 END; SELECT 2',
      statements: ['SELECT CASE WHEN 1 THEN 2 END;', 'SELECT 2'],
    },
    {
      name: 'a table may be called trigger',
      script: 'CREATE TABLE trigger (a); SELECT 1',
      statements: ['CREATE TABLE trigger (a);', 'SELECT 1'],
    },
  ])('$name', ({ script, statements }) => {
    expect(splitStatements(script).map(({ sql }) => sql)).toEqual(statements);
  });

  test.each([
    { script: 'SELECT 1;\n\nSELECT 2;\nSELECT 3', lines: [1, 3, 4] },
    { script: '\n\n  SELECT 1; SELECT 2', lines: [3, 3] },
    { script: "SELECT 'a\nb';\nSELECT 2", lines: [1, 3] },
    { script: 'SELECT 1;\r\nSELECT 2', lines: [1, 2] },
  ])('$script begins its statements on the lines $lines', ({ script, lines }) => {
    expect(splitStatements(script).map(({ line }) => line)).toEqual(lines);
  });

  test.each([
    ['select 1', 'SELECT'],
    ['  -- BEGIN\n /* COMMIT */ update a set b = 1', 'UPDATE'],
    ['EXPLAIN SELECT 1', 'SELECT'],
    ['explain query plan delete from a', 'DELETE'],
    ['(SELECT 1)', 'SELECT'],
    ['\uFEFFSELECT 1', 'SELECT'],
    ['123', ''],
  ])('%j has the verb %j', (script, verb) => {
    expect(splitStatements(script).map((statement) => statement.verb)).toEqual([verb]);
  });

  test('property: splitting a join of statements gives them back', () => {
    const inside = oneof(
      constantFrom("';'", '";"', '`;`', '[;]', '/* ; */', '-- ;\n', "'it''s'", 'CASE WHEN 1 THEN 2 END', '+ 1', ', x'),
      stringMatching(/^[a-z0-9 ,()=*]{0,8}$/),
    );
    const plain = array(inside, { maxLength: 6 }).map((parts) => `SELECT ${parts.join(' ')} x;`);
    const statement = oneof({ weight: 5, arbitrary: plain }, constantFrom(TRIGGER, 'CREATE TABLE trigger (a);'));
    const gap = constantFrom('', ' ', '\n', '\n\n\t', ' ; ');
    check(
      property(array(statement, { maxLength: 8 }), gap, (statements, between) => {
        const split = splitStatements(statements.join(between)).map(({ sql }) => sql);
        expect(split).toEqual(statements.map((sql) => sql.trim()));
      }),
      { numRuns: 500 },
    );
  });
});

describe('statements that would reach outside, or end the transaction, are refused', () => {
  test.each([
    ["ATTACH '/tmp/x' AS x", /line 1: ATTACH reaches outside/],
    ['detach x', /line 1: DETACH reaches outside/],
    ['BEGIN', /line 1: BEGIN would end the transaction/],
    ['BEGIN IMMEDIATE; SELECT 1', /line 1: BEGIN/],
    ['COMMIT', /line 1: COMMIT/],
    ['commit transaction', /line 1: COMMIT/],
    ['END', /line 1: END/],
    ['END TRANSACTION', /line 1: END/],
    ['ROLLBACK', /line 1: ROLLBACK/],
    ['ROLLBACK TRANSACTION', /line 1: ROLLBACK/],
    ['ROLLBACK /* TO a */', /line 1: ROLLBACK/],
    ['ROLLBACK -- TO a', /line 1: ROLLBACK/],
    ['ROLLBACK TRANSACTION "to"', /line 1: ROLLBACK/],
    ['ROLLBACK TRANSACTION "a /* TO b"', /line 1: ROLLBACK/],
    ['ROLLBACK TRANSACTION to_', /line 1: ROLLBACK/],
    ['VACUUM', /line 1: VACUUM cannot run/],
    ["VACUUM INTO '/tmp/x'", /line 1: VACUUM/],
    ['/* a */ -- b\nCOMMIT', /COMMIT/],
    ['EXPLAIN COMMIT', /COMMIT/],
    ["EXPLAIN QUERY PLAN ATTACH 'x' AS y", /ATTACH/],
    ['UPDATE a SET b = 1;\n\nCOMMIT;', /line 3: COMMIT/],
    [`${TRIGGER}\nVACUUM`, /line 2: VACUUM/],
    [';;;COMMIT', /COMMIT/],
  ])('%j', (script, message) => {
    const refuse = (): void => refuseUnsafe(splitStatements(script));
    expect(refuse).toThrow(message);
    expect(refuse).toThrow(expect.objectContaining({ kind: 'usage', try: expect.any(String) }));
    expect(refuse).toThrow(JavumboError);
  });

  test.each([
    'ROLLBACK TO a',
    'rollback transaction to savepoint a',
    'ROLLBACK/* a */TO"a"',
    '-- a\nROLLBACK TRANSACTION -- b\nTO a;',
    'EXPLAIN QUERY PLAN ROLLBACK TO a',
    'SAVEPOINT a; RELEASE a',
    'UPDATE a SET b = 1',
    "SELECT 'COMMIT; VACUUM'",
    'SELECT 1 -- ; COMMIT',
    'SELECT "commit" FROM [begin]',
    TRIGGER,
    'CREATE TABLE attach (vacuum)',
    'INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING',
    'PRAGMA user_version = 1',
  ])('%j is not', (script) => {
    expect(() => refuseUnsafe(splitStatements(script))).not.toThrow();
  });
});

describe('another journal mode is refused', () => {
  test.each([
    'PRAGMA journal_mode = WAL',
    'pragma main.journal_mode(wal)',
    'PRAGMA "journal_mode"=WAL',
    "PRAGMA 'journal_mode' = 'wal'",
    'PRAGMA `main`.`journal_mode`(off)',
    'PRAGMA [journal_mode] /* = delete */ = "truncate"',
  ])('%j', (script) => {
    expect(() => refuseJournalMode(splitStatements(script))).toThrow(/line 1: databases are stored in rollback mode/);
  });

  test.each([
    'PRAGMA journal_mode',
    'PRAGMA "journal_mode"',
    'PRAGMA journal_mode = DELETE',
    'PRAGMA "journal_mode" = "delete"',
    'PRAGMA [journal_mode]([delete])',
    "SELECT 'journal_mode = wal'",
  ])('%j is none', (script) => {
    expect(() => refuseJournalMode(splitStatements(script))).not.toThrow();
  });
});
