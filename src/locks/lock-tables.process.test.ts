import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import { UsageMeter } from '../core/usage.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { ManualClock } from '../testing/workbench.ts';
import { DynamoLockTable } from './dynamo-lock-table.ts';
import { LocalLockTable } from './local-lock-table.ts';
import { countingLockTable, type Lease, type LockItem, type LockTable, retryingLockTable } from './lock-table.ts';
import { describeLockTable } from './lock-table-contract.ts';
import { MemoryLockTable } from './memory-lock-table.ts';

describeLockTable('memory', () => {
  const items = new Map<string, LockItem>();
  return { handle: (clock) => new MemoryLockTable(clock, items), cleanup: () => {} };
});

let server: DynamoServer;
let tables = 0;

beforeAll(async () => {
  server = await startDynamoServer();
});

afterAll(() => server.close());

for (const stack of ['dynamo', 'retrying(counting(dynamo))']) {
  describeLockTable(stack, async () => {
    const table = await server.createTable(`locks-${tables++}`);
    return {
      handle: (clock) => {
        const locks = new DynamoLockTable(server.client(), { table, endpoint: server.endpoint, clock });
        if (stack === 'dynamo') return locks;
        const counting = countingLockTable(locks, new UsageMeter());
        return retryingLockTable(counting, { clock, random: seededRandom(1) });
      },
      cleanup: () => {},
    };
  });
}

describe('the table in DynamoDB', () => {
  const clock = new ManualClock();
  let table: string;
  let counter: UsageMeter;
  let locks: LockTable;

  beforeEach(async () => {
    server.clearFaults();
    table = await server.createTable(`locks-${tables++}`);
    counter = new UsageMeter();
    const dynamo = new DynamoLockTable(server.client(), {
      table,
      clock,
      onExtraRead: () => counter.countTables({ read: 1 }),
    });
    locks = retryingLockTable(countingLockTable(dynamo, counter), { clock, random: seededRandom(1) });
  });

  test('is the storage contract: owner, expiry, and a ttl in seconds that is not before the expiry', async () => {
    await locks.acquire('alice', 'a', 1500);
    const stored = await server
      .client()
      .send(new GetItemCommand({ TableName: table, Key: { username: { S: 'alice' } } }));
    const expiry = clock.now() + 1500;
    expect(stored.Item).toEqual({
      username: { S: 'alice' },
      owner: { S: 'a' },
      expiry: { N: String(expiry) },
      ttl: { N: String(Math.ceil(expiry / 1000)) },
    });
  });

  test.each([
    { name: 'without an expiry', more: {} },
    { name: 'whose expiry is a text', more: { owner: { S: 'b' }, expiry: { S: '2099-01-01T00:00:00Z' } } },
  ])('takes an item $name for nobody’s lease', async ({ more }) => {
    await server.client().send(new PutItemCommand({ TableName: table, Item: { username: { S: 'alice' }, ...more } }));
    expect(await locks.acquire('alice', 'a', 1500)).toMatchObject({ kind: 'acquired' });
    expect(counter.usage().tables).toEqual({ read: 0, write: 1 });
  });

  test.each(['lost-request', 'lost-reply', 'error-after'] as const)(
    'acquires, renews and releases with a %s at each',
    async (kind) => {
      for (const operation of ['PutItem', 'UpdateItem', 'DeleteItem']) server.inject({ operation, fault: { kind } });
      const answer = await locks.acquire('alice', 'a', 1500);
      expect(answer).toMatchObject({ kind: 'acquired', lease: { owner: 'a' } });
      const { lease } = answer as { lease: Lease };
      expect(await locks.renew(lease, 3000)).toMatchObject({ owner: 'a' });
      expect(await locks.release(lease)).toBe(kind === 'lost-request');
      expect(await locks.acquire('alice', 'b', 1500)).toMatchObject({ kind: 'acquired' });
      expect(counter.usage().tables).toEqual({ read: 0, write: 7 });
    },
  );

  test('that is not there is unavailable, and names the command that makes it', async () => {
    server.inject({
      operation: 'PutItem',
      fault: { kind: 'refuse', status: 400, code: 'ResourceNotFoundException' },
    });
    await expect(locks.acquire('alice', 'a', 1500)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(`there is no table "${table}"`),
      try: expect.stringContaining('javumbo deployment create'),
    });
  });
});

describe('the local table', () => {
  let home: string;
  let clock: ManualClock;
  let opened: LocalLockTable[];
  const open = (at = home): LocalLockTable => {
    const table = new LocalLockTable(at, { clock, sqlite: betterSqlite });
    opened.push(table);
    return table;
  };

  beforeEach(() => {
    home = temporaryDirectory();
    clock = new ManualClock();
    opened = [];
  });

  afterEach(() => {
    for (const table of opened) table.close();
    rmSync(home, { recursive: true, force: true });
  });

  test('makes its home for its user alone, at the first call', async () => {
    const table = open(join(home, 'new', 'deployment'));
    expect(() => statSync(join(home, 'new'))).toThrow('ENOENT');
    await table.acquire('alice', 'a', 1000);
    expect(statSync(join(home, 'new', 'deployment')).mode & 0o777).toBe(0o700);
  });

  test('keeps a lease as the storage contract says, with a ttl in seconds that is not before the expiry', async () => {
    await open().acquire('alice', 'a', 1500);
    const file = new Database(join(home, 'locks.sqlite'), { readonly: true });
    const expiry = clock.now() + 1500;
    expect(file.prepare('SELECT * FROM locks').all()).toEqual([
      { username: 'alice', owner: 'a', expiry, ttl: (expiry + 500) / 1000 },
    ]);
    file.close();
  });

  test('keeps leases from one process to the next', async () => {
    const first = open();
    await first.acquire('alice', 'a', 1000);
    first.close();
    expect(await open().acquire('alice', 'b', 1000)).toMatchObject({ kind: 'held', owner: 'a' });
  });

  test('can be used again after it was closed', async () => {
    const table = open();
    await table.acquire('alice', 'a', 1000);
    table.close();
    expect(await table.acquire('alice', 'b', 1000)).toMatchObject({ kind: 'held', owner: 'a' });
  });

  const lease: Lease = { username: 'alice', owner: 'a', expiresAt: 0 };
  const calls: { name: string; call: (table: LockTable) => Promise<unknown> }[] = [
    { name: 'acquire', call: (table) => table.acquire('alice', 'a', 1000) },
    { name: 'renew', call: (table) => table.renew(lease, 1000) },
    { name: 'release', call: (table) => table.release(lease) },
  ];
  for (const { name, call } of calls) {
    test(`${name} below a file instead of a directory says what to do`, async () => {
      writeFileSync(join(home, 'file'), 'not a directory');
      await expect(call(open(join(home, 'file', 'home')))).rejects.toMatchObject({
        name: 'JavumboError',
        kind: 'usage',
        retryable: false,
        username: 'alice',
        message: expect.stringContaining(`${name} the lease on "alice"`),
        try: expect.stringContaining('JAVUMBO_HOME'),
      });
    });

    test(`${name} where the file is a directory is unavailable`, async () => {
      mkdirSync(join(home, 'locks.sqlite'));
      await expect(call(open())).rejects.toMatchObject({
        name: 'JavumboError',
        kind: 'unavailable',
        username: 'alice',
      });
    });

    test(`${name} with a file that is no SQLite file is corruption, and names the file to delete`, async () => {
      writeFileSync(join(home, 'locks.sqlite'), 'no database, but long enough to be taken for one. '.repeat(20));
      await expect(call(open())).rejects.toMatchObject({
        name: 'JavumboError',
        kind: 'corrupt',
        message: expect.stringContaining(join(home, 'locks.sqlite')),
        try: expect.stringContaining('delete'),
      });
    });
  }
});

const OWNERS = ['a', 'b', 'c'];

test('memory and local give the same answers to the same histories, and no history finds two holders', async () => {
  const home = temporaryDirectory();
  const clock = new ManualClock();
  const memory = new MemoryLockTable(clock);
  const local = new LocalLockTable(home, { clock, sqlite: betterSqlite });
  const answers = { held: 0, acquired: 0, renewed: 0, lost: 0, released: 0, notReleased: 0 };
  try {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const pick = (below: number): number => Math.floor(random.fraction() * below);
      const username = `user-${seed}`;
      const leases = new Map<string, Lease>();
      for (let step = 0; step < 60; step++) {
        const owner = OWNERS[pick(OWNERS.length)] as string;
        const lease = leases.get(owner);
        const ttlMs = 1 + pick(100);
        const both = async <T>(call: (table: LockTable) => Promise<T>): Promise<T> => {
          const answer = await call(memory);
          expect(await call(local), `seed ${seed}, step ${step}`).toEqual(answer);
          return answer;
        };
        switch (pick(4)) {
          case 0:
            clock.advance(pick(80));
            break;
          case 1: {
            const answer = await both((table) => table.acquire(username, owner, ttlMs));
            answers[answer.kind]++;
            if (answer.kind === 'acquired') leases.set(owner, answer.lease);
            break;
          }
          case 2: {
            if (lease === undefined) break;
            const renewed = await both((table) => table.renew(lease, ttlMs));
            answers[renewed === undefined ? 'lost' : 'renewed']++;
            if (renewed !== undefined) leases.set(owner, renewed);
            break;
          }
          case 3:
            if (lease === undefined) break;
            answers[(await both((table) => table.release(lease))) ? 'released' : 'notReleased']++;
            leases.delete(owner);
        }
        const holders = [...leases.values()].filter(({ expiresAt }) => expiresAt > clock.now());
        expect(holders.length, `seed ${seed}, step ${step}: ${JSON.stringify(holders)}`).toBeLessThan(2);
      }
    }
  } finally {
    local.close();
    rmSync(home, { recursive: true });
  }
  // Every answer occurred often enough for the comparison to mean something.
  for (const count of Object.values(answers)) expect(count).toBeGreaterThan(50);
});

function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'javumbo-locks-'));
}
