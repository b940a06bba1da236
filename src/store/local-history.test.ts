import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemRandom } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { ManualClock } from '../testing/workbench.ts';
import { outdatedPoints } from './local-history.ts';
import { LocalDatabaseStore } from './local-store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let root: string;
let clock: ManualClock;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'javumbo-history-'));
  clock = new ManualClock();
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function open(historyBytesMax?: number): LocalDatabaseStore {
  return new LocalDatabaseStore(root, { clock, random: systemRandom, sqlite: betterSqlite, historyBytesMax });
}

/** Stores a version over whatever is there. */
async function commit(store: LocalDatabaseStore, username: string, text: string): Promise<void> {
  const current = await store.head(username);
  const condition =
    current === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'version', version: current.version } as const);
  const { kind } = await store.put(username, Buffer.from(text), { condition, writes: [text] });
  expect(kind).toBe('committed');
}

const idsOf = (store: LocalDatabaseStore, username: string): number[] =>
  store.files.points(username).map(({ id }) => id);

describe('what is no longer kept', () => {
  const now = 100 * DAY;
  const point = (age: number) => ({ file: 'f' as string | null, last_modified: now - age });
  /** Newer ones than those that a case is about. */
  const ten = Array.from({ length: 10 }, (_, index) => point(index));

  // How old the version is that took the place of each, from the eleventh on.
  test.each([
    { name: 'nothing of the last day', replaced: [10, HOUR, HOUR + 1, DAY], gone: [] },
    {
      name: 'all but the last of an hour, after a day',
      replaced: [10, DAY + MINUTE, DAY + 2 * MINUTE, DAY + 3 * MINUTE, DAY + 3 * HOUR],
      gone: [DAY + 2 * MINUTE, DAY + 3 * MINUTE],
    },
    {
      name: 'all but the last of a day, after a week',
      replaced: [10, 8 * DAY + HOUR, 8 * DAY + 2 * HOUR, 8 * DAY + 30 * HOUR],
      gone: [8 * DAY + 2 * HOUR],
    },
    { name: 'what was replaced more than 30 days ago', replaced: [10, 30 * DAY, 30 * DAY + 1], gone: [30 * DAY + 1] },
  ])('$name', ({ replaced, gone }) => {
    // Each was stored when the one before it in time was replaced.
    const points = [...ten, ...replaced.map(point), point(90 * DAY)];
    const outdated = outdatedPoints(points, now).map(
      (one) => now - (points[points.indexOf(one) - 1]?.last_modified ?? 0),
    );
    expect(outdated).toEqual(gone);
  });

  test('never the last ten, however old', () => {
    const points = Array.from({ length: 12 }, (_, index) => point((90 + index) * DAY));
    expect(outdatedPoints(points, now)).toEqual([points[10], points[11]]);
  });

  test('the version that was just replaced stays, whenever it was stored', () => {
    const points = [point(0), point(90 * DAY)];
    expect(outdatedPoints(points, now)).toEqual([]);
  });

  test('a deletion and the database before it stay and go together', () => {
    const deletion = { ...point(3 * DAY), file: null };
    const before = point(3 * DAY + MINUTE);
    const kept = [...ten, point(3 * DAY - MINUTE), deletion, before];
    expect(outdatedPoints(kept, now)).toEqual([]);
    const gone = [...ten, point(39 * DAY), { ...point(40 * DAY), file: null }, point(41 * DAY)];
    expect(outdatedPoints(gone, now)).toEqual([gone[12], gone[11]]);
  });

  test('whatever there is, thinning again finds nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 40 * 24 * 60 }), fc.boolean())), (made) => {
        const all = made
          .sort(([a], [b]) => a - b)
          .map(([minutes, isDeletion]) => ({ ...point(minutes * MINUTE), ...(isDeletion ? { file: null } : {}) }));
        const gone = new Set(outdatedPoints(all, now));
        expect(all.slice(0, 10).filter((one) => one.file !== null && gone.has(one))).toEqual([]);
        const kept = all.filter((one) => !gone.has(one));
        expect(kept.some(({ file }) => file !== null)).toBe(all.some(({ file }) => file !== null));
      }),
    );
  });
});

describe('the local store', () => {
  test('keeps each commit and each delete, under numbers that are never used again', async () => {
    const store = open();
    await commit(store, 'alice', 'one');
    await commit(store, 'alice', 'two');
    const { version = '' } = (await store.head('alice')) ?? {};
    await store.delete('alice', { ifVersion: version, writes: ['d'] });
    await commit(store, 'alice', 'three');
    const points = store.files.points('alice');
    expect(points.map(({ id, file, current }) => ({ id, deleted: file === null, current }))).toEqual([
      { id: 4, deleted: false, current: true },
      { id: 3, deleted: true, current: false },
      { id: 2, deleted: false, current: false },
      { id: 1, deleted: false, current: false },
    ]);
    expect(await store.trace('alice', { point: '2' })).toMatchObject({ kind: 'database', version, writes: ['two'] });
    expect(await store.trace('alice', { point: '3' })).toEqual({ kind: 'nothing' });
    expect(await store.trace('bob', { point: '2' })).toEqual({ kind: 'nothing' });
    expect(await store.get('alice', join(root, 'got'), { point: '1' })).toMatchObject({ kind: 'found', sizeBytes: 3 });
    expect(await store.get('alice', join(root, 'got'), { point: '9' })).toEqual({ kind: 'absent' });
    store.close();
  });

  test('thins once a minute, and the files go with the rows', async () => {
    const store = open();
    for (let n = 0; n < 14; n++) await commit(store, 'alice', `first day ${n}`);
    clock.advance(2 * DAY);
    // After such a jump of the clock only the next one.
    await commit(store, 'alice', 'third day');
    expect(idsOf(store, 'alice')).toHaveLength(15);
    clock.advance(2 * MINUTE);
    await commit(store, 'alice', 'third day, later');
    expect(idsOf(store, 'alice')).toEqual([16, 15, 14, 13, 12, 11, 10, 9, 8, 7]);
    expect(readdirSync(join(root, 'databases', 'alice'))).toHaveLength(10);
    store.close();
  });

  test('thins users who no longer write, too', async () => {
    const store = open();
    for (let n = 0; n < 14; n++) await commit(store, 'alice', `first day ${n}`);
    clock.advance(2 * DAY);
    await commit(store, 'bob', 'third day');
    clock.advance(2 * MINUTE);
    await commit(store, 'bob', 'third day, later');
    expect(idsOf(store, 'alice')).toEqual([14, 13, 12, 11, 10, 9, 8, 7, 6, 5]);
    store.close();
  });

  test('keeps to the limit beside what users have now, oldest first', async () => {
    const store = open(1_000);
    for (const letter of 'abcd') await commit(store, 'alice', letter.repeat(400));
    await store.delete('alice');
    await commit(store, 'bob', 'e'.repeat(5_000));
    clock.advance(2 * MINUTE);
    await commit(store, 'bob', 'f'.repeat(5_000));
    // Of alice what she had last; of bob what was just replaced, though that alone is more than the limit.
    expect(idsOf(store, 'alice')).toEqual([5, 4]);
    expect(idsOf(store, 'bob')).toEqual([7, 6]);
    clock.advance(DAY);
    await commit(store, 'carol', 'g');
    expect(idsOf(store, 'bob')).toEqual([7]);
    store.close();
  });

  test('one put with a clock that is ahead forgets nothing', async () => {
    const store = open();
    for (let n = 0; n < 14; n++) await commit(store, 'alice', `content ${n}`);
    clock.advance(2 * MINUTE);
    await commit(store, 'alice', 'before');
    const before = idsOf(store, 'alice');
    clock.set(40 * DAY);
    await commit(store, 'bob', 'ahead');
    clock.set(-40 * DAY);
    clock.advance(2 * MINUTE);
    await commit(store, 'bob', 'right again');
    expect(idsOf(store, 'alice')).toEqual(before);
    store.close();
  });

  test('keeps ten points of a test user', async () => {
    const store = open();
    for (let n = 0; n < 13; n++) await commit(store, 'javumbo-test-1-a', `content ${n}`);
    expect(idsOf(store, 'javumbo-test-1-a')).toEqual([13, 12, 11, 10, 9, 8, 7, 6, 5, 4]);
    expect(readdirSync(join(root, 'databases', 'javumbo-test-1-a'))).toHaveLength(10);
    store.close();
  });

  test('of a deployment from before there was a history begins with what is there', async () => {
    const before = open();
    await commit(before, 'alice', 'one');
    before.close();
    const index = betterSqlite.open(join(root, 'index.sqlite'), 'read-write');
    index.exec('DROP TABLE history');
    index.close();
    const store = open();
    expect(store.files.points('alice')).toMatchObject([{ id: 1, current: true }]);
    await commit(store, 'alice', 'two');
    expect(store.files.points('alice')).toMatchObject([
      { id: 2, current: true },
      { id: 1, current: false },
    ]);
    store.close();
  });

  test('takes up what an older program wrote, and forgets what that removed', async () => {
    const store = open();
    await commit(store, 'alice', 'one');
    await commit(store, 'alice', 'two');
    // It replaces the row, removes every other file, and knows no history.
    const index = betterSqlite.open(join(root, 'index.sqlite'), 'read-write');
    for (const file of readdirSync(join(root, 'databases', 'alice'))) rmSync(join(root, 'databases', 'alice', file));
    writeFileSync(join(root, 'databases', 'alice', 'older.anki2'), 'by the older one');
    index.exec("UPDATE databases SET file = 'older.anki2', version = 'v', size_bytes = 16");
    index.close();
    store.close();
    const later = open();
    await commit(later, 'alice', 'three');
    expect(later.files.points('alice').map(({ size_bytes }) => size_bytes)).toEqual([5, 16]);
    expect(later.files.orphans()).toEqual([]);
    later.close();
  });
});
