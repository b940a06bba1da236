/** `clean users` and `clean all`: accounts of tests go, everybody else's stay. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import { type DynamoServer, startDynamoServer } from '../../testing/dynamo-server.ts';
import { freshMachine, type Json, runCommand } from '../../testing/run-command.ts';
import { type S3Server, startS3Server } from '../../testing/s3-server/server.ts';
import { DynamoUserTable } from '../../users/dynamo-user-table.ts';
import { LocalUserTable } from '../../users/local-user-table.ts';
import type { UserTable } from '../../users/user-table.ts';

vi.mock('bcryptjs', () => import('../../testing/quick-bcrypt.ts'));

const BUCKET = 'bucket';
const TEST_USERS = ['javumbo-test-aa-5-1', 'javumbo-test-bb-5-3'];
const OTHERS = ['alice', 'javumbo-tester', 'zoe'];

let dynamo: DynamoServer;
let s3: S3Server;
let tables = 0;

beforeAll(async () => {
  [dynamo, s3] = await Promise.all([startDynamoServer(), startS3Server({ buckets: [BUCKET] })]);
});

afterAll(() => Promise.all([dynamo.close(), s3.close()]));

interface Place {
  readonly env: NodeJS.ProcessEnv;
  readonly table: UserTable;
  /** What has to be typed to delete real accounts. */
  readonly word: string;
  close(): void;
}

const PLACES: readonly { readonly name: string; readonly open: () => Promise<Place> }[] = [
  {
    name: 'the local deployment',
    open: async () => {
      const env = freshMachine();
      const table = new LocalUserTable(env.JAVUMBO_HOME, { sqlite: betterSqlite });
      return { env, table, word: 'local', close: () => table.close() };
    },
  },
  {
    name: 'DynamoDB',
    open: async () => {
      const table = await dynamo.createTable(`clean-users-${tables++}`);
      return {
        env: {
          ...freshMachine(),
          S3_BUCKET: BUCKET,
          AWS_ENDPOINT_URL_S3: s3.endpoint,
          AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
          DYNAMODB_USERS_TABLE: table,
          AWS_ACCESS_KEY_ID: 'key',
          AWS_SECRET_ACCESS_KEY: 'secret',
        },
        table: new DynamoUserTable(dynamo.client(), { table, endpoint: dynamo.endpoint }),
        word: table,
        close: () => {},
      };
    },
  },
];

describe.each(PLACES)('on $name', ({ open }) => {
  let place: Place;

  beforeEach(async () => {
    place = await open();
    for (const username of [...TEST_USERS, ...OTHERS]) {
      const createdAt = '2026-11-22T10:00:00.000Z';
      expect(await place.table.putIfAbsent({ username, name: username, createdAt })).toEqual({ kind: 'created' });
    }
  });

  afterEach(() => place.close());

  async function clean(...argv: string[]): Promise<Json> {
    const { code, stdout, stderr } = await runCommand(['clean', ...argv, '--json', '--quiet'], { env: place.env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  async function usernames(): Promise<string[]> {
    return (await place.table.page({ limit: 100 })).users.map(({ username }) => username).sort();
  }

  test('removes the accounts of tests and no others, and then has nothing to do', async () => {
    const planned = await clean('users', '--dry-run');
    expect(planned).toMatchObject({ deletedCount: 0, deletedBytes: 0, dryRun: true });
    expect(planned.plan.map(({ kind, name }: Json) => `${kind} ${name}`).sort()).toEqual(
      TEST_USERS.map((username) => `user ${username}`),
    );
    expect(planned.plan[0].ageSeconds).toBeGreaterThan(0);
    expect(await usernames()).toHaveLength(5);
    expect(await clean('users')).toMatchObject({ deletedCount: 2, dryRun: false });
    expect(await usernames()).toEqual(OTHERS);
    expect(await clean('users')).toEqual({ plan: [], deletedCount: 0, deletedBytes: 0, dryRun: false });
  });

  test('other accounts need --yes, or the typed name of the table', async () => {
    const argv = ['clean', 'users', '--prefix', 'z', '--quiet'];
    const refused = await runCommand(argv, { env: place.env });
    expect({ code: refused.code, stderr: refused.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('there is no terminal to ask'),
    });
    expect((await runCommand(argv, { env: place.env, typed: 'yes\n' })).code).toBe(2);
    expect(await usernames()).toHaveLength(5);
    const confirmed = await runCommand(argv, { env: place.env, typed: `${place.word}\n` });
    expect({ code: confirmed.code, stderr: confirmed.stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining(`Type ${place.word} to go on: `),
    });
    expect(await clean('users', '--prefix', 'alice', '--yes')).toMatchObject({ deletedCount: 1 });
    expect(await usernames()).toEqual([...TEST_USERS, 'javumbo-tester']);
  });

  test('an empty prefix is refused, for that is everybody', async () => {
    const { code } = await runCommand(['clean', 'users', '--prefix', '', '--yes', '--quiet'], { env: place.env });
    expect({ code, left: (await usernames()).length }).toEqual({ code: 2, left: 5 });
  });

  test('clean all removes them with everything else that tests have left', async () => {
    const kept = ['verify', 'day2', '--only', '2.1', '--keep', '--quiet'];
    expect((await runCommand(kept, { env: place.env })).code).toBe(0);
    // A benchmark that is killed leaves its user in the cache.
    const cached = ['bench', 'cache', '--requests', '1', '--rtt', '0', '--keep', '--quiet'];
    expect((await runCommand(cached, { env: place.env })).code).toBe(0);
    const planned = await clean('all', '--dry-run');
    // The local deployment keeps old versions.
    const kinds = planned.plan
      .map(({ kind }: Json) => kind)
      .filter((kind: string) => kind !== 'old-version')
      .sort();
    expect(kinds).toEqual(['cached-database', 'object', 'object', 'user', 'user']);
    expect(await usernames()).toHaveLength(5);
    // The cached file goes with its object, so the plan and the deed name it once.
    expect((await clean('all')).deletedCount).toBeGreaterThanOrEqual(4);
    expect(await usernames()).toEqual(OTHERS);
    expect(await clean('all')).toEqual({ plan: [], deletedCount: 0, deletedBytes: 0, dryRun: false });
  });
});

describe('clean all', () => {
  test('on an engine without a user table cleans the rest, and says so', async () => {
    const env = {
      ...freshMachine(),
      S3_BUCKET: BUCKET,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    };
    s3.putObject(BUCKET, 'test/left', 'bytes');
    const { code, stderr, stdout } = await runCommand(['clean', 'all', '--json'], { env });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('note: accounts were not examined: '),
    });
    expect(JSON.parse(stdout)).toMatchObject({ deletedCount: 1 });
    expect(s3.keys(BUCKET)).toEqual([]);
  });

  test('cleans what it can reach, and ends with what it could not', async () => {
    const env = { ...freshMachine(), S3_BUCKET: BUCKET, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' };
    const { code, json } = await runCommand(['clean', 'all', '--quiet', '--json'], {
      env: { ...env, AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
    });
    expect({ code, result: json() }).toEqual({
      code: 5,
      result: {
        plan: [],
        deletedCount: 0,
        deletedBytes: 0,
        failed: ['objects', 'scratch buckets'].map((name) => ({
          name,
          reason: expect.stringContaining('cannot connect to http://127.0.0.1:1'),
        })),
        dryRun: false,
      },
    });
  });
});
