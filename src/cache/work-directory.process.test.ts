import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Workbench } from '../testing/workbench.ts';
import { DatabaseCache } from './cache.ts';
import { makeWorkDirectory, orphanedWorkDirectories } from './work-directory.ts';

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
});

afterEach(() => {
  bench.remove();
});

describe('an orphaned work directory', () => {
  const parent = (): string => join(bench.directory, 'work');
  const orphans = (): string[] => orphanedWorkDirectories(parent(), bench.clock);

  test('is not one of a process that lives', () => {
    makeWorkDirectory(parent(), bench.random);
    expect(orphans()).toEqual([]);
  });

  test('is one of a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', '0']);
    await once(child, 'exit');
    const { path } = makeWorkDirectory(parent(), bench.random);
    const orphan = path.replace(`-${process.pid}-`, `-${child.pid}-`);
    renameSync(path, orphan);
    expect(orphans()).toEqual([orphan]);
  });

  test.runIf(existsSync('/proc/self/stat'))('is one whose process id belongs to another process by now', () => {
    const { path } = makeWorkDirectory(parent(), bench.random);
    const [namespace, pid, start, random] = path.slice(path.lastIndexOf('/') + 1).split('-');
    const orphan = join(parent(), [namespace, pid, Number(start) - 1, random].join('-'));
    renameSync(path, orphan);
    expect(orphans()).toEqual([orphan]);
  });

  test('of another machine or container is one after a day', () => {
    const foreign = join(parent(), `ffffffff-${process.pid}-0-00`);
    mkdirSync(foreign, { recursive: true });
    utimesSync(foreign, bench.clock.now() / 1000, bench.clock.now() / 1000);
    expect(orphans()).toEqual([]);
    bench.clock.advance(25 * 3_600_000);
    expect(orphans()).toEqual([foreign]);
  });

  test('is removed by the next process that works, and a live one is not', async () => {
    const { cache } = bench.machine();
    const live = cache.workDirectory();
    const orphan = live.path.replace(`-${process.pid}-`, '-999999999-');
    mkdirSync(orphan);
    const { clock, random } = bench;
    new DatabaseCache({ root: join(cache.directory, '..'), deployment: 'test', clock, random })
      .workDirectory()
      .release();
    expect(existsSync(orphan)).toBe(false);
    expect(existsSync(live.path)).toBe(true);
  });
});
