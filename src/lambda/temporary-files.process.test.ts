import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { makeWorkDirectory } from '../cache/work-directory.ts';
import { seededRandom } from '../core/random.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { plantEntry } from '../testing/function-rig.ts';
import { temporaryDirectory } from '../testing/run-command.ts';
import { ManualClock } from '../testing/workbench.ts';
import { KEPT_FILES, TemporaryFiles } from './temporary-files.ts';

const MB = 1_000_000;

let clock: ManualClock;
let cacheDir: string;
let files: TemporaryFiles;

beforeEach(() => {
  clock = new ManualClock();
  cacheDir = join(temporaryDirectory(), 'cache');
  files = new TemporaryFiles(cacheDir, { clock, random: seededRandom(1) });
});

interface Planted {
  readonly ageSeconds: number;
  readonly sizeMb: number;
}

function plant(...planted: readonly Planted[]): string[] {
  return planted.map(({ ageSeconds, sizeMb }, at) =>
    plantEntry({ cacheDir, clock }, `u${at}`, { ageSeconds, sizeBytes: sizeMb * MB }),
  );
}

describe('after a call there is left', () => {
  const cases: readonly { name: string; planted: readonly Planted[]; left: readonly boolean[] }[] = [
    { name: 'nothing of nothing', planted: [], left: [] },
    {
      name: 'what was used within the hour, and nothing older',
      planted: [3_601, 3_600, 3_599, 0].map((ageSeconds) => ({ ageSeconds, sizeMb: 1 })),
      left: [false, true, true, true],
    },
    {
      name: 'as much as 1,500 MB',
      planted: [30, 20, 10].map((ageSeconds) => ({ ageSeconds, sizeMb: 500 })),
      left: [true, true, true],
    },
    {
      name: 'the newest of more than 1,500 MB',
      planted: [30, 10, 20].map((ageSeconds) => ({ ageSeconds, sizeMb: 501 })),
      left: [false, true, true],
    },
    {
      name: 'what is young enough first, of which the size then is right',
      planted: [
        { ageSeconds: 4_000, sizeMb: 1_400 },
        { ageSeconds: 20, sizeMb: 700 },
        { ageSeconds: 10, sizeMb: 700 },
      ],
      left: [false, true, true],
    },
    { name: 'nothing of a file that is too large alone', planted: [{ ageSeconds: 0, sizeMb: 1_501 }], left: [false] },
  ];

  test.each(cases)('$name', ({ planted, left }) => {
    const paths = plant(...planted);
    const sizes = planted.filter((_, at) => !left[at]).map(({ sizeMb }) => sizeMb * MB);
    expect(files.cleanAfterCall(0)).toEqual({
      deletedCount: sizes.length,
      deletedBytes: sizes.reduce((sum, size) => sum + size, 0),
    });
    expect(paths.map((path) => existsSync(path))).toEqual(left);
    expect(files.cleanAfterCall(0)).toEqual({ deletedCount: 0, deletedBytes: 0 });
  });
});

describe('a container looks at its files', () => {
  test('when the oldest has become too old, and to the millisecond not before', () => {
    const [first = '', second = ''] = plant({ ageSeconds: 600, sizeMb: 1 }, { ageSeconds: 300, sizeMb: 1 });
    files.cleanAfterCall(0);
    for (const [path, seconds] of [
      [first, 3_000],
      [second, 300],
    ] as const) {
      clock.advance(seconds * 1_000);
      expect({ deleted: files.cleanAfterCall(0).deletedCount, exists: existsSync(path) }).toEqual({
        deleted: 0,
        exists: true,
      });
      clock.advance(1);
      expect({ deleted: files.cleanAfterCall(0).deletedCount, exists: existsSync(path) }).toEqual({
        deleted: 1,
        exists: false,
      });
      clock.advance(-1);
    }
  });

  test('when what the calls have brought can have become too much', () => {
    plant({ ageSeconds: 60, sizeMb: 1_000 });
    files.cleanAfterCall(0);
    plantEntry({ cacheDir, clock }, 'later', { ageSeconds: 0, sizeBytes: 600 * MB });
    expect(files.cleanAfterCall(KEPT_FILES.bytesMax - 1_000 * MB)).toEqual({ deletedCount: 0, deletedBytes: 0 });
    expect(files.cleanAfterCall(1)).toEqual({ deletedCount: 1, deletedBytes: 1_000 * MB });
  });

  test('and knows afterwards how much is left', () => {
    plant({ ageSeconds: 60, sizeMb: 1_000 });
    files.cleanAfterCall(KEPT_FILES.bytesMax + 1);
    plantEntry({ cacheDir, clock }, 'later', { ageSeconds: 0, sizeBytes: 501 * MB });
    expect(files.cleanAfterCall(1)).toEqual({ deletedCount: 0, deletedBytes: 0 });
    expect(files.cleanAfterCall(500 * MB)).toEqual({ deletedCount: 1, deletedBytes: 1_000 * MB });
  });
});

test('a clean-up of everything takes what is young, and not what is being worked on', () => {
  plant({ ageSeconds: 0, sizeMb: 1 }, { ageSeconds: 10, sizeMb: 1 });
  const work = makeWorkDirectory(join(cacheDir, '0123456789abcdef', 'work'), seededRandom(2));
  writeFileSync(join(work.path, 'working-copy.anki2'), '');
  expect(files.clean({ everything: true })).toEqual({ deletedCount: 2, deletedBytes: 2 * MB });
  expect({ work: existsSync(work.path), listed: files.list().length }).toEqual({ work: true, listed: 1 });
});

test('what a container that crashed was working on goes after the first call of the next one', async () => {
  const home = temporaryDirectory();
  const env = { HOME: home, JAVUMBO_HOME: join(home, 'deployment'), JAVUMBO_CACHE_DIR: cacheDir };
  const argv = ['edited', 'db', 'create', 'alice', '--quiet'];
  expect((await runScript(SCRIPTS.crashAt, argv, env)).signal).toBe('SIGKILL');
  const working = () =>
    readdirSync(cacheDir, { recursive: true, encoding: 'utf8' }).filter((path) => /\/work\/[^/]+$/.test(path));
  expect(working()).toHaveLength(1);
  expect(files.cleanAfterCall(0).deletedCount).toBe(1);
  expect(working()).toEqual([]);
});
