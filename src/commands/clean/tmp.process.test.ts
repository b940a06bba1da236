/** `clean tmp`, week 1's tmp_cleanup: every cache file and orphaned working copy, and never one in use. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { makeWorkDirectory } from '../../cache/work-directory.ts';
import { systemRandom } from '../../core/random.ts';
import { runScript, SCRIPTS } from '../../testing/child-process.ts';
import { freshMachine, type Json, runCommand } from '../../testing/run-command.ts';

let env: ReturnType<typeof freshMachine>;

beforeEach(() => {
  env = freshMachine();
});

async function clean(...argv: string[]): Promise<Json> {
  const { code, stdout, stderr } = await runCommand(['clean', 'tmp', ...argv, '--json'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** A cached database, last used so long ago. */
async function cached(username: string, ageSeconds: number, notes = 0): Promise<string> {
  await runCommand(['db', 'create', username, '--quiet'], { env });
  if (notes > 0) {
    const sql = `CREATE TABLE filler AS SELECT randomblob(${notes}) AS b`;
    await runCommand(['db', 'exec', username, sql, '--quiet'], { env });
  }
  const path = cachedFiles().find((file) => file.endsWith(`/${username}.anki2`)) ?? '';
  const at = Date.now() / 1000 - ageSeconds;
  utimesSync(path, at, at);
  return path;
}

function cachedFiles(): string[] {
  return (readdirSync(env.JAVUMBO_CACHE_DIR, { recursive: true, encoding: 'utf8' }) as string[])
    .filter((path) => path.endsWith('.anki2'))
    .map((path) => join(env.JAVUMBO_CACHE_DIR, path));
}

function workOf(path: string): string {
  return join(dirname(path), '..', '..', '..', 'work');
}

/** What a killed command leaves: the work directory of a process that is gone. */
async function orphan(): Promise<string> {
  const { signal } = await runScript(SCRIPTS.crashAt, ['edited', 'db', 'create', 'killed', '--quiet'], env);
  expect(signal).toBe('SIGKILL');
  const found = cachedFiles().find((path) => path.includes('/work/'));
  expect(found).toBeDefined();
  return found ?? '';
}

describe('clean tmp', () => {
  test('without any cache there is nothing to do, and no directory is made', async () => {
    expect(await clean()).toEqual({ plan: [], deletedCount: 0, deletedBytes: 0, dryRun: false });
    expect(readdirSync(env.HOME)).toEqual([]);
  });

  test('removes what was not used for an hour, and a dry run only says so', async () => {
    const [old, fresh] = [await cached('old', 3_700), await cached('fresh', 60)];
    const sizeBytes = statSync(old).size + statSync(join(dirname(old), 'entry.json')).size;
    const plan = [{ kind: 'cached-database', name: 'old.anki2', sizeBytes, ageSeconds: expect.any(Number) }];
    expect(await clean('--dry-run')).toEqual({ plan, deletedCount: 0, deletedBytes: 0, dryRun: true });
    expect(cachedFiles()).toContain(old);
    expect(await clean()).toEqual({ plan, deletedCount: 1, deletedBytes: sizeBytes, dryRun: false });
    expect(cachedFiles()).toEqual([fresh]);
    expect(await clean()).toMatchObject({ plan: [], deletedCount: 0 });
  });

  test('then removes the oldest until the rest is small enough', async () => {
    for (const [name, age] of [
      ['a', 30],
      ['b', 20],
      ['c', 10],
    ] as const)
      await cached(name, age, 300_000);
    const result = await clean('--target-size', '0.8 MB');
    expect(result.plan.map(({ name }: Json) => name)).toEqual(['a.anki2']);
    expect((await clean('--target-size', '0')).plan.map(({ name }: Json) => name)).toEqual(['b.anki2', 'c.anki2']);
    expect(cachedFiles()).toEqual([]);
  });

  test.each([
    { pattern: '*.anki2', removed: ['alice.anki2', 'bob.anki2'] },
    { pattern: 'al*', removed: ['alice.anki2'] },
    { pattern: 'b?b.anki2', removed: ['bob.anki2'] },
    { pattern: '*.txt', removed: [] },
    { pattern: 'alice.ankiX', removed: [] },
    { pattern: '.*', removed: [] },
  ])('--pattern $pattern removes $removed', async ({ pattern, removed }) => {
    await cached('alice', 0);
    await cached('bob', 0);
    const { plan } = await clean('--max-age', '0s', '--pattern', pattern);
    expect(plan.map(({ name }: Json) => name).sort()).toEqual(removed);
  });

  test.each([
    { title: 'at this very moment', ageSeconds: 0 },
    { title: 'by a clock that has been set back since', ageSeconds: -3_600 },
  ])('--max-age 0s removes what was used $title', async ({ ageSeconds }) => {
    await cached('alice', ageSeconds);
    expect((await clean('--max-age', '0s')).plan).toMatchObject([{ name: 'alice.anki2', ageSeconds: 0 }]);
  });

  test('removes the working copy of a killed command whatever its age, and none of a living one', async () => {
    const entry = await cached('alice', 0);
    const orphaned = await orphan();
    // Of this process, which lives.
    const living = makeWorkDirectory(workOf(entry), systemRandom);
    writeFileSync(join(living.path, 'working-copy.anki2'), 'in use');
    const { files } = await clean('--list');
    expect(files.map(({ kind, inUse }: Json) => ({ kind, inUse }))).toEqual(
      expect.arrayContaining([
        { kind: 'cached-database', inUse: false },
        { kind: 'working-copy', inUse: true },
        { kind: 'working-copy', inUse: false },
      ]),
    );
    const { plan } = await clean();
    expect(plan.map(({ kind }: Json) => kind)).toEqual(['working-copy']);
    expect(cachedFiles()).not.toContain(orphaned);
    await clean('--max-age', '0s', '--target-size', '0');
    expect(readFileSync(join(living.path, 'working-copy.anki2'), 'utf8')).toBe('in use');
    living.release();
  });

  test('removes entries that no cache would serve, and follows no links', async () => {
    const entry = await cached('alice', 7_200);
    rmSync(join(dirname(entry), 'entry.json'));
    const elsewhere = join(env.HOME, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'mine.anki2'), 'precious');
    symlinkSync(elsewhere, join(dirname(entry), '..', 'link'));
    expect((await clean('--target-size', '0')).deletedCount).toBe(1);
    expect(readFileSync(join(elsewhere, 'mine.anki2'), 'utf8')).toBe('precious');
  });

  test('leaves alone what the cache itself cannot have put there, wherever it lies', async () => {
    const entry = await cached('alice', 7_200);
    const others = [
      join(dirname(entry), 'thesis.doc'),
      join(env.JAVUMBO_CACHE_DIR, '0123456789abcdef', 'work', 'photos', 'p.jpg'),
      join(env.JAVUMBO_CACHE_DIR, '0123456789abcdef', 'entries', 'a', 'b', 'thesis.doc'),
      join(env.JAVUMBO_CACHE_DIR, '0123456789abcdef', 'entries', 'a', 'f'.repeat(32), 'a.anki2', 'inside'),
      join(env.JAVUMBO_CACHE_DIR, 'photos', 'p.jpg'),
    ];
    for (const path of others) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, 'precious');
      utimesSync(path, 1, 1);
    }
    expect(await clean('--max-age', '0', '--target-size', '0')).toMatchObject({ plan: [], deletedCount: 0 });
    const all = await runCommand(['clean', 'all', '--json', '--quiet'], { env });
    expect({ code: all.code, plan: all.json().plan }).toEqual({ code: 0, plan: [] });
    for (const path of others) expect(readFileSync(path, 'utf8')).toBe('precious');
    expect(readdirSync(join(env.JAVUMBO_CACHE_DIR, '0123456789abcdef')).sort()).toEqual(['entries', 'work']);
  });

  test('what is removed is fetched again, and reads as before', async () => {
    await cached('alice', 7_200);
    await clean();
    const { code, stdout } = await runCommand(['db', 'query', 'alice', 'SELECT count(*) FROM col', '--quiet'], { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' });
  });

  test('--stats has the size, its share of 2,048 MB, the count, and the oldest and newest', async () => {
    await cached('old', 5_000);
    await cached('new', 10, 3_000_000);
    const stats = await clean('--stats');
    const { files } = await clean('--list');
    const sizeBytes = files.reduce((sum: number, file: Json) => sum + file.sizeBytes, 0);
    expect(stats).toEqual({
      directory: env.JAVUMBO_CACHE_DIR,
      count: 2,
      sizeBytes,
      sharePercent: Math.round((sizeBytes / 2_048_000_000) * 10_000) / 100,
      oldest: expect.objectContaining({ name: 'old.anki2', ageSeconds: expect.toSatisfy((age) => age >= 5_000) }),
      newest: expect.objectContaining({ name: 'new.anki2' }),
    });
    expect(stats.sharePercent).toBeGreaterThan(0.1);
    expect(cachedFiles()).toHaveLength(2);
  });

  test.each([
    { argv: ['--stats', '--list'], err: /exclude each other/ },
    { argv: ['--max-age', 'soon'], err: /duration such as 1h/ },
    { argv: ['--max-age', '90'], err: /It needs a unit: 90ms or 90s/ },
    { argv: ['--target-size', '1500'], err: /It needs a unit: 1500B or 1500MB/ },
    { argv: ['--target-size', 'small'], err: /size such as 1500MB/ },
  ])('refuses $argv', async ({ argv, err }) => {
    const { code, stderr } = await runCommand(['clean', 'tmp', ...argv], { env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(err) });
  });

  test('refuses a cache directory that is a file, and leaves it', async () => {
    const path = join(env.HOME, 'file');
    writeFileSync(path, 'mine');
    const { code } = await runCommand(['clean', 'tmp', '--cache-dir', path], { env });
    expect({ code, text: readFileSync(path, 'utf8') }).toEqual({ code: 2, text: 'mine' });
  });
});
