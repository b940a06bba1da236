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
  const points = (...ages: number[]) => ages.map((age) => ({ file: 'f', last_modified: now - age }));

  test.each([
    { name: 'nothing of the last day', ages: [0, 1, 2, HOUR, HOUR + 1, DAY], gone: [] },
    {
      name: 'all but the newest of an hour, after a day',
      ages: [0, DAY + MINUTE, DAY + 2 * MINUTE, DAY + 3 * MINUTE, DAY + 3 * HOUR],
      gone: [DAY + 2 * MINUTE, DAY + 3 * MINUTE],
    },
    {
      name: 'all but the newest of a day, after a week',
      ages: [0, 8 * DAY + HOUR, 8 * DAY + 2 * HOUR, 8 * DAY + 30 * HOUR],
      gone: [8 * DAY + 2 * HOUR],
    },
    { name: 'everything after 30 days', ages: [0, 30 * DAY, 30 * DAY + 1, 90 * DAY], gone: [30 * DAY + 1, 90 * DAY] },
    { name: 'never the newest', ages: [90 * DAY, 91 * DAY], gone: [91 * DAY] },
  ])('$name', ({ ages, gone }) => {
    expect(outdatedPoints(points(...ages), now).map((point) => now - point.last_modified)).toEqual(gone);
  });

  test('of a deleted user never the deletion, nor the version before it', () => {
    const deleted = [{ file: null, last_modified: now - 60 * DAY }, ...points(61 * DAY, 62 * DAY)];
    expect(outdatedPoints(deleted, now)).toEqual([deleted[2]]);
  });

  test('whatever there is: one of each hour and day stays, and thinning again finds nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 * 24 * 60 })), (minutes) => {
        const all = points(...minutes.map((each) => each * MINUTE).sort((a, b) => a - b));
        const gone = new Set(outdatedPoints(all, now));
        const kept = all.filter((point) => !gone.has(point));
        expect(outdatedPoints(kept, now)).toEqual([]);
        for (const { last_modified: at } of all) {
          const age = now - at;
          if (age > 30 * DAY) continue;
          const step = age <= DAY ? 1 : age <= 7 * DAY ? HOUR : DAY;
          expect(kept.some((point) => Math.floor(point.last_modified / step) === Math.floor(at / step))).toBe(true);
        }
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
    for (let n = 0; n < 4; n++) await commit(store, 'alice', `first day ${n}`);
    clock.advance(2 * DAY);
    await commit(store, 'alice', 'third day');
    expect(idsOf(store, 'alice')).toEqual([5, 4]);
    expect(readdirSync(join(root, 'databases', 'alice'))).toHaveLength(2);
    store.close();
  });

  test('thins users who no longer write, too', async () => {
    const store = open();
    for (let n = 0; n < 4; n++) await commit(store, 'alice', `first day ${n}`);
    clock.advance(2 * DAY);
    await commit(store, 'bob', 'third day');
    expect(idsOf(store, 'alice')).toEqual([4]);
    store.close();
  });

  test('keeps to the limit, oldest first, and never removes what a user has or had last', async () => {
    const store = open(1_000);
    await commit(store, 'alice', 'a'.repeat(400));
    await commit(store, 'alice', 'b'.repeat(400));
    await store.delete('alice');
    await commit(store, 'bob', 'c'.repeat(400));
    clock.advance(2 * MINUTE);
    await commit(store, 'bob', 'd'.repeat(400));
    expect(idsOf(store, 'alice')).toEqual([3, 2]);
    expect(idsOf(store, 'bob')).toEqual([5]);
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
