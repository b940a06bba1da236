import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { ManualClock } from '../testing/workbench.ts';
import { type CacheEntry, writeEntry, writeEntryFile } from './entry.ts';
import { CacheEvictions } from './evictions.ts';
import { InvalidationMarks } from './invalidation-marks.ts';

const ENTRIES = 2_000;
const DAY_MS = 24 * 3_600_000;

let directory: string;
let clock: ManualClock;

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
});

/** A cache of many entries, of which only `old` exists and has not been used for long. */
function manyEntries({ ageMs = DAY_MS, bytesMax = 1e9 } = {}) {
  const prepared = mkdtempSync(join(directory, 'old-'));
  const stored = { version: 'a', sizeBytes: 3, writes: [], digest: '' } as never;
  const at = { wall: clock.now() - ageMs, monotonic: 0 };
  writeEntryFile(prepared, 'old', Buffer.from('old'));
  const old = writeEntry({ prepared, directory: prepared }, undefined, {
    username: 'old',
    stored,
    boot: 'boot',
    at,
    usedAt: at.wall,
  });
  const inserted: CacheEntry = { ...old, username: 'new', directory: join(directory, 'new') };
  const seen = { read: 0, removed: [] as string[] };
  const evictions = new CacheEvictions({
    directory,
    clock,
    limits: { bytesMax, ageMaxMs: DAY_MS / 2 },
    marks: new InvalidationMarks(join(directory, 'invalidations'), clock, 'boot'),
    *scan() {
      for (; seen.read < ENTRIES; yield) seen.read++;
      return { entries: [old, inserted], torn: [] };
    },
    remove: (path) => seen.removed.push(path),
  });
  return { evictions, seen, inserted, old };
}

async function turns(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await turn();
}

describe('with thousands of entries', () => {
  test('an insertion reads some of them, and the rest is read between other work', async () => {
    const { evictions, seen, inserted, old } = manyEntries();
    evictions.makeRoom(inserted, ['replaced']);
    expect(seen).toEqual({ read: 500, removed: ['replaced'] });
    await turns(2);
    expect(seen.read).toBeLessThan(ENTRIES);
    await turns(ENTRIES / 100);
    expect(seen).toEqual({ read: ENTRIES, removed: ['replaced', old.directory] });
  });

  test('an insertion meanwhile begins no second look', async () => {
    const { evictions, seen, inserted } = manyEntries();
    evictions.makeRoom(inserted, []);
    clock.advance(3_600_000);
    evictions.makeRoom(inserted, []);
    expect(seen.read).toBe(500);
    await turns(ENTRIES / 100);
  });

  // Each entry takes three bytes: those of the scan fit, as long as none comes to them.
  test.each([
    { name: 'one that comes meanwhile takes its place', among: 'new', replaces: [], evicted: true },
    { name: 'one that the scan saw takes it once', among: 'seen', replaces: [], evicted: false },
    { name: 'one that replaces another takes that one’s', among: 'new', replaces: ['seen'], evicted: false },
  ])('$name', async ({ among, replaces, evicted }) => {
    const { evictions, seen, inserted, old } = manyEntries({ ageMs: 0, bytesMax: 9 });
    evictions.makeRoom({ ...inserted, directory: join(directory, 'seen') }, []);
    const places = replaces.map((name) => join(directory, name));
    evictions.makeRoom(
      { ...inserted, username: 'third', directory: join(directory, among === 'new' ? 'third' : among) },
      places,
    );
    await turns(ENTRIES / 100);
    expect(seen.removed).toEqual([...places, ...(evicted ? [old.directory] : [])]);
  });

  test('one that was replaced since it was read is no longer evicted', async () => {
    const { evictions, seen, inserted, old } = manyEntries();
    evictions.makeRoom(inserted, []);
    rmSync(old.directory, { recursive: true });
    await turns(ENTRIES / 100);
    expect(seen).toEqual({ read: ENTRIES, removed: [] });
  });

  test('closing the cache ends it', async () => {
    const { evictions, seen, inserted } = manyEntries();
    evictions.makeRoom(inserted, []);
    evictions.close();
    await turns(3);
    expect(seen.read).toBe(500);
  });
});
