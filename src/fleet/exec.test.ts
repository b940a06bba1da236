/** A migration, and what may have become of a write that its journal announced before the process was killed. */
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { runScript } from '../sqlite/sql.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { interposed as withPut } from '../testing/values-table.ts';
import { Workbench } from '../testing/workbench.ts';
import { type MigrationOptions, migrateFleet } from './exec.ts';
import type { MigratedUser } from './migrate-user.ts';
import type { FleetTarget } from './target.ts';
import { type UndoneUser, undoFleet } from './undo.ts';

const SQL = 'UPDATE counter SET n = n + 1';

const script = (sql: string): MigrationOptions['work'] => ({
  kind: 'fleet exec',
  sourceSha256: createHash('sha256').update(sql).digest('hex'),
  run: (database) => runScript(database, sql, []),
});

let bench: Workbench;
let journal: string;

beforeEach(() => {
  bench = new Workbench();
  journal = join(bench.directory, 'journal.jsonl');
});

afterEach(() => bench.remove());

const withCounter = (database: SqliteDatabase): unknown =>
  database.exec('CREATE TABLE counter (n); INSERT INTO counter VALUES (0); CREATE TABLE others (n)');

async function make(...usernames: string[]): Promise<void> {
  for (const username of usernames) await bench.machine().databases.create(username, withCounter);
}

function target(store: DatabaseStore = bench.store): FleetTarget {
  const { cache } = bench.machine();
  return {
    deployment: { kind: 'local', id: 'memory' },
    store,
    databases: (beforePut) => bench.machine({ caching: false, store, beforePut, groupCommit: false }).databases,
    users: undefined,
    objects: () => Promise.reject(new Error('not asked for')),
    sqlite: async () => betterSqlite,
    workDirectory: () => cache.workDirectory(),
  };
}

function optionsOf(more: Partial<MigrationOptions> = {}): MigrationOptions {
  const { clock, random } = bench;
  return {
    ...{
      work: script(SQL),
      selection: {},
      parallel: 8,
      retries: 5,
      undo: 'none',
      allLosses: false,
      force: false,
      clock,
      random,
    },
    journal: { path: journal, resume: false },
    goOn: async () => {},
    agree: async () => {},
    ...more,
  };
}

const RESUME = (): Partial<MigrationOptions> => ({ journal: { path: journal, resume: true } });

async function migrate(more: Partial<MigrationOptions> = {}, store?: DatabaseStore): Promise<MigratedUser[]> {
  const users: MigratedUser[] = [];
  for await (const user of migrateFleet(target(store), optionsOf(more))) users.push(user);
  return users.sort((a, b) => (a.username < b.username ? -1 : 1));
}

const interposed = (inner: DatabaseStore, methods: Partial<DatabaseStore>): DatabaseStore => ({
  ...withPut(inner, (...call) => inner.put(...call)),
  ...methods,
});

const outcomes = (users: readonly (MigratedUser | UndoneUser)[]): string[] =>
  users.map(({ username, outcome }) => `${username} ${outcome}`);

const counterOf = (username: string): Promise<number> =>
  bench
    .machine()
    .databases.read(username, ({ database }) => (database.prepare('SELECT n FROM counter').get() as { n: number }).n);

const linesOf = () =>
  readFileSync(journal, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Ends the process, as far as the journal can tell, before alice's write is sent; returns what sends it. */
async function killedBeforePut(more: Partial<MigrationOptions> = {}): Promise<() => Promise<unknown>> {
  let send: () => Promise<unknown> = async () => {};
  const store: DatabaseStore = interposed(bench.store, {
    put: (username, source, options) => {
      const bytes = Buffer.from(source as Buffer);
      send = () => bench.store.put(username, bytes, options);
      throw new JavumboError('interrupted', 'killed');
    },
  });
  await expect(migrate(more, store)).rejects.toThrow('killed');
  return send;
}

describe('a migration', () => {
  test('changes each user once, and a second resume changes nobody', async () => {
    await make('alice', 'bob');
    expect(outcomes(await migrate())).toEqual(['alice committed', 'bob committed']);
    expect(await migrate(RESUME())).toEqual([]);
    expect([await counterOf('alice'), await counterOf('bob')]).toEqual([1, 1]);
  });

  test('has each write in its journal before it is sent, and what became of it after', async () => {
    await make('alice');
    await migrate(
      {},
      interposed(bench.store, {
        put: (...asked) => {
          expect(linesOf().at(-1)).toMatchObject({ kind: 'write', username: 'alice', writeId: asked[2].writes[0] });
          return bench.store.put(...asked);
        },
      }),
    );
    const [header, write, outcome, end] = linesOf();
    expect(header).toMatchObject({ schemaVersion: 1, kind: 'fleet exec', undo: 'none' });
    const { version, writes } = (await bench.store.head('alice')) ?? {};
    expect(write).toMatchObject({ writeId: writes?.[0], base: { writeId: writes?.[1] }, changes: 1 });
    expect(outcome).toMatchObject({ kind: 'outcome', username: 'alice', outcome: 'committed', version });
    expect(end).toMatchObject({ kind: 'end', counts: { committed: 1 } });
  });

  test('leaves a user whom the script does not fit, and goes on', async () => {
    await make('alice', 'carol');
    await bench.machine().databases.create('bob', (database) => database.exec('CREATE TABLE other (x)'));
    expect(outcomes(await migrate())).toEqual(['alice committed', 'bob refused', 'carol committed']);
  });

  test('is sent nowhere in a dry run', async () => {
    await make('alice');
    const { version } = (await bench.store.head('alice')) ?? {};
    expect(await migrate({ journal: undefined })).toMatchObject([{ outcome: 'would-commit', changes: 1 }]);
    expect((await bench.store.head('alice'))?.version).toBe(version);
  });

  test('reaches test users only if they are named', async () => {
    await make('alice', 'javumbo-test-1');
    expect(outcomes(await migrate())).toEqual(['alice committed']);
    const users = (async function* () {
      yield* ['javumbo-test-1', 'nobody'];
    })();
    journal = join(bench.directory, 'another.jsonl');
    expect(outcomes(await migrate({ users }))).toEqual(['javumbo-test-1 committed', 'nobody not-found']);
  });

  test('reaches those in whose database a query is true, and no one else on a resume', async () => {
    await make('alice', 'bob');
    await bench.machine().databases.update('bob', (database) => database.exec('INSERT INTO others VALUES (1)'));
    const selection = { where: 'SELECT count(*) FROM others' };
    expect(outcomes(await migrate({ selection }))).toEqual(['alice skipped', 'bob committed']);
    expect(await migrate(RESUME())).toEqual([]);
  });

  test('stops after canaries that are not sound', async () => {
    await make('alice', 'bob', 'carol');
    await bench.machine().databases.create('aaron', (database) => database.exec('CREATE TABLE other (x)'));
    expect(outcomes(await migrate({ canary: 2 }))).toEqual(['aaron refused', 'alice committed']);
    expect(outcomes(await migrate(RESUME()))).toEqual(['aaron refused', 'bob committed', 'carol committed']);
  });

  test('asks once for what is lost, before any of it is stored, and ends where nobody agrees', async () => {
    for (const username of ['alice', 'bob', 'carol']) {
      await bench
        .machine()
        .databases.create(username, (database) =>
          database.exec('CREATE TABLE revlog (x); INSERT INTO revlog VALUES (1); CREATE TABLE col (ver)'),
        );
    }
    const sql = 'DELETE FROM revlog';
    const refusal = new JavumboError('usage', 'not confirmed');
    await expect(migrate({ work: script(sql), agree: () => Promise.reject(refusal) })).rejects.toBe(refusal);
    const asked: string[] = [];
    const agree = async (losses: readonly string[]) => void asked.push(...losses);
    expect(outcomes(await migrate({ work: script(sql), agree, ...RESUME() }))).toEqual([
      'alice committed',
      'bob committed',
      'carol committed',
    ]);
    expect(asked).toEqual(['table revlog is emptied']);
  });

  test('is refused on a journal of another script, of another deployment, or that another process has', async () => {
    await make('alice');
    await migrate();
    await expect(migrate({ work: script('SELECT 1'), ...RESUME() })).rejects.toMatchObject({ kind: 'usage' });
    await expect(migrate()).rejects.toMatchObject({ kind: 'usage' });
    const elsewhere = { ...target(), deployment: { kind: 'local', id: 'another' } } as const;
    await expect(migrateFleet(elsewhere, optionsOf(RESUME())).next()).rejects.toMatchObject({ kind: 'usage' });
    await make('bob');
    const running = migrateFleet(target(), optionsOf(RESUME()));
    await running.next();
    await expect(migrate(RESUME())).rejects.toMatchObject({ kind: 'conflict' });
    await running.return?.(undefined as never);
  });
});

describe('a resume, after a kill between the journal and the PUT', () => {
  test('migrates who was not reached', async () => {
    await make('alice');
    await killedBeforePut();
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice committed']);
    expect(await counterOf('alice')).toBe(1);
  });

  test('goes on behind a line that was cut off', async () => {
    await make('alice');
    await killedBeforePut();
    appendFileSync(journal, '{"kind":"outcome","userna');
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice committed']);
    expect(linesOf().map(({ kind }) => kind)).toEqual(['fleet exec', 'write', 'write', 'outcome', 'end']);
  });

  test('finds a write that landed, also below those of others', async () => {
    await make('alice');
    await (await killedBeforePut())();
    await bench.machine().databases.update('alice', (database) => database.exec('INSERT INTO others VALUES (1)'));
    expect(await migrate(RESUME())).toMatchObject([{ outcome: 'committed', changes: 1 }]);
    expect(await counterOf('alice')).toBe(1);
  });

  const late: { name: string; at: 'get' | 'put' }[] = [
    { name: 'before it reads', at: 'get' },
    { name: 'before its own PUT', at: 'put' },
  ];
  test.each(late)('does not migrate twice when the write arrives after it looked, $name', async ({ at }) => {
    await make('alice');
    const send = await killedBeforePut();
    let sent = false;
    const sending = async (): Promise<void> => {
      if (!sent) await send();
      sent = true;
    };
    const store = interposed(bench.store, {
      [at]: async (...asked: never[]) => {
        await sending();
        return (bench.store[at] as (...all: never[]) => unknown)(...asked);
      },
    });
    expect(outcomes(await migrate(RESUME(), store))).toEqual(['alice committed']);
    expect(await counterOf('alice')).toBe(1);
  });

  test('refuses the write that arrives after it has migrated', async () => {
    await make('alice');
    const send = await killedBeforePut();
    await migrate(RESUME());
    expect(await send()).toMatchObject({ kind: 'conflict' });
    expect(await counterOf('alice')).toBe(1);
  });

  test('migrates a user whom others changed, for then the write can never arrive', async () => {
    await make('alice');
    const send = await killedBeforePut();
    await bench.machine().databases.update('alice', (database) => database.exec('INSERT INTO others VALUES (1)'));
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice committed']);
    expect(await send()).toMatchObject({ kind: 'conflict' });
    expect(await counterOf('alice')).toBe(1);
  });

  test('finds the write of a resume that was killed too, after one that was turned away', async () => {
    await make('alice');
    const away = interposed(bench.store, { put: () => Promise.reject(new JavumboError('unavailable', 'no')) });
    expect(outcomes(await migrate({}, away))).toEqual(['alice unavailable']);
    await (await killedBeforePut(RESUME()))();
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice committed']);
    expect(await counterOf('alice')).toBe(1);
  });

  test('says unknown where nothing is committed and the write may still arrive', async () => {
    await make('alice');
    await killedBeforePut();
    const store = interposed(bench.store, {
      get: () => Promise.reject(new JavumboError('unavailable', 'no connection')),
    });
    expect(outcomes(await migrate(RESUME(), store))).toEqual(['alice unknown']);
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice committed']);
  });

  test('says unknown where another program wrote over it', async () => {
    await make('alice');
    await (await killedBeforePut())();
    const { version = '' } = (await bench.store.head('alice')) ?? {};
    const foreign = { condition: { kind: 'version', version }, writes: [] } as const;
    await bench.store.put('alice', Buffer.from('a program without write ids'), foreign);
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice unknown']);
  });

  test('says unknown where 32 writes may have buried it', async () => {
    await make('alice');
    await (await killedBeforePut())();
    for (let n = 0; n < 33; n++) {
      await bench.machine().databases.update('alice', (database) => database.exec('INSERT INTO others VALUES (1)'));
    }
    bench.clock.advance(60_000);
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice unknown']);
    expect(await counterOf('alice')).toBe(1);
  });

  test('says not-found of who was deleted, and finds the write when that is taken back', async () => {
    await make('alice');
    await (await killedBeforePut())();
    const { version = '', writes = [], digest } = (await bench.store.head('alice')) ?? {};
    const migrated = join(bench.directory, 'migrated');
    await bench.store.get('alice', migrated);
    await bench.machine().databases.delete('alice');
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice not-found']);
    await bench.store.put('alice', migrated, {
      condition: { kind: 'absent' },
      writes: ['a'.repeat(32), ...writes],
      digest,
    });
    expect(version).not.toBe('');
    expect(outcomes(await migrate(RESUME()))).toEqual(['alice committed']);
    expect(await counterOf('alice')).toBe(1);
  });

  test('is refused by another name of a journal that a process has', async () => {
    await make('alice', 'bob');
    await killedBeforePut();
    const running = migrateFleet(target(), optionsOf(RESUME()));
    await running.next();
    const link = join(bench.directory, 'link.jsonl');
    symlinkSync(journal, link);
    await expect(migrate({ journal: { path: link, resume: true } })).rejects.toMatchObject({ kind: 'conflict' });
    await running.return?.(undefined as never);
  });

  test('compares a canary that an earlier run has changed with nothing', async () => {
    await make('alice', 'bob');
    await (await killedBeforePut())();
    expect(await migrate({ canary: 1, ...RESUME() })).toMatchObject([
      { username: 'alice', outcome: 'committed' },
      { username: 'bob', outcome: 'committed' },
    ]);
  });
});

describe('an undo', () => {
  const undo = async (store?: DatabaseStore): Promise<string[]> => {
    const options = { journal, parallel: 8, clock: bench.clock, decide: async () => {} };
    const users: UndoneUser[] = [];
    for await (const user of undoFleet(target(store), options)) users.push(user);
    return outcomes(users).sort();
  };
  const kept = (): Partial<MigrationOptions> => ({ undo: 'kept', keep: join(bench.directory, 'kept') });

  test('brings back who has not changed since, from what was kept, and can be run again', async () => {
    await make('alice', 'bob');
    await migrate(kept());
    await bench.machine().databases.update('bob', (database) => database.exec('INSERT INTO others VALUES (1)'));
    expect(await undo()).toEqual(['alice committed', 'bob conflict']);
    expect([await counterOf('alice'), await counterOf('bob')]).toEqual([0, 1]);
    expect(await undo()).toEqual(['alice unchanged', 'bob conflict']);
  });

  test('of a run that was killed brings back what landed, and says unknown of what may still land', async () => {
    await make('alice');
    const options = kept();
    const store = interposed(bench.store, {
      put: () => {
        throw new JavumboError('interrupted', 'killed');
      },
    });
    await expect(migrate(options, store)).rejects.toThrow('killed');
    expect(await undo()).toEqual(['alice unknown']);
    await migrate(RESUME());
    expect(await undo()).toEqual(['alice committed']);
    expect(await counterOf('alice')).toBe(0);
  });

  test('ends what the journal can be resumed for, since a resume would take who is back for done', async () => {
    await make('alice');
    await migrate(kept());
    await undo();
    await expect(migrate(RESUME())).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('undone'),
    });
    expect(await counterOf('alice')).toBe(0);
  });

  test('is refused where nothing was kept', async () => {
    await make('alice');
    await migrate();
    await expect(undo()).rejects.toMatchObject({ kind: 'usage', try: expect.stringContaining('backup') });
  });
});
