import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { RequestCounts } from '../core/usage.ts';
import type { DatabaseStore, PutOutcome } from '../store/database-store.ts';
import { createTable, failureOf, insert, interposed, NO_RETRIES, values } from '../testing/values-table.ts';
import { Workbench } from '../testing/workbench.ts';
import type { MeantWrite } from './session.ts';

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
});

afterEach(() => {
  bench.remove();
});

/** The requests that `work` made, by name, without those that it made none of. */
async function requestsOf(work: () => Promise<unknown>): Promise<Partial<RequestCounts>> {
  const before = bench.store.counts();
  await work();
  const after = bench.store.counts();
  const names = ['get', 'put', 'head', 'delete', 'list'] as const;
  return Object.fromEntries(
    names.flatMap((name) => (after[name] > before[name] ? [[name, after[name] - before[name]]] : [])),
  );
}

describe('an edit that changes nothing', () => {
  test.each([
    { name: 'a SELECT', sql: 'SELECT count(*) FROM t' },
    { name: 'an UPDATE that matches no row', sql: 'UPDATE t SET x = 1 WHERE 0' },
    { name: 'a CREATE TABLE IF NOT EXISTS that does', sql: 'CREATE TABLE IF NOT EXISTS t (x)' },
  ])('$name is unchanged, and nothing is sent', async ({ sql }) => {
    const { databases } = bench.machine({ stalenessMaxMs: 1000 });
    const { version } = await databases.create('alice', createTable);
    const work = async () => {
      const result = await databases.update('alice', (database) => database.exec(sql), NO_RETRIES);
      expect(result).toMatchObject({ outcome: 'unchanged', version });
    };
    expect(await requestsOf(work)).toEqual({});
  });

  test('on an old copy runs again when the store holds a newer version', async () => {
    const [one, two] = [bench.machine(), bench.machine()];
    await one.databases.create('alice', createTable);
    await values(two.databases);
    await one.databases.update('alice', insert(1), NO_RETRIES);
    const result = await two.databases.update(
      'alice',
      (database) => database.exec('UPDATE t SET x = x + 1'),
      NO_RETRIES,
    );
    expect(result.outcome).toBe('committed');
    expect(await values(one.databases)).toEqual([2]);
  });
});

describe('a change that SQLite does not count as rows is committed', () => {
  test.each([
    { name: 'DDL', sql: 'CREATE TABLE u (y)', look: "SELECT count(*) AS n FROM sqlite_master WHERE name = 'u'" },
    { name: 'user_version', sql: 'PRAGMA user_version = 1', look: 'SELECT user_version AS n FROM pragma_user_version' },
    {
      name: 'an index',
      sql: 'CREATE INDEX i ON t (x)',
      look: "SELECT count(*) AS n FROM sqlite_master WHERE name = 'i'",
    },
  ])('$name', async ({ sql, look }) => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    const result = await databases.update('alice', (database) => database.exec(sql), NO_RETRIES);
    expect(result.outcome).toBe('committed');
    const stranger = bench.machine().databases;
    expect(await stranger.read('alice', ({ database }) => database.prepare(look).get())).toEqual({ n: 1 });
  });
});

describe('a conflict', () => {
  test('without retries names the expected and the actual version', async () => {
    const [one, two] = [bench.machine(), bench.machine()];
    await one.databases.create('alice', createTable);
    await values(two.databases);
    const { version } = await one.databases.update('alice', insert(1), NO_RETRIES);
    const lost = two.databases.update('alice', insert(2), NO_RETRIES);
    const failure = await failureOf(lost);
    expect(failure).toMatchObject({ kind: 'conflict', username: 'alice', actualVersion: version });
    expect(failure.expectedVersion).not.toBe(version);
    expect(failure.message).toContain(version);
    expect(await values(one.databases)).toEqual([1]);
    expect(await values(two.databases)).toEqual([1]);
  });

  test('with retries runs the edit again on the winner, and both changes are there', async () => {
    const [one, two] = [bench.machine(), bench.machine()];
    await one.databases.create('alice', createTable);
    await values(two.databases);
    await one.databases.update('alice', insert(1), NO_RETRIES);
    expect(await two.databases.update('alice', insert(2), { retries: 1 })).toMatchObject({ attempts: 2 });
    expect(await values(one.databases)).toEqual([1, 2]);
  });

  test('with a delete says so, and no retry brings the database back', async () => {
    const [one, two] = [bench.machine(), bench.machine()];
    await one.databases.create('alice', createTable);
    await values(two.databases);
    await one.databases.delete('alice');
    const failure = await failureOf(two.databases.update('alice', insert(2), { retries: 5, create: createTable }));
    expect(failure).toMatchObject({ kind: 'conflict', actualVersion: undefined });
    expect(failure.message).toContain('deleted');
    expect(await bench.memory.head('alice')).toBeUndefined();
  });

  test('of twelve sessions on one base leaves exactly one committed', async () => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    const sessions = await Promise.all(
      Array.from({ length: 12 }, () => bench.machine().databases.openForWriting('alice')),
    );
    for (const [index, session] of sessions.entries()) insert(index)(session.database);
    const outcomes = await Promise.all(sessions.map((session) => session.commit()));
    expect(outcomes.filter(({ kind }) => kind === 'committed')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'conflict')).toHaveLength(11);
    expect(await values(databases)).toEqual([outcomes.findIndex(({ kind }) => kind === 'committed')]);
  });

  test('leaves nothing of the loser in its cache', async () => {
    const [one, two] = [bench.machine(), bench.machine({ stalenessMaxMs: 3_600_000 })];
    await one.databases.create('alice', createTable);
    await values(two.databases);
    await one.databases.update('alice', insert(1), NO_RETRIES);
    await two.databases.update('alice', insert(2), NO_RETRIES).catch(() => {});
    expect(two.cache.lookup('alice')).toBeUndefined();
    expect(await values(two.databases)).toEqual([1]);
  });
});

describe('an update that landed and was refused, as something sent it twice', () => {
  const MS_PER_REQUEST = 20;
  // With these fractions of every window others write up to 48 times while it waits.
  const fractions = [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.999];

  test.each([1, 2, 3, 4, 5].flatMap((landing) => fractions.map((fraction) => ({ landing, fraction }))))(
    'at attempt $landing, and waits $fraction of its time: its change is there once',
    async ({ landing, fraction }) => {
      const other = bench.machine().databases;
      await other.create('alice', createTable);
      const overtake = async (times: number): Promise<void> => {
        for (let n = 0; n < times; n++) await other.update('alice', insert(1));
      };
      const took = <T>(work: Promise<T>): Promise<T> => {
        bench.clock.advance(MS_PER_REQUEST);
        return work;
      };
      let puts = 0;
      const twice: DatabaseStore = {
        ...interposed(bench.store, async (username, source, options) => {
          if (++puts < landing) await overtake(1);
          else await bench.store.put(username, source, options);
          return took(bench.store.put(username, source, options));
        }),
        get: (...call) => took(bench.store.get(...call)),
      };
      const clock: Clock = {
        now: () => bench.clock.now(),
        monotonic: () => bench.clock.monotonic(),
        sleep: async (milliseconds) => {
          await bench.clock.sleep(milliseconds);
          await overtake(Math.floor(milliseconds / (2 * MS_PER_REQUEST)));
        },
      };
      const random: Random = { fraction: () => fraction, hex: (bytes) => bench.random.hex(bytes) };
      const { databases } = bench.machine({ store: twice, clock, random });
      expect(await databases.update('alice', insert(2))).toMatchObject({ outcome: 'committed', attempts: landing });
      expect((await values(other)).filter((value) => value === 2)).toEqual([2]);
    },
  );
});

describe('an outcome that nobody can tell', () => {
  const lost = async (): Promise<PutOutcome> => ({ kind: 'unknown', cause: new Error('the reply was lost') });

  test('is reported as unknown, and the edit does not run again', async () => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    const doubtful = bench.machine({ store: interposed(bench.store, lost) });
    let runs = 0;
    const failure = await failureOf(
      doubtful.databases.update(
        'alice',
        (database) => {
          runs++;
          return insert(1)(database);
        },
        { retries: 5 },
      ),
    );
    expect(failure).toMatchObject({ kind: 'unknown', username: 'alice' });
    expect(failure.try).toBe('javumbo db info alice');
    expect(runs).toBe(1);
  });

  test('leaves nothing in the cache that could be served as committed', async () => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    const doubtful = bench.machine({ store: interposed(bench.store, lost), stalenessMaxMs: 3_600_000 });
    await values(doubtful.databases);
    await doubtful.databases.update('alice', insert(1), NO_RETRIES).catch(() => {});
    expect(await values(doubtful.databases)).toEqual([]);
  });

  test('a commit that others have already written on top of is committed, and not cached as the current version', async () => {
    const { databases } = bench.machine();
    await databases.create('alice', createTable);
    const overtaken = bench.machine({
      stalenessMaxMs: 3_600_000,
      store: interposed(bench.store, async (username, source, options) => {
        await bench.store.put(username, source, options);
        const { version } = await databases.update('alice', insert(2), { retries: 1 });
        return { kind: 'committed', version, superseded: true };
      }),
    });
    expect(await overtaken.databases.update('alice', insert(1), NO_RETRIES)).toMatchObject({ outcome: 'committed' });
    expect(await values(overtaken.databases)).toEqual([1, 2]);
  });
});

describe('before a PUT', () => {
  test('each attempt is told with an id of its own, which the stored database lists', async () => {
    const told: MeantWrite[] = [];
    const other = bench.machine().databases;
    const { databases } = bench.machine({
      beforePut: async (write) => {
        told.push(write);
        if (told.length === 1) await other.update('alice', insert(1), NO_RETRIES);
      },
    });
    const created = await other.create('alice', createTable);
    await databases.update('alice', insert(2));
    expect(told.map(({ username }) => username)).toEqual(['alice', 'alice']);
    expect(told[0]?.base?.version).toBe(created.version);
    const { writes = [] } = (await bench.store.head('alice')) ?? {};
    expect(writes[0]).toBe(told[1]?.writeId);
    expect(writes).not.toContain(told[0]?.writeId);
  });

  test('what is thrown ends the update, and nothing is sent', async () => {
    await bench.machine().databases.create('alice', createTable);
    const refusal = new Error('not now');
    const { databases } = bench.machine({ beforePut: () => Promise.reject(refusal) });
    const work = () => databases.update('alice', insert(1)).catch((error: unknown) => expect(error).toBe(refusal));
    expect(await requestsOf(work)).toEqual({ get: 1 });
  });
});
