/** Backups as a program makes them, and what happens while they run. */
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { DatabaseCache } from '../cache/cache.ts';
import { systemClock as clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { systemRandom as random } from '../core/random.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import type { GetOptions, GetResult } from '../store/database-store.ts';
import { MemoryDatabaseStore } from '../store/memory-store.ts';
import { newCollectionFile } from '../testing/backup-rig.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { MemoryUserTable } from '../users/memory-user-table.ts';
import { type BackedUpUser, type CreatedRun, createBackup } from './create.ts';
import { type RestoredRun, type RestoredUser, type RestoreOptions, restoreBackup } from './restore.ts';

/** A store that something happens to before a GET. */
class WatchedStore extends MemoryDatabaseStore {
  gets: string[] = [];
  beforeGet: (username: string) => void | Promise<void> = () => {};

  override async get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    this.gets.push(username);
    await this.beforeGet(username);
    return super.get(username, destination, options);
  }
}

const NAMES = Array.from({ length: 21 }, (_, index) => `user-${String(index).padStart(2, '0')}`);
const deployment = { kind: 'local', id: 'memory' } as const;

let directory: string;
let cache: DatabaseCache;

beforeEach(() => {
  const root = temporaryDirectory();
  directory = join(root, 'backup');
  cache = new DatabaseCache({ root: join(root, 'cache'), deployment: 'tests', clock, random });
});

function opened() {
  const store = new WatchedStore(clock);
  const users = new MemoryUserTable();
  const databases = new UserDatabases({
    // Sends each request once: what it is told is what happened.
    store,
    cache,
    sqlite: sqliteEngine,
    caching: false,
    stalenessMaxMs: 0,
    clock,
    random,
  });
  const workDirectory = () => cache.workDirectory();
  const parts = { deployment, store, users, databases, sqlite: sqliteEngine, workDirectory };
  return { ...parts, make: (username: string) => databases.replace(username, { kind: 'nothing' }, newCollectionFile) };
}

type Opened = ReturnType<typeof opened>;

async function full(names = NAMES): Promise<Opened> {
  const source = opened();
  for (const name of names) {
    await source.make(name);
    await source.users.putIfAbsent({ username: name, name, passwordHash: `hash of ${name}` });
  }
  return source;
}

async function ended<T, R>(generator: AsyncGenerator<T, R>): Promise<{ users: T[]; result: R }> {
  const users: T[] = [];
  for (;;) {
    const next = await generator.next();
    if (next.done === true) return { users, result: next.value };
    users.push(next.value);
  }
}

const backUp = (source: Opened): Promise<{ users: BackedUpUser[]; result: CreatedRun }> =>
  ended(createBackup(source, { directory, parallel: 4, clock, random }));

const restore = (
  target: Opened,
  options: Partial<RestoreOptions> = {},
): Promise<{ users: RestoredUser[]; result: RestoredRun }> =>
  ended(
    restoreBackup(target, {
      directory,
      run: undefined,
      only: undefined,
      replace: false,
      parallel: 4,
      clock,
      random,
      decide: async () => true,
      ...options,
    }),
  );

function countsOf(users: readonly { readonly outcome: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of users) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

const change = ({ databases }: Opened, username: string) =>
  databases.update(username, (database) => database.exec('UPDATE col SET mod = mod + 1'));

const unavailable = (): never => {
  throw new JavumboError('unavailable', 'the store does not answer');
};

describe('a backup while others write', () => {
  test('has what it fetched of a database that changed after it was listed, and need not fetch it again', async () => {
    const source = await full();
    source.store.beforeGet = async (username) => {
      source.store.beforeGet = () => {};
      await change(source, username);
    };
    expect(countsOf((await backUp(source)).users)).toEqual({ stored: NAMES.length });
    source.store.gets = [];
    expect(countsOf((await backUp(source)).users)).toEqual({ unchanged: NAMES.length });
    expect(source.store.gets).toEqual([]);
  });

  test('is complete without a database that was deleted after it was listed', async () => {
    const source = await full();
    source.store.beforeGet = async (username) => {
      source.store.beforeGet = () => {};
      await source.store.delete(username);
    };
    const { users, result } = await backUp(source);
    // The account is there, and in the backup.
    expect(countsOf(users)).toEqual({ stored: NAMES.length - 1, 'no-database': 1 });
    expect(result.end).toMatchObject({ databases: NAMES.length - 1, accounts: NAMES.length });
  });

  test('fetches what changed and nothing else', async () => {
    const source = await full();
    await backUp(source);
    const changed = NAMES.filter((_, index) => index % 3 === 0);
    for (const name of changed) await change(source, name);
    source.store.gets = [];
    expect(countsOf((await backUp(source)).users)).toEqual({ stored: 7, unchanged: 14 });
    expect(source.store.gets.sort()).toEqual(changed);
  });
});

describe('a backup of which somebody is missing', () => {
  test('is not complete, names them, and goes on with them alone', async () => {
    const source = await full();
    source.store.beforeGet = (username) => (username === 'user-03' ? unavailable() : undefined);
    const first = await backUp(source);
    expect(first.result.end).toBeUndefined();
    expect(first.users.filter(({ outcome }) => outcome !== 'stored')).toEqual([
      { username: 'user-03', outcome: 'unavailable', error: 'the store does not answer' },
    ]);
    await expect(restore(opened())).rejects.toMatchObject({ kind: 'not-found' });
    source.store.beforeGet = () => {};
    source.store.gets = [];
    const second = await backUp(source);
    expect(second.result.end).toMatchObject({ databases: NAMES.length });
    expect(source.store.gets).toEqual(['user-03']);
  });

  test('ends soon when the store does not answer at all', async () => {
    const source = await full();
    source.store.beforeGet = unavailable;
    await expect(backUp(source)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(source.store.gets.length).toBeLessThan(NAMES.length);
  });

  test('does not hide a defect', async () => {
    const source = await full();
    source.store.beforeGet = () => {
      throw new TypeError('a defect');
    };
    await expect(backUp(source)).rejects.toThrow('a defect');
  });
});

describe('a restore while others write', () => {
  test('never goes over a version that came after it looked, with or without --replace', async () => {
    const source = await full();
    await backUp(source);
    await change(source, 'user-01');
    let late: string | undefined;
    const decide = async (): Promise<boolean> => {
      late = (await change(source, 'user-01')).version;
      return true;
    };
    for (const replace of [true, false]) {
      const { users } = await restore(source, { replace, decide });
      expect(countsOf(users)).toEqual({ unchanged: NAMES.length - 1, conflict: 1 });
      expect((await source.store.head('user-01'))?.version).toBe(late);
    }
  });

  test('never goes over a database or an account that was made after it looked', async () => {
    await backUp(await full());
    const target = opened();
    const decide = async (): Promise<boolean> => {
      await target.make('user-01');
      await target.users.putIfAbsent({ username: 'user-02', name: 'new', passwordHash: 'new' });
      return true;
    };
    const { users } = await restore(target, { replace: true, decide });
    expect(countsOf(users)).toEqual({ committed: NAMES.length - 2, conflict: 2 });
    expect(await target.users.get('user-02')).toMatchObject({ name: 'new' });
  });

  test('says so when what it stored is something else by the end', async () => {
    await backUp(await full());
    const target = opened();
    target.store.beforeGet = async (username) => {
      const stored = username === 'user-05' && (await target.store.head(username)) !== undefined;
      if (!stored) return;
      target.store.beforeGet = () => {};
      await change(target, username);
    };
    const { users, result } = await restore(target);
    expect(countsOf(users)).toEqual({ committed: NAMES.length - 1, different: 1 });
    expect(result.equal).toBe(NAMES.length - 1);
  });

  test.each([
    { landed: true, outcome: { committed: NAMES.length } },
    { landed: false, outcome: { committed: NAMES.length - 1, unknown: 1 } },
  ])('settles a write in doubt by reading back: landed is $landed', async ({ landed, outcome }) => {
    await backUp(await full());
    const target = opened();
    const put = target.store.put.bind(target.store);
    target.store.put = async (username, source, options) => {
      if (username !== 'user-07') return put(username, source, options);
      if (landed) await put(username, source, options);
      return { kind: 'unknown', cause: new Error('no reply') };
    };
    expect(countsOf((await restore(target)).users)).toEqual(outcome);
    target.store.put = put;
    const counts = countsOf((await restore(target)).users);
    expect(counts).toEqual(landed ? { unchanged: NAMES.length } : { unchanged: NAMES.length - 1, committed: 1 });
  });

  test('has no quarrel with the last request of a restore that was killed, which arrives late', async () => {
    await backUp(await full());
    const [first, target] = [opened(), opened()];
    await restore(first);
    const copy = join(temporaryDirectory(), 'copy');
    const decide = async (): Promise<boolean> => {
      const found = await first.store.get('user-04', copy);
      const { digest } = found.kind === 'found' ? found : {};
      await target.store.put('user-04', copy, { condition: { kind: 'absent' }, writes: ['e'.repeat(32)], digest });
      await target.users.putIfAbsent((await first.users.get('user-05')) ?? { username: 'user-05' });
      return true;
    };
    const { users, result } = await restore(target, { decide });
    expect(countsOf(users)).toEqual({ committed: NAMES.length - 1, unchanged: 1 });
    expect(result.equal).toBe(NAMES.length);
  });

  test('stores nothing when the answer to the question is no', async () => {
    await backUp(await full());
    const target = opened();
    const { users, result } = await restore(target, { decide: async () => false });
    expect(users).toEqual([]);
    expect(result.plan).toMatchObject({ created: NAMES.length, accountsCreated: NAMES.length });
    expect((await target.store.list()).databases).toEqual([]);
  });
});
