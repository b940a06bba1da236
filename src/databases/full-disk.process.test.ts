/** A full disk under the cache is reported as such: nothing was stored, and how to make room. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DatabaseCache } from '../cache/cache.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { LocalDatabaseStore } from '../store/local-store.ts';
import { MemoryDatabaseStore } from '../store/memory-store.ts';
import { COMMAND_DEPLOYMENTS, type CommandDeployment } from '../testing/command-deployments.ts';
import { expectFailure } from '../testing/expect-failure.ts';
import { type CommandResult, type Json, temporaryDirectory } from '../testing/run-command.ts';
import { Workbench } from '../testing/workbench.ts';
import { UserDatabases } from './user-databases.ts';

const DISK_BYTES = 512 * 1024;

/** Mounts a disk of that size, or says why not. Only root may mount one. */
const disk = ((): { path: string } | { reason: string } => {
  const path = join(temporaryDirectory(), 'disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', path], { stdio: 'pipe' });
    return { path };
  } catch (error) {
    return { reason: `no disk can be mounted here: ${(error as Error).message}` };
  }
})();

// Registered after temporaryDirectory's, so it runs before it.
afterAll(() => {
  if ('path' in disk) execFileSync('umount', ['--lazy', disk.path]);
});

/** Fills the disk except for so many bytes. */
function fill(path: string, free: number): void {
  const block = Buffer.alloc(4096, 1);
  const write = (name: string): void => {
    const descriptor = openSync(join(path, name), 'w');
    try {
      for (;;) writeSync(descriptor, block);
    } catch {
    } finally {
      closeSync(descriptor);
    }
  };
  const reserve = openSync(join(path, 'reserve'), 'w');
  for (let left = free; left > 0; left -= block.length) writeSync(reserve, block);
  closeSync(reserve);
  write('filling');
  rmSync(join(path, 'reserve'));
}

interface Row {
  readonly name: string;
  readonly argv: (file: string, out: string) => readonly string[];
  /** The rows after success. */
  readonly rows: readonly number[];
  readonly username?: string;
}

const COMMANDS: readonly Row[] = [
  { name: 'db query', argv: () => ['db', 'query', 'alice', 'SELECT x FROM t'], rows: [1] },
  { name: 'db info', argv: () => ['db', 'info', 'alice'], rows: [1] },
  { name: 'db pull', argv: (_, out) => ['db', 'pull', 'alice', '--out', out], rows: [1] },
  { name: 'db exec', argv: () => ['db', 'exec', 'alice', 'INSERT INTO t VALUES (2)'], rows: [1, 2] },
  { name: 'db add-note', argv: () => ['db', 'add-note', 'alice', '--field', 'a'], rows: [1] },
  { name: 'db push', argv: (file) => ['db', 'push', 'bob', file], rows: [1], username: 'bob' },
  { name: 'db push --force', argv: (file) => ['db', 'push', 'alice', file, '--force', '--yes'], rows: [1] },
  { name: 'db create', argv: () => ['db', 'create', 'bob'], rows: [], username: 'bob' },
  { name: 'db create --from', argv: (file) => ['db', 'create', 'bob', '--from', file], rows: [1], username: 'bob' },
];

// From nothing to enough, so that the disk is full once at each step of a command.
const FREE_KIB = [0, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224];
// The steps are those of the cache, whatever the store.
const FREE_KIB_BY_PLACE: Readonly<Record<string, readonly number[]>> = { 'an S3 server': [0, 16, 48, 80, 128, 224] };

test.runIf('path' in disk)('a history that fills the disk of the local deployment makes room for commits', async () => {
  const path = join(temporaryDirectory(), 'small');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4M', 'tmpfs', path], { stdio: 'pipe' });
  try {
    const store = new LocalDatabaseStore(path, { clock: systemClock, random: systemRandom, sqlite: betterSqlite });
    let version: string | undefined;
    for (let n = 0; n < 60; n++) {
      const condition = version === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'version', version } as const);
      const outcome = await store.put('alice', Buffer.alloc(200_000, n), { condition, writes: [`${n}`] });
      expect({ n, outcome }).toEqual({ n, outcome: expect.objectContaining({ kind: 'committed' }) });
      if (outcome.kind === 'committed') version = outcome.version;
    }
    // The one before the current one is still there.
    expect(
      store.files
        .points('alice')
        .map(({ id }) => id)
        .slice(0, 2),
    ).toEqual([60, 59]);
    store.close();
  } finally {
    execFileSync('umount', ['--lazy', path]);
  }
});

test.runIf('path' in disk)(
  'a disk with room for a large version and the next one has room for all that follow',
  async () => {
    const path = join(temporaryDirectory(), 'narrow');
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=23M', 'tmpfs', path], { stdio: 'pipe' });
    try {
      const store = new MemoryDatabaseStore(systemClock);
      const sources = { clock: systemClock, random: systemRandom };
      const cache = new DatabaseCache({ root: path, deployment: 'test', ...sources });
      const sqlite = async () => betterSqlite;
      const databases = new UserDatabases({ store, cache, sqlite, caching: true, stalenessMaxMs: 1e9, ...sources });
      const fillTable = 'CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(9000000))';
      await databases.create('alice', (database) => database.exec(fillTable));
      for (let n = 0; n < 5; n++) {
        const { outcome, version } = await databases.update('alice', (database) =>
          database.exec(`PRAGMA user_version = ${n + 1}`),
        );
        expect({ outcome, isCached: cache.lookup('alice')?.version === version }).toEqual({
          outcome: 'committed',
          isCached: true,
        });
      }
      databases.closeFiles();
      cache.close();
    } finally {
      execFileSync('umount', ['--lazy', path]);
    }
  },
);

describe.each(COMMAND_DEPLOYMENTS)('a full disk under the cache, on $name', ({ name: place, open }) => {
  const freeKib = FREE_KIB_BY_PLACE[place] ?? FREE_KIB;
  let deployment: CommandDeployment;
  let file: string;
  let cache: string;

  beforeEach(async () => {
    deployment = await open();
    file = join(temporaryDirectory(), 'alice.anki2');
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'exec', 'alice', 'CREATE TABLE t (x); INSERT INTO t VALUES (1)');
    await deployment.json('db', 'pull', 'alice', '--out', file);
  });

  afterEach(() => deployment.close());

  /** Empties the disk, and leaves so many bytes free. */
  function prepare(path: string, free: number): void {
    execFileSync('find', [path, '-mindepth', '1', '-delete']);
    cache = join(path, 'cache');
    fill(path, free);
  }

  const run = (argv: readonly string[]): Promise<CommandResult> =>
    deployment.run(argv, { env: { JAVUMBO_CACHE_DIR: cache } });

  async function stored(username: string): Promise<readonly number[] | undefined> {
    const { code, json } = await deployment.runElsewhere(['db', 'query', username, 'SELECT x FROM t', '--json']);
    return code === 0 ? json<Json>().rows.map(({ x }: { x: number }) => x) : undefined;
  }

  for (const { name, argv, rows, username = 'alice' } of COMMANDS) {
    test(`${name}: exit 5 names the cache and how to clear it, and not the store`, async ({ skip }) => {
      if ('reason' in disk) return skip(disk.reason);
      const out = join(temporaryDirectory(), 'out.anki2');
      const before = await stored(username);
      prepare(disk.path, 0);
      const ended = await run(argv(file, out));
      expectFailure(ended, {
        code: 5,
        error: new RegExp(`^error: .*no space is left.*${cache}`),
        hint: /^try: {3}.*javumbo cache clear/,
      });
      expect(ended.stderr).not.toMatch(/bucket|local deployment|--endpoint-url|JAVUMBO_HOME|unable to open/);
      expect(await stored(username)).toEqual(before);
      expect((await deployment.runElsewhere(argv(file, out))).code).toBe(0);
      if (rows.length > 0) expect(await stored(username)).toEqual(rows);
    });

    test(`${name}: at whatever step the disk is full, it succeeds or says so`, async ({ skip }) => {
      if ('reason' in disk) return skip(disk.reason);
      const ends: Record<string, number> = {};
      const others: string[] = [];
      for (const kib of freeKib) {
        const before = await stored(username);
        prepare(disk.path, kib * 1024);
        const { code, stderr } = await run(argv(file, join(temporaryDirectory(), 'out.anki2')));
        ends[code] = (ends[code] ?? 0) + 1;
        const says = code === 0 || (code === 5 && stderr.includes(cache) && stderr.includes('javumbo cache clear'));
        if (!says) others.push(`${kib} KiB: ${code} ${stderr}`);
        // What was not reported as stored is not stored.
        if (code === 5) expect(await stored(username), `after exit 5 with ${kib} KiB`).toEqual(before);
        if (code === 0 && username === 'bob') await deployment.runElsewhere(['db', 'delete', '--yes', 'bob']);
        if (code === 0 && name === 'db exec')
          await deployment.runElsewhere(['db', 'push', 'alice', file, '--force', '--yes']);
      }
      expect(others).toEqual([]);
      expect({ sawItFull: (ends[5] ?? 0) > 0, sawRoom: (ends[0] ?? 0) > 0 }).toEqual({
        sawItFull: true,
        sawRoom: true,
      });
    });
  }

  test('db delete: it is deleted, or exit 5 says why not', async ({ skip }) => {
    if ('reason' in disk) return skip(disk.reason);
    const others: string[] = [];
    for (const kib of freeKib) {
      prepare(disk.path, kib * 1024);
      const { code, stderr } = await run(['db', 'delete', '--yes', 'alice']);
      const isThere = (await stored('alice')) !== undefined;
      const told = code === 0 ? !isThere : code === 5 && stderr.includes(cache) && isThere;
      if (!told) others.push(`${kib} KiB: ${code}, and it ${isThere ? 'is there' : 'is gone'}: ${stderr}`);
      if (!isThere) await deployment.runElsewhere(['db', 'push', 'alice', file]);
    }
    expect(others).toEqual([]);
  });

  test('cache clear makes room, and is not stopped by a full disk itself', async ({ skip }) => {
    if ('reason' in disk) return skip(disk.reason);
    prepare(disk.path, 224 * 1024);
    expect((await run(['db', 'query', 'alice', 'SELECT x FROM t'])).code).toBe(0);
    fill(disk.path, 0);
    // A new database needs a file; what is in the cache is changed in memory.
    expect((await run(['db', 'create', 'bob'])).code).toBe(5);
    expect((await run(['db', 'exec', 'alice', 'INSERT INTO t VALUES (2)'])).code).toBe(0);
    // A mark for each user fits only after something is removed.
    expect((await run(['cache', 'clear'])).code).toBe(0);
    expect((await run(['db', 'query', 'alice', 'SELECT x FROM t'])).code).toBe(0);
  });
});

describe('with a staleness, on a disk that is full', () => {
  // The space ends during the work, or another program takes it during the request.
  for (const when of ['before', 'while it is stored']) {
    test(`${when}: what was committed is what the same cache reads`, async ({ skip }) => {
      if ('reason' in disk) return skip(disk.reason);
      const bench = new Workbench();
      const { clock, random } = bench;
      let onPut = (): void => {};
      const store = Object.assign(new MemoryDatabaseStore(clock), {
        put: async (...call: Parameters<DatabaseStore['put']>) => {
          const outcome = await MemoryDatabaseStore.prototype.put.apply(store, call);
          onPut();
          return outcome;
        },
      });
      const ends: Record<string, number> = {};
      const vanished: string[] = [];
      for (let kib = 0; kib <= 48; kib += 4) {
        execFileSync('find', [disk.path, '-mindepth', '1', '-delete']);
        const cache = new DatabaseCache({ root: join(disk.path, 'cache'), deployment: 'test', clock, random });
        const stalenessMaxMs = Number.MAX_SAFE_INTEGER;
        const databases = new UserDatabases({
          store,
          cache,
          // Working copies are files.
          sqlite: async () => ({ name: betterSqlite.name, open: betterSqlite.open }),
          caching: true,
          clock,
          random,
          stalenessMaxMs,
        });
        const username = `user-${kib}`;
        await databases.create(username, (database) => database.exec('CREATE TABLE t (x)'));
        if (when === 'before') fill(disk.path, kib * 1024);
        else onPut = () => fill(disk.path, kib * 1024);
        const insert = (database: SqliteDatabase): unknown => database.exec('INSERT INTO t VALUES (1)');
        const ended = await databases.update(username, insert, { retries: 0 }).then(
          ({ outcome }) => outcome,
          ({ kind }) => kind,
        );
        onPut = () => {};
        ends[ended] = (ends[ended] ?? 0) + 1;
        const rows = await databases
          .read(username, ({ database }) => database.prepare('SELECT x FROM t').all().length)
          .catch(({ kind }) => kind);
        // A read without space for what it would fetch says so, which is no step back.
        if (ended === 'committed' && rows !== 1 && rows !== 'unavailable') vanished.push(`${kib} KiB: ${rows} rows`);
      }
      bench.remove();
      expect(Object.keys(ends).sort()).toEqual(when === 'before' ? ['committed', 'unavailable'] : ['committed']);
      // Even if not even the mark fits that keeps the old entry from being read.
      expect(vanished).toEqual([]);
    });
  }
});
