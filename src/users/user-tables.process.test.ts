import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import { counting, UsageMeter } from '../core/usage.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { ManualClock } from '../testing/workbench.ts';
import { DynamoUserTable } from './dynamo-user-table.ts';
import { LocalUserTable } from './local-user-table.ts';
import { MemoryUserTable } from './memory-user-table.ts';
import { RetryingUserTable } from './retrying-user-table.ts';
import { aroundUserTable, type UserItem, type UserTable } from './user-table.ts';
import { describeUserTable } from './user-table-contract.ts';

let server: DynamoServer;
let tables = 0;

beforeAll(async () => {
  server = await startDynamoServer();
});

afterAll(() => server.close());

function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'javumbo-users-'));
}

/** `seed`: a different one for each machine, or two would generate one id. */
function retrying(inner: UserTable, seed: number): UserTable {
  return new RetryingUserTable(inner, { clock: new ManualClock(), random: seededRandom(seed) });
}

describeUserTable('memory', () => {
  const items = new Map<string, UserItem>();
  return { table: new MemoryUserTable(items), other: new MemoryUserTable(items), cleanup: () => {} };
});

describeUserTable('dynamo', async () => {
  const table = await server.createTable(`users-${tables++}`);
  return {
    table: new DynamoUserTable(server.client(), { table, endpoint: server.endpoint }),
    other: new DynamoUserTable(server.client(), { table, endpoint: server.endpoint }),
    cleanup: () => {},
  };
});

describeUserTable(
  'retrying(counting(dynamo))',
  async () => {
    const table = await server.createTable(`users-${tables++}`);
    const stack = (seed: number): UserTable =>
      retrying(
        aroundUserTable(
          new DynamoUserTable(server.client(), { table, endpoint: server.endpoint }),
          counting(new UsageMeter()),
        ),
        seed,
      );
    return { table: stack(1), other: stack(2), cleanup: () => {} };
  },
  { settles: true },
);

describeUserTable(
  'retrying(local)',
  () => {
    const home = temporaryDirectory();
    const tables = [
      new LocalUserTable(home, { sqlite: betterSqlite }),
      new LocalUserTable(home, { sqlite: betterSqlite }),
    ] as const;
    const [table, other] = [retrying(tables[0], 1), retrying(tables[1], 2)];
    return {
      table,
      other,
      cleanup: () => {
        for (const each of tables) each.close();
        rmSync(home, { recursive: true });
      },
    };
  },
  { settles: true },
);

const NOTHING = { name: null, password_hash: null, created_at: null, updated_at: null, javumbo_writes: null };

describe('the local table', () => {
  test('reads as the storage contract says, in a file for its user alone', async () => {
    const home = join(temporaryDirectory(), 'new');
    const table = new LocalUserTable(home, { sqlite: betterSqlite });
    await table.putIfAbsent({ username: 'alice', name: 'Alice', passwordHash: 'h', createdAt: 'c' });
    await table.putIfAbsent({ username: 'bob', writes: ['first', 'new'] });
    expect(statSync(home).mode & 0o777).toBe(0o700);
    const file = new Database(join(home, 'users.sqlite'), { readonly: true });
    expect(file.prepare('SELECT * FROM users').all()).toEqual([
      { ...NOTHING, username: 'alice', name: 'Alice', password_hash: 'h', created_at: 'c' },
      { ...NOTHING, username: 'bob', javumbo_writes: 'first,new' },
    ]);
    file.close();
    table.close();
  });

  test('that was made before accounts had write ids gets the column, and its accounts their ids', async () => {
    const home = temporaryDirectory();
    const file = new Database(join(home, 'users.sqlite'));
    file.exec(`CREATE TABLE users (username TEXT PRIMARY KEY, name TEXT, password_hash TEXT, created_at TEXT,
        updated_at TEXT) STRICT, WITHOUT ROWID;
      INSERT INTO users VALUES ('alice', 'Alice', 'h', 'c', NULL), ('bob', 'Bob', 'h', 'c', NULL)`);
    const tables = [
      new LocalUserTable(home, { sqlite: betterSqlite }),
      new LocalUserTable(home, { sqlite: betterSqlite }),
    ] as const;
    const [table, other] = [retrying(tables[0], 1), retrying(tables[1], 2)];
    const alice = (await table.get('alice')) as UserItem;
    expect(alice).toEqual({ username: 'alice', name: 'Alice', passwordHash: 'h', createdAt: 'c' });
    expect(await other.replace(alice, { name: 'Renamed', updatedAt: 'u' })).toEqual({ kind: 'replaced' });
    expect(await table.replace(alice, { name: 'Late', updatedAt: 'v' })).toEqual({ kind: 'conflict' });
    expect(await table.delete((await table.get('bob')) as UserItem)).toEqual({ kind: 'deleted' });
    expect(file.prepare('SELECT name, javumbo_writes FROM users').all()).toEqual([
      { name: 'Renamed', javumbo_writes: expect.stringMatching(/^[0-9a-f]{32},[0-9a-f]{32}$/) },
    ]);
    for (const each of [...tables, file]) each.close();
  });

  test('goes on working for a program from before, whose changes are conflicts', async () => {
    const home = temporaryDirectory();
    const inner = new LocalUserTable(home, { sqlite: betterSqlite });
    const table = retrying(inner, 1);
    await table.putIfAbsent({ username: 'alice', name: 'Alice', createdAt: 'c' });
    const alice = (await table.get('alice')) as UserItem;
    const file = new Database(join(home, 'users.sqlite'));
    file.exec(`UPDATE users SET name = 'Theirs', updated_at = 'u' WHERE username = 'alice'`);
    file.exec(`INSERT INTO users (username, name, password_hash, created_at) VALUES ('bob', 'Bob', 'h', 'c')`);
    expect(await table.replace(alice, { name: 'Ours', updatedAt: 'v' })).toEqual({ kind: 'conflict' });
    expect(await table.delete(alice)).toEqual({ kind: 'conflict' });
    expect(await table.get('alice')).toEqual({ ...alice, name: 'Theirs', updatedAt: 'u' });
    expect(await table.putIfAbsent({ username: 'bob', name: 'Mine' })).toEqual({ kind: 'exists' });
    for (const each of [inner, file]) each.close();
  });

  test('is its user’s alone in a home that others may read, also one that was not before', async () => {
    const home = temporaryDirectory();
    chmodSync(home, 0o755);
    writeFileSync(join(home, 'users.sqlite'), '', { mode: 0o644 });
    const table = new LocalUserTable(home, { sqlite: betterSqlite });
    await table.putIfAbsent({ username: 'alice', passwordHash: 'h' });
    for (const file of readdirSync(home))
      expect({ file, mode: statSync(join(home, file)).mode & 0o777 }).toEqual({ file, mode: 0o600 });
    table.close();
  });

  test('that is no SQLite file is corruption, and names the file', async () => {
    const home = temporaryDirectory();
    writeFileSync(join(home, 'users.sqlite'), 'no database, but long enough to be taken for one. '.repeat(20));
    await expect(new LocalUserTable(home, { sqlite: betterSqlite }).get('alice')).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining(join(home, 'users.sqlite')),
      try: expect.stringContaining('JAVUMBO_HOME'),
    });
  });
});

describe('the table in DynamoDB', () => {
  test('is the storage contract: attributes by its names, and nothing for what is absent', async () => {
    const { GetItemCommand } = await import('@aws-sdk/client-dynamodb');
    const table = await server.createTable(`users-${tables++}`);
    const users = new DynamoUserTable(server.client(), { table });
    await users.putIfAbsent({ username: 'alice', name: 'Alice', passwordHash: 'h', createdAt: 'c' });
    await users.putIfAbsent({ username: 'bob', writes: ['first', 'new'] });
    const stored = async (username: string): Promise<unknown> => {
      const Key = { username: { S: username } };
      return (await server.client().send(new GetItemCommand({ TableName: table, Key }))).Item;
    };
    expect(await stored('alice')).toEqual({
      username: { S: 'alice' },
      name: { S: 'Alice' },
      password_hash: { S: 'h' },
      created_at: { S: 'c' },
    });
    expect(await stored('bob')).toEqual({ username: { S: 'bob' }, javumbo_writes: { S: 'first,new' } });
  });

  test('keeps what other programs store beside it, and reads what is no string as absent', async () => {
    const { GetItemCommand, PutItemCommand } = await import('@aws-sdk/client-dynamodb');
    const table = await server.createTable(`users-${tables++}`);
    // As in week 1's Test 1.2.
    const Item = {
      username: { S: 'testuser' },
      user_id: { N: '999' },
      name: { S: 'Test User' },
      created_at: { N: '5' },
    };
    await server.client().send(new PutItemCommand({ TableName: table, Item }));
    const users = new DynamoUserTable(server.client(), { table });
    const base = { username: 'testuser', name: 'Test User' };
    expect(await users.get('testuser')).toEqual(base);
    expect((await users.page({ limit: 5 })).users).toEqual([base]);
    expect(await users.replace(base, { name: 'Renamed', updatedAt: 'u' })).toEqual({ kind: 'replaced' });
    const stored = await server
      .client()
      .send(new GetItemCommand({ TableName: table, Key: { username: { S: 'testuser' } } }));
    expect(stored.Item).toEqual({ ...Item, name: { S: 'Renamed' }, updated_at: { S: 'u' } });
    expect(await users.delete({ ...base, name: 'Renamed', updatedAt: 'u' })).toEqual({ kind: 'deleted' });
  });
});
