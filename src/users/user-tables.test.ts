import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { TableRequestCounter } from '../table-requests.ts';
import { type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { ManualClock } from '../testing/workbench.ts';
import { CountingUserTable } from './counting-user-table.ts';
import { DynamoUserTable } from './dynamo-user-table.ts';
import { LocalUserTable } from './local-user-table.ts';
import { MemoryUserTable } from './memory-user-table.ts';
import { RetryingUserTable } from './retrying-user-table.ts';
import type { UserItem, UserTable } from './user-table.ts';
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

describeUserTable('memory', () => {
  const items = new Map<string, UserItem>();
  return { table: new MemoryUserTable(items), other: new MemoryUserTable(items), cleanup: () => {} };
});

describeUserTable('local', () => {
  const home = temporaryDirectory();
  const [table, other] = [new LocalUserTable(home), new LocalUserTable(home)];
  return {
    table,
    other,
    cleanup: () => {
      table.close();
      other.close();
      rmSync(home, { recursive: true });
    },
  };
});

describeUserTable('dynamo', async () => {
  const table = await server.createTable(`users-${tables++}`);
  return {
    table: new DynamoUserTable(server.client(), { table, endpoint: server.endpoint }),
    other: new DynamoUserTable(server.client(), { table, endpoint: server.endpoint }),
    cleanup: () => {},
  };
});

describeUserTable('retrying(counting(dynamo))', async () => {
  const table = await server.createTable(`users-${tables++}`);
  const stack = (): UserTable =>
    new RetryingUserTable(
      new CountingUserTable(
        new DynamoUserTable(server.client(), { table, endpoint: server.endpoint }),
        new TableRequestCounter(),
      ),
      { clock: new ManualClock(), random: seededRandom(1) },
    );
  return { table: stack(), other: stack(), cleanup: () => {} };
});

describe('the local table', () => {
  test('reads as the storage contract says, in a file for its user alone', async () => {
    const home = join(temporaryDirectory(), 'new');
    const table = new LocalUserTable(home);
    await table.putIfAbsent({ username: 'alice', name: 'Alice', passwordHash: 'h', createdAt: 'c' });
    expect(statSync(home).mode & 0o777).toBe(0o700);
    const file = new Database(join(home, 'users.sqlite'), { readonly: true });
    expect(file.prepare('SELECT * FROM users').all()).toEqual([
      { username: 'alice', name: 'Alice', password_hash: 'h', created_at: 'c', updated_at: null },
    ]);
    file.close();
    table.close();
  });

  test('is its user’s alone in a home that others may read, also one that was not before', async () => {
    const home = temporaryDirectory();
    chmodSync(home, 0o755);
    writeFileSync(join(home, 'users.sqlite'), '', { mode: 0o644 });
    const table = new LocalUserTable(home);
    await table.putIfAbsent({ username: 'alice', passwordHash: 'h' });
    for (const file of readdirSync(home))
      expect({ file, mode: statSync(join(home, file)).mode & 0o777 }).toEqual({ file, mode: 0o600 });
    table.close();
  });

  test('that is no SQLite file is corruption, and names the file', async () => {
    const home = temporaryDirectory();
    writeFileSync(join(home, 'users.sqlite'), 'no database, but long enough to be taken for one. '.repeat(20));
    await expect(new LocalUserTable(home).get('alice')).rejects.toMatchObject({
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
    const stored = await server
      .client()
      .send(new GetItemCommand({ TableName: table, Key: { username: { S: 'alice' } } }));
    expect(stored.Item).toEqual({
      username: { S: 'alice' },
      name: { S: 'Alice' },
      password_hash: { S: 'h' },
      created_at: { S: 'c' },
    });
  });

  test('keeps what other programs store beside it, and reads what is no string as absent', async () => {
    const { GetItemCommand, PutItemCommand } = await import('@aws-sdk/client-dynamodb');
    const table = await server.createTable(`users-${tables++}`);
    // As week 1's Test 1.2 makes it.
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
