/** A byte that changes on a disk, on the way or in the store is found before it is shown or built on. */
import { chmodSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DatabaseCache } from '../cache/cache.ts';
import type { CacheEntry } from '../cache/entry.ts';
import { JavumboError } from '../core/failure.ts';
import { keyOf } from '../core/username.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { MemoryDatabaseStore } from '../store/memory-store.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../testing/command-deployments.ts';
import { type CommandResult, IMPATIENT, type Json, runCommand, temporaryDirectory } from '../testing/run-command.ts';
import type { S3Server, ScriptedFault } from '../testing/s3-server/server.ts';
import { Workbench } from '../testing/workbench.ts';
import { UserDatabases } from './user-databases.ts';

const TEXT = 'what the user learns';
const FOREVER = Number.MAX_SAFE_INTEGER;
const ALWAYS = Number.POSITIVE_INFINITY;

/** Bytes of different kinds: SQLite's own check finds only damage of the second. */
const BYTES: readonly { name: string; position: (file: Buffer) => number }[] = [
  { name: 'the content of a row', position: (file) => file.indexOf(TEXT) + 3 },
  { name: 'the page type of a table', position: () => 4096 },
  { name: 'a page where nothing is', position: (file) => file.length - 1000 },
  { name: 'a change counter', position: () => 26 },
  { name: 'the other change counter', position: () => 95 },
  { name: 'the mode', position: () => 18 },
];

function flip(bytes: Buffer, position: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(position) ^ 0x02, position);
  return copy;
}

describe('in the cache', () => {
  let bench: Workbench;

  beforeEach(() => {
    bench = new Workbench();
  });

  afterEach(() => {
    bench.remove();
  });

  function create(database: SqliteDatabase): void {
    database.exec('CREATE TABLE t (x TEXT)');
    // The table has its own page, with room in it.
    database.prepare('INSERT INTO t VALUES (?)').run(TEXT);
  }

  const insert = (database: SqliteDatabase): unknown => database.exec("INSERT INTO t VALUES ('new')");
  const nothing = (database: SqliteDatabase): unknown => database.prepare('SELECT x FROM t').all();

  /** A new process on the machine with this cache. */
  function begin(root: string, stalenessMaxMs: number, store: DatabaseStore = bench.store): UserDatabases {
    const { clock, random } = bench;
    const cache = new DatabaseCache({ root, deployment: 'test', clock, random });
    return new UserDatabases({
      store,
      cache,
      sqlite: async () => betterSqlite,
      caching: true,
      clock,
      random,
      stalenessMaxMs,
    });
  }

  /** A machine with alice's database in its cache. */
  async function machine(): Promise<{ databases: UserDatabases; root: string; entry: CacheEntry }> {
    const { databases, cache, root } = bench.machine();
    await databases.create('alice', create);
    const entry = cache.lookup('alice');
    if (entry === undefined) throw new Error('it is not cached');
    return { databases, root, entry };
  }

  /** Changes the file of an entry like a disk, leaving everything else as it was. */
  function damage({ path }: CacheEntry, position: (file: Buffer) => number): void {
    const { atime, mtime } = statSync(path);
    const bytes = readFileSync(path);
    chmodSync(path, 0o600);
    writeFileSync(path, flip(bytes, position(bytes)));
    chmodSync(path, 0o400);
    utimesSync(path, atime, mtime);
  }

  async function rows(databases: UserDatabases): Promise<string[]> {
    return databases.read('alice', ({ database }) =>
      (database.prepare('SELECT x FROM t ORDER BY rowid').all() as { x: string }[]).map(({ x }) => x),
    );
  }

  /** The store's content, read by a machine without a cache. */
  const stored = (): Promise<string[]> => rows(bench.machine({ store: bench.memory }).databases);

  async function requestsOf<T>(work: () => Promise<T>): Promise<{ value: T; get: number; put: number }> {
    const before = bench.store.counts();
    const value = await work();
    const after = bench.store.counts();
    return { value, get: after.get - before.get, put: after.put - before.put };
  }

  for (const { name, position } of BYTES) {
    describe(`a flipped byte: ${name}`, () => {
      test('is found at the first open by a new process, which fetches the database instead', async () => {
        const { root, entry } = await machine();
        damage(entry, position);
        const databases = begin(root, FOREVER);
        expect(await requestsOf(() => rows(databases))).toEqual({ value: [TEXT], get: 1, put: 0 });
        // No one reads it again, whatever has been cached since.
        expect(await rows(databases)).toEqual([TEXT]);
        expect(await rows(begin(root, FOREVER))).toEqual([TEXT]);
      });

      test('is found likewise where the store said that the version is current: one more GET', async () => {
        const { root, entry } = await machine();
        damage(entry, position);
        expect(await requestsOf(() => rows(begin(root, 0)))).toEqual({ value: [TEXT], get: 2, put: 0 });
      });

      test('is found before it is committed: the update builds on what the store has', async () => {
        const { root, entry } = await machine();
        damage(entry, position);
        const update = (): Promise<unknown> => begin(root, 0).update('alice', insert, { retries: 0 });
        const value = { outcome: 'committed', attempts: 1, version: expect.any(String), value: expect.anything() };
        expect(await requestsOf(update)).toEqual({ value, get: 1, put: 1 });
        expect(await stored()).toEqual([TEXT, 'new']);
        expect(await rows(begin(root, FOREVER))).toEqual([TEXT, 'new']);
      });

      test('is found before it is committed also by the process that had verified the file', async () => {
        const { databases, entry } = await machine();
        expect(await rows(databases)).toEqual([TEXT]);
        damage(entry, position);
        expect(await databases.update('alice', insert, { retries: 0 })).toMatchObject({ outcome: 'committed' });
        expect(await stored()).toEqual([TEXT, 'new']);
      });

      test('is found by an update that changes nothing', async () => {
        const { root, entry } = await machine();
        damage(entry, position);
        const ended = await begin(root, 0).update('alice', nothing, { retries: 0 });
        expect(ended).toMatchObject({ outcome: 'unchanged', value: [{ x: TEXT }] });
      });
    });
  }

  test('a flipped byte is not shown where the store cannot be asked: unavailable', async () => {
    const { root, entry } = await machine();
    damage(entry, (file) => file.indexOf(TEXT));
    const unreachable = Object.assign(new MemoryDatabaseStore(bench.clock), {
      get: async () => {
        throw new JavumboError('unavailable', 'nobody answers');
      },
    });
    await expect(rows(begin(root, FOREVER, unreachable))).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('a flipped byte of what was deleted meanwhile is nobody’s: not-found', async () => {
    const { root, entry } = await machine();
    damage(entry, (file) => file.indexOf(TEXT));
    await bench.machine().databases.delete('alice');
    await expect(rows(begin(root, FOREVER))).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('an entry without a digest, of an older javumbo, is read and built on without a request more', async () => {
    const { root, entry } = await machine();
    const path = join(entry.directory, 'entry.json');
    const { digest, clockOffset: _, ...older } = JSON.parse(readFileSync(path, 'utf8'));
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    const { atime, mtime } = statSync(path);
    writeFileSync(path, JSON.stringify({ ...older, clockOffset: entry.clockOffset }));
    utimesSync(path, atime, mtime);
    expect(await requestsOf(() => rows(begin(root, FOREVER)))).toEqual({ value: [TEXT], get: 0, put: 0 });
    const update = (): Promise<unknown> => begin(root, 0).update('alice', insert, { retries: 0 });
    expect(await requestsOf(update)).toMatchObject({ get: 0, put: 1 });
    expect((await bench.memory.head('alice'))?.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a sound entry costs no request more, and is left where it is', async () => {
    const { root, entry } = await machine();
    expect(await requestsOf(() => rows(begin(root, FOREVER)))).toEqual({ value: [TEXT], get: 0, put: 0 });
    expect(await requestsOf(() => rows(begin(root, 0)))).toEqual({ value: [TEXT], get: 1, put: 0 });
    expect(readdirSync(dirname(entry.directory))).toHaveLength(1);
  });
});

describe('on the way, and in the store, at an endpoint of its own', () => {
  let deployment: CommandDeployment;
  let server: S3Server;

  beforeEach(async () => {
    deployment = await openOnS3();
    server = deployment.server as S3Server;
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'exec', 'alice', `CREATE TABLE t (x); INSERT INTO t VALUES ('${TEXT}')`);
    server.resetCounts();
  });

  afterEach(() => deployment.close());

  const KEY = keyOf('alice');
  const object = () => server.object(BUCKET, KEY) as NonNullable<ReturnType<S3Server['object']>>;
  const positionOf = (text: string): number => object().body.indexOf(text);
  const gets = (): number | undefined => server.counts.operations.GetObject;

  /** Runs a command on a machine with nothing cached. */
  async function run(...argv: string[]): Promise<CommandResult> {
    const { HOME } = deployment.env;
    const env = { ...deployment.env, HOME, JAVUMBO_CACHE_DIR: join(temporaryDirectory(), 'cache') };
    return runCommand([...deployment.flags, ...argv], { env, clock: IMPATIENT });
  }

  const COMMANDS: readonly { name: string; argv: readonly string[]; puts: number; bytes?: typeof BYTES }[] = [
    { name: 'db query', argv: ['db', 'query', 'alice', 'SELECT x FROM t', '--json'], puts: 0, bytes: BYTES },
    { name: 'db info', argv: ['db', 'info', 'alice', '--json'], puts: 0 },
    { name: 'db exec', argv: ['db', 'exec', 'alice', "INSERT INTO t VALUES ('new')", '--json'], puts: 1, bytes: BYTES },
    { name: 'db add-note', argv: ['db', 'add-note', 'alice', '--field', 'a', '--json'], puts: 1 },
  ];

  const corrupt = (more: { at?: number; times?: number } = {}): ScriptedFault => ({ fault: 'corrupt-body', ...more });

  for (const { name, argv, puts, bytes = BYTES.slice(0, 1) } of COMMANDS) {
    describe(name, () => {
      for (const { name: byte, position } of bytes) {
        test(`a byte flipped once, ${byte}: fetched again, and nobody notices`, async () => {
          const sound = object();
          server.inject(corrupt({ at: position(sound.body) }));
          const { code, stderr } = await run(...argv);
          expect({ code, stderr, gets: gets() }).toEqual({ code: 0, stderr: '', gets: 2 });
          expect(server.counts.operations.PutObject).toBe(puts);
          const { rows } = (await run('db', 'query', 'alice', 'SELECT x FROM t', '--json')).json<Json>();
          expect(rows).toContainEqual({ x: TEXT });
        });
      }

      test('the same byte each time: the store is damaged, which is corrupt, and nothing is stored', async () => {
        const sound = object();
        server.inject(corrupt({ at: positionOf(TEXT), times: ALWAYS }));
        const ended = await run(...argv);
        expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 8, stdout: '' });
        expect(ended.failure()).toMatchObject({
          kind: 'corrupt',
          username: 'alice',
          message: expect.stringMatching(/"alice".*in the store/),
          try: expect.stringMatching(/\S/),
        });
        expect(gets()).toBe(2);
        expect(object()).toEqual(sound);
      });

      test('another byte each time: the way is damaged, which is unavailable, and nothing is stored', async () => {
        const sound = object();
        server.inject(corrupt({ at: positionOf(TEXT) }));
        server.inject(corrupt({ at: positionOf(TEXT) + 1 }));
        const ended = await run(...argv);
        expect({ code: ended.code, stdout: ended.stdout, gets: gets() }).toEqual({ code: 5, stdout: '', gets: 2 });
        expect(ended.failure()).toMatchObject({ kind: 'unavailable', username: 'alice', try: expect.any(String) });
        expect(object()).toEqual(sound);
      });
    });
  }

  test('db pull of what is damaged in the store writes the bytes as they are, and warns', async () => {
    const { body, metadata } = object();
    const damaged = flip(body, positionOf(TEXT));
    server.putObject(BUCKET, KEY, damaged, metadata);
    const out = join(temporaryDirectory(), 'pulled.anki2');
    const { code, stderr } = await run('db', 'pull', 'alice', '--out', out);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^warning: .*"alice".*in the store/) });
    expect(readFileSync(out).equals(damaged)).toBe(true);
  });

  test('db pull of what was damaged on the way writes the sound bytes, and does not warn', async () => {
    server.inject(corrupt());
    const out = join(temporaryDirectory(), 'pulled.anki2');
    const { code, stderr } = await run('db', 'pull', 'alice', '--out', out);
    expect({ code, stderr, gets: gets() }).toEqual({ code: 0, stderr: '', gets: 2 });
    expect(readFileSync(out).equals(object().body)).toBe(true);
  });

  const UNKNOWN: readonly {
    name: string;
    metadata: (known: Readonly<Record<string, string>>) => Record<string, string>;
  }[] = [
    { name: 'another program', metadata: () => ({}) },
    { name: 'an older javumbo', metadata: ({ javumbowrites = '' }) => ({ javumbowrites }) },
  ];
  for (const { name, metadata } of UNKNOWN) {
    test(`a database of ${name}, without a digest, is read as before, and the next commit has one`, async () => {
      // Its counters differ, as from SQLite before 3.7.0: without a digest nothing is said of them.
      const { body, metadata: known } = object();
      server.putObject(BUCKET, KEY, flip(body, 24), metadata(known));
      const { rows } = (await run('db', 'query', 'alice', 'SELECT x FROM t', '--json')).json<Json>();
      expect({ rows, gets: gets() }).toEqual({ rows: [{ x: TEXT }], gets: 1 });
      expect((await run('db', 'exec', 'alice', "INSERT INTO t VALUES ('new')")).code).toBe(0);
      expect(gets()).toBe(2);
      expect(object().metadata.javumbodigest).toMatch(/^[0-9a-f]{64}$/);
      expect((await run('db', 'check', 'alice')).code).toBe(0);
    });
  }
});

describe.each(COMMAND_DEPLOYMENTS)('a push of a content that the store has already, on $name', ({ open }) => {
  const NONE = { get: 0, put: 0, head: 0, delete: 0, list: 0 };
  let deployment: CommandDeployment;
  let file: string;
  let first: string;

  beforeEach(async () => {
    deployment = await open();
    file = join(temporaryDirectory(), 'alice.anki2');
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'exec', 'alice', 'CREATE TABLE t (x); INSERT INTO t VALUES (1)');
    first = (await deployment.json<Json>('db', 'pull', 'alice', '--out', file)).version;
  });

  afterEach(() => deployment.close());

  const elsewhere = async (...argv: string[]): Promise<Json> =>
    (await deployment.runElsewhere(['db', 'push', 'alice', file, ...argv, '--json'])).json();
  const values = async (): Promise<Json> =>
    (await deployment.json<Json>('db', 'query', 'alice', 'SELECT x FROM t ORDER BY x')).rows;

  const TWINS: readonly { name: string; change: (file: Buffer) => void }[] = [
    { name: 'the bytes themselves', change: () => {} },
    {
      name: 'with other counters',
      change: (bytes) => {
        for (const position of [24, 92]) bytes.writeUInt32BE(7, position);
      },
    },
    { name: 'in WAL mode', change: (bytes) => bytes.writeUInt16BE(0x0202, 18) },
  ];
  for (const { name, change } of TWINS) {
    for (const over of ['--force', '--if-version']) {
      test(`${name}, ${over}, is unchanged: a HEAD, a GET of what is there, and no PUT`, async () => {
        const bytes = readFileSync(file);
        change(bytes);
        writeFileSync(file, bytes);
        const ended = await elsewhere(over, ...(over === '--force' ? ['--yes'] : [first]));
        expect(ended).toMatchObject({ outcome: 'unchanged', version: first, requests: { ...NONE, head: 1, get: 1 } });
        expect((await deployment.json<Json>('db', 'info', 'alice')).version).toBe(first);
      });
    }
  }

  for (const over of ['--force', '--if-version']) {
    test(`over another content, ${over}, is committed under a version that never was: a HEAD and a PUT`, async () => {
      const exec = ['db', 'exec', 'alice', 'INSERT INTO t VALUES (2)'];
      const second = (await deployment.json<Json>(...exec)).version;
      const ended = await elsewhere(over, ...(over === '--force' ? ['--yes'] : [second]));
      expect(ended).toMatchObject({ outcome: 'committed', requests: { ...NONE, head: 1, put: 1 } });
      expect([first, second]).not.toContain(ended.version);
      expect(await values()).toEqual([{ x: 1 }]);
    });
  }

  test('over what another program stored, of which no digest is known, is committed', async () => {
    const { server } = deployment;
    if (server === undefined) return;
    server.putObject(BUCKET, keyOf('alice'), readFileSync(file));
    expect(await elsewhere('--force', '--yes')).toMatchObject({
      outcome: 'committed',
      requests: { ...NONE, head: 1, put: 1 },
    });
  });
});
