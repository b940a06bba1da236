import { describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { type At, findPoint, type PointInTime, parseAt } from './points.ts';

const NOW = Date.UTC(2026, 10, 26, 12);
const HOUR = 3_600_000;

describe('--at', () => {
  test.each<{ text: string; is: At }>([
    { text: '90s', is: { kind: 'moment', at: NOW - 90_000 } },
    { text: '15m', is: { kind: 'moment', at: NOW - 15 * 60_000 } },
    { text: '2h', is: { kind: 'moment', at: NOW - 2 * HOUR } },
    { text: '1.5h', is: { kind: 'moment', at: NOW - 1.5 * HOUR } },
    { text: '3d', is: { kind: 'moment', at: NOW - 72 * HOUR } },
    { text: '1w', is: { kind: 'moment', at: NOW - 168 * HOUR } },
    { text: '2026-11-26', is: { kind: 'moment', at: Date.UTC(2026, 10, 26) } },
    { text: '2026-11-26T10:30', is: { kind: 'moment', at: Date.UTC(2026, 10, 26, 10, 30) } },
    { text: '2026-11-26 10:30:05', is: { kind: 'moment', at: Date.UTC(2026, 10, 26, 10, 30, 5) } },
    { text: '2026-11-26 10:30:05 UTC', is: { kind: 'moment', at: Date.UTC(2026, 10, 26, 10, 30, 5) } },
    { text: '2026-11-26T10:30:05.250Z', is: { kind: 'moment', at: Date.UTC(2026, 10, 26, 10, 30, 5, 250) } },
    { text: '2026-11-26T10:30+02:00', is: { kind: 'moment', at: Date.UTC(2026, 10, 26, 8, 30) } },
    { text: '17', is: { kind: 'id', id: '17' } },
    { text: 'yesterday', is: { kind: 'id', id: 'yesterday' } },
    { text: '', is: { kind: 'id', id: '' } },
  ])('$text is $is', ({ text, is }) => {
    expect(parseAt(text, NOW)).toEqual(is);
  });
});

test.each(['2026-13-26', '2026-02-30', '2026-11-26T10', '2026-11-26 noon'])('--at %s is refused', (text) => {
  expect(() => parseAt(text, NOW)).toThrow(`${text} is no time`);
});

describe('the point that it names', () => {
  const point = (id: string, at: number, deleted = false): PointInTime => ({
    id,
    at,
    deleted,
    version: deleted ? undefined : `etag of ${id}`,
    sizeBytes: deleted ? 0 : 1,
    current: false,
  });
  const points = [
    point('abcdef', 50),
    point('abcd12', 40),
    point('gone', 30, true),
    point('12345', 25),
    point('12', 20),
    point('1', 10),
  ];

  test.each<{ at: At; is: string }>([
    { at: { kind: 'moment', at: 100 }, is: 'abcdef' },
    { at: { kind: 'moment', at: 50 }, is: 'abcdef' },
    { at: { kind: 'moment', at: 49 }, is: 'abcd12' },
    { at: { kind: 'moment', at: 35 }, is: 'gone' },
    { at: { kind: 'moment', at: 10 }, is: '1' },
    { at: { kind: 'id', id: '1' }, is: '1' },
    { at: { kind: 'id', id: '12' }, is: '12' },
    { at: { kind: 'id', id: 'abcde' }, is: 'abcdef' },
    { at: { kind: 'id', id: 'abcd12' }, is: 'abcd12' },
  ])('$at: $is', ({ at, is }) => {
    expect(findPoint(points, at, 'alice').id).toBe(is);
  });

  test.each<{ at: At; kind: string; message: RegExp }>([
    { at: { kind: 'moment', at: 9 }, kind: 'not-found', message: /begins at 1970-01-01T00:00:00.010Z, after 1970/ },
    {
      at: { kind: 'id', id: 'abcd' },
      kind: 'usage',
      message: /^2 points in time of database "alice" begin with abcd$/,
    },
    { at: { kind: 'id', id: 'gon' }, kind: 'not-found', message: /no point in time "gon"/ },
    { at: { kind: 'id', id: '1234' }, kind: 'not-found', message: /no point in time "1234"/ },
    { at: { kind: 'id', id: '' }, kind: 'not-found', message: /no point in time ""/ },
  ])('$at: $kind', ({ at, kind, message }) => {
    let thrown: unknown;
    try {
      findPoint(points, at, 'alice');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(JavumboError);
    expect(thrown).toMatchObject({ kind, message: expect.stringMatching(message), username: 'alice' });
  });
});
