/** Tests the user and lock tables, and the commands on them, on Amazon's own engine: DynamoDB Local. */
import { rmSync } from 'node:fs';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { SILENT } from '../aws/client-options.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { DynamoLockTable } from '../locks/dynamo-lock-table.ts';
import { retryingLockTable } from '../locks/lock-table.ts';
import { describeLockTable } from '../locks/lock-table-contract.ts';
import { MANY_USERS, PYTHON_USERS, putMany } from '../testing/accounts.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { createTable } from '../testing/dynamo-server.ts';
import type { DynamoEnvironment } from '../testing/engines/dynamodb-local.ts';
import { freshMachine, type Json } from '../testing/run-command.ts';
import { startS3Server } from '../testing/s3-server/server.ts';
import { DynamoUserTable } from './dynamo-user-table.ts';
import { RetryingUserTable } from './retrying-user-table.ts';
import type { UserTable } from './user-table.ts';
import { describeUserTable } from './user-table-contract.ts';

const engine = inject('dynamoDbLocal');

describe.runIf(engine !== undefined)('DynamoDB Local', () => {
  const { AWS_ENDPOINT_URL_DYNAMODB: endpoint, ...keys } = (engine ?? {}) as DynamoEnvironment;
  const client = new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
    maxAttempts: 1,
    logger: SILENT,
  });
  const newTable = (): Promise<string> => createTable(client, `javumbo-test-${systemRandom.hex(8)}`);
  const sources = { clock: systemClock, random: systemRandom };

  afterAll(() => client.destroy());

  for (const stack of ['dynamo', 'retrying(dynamo)']) {
    describeUserTable(
      stack,
      async () => {
        const table = await newTable();
        const handle = (): UserTable => {
          const users = new DynamoUserTable(client, { table, endpoint });
          return stack === 'dynamo' ? users : new RetryingUserTable(users, sources);
        };
        return { table: handle(), other: handle(), cleanup: () => {} };
      },
      { settles: stack !== 'dynamo' },
    );

    describeLockTable(stack, async () => {
      const table = await newTable();
      return {
        handle: (clock) => {
          const locks = new DynamoLockTable(client, { table, endpoint, clock });
          return stack === 'dynamo' ? locks : retryingLockTable(locks, { clock, random: systemRandom });
        },
        cleanup: () => {},
      };
    });
  }

  /** Runs commands on their own deployment: a bucket on a loopback S3 server, tables on the engine. */
  async function withDeployment(
    work: (
      javumbo: (argv: string[], input?: string) => Promise<{ code: number | null; stdout: string }>,
      tables: { users: string },
    ) => Promise<void>,
  ): Promise<void> {
    const server = await startS3Server();
    const machine = freshMachine();
    const tables = { users: `javumbo-test-${systemRandom.hex(8)}`, locks: `javumbo-test-${systemRandom.hex(8)}` };
    const env = {
      ...machine,
      ...(engine as DynamoEnvironment),
      AWS_ENDPOINT_URL_S3: server.endpoint,
      S3_BUCKET: 'bucket',
      DYNAMODB_USERS_TABLE: tables.users,
      DYNAMODB_LOCKS_TABLE: tables.locks,
    };
    try {
      await work(
        (argv, input) =>
          runScript(SCRIPTS.quickCommand, [...argv, '--json'], env, input === undefined ? {} : { input }),
        tables,
      );
    } finally {
      await server.close();
      rmSync(machine.HOME, { recursive: true, force: true });
    }
  }

  test('deployment create makes the tables, switches the time to live on once, and is found the next time', async () => {
    await withDeployment(async (javumbo) => {
      for (const state of ['made', 'found']) {
        const { code, stdout } = await javumbo(['deployment', 'create']);
        expect(code).toBe(0);
        const [, users, locks] = JSON.parse(stdout).resources as Json[];
        expect({ users: users.state, locks: locks.state }).toEqual({ users: state, locks: state });
        expect(locks.settings).toContainEqual({ name: 'on demand', state: 'found' });
        expect(locks.settings).toContainEqual({ name: 'time to live on ttl', state });
      }
    });
  });

  test('verify day5 passes and leaves nobody behind', async () => {
    await withDeployment(async (javumbo) => {
      await javumbo(['deployment', 'create']);
      const { code, stdout } = await javumbo(['verify', 'day5']);
      const { passed, failureReasons } = JSON.parse(stdout) as Json;
      expect({ code, passed, failureReasons }).toEqual({ code: 0, passed: true, failureReasons: [] });
      expect(JSON.parse((await javumbo(['user', 'list'])).stdout)).toEqual({ users: [], next: null });
    });
  });

  test('twenty processes create one user at once: one succeeds, and 19 are told that it exists', async () => {
    await withDeployment(async (javumbo) => {
      await javumbo(['deployment', 'create']);
      const argv = ['user', 'create', 'alice', '--name', 'Alice', '--password-stdin'];
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => javumbo(argv, `password number ${index}`)),
      );
      expect(results.map(({ code }) => code).sort()).toEqual([0, ...Array(19).fill(4)]);
      const winner = results.findIndex(({ code }) => code === 0);
      const valid = await javumbo(['user', 'authenticate', 'alice', '--password-stdin'], `password number ${winner}`);
      expect(valid.code).toBe(0);
    });
  });

  test('5,000 users are listed once each, and those of the Python repository authenticate', async () => {
    await withDeployment(async (javumbo, { users: table }) => {
      await javumbo(['deployment', 'create']);
      await putMany(client, table);
      const order: string[] = [];
      for (let after: string[] = []; ; ) {
        const page = JSON.parse((await javumbo(['user', 'list', '--limit', '500', ...after])).stdout) as Json;
        order.push(...page.users.map(({ username }: Json) => username));
        if (page.next === null) break;
        after = ['--after', page.next];
      }
      expect(order).toHaveLength(MANY_USERS);
      expect(new Set(order).size).toBe(MANY_USERS);

      for (const { Item, password, valid, user } of PYTHON_USERS) {
        await client.send(new PutItemCommand({ TableName: table, Item }));
        const argv = ['user', 'authenticate', user.username, '--password-stdin'];
        expect((await javumbo(argv, password)).code).toBe(valid ? 0 : 7);
      }
    });
  });
});
