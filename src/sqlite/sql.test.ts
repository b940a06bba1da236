import { describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { runQuery } from '../testing/query.ts';
import { asSqlFailure } from './failure.ts';
import { boundValue } from './sql.ts';

describe('a word of the command line is bound', () => {
  test.each<[string, bigint | number | string]>([
    ['0', 0n],
    ['7', 7n],
    ['-7', -7n],
    ['9007199254740993', 9007199254740993n],
    ['9223372036854775807', 9223372036854775807n],
    ['9223372036854775808', '9223372036854775808'],
    ['-9223372036854775808', -9223372036854775808n],
    ['-9223372036854775809', '-9223372036854775809'],
    ['-0', '-0'],
    ['007', '007'],
    ['+7', '+7'],
    ['1.5', 1.5],
    ['-0.25', -0.25],
    ['1.0', '1.0'],
    ['.5', '.5'],
    ['1e5', '1e5'],
    ['1e+21', 1e21],
    ['0x10', '0x10'],
    ['Infinity', 'Infinity'],
    ['NaN', 'NaN'],
    ['', ''],
    [' 1', ' 1'],
    ['1 ', '1 '],
    ['1_000', '1_000'],
    ['der Hund', 'der Hund'],
    ['NULL', 'NULL'],
    ['１', '１'],
  ])('%j as %s', (text, value) => {
    expect(boundValue(text)).toBe(value);
  });
});

describe('an error over somebody’s SQL', () => {
  const sqlite = (code: string): Error => Object.assign(new Error('what SQLite says'), { code });
  test.each<{ name: string; error: unknown; kind: string | undefined }>([
    { name: 'a mistake is usage', error: sqlite('SQLITE_ERROR'), kind: 'usage' },
    { name: 'a full disk is unavailable', error: sqlite('SQLITE_FULL'), kind: 'unavailable' },
    { name: 'a broken disk is unavailable', error: sqlite('SQLITE_IOERR_WRITE'), kind: 'unavailable' },
    { name: 'damage is left to whoever knows the user', error: sqlite('SQLITE_CORRUPT'), kind: undefined },
    { name: 'a failure is left alone', error: new JavumboError('conflict', 'x'), kind: 'conflict' },
    { name: 'a value that does not fit is usage', error: new RangeError('Too few'), kind: 'usage' },
    { name: 'a defect of this program stays one', error: new Error('x'), kind: undefined },
  ])('$name', ({ error, kind }) => {
    const failure = asSqlFailure(error);
    if (kind === undefined || error instanceof JavumboError) expect(failure).toBe(error);
    if (kind !== undefined) expect(failure).toMatchObject({ kind });
    if (kind === 'usage' || kind === 'unavailable') expect(failure).toMatchObject({ try: expect.any(String) });
  });
});

test('a write that an engine takes for a read is refused like any other, because the handle is read-only', () => {
  const refuse = (): never => {
    throw Object.assign(new Error('attempt to write a readonly database'), { code: 'SQLITE_READONLY' });
  };
  const statement = {
    reader: true,
    readonly: true,
    columns: () => [{ name: 'a' }],
    safeIntegers: () => statement,
    raw: () => statement,
    run: refuse,
    get: refuse,
    all: refuse,
    iterate: refuse,
  };
  const database = { inTransaction: false, exec: refuse, prepare: () => statement, backup: refuse, close: () => {} };
  expect(() => runQuery(database, 'DELETE FROM t RETURNING a', [])).toThrow(
    expect.objectContaining({ kind: 'usage', message: 'db query only reads, and DELETE does not' }),
  );
});
