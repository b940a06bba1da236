import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PYTHON_USERS, putMany } from '../../testing/accounts.ts';
import { runScript, SCRIPTS } from '../../testing/child-process.ts';
import { ACCOUNT_DEPLOYMENTS, type CommandDeployment, openOnAws } from '../../testing/command-deployments.ts';
import type { DynamoServer } from '../../testing/dynamo-server.ts';
import { freshMachine, IMPATIENT, type Json } from '../../testing/run-command.ts';

vi.mock('bcryptjs', () => import('../../testing/quick-bcrypt.ts'));

const PASSWORD = 'correct horse';
// More than two pages of what is asked of the table at once.
const MANY_USERS = 2_100;
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/);
const ALICE = { username: 'alice', name: 'Alice Smith', createdAt: TIME };
const CREATE = ['create', 'alice', '--name', 'Alice Smith', '--password-stdin'];

describe.each(ACCOUNT_DEPLOYMENTS)('on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  // In order: each finds what the ones before it left.
  const steps: { readonly argv: string[]; readonly piped?: string; readonly code?: number; readonly json?: Json }[] = [
    { argv: ['list'], json: { users: [], next: null } },
    { argv: CREATE, piped: `${PASSWORD}\n`, json: ALICE },
    { argv: ['get', 'alice'], json: ALICE },
    { argv: ['get', 'bob'], code: 3 },
    { argv: CREATE, piped: PASSWORD, code: 4 },
    { argv: ['authenticate', 'alice', '--password-stdin'], piped: PASSWORD, json: { username: 'alice', valid: true } },
    {
      argv: ['authenticate', 'alice', '--password-stdin'],
      piped: `${PASSWORD}s`,
      code: 7,
      json: { username: 'alice', valid: false },
    },
    {
      argv: ['authenticate', 'bob', '--password-stdin'],
      piped: PASSWORD,
      code: 7,
      json: { username: 'bob', valid: false },
    },
    { argv: ['update', 'alice', '--name', 'Alice B.'], json: { ...ALICE, name: 'Alice B.', updatedAt: TIME } },
    { argv: ['authenticate', 'alice', '--password-stdin'], piped: PASSWORD, json: { username: 'alice', valid: true } },
    {
      argv: ['update', 'alice', '--password-stdin'],
      piped: 'another horse\r\n',
      json: { ...ALICE, name: 'Alice B.', updatedAt: TIME },
    },
    {
      argv: ['authenticate', 'alice', '--password-stdin'],
      piped: PASSWORD,
      code: 7,
      json: { username: 'alice', valid: false },
    },
    {
      argv: ['authenticate', 'alice', '--password-stdin'],
      piped: 'another horse',
      json: { username: 'alice', valid: true },
    },
    { argv: ['update', 'bob', '--name', 'Bob'], code: 3 },
    { argv: ['list'], json: { users: [{ ...ALICE, name: 'Alice B.', updatedAt: TIME }], next: null } },
    { argv: ['delete', 'alice', '--yes'], json: { username: 'alice', outcome: 'deleted' } },
    { argv: ['delete', 'alice'], code: 3 },
    { argv: ['get', 'alice'], code: 3 },
  ];

  test('each command prints the JSON of the design, from the first to the last, and never a hash', async () => {
    for (const { argv, piped, code = 0, json } of steps) {
      const result = await deployment.run(['user', ...argv, '--json'], piped === undefined ? {} : { piped });
      expect({ argv, code: result.code }).toEqual({ argv, code });
      if (json === undefined) expect(result.failure().try).toMatch(/^javumbo user /);
      else expect({ argv, json: result.json() }).toEqual({ argv, json });
      expect(result.stdout + result.stderr).not.toContain('$2b$');
    }
  });

  test('a user and its database are made together', async () => {
    const result = await deployment.run(['user', ...CREATE, '--with-database', '--json'], { piped: PASSWORD });
    expect(result.json()).toEqual({
      ...ALICE,
      database: { outcome: 'committed', version: expect.stringMatching(/^[0-9a-f]{32,64}$/) },
    });
    expect(await deployment.json('db', 'info', 'alice')).toMatchObject({ username: 'alice', integrity: 'ok' });
  });

  test('a database from before is nobody’s to inherit: nothing is made', async () => {
    await deployment.json('db', 'create', 'alice');
    const result = await deployment.run(['user', ...CREATE, '--with-database', '--json'], { piped: PASSWORD });
    expect(result.code).toBe(4);
    expect(result.failure()).toMatchObject({
      kind: 'conflict',
      message: expect.stringMatching(/^user "alice" already has a database/),
      try: expect.stringMatching(/^javumbo db info alice; then without --with-database/),
      username: 'alice',
    });
    expect(await deployment.json('user', 'list')).toEqual({ users: [], next: null });
  });

  test('lists page by page in the order of the table, and stream into a pipe', async () => {
    for (const username of ['a', 'b', 'c', 'd', 'e']) {
      const argv = ['user', 'create', username, '--name', username.toUpperCase(), '--password-stdin'];
      expect((await deployment.run(argv, { piped: PASSWORD })).code).toBe(0);
    }
    const all = await deployment.json<Json>('user', 'list');
    expect(all.next).toBeNull();
    expect(all.users.map(({ username }: Json) => username).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const pages: Json[] = [];
    for (let after: string[] = []; ; ) {
      const page = await deployment.json<Json>('user', 'list', '--limit', '2', ...after);
      pages.push(page);
      if (page.next === null) break;
      after = ['--after', page.next];
    }
    expect(pages.flatMap(({ users }) => users)).toEqual(all.users);
    expect(pages.every(({ users }) => users.length <= 2)).toBe(true);

    const piped = await deployment.run(['user', 'list', '--limit', '3']);
    expect(
      piped.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split('\t')[0]),
    ).toEqual(all.users.slice(0, 3).map(({ username }: Json) => username));
    const table = await deployment.run(['user', 'list', '--no-color'], { tty: true });
    expect(table.stdout).toMatch(/^.*username.*name.*created at/s);
    expect(Math.max(...table.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  const refused: { name: string; argv: string[]; piped?: string | Buffer; message: RegExp }[] = [
    { name: 'a password of seven characters', argv: CREATE, piped: 'seven77', message: /fewer than 8 characters/ },
    { name: 'a password of 73 bytes', argv: CREATE, piped: 'x'.repeat(73), message: /73 bytes in UTF-8/ },
    { name: 'a password of 37 letters with accents', argv: CREATE, piped: 'é'.repeat(37), message: /74 bytes/ },
    { name: 'a password with a NUL', argv: CREATE, piped: 'correct\0horse', message: /NUL/ },
    { name: 'a password of two lines', argv: CREATE, piped: 'correct\nhorse', message: /more than one line/ },
    { name: 'no password', argv: CREATE, piped: '', message: /holds no password/ },
    { name: 'a file that is no text', argv: CREATE, piped: Buffer.from([0xff, 0xfe, 0xff]), message: /not UTF-8/ },
    { name: 'nobody to ask', argv: CREATE.slice(0, -1), message: /no terminal to ask/ },
    { name: 'a name of nothing', argv: ['create', 'a', '--name', ' ', '--password-stdin'], message: /name is empty/ },
    {
      name: 'a name that drives a terminal',
      argv: ['create', 'a', '--name', '\u001b[2J', '--password-stdin'],
      message: /control characters/,
    },
    { name: 'no name', argv: ['create', 'a'], message: /--name/ },
    { name: 'a username that is a path', argv: ['create', '../x', '--name', 'x'], message: /is not a username/ },
    {
      name: 'a username of test data',
      argv: ['create', 'javumbo-test-x', '--name', 'x', '--password-stdin'],
      message: /test data/,
    },
    { name: 'nothing to update', argv: ['update', 'alice'], message: /nothing to update/ },
    { name: 'a limit of none', argv: ['list', '--limit', '0'], message: /--limit/ },
    { name: 'a list after nobody', argv: ['list', '--after', ''], message: /--after is empty/ },
  ];
  test.each(refused)('$name is usage, and nothing is stored', async ({ argv, piped = PASSWORD, message }) => {
    const options = argv.includes('--password-stdin') ? { piped } : {};
    const result = await deployment.run(['user', ...argv, '--json'], options);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 2, stdout: '' });
    expect(result.failure().message).toMatch(message);
    expect(result.failure().try).toBeTruthy();
    expect(await deployment.json('user', 'list')).toEqual({ users: [], next: null });
  });

  test('verify day5 passes with the 6, 8 and 8 checks of week 1, and leaves nobody behind', async () => {
    const report = await deployment.json<Json>('verify', 'day5');
    expect(report).toMatchObject({ passed: true, failureReasons: [] });
    const checks = report.checks.map(({ id, status, assertions }: Json) => [id, status, assertions.length]);
    // And one each that it is cleaned up.
    expect(checks).toEqual([
      ['5.1', 'passed', 7],
      ['5.2', 'passed', 9],
      ['5.3', 'passed', 9],
    ]);
    for (const name of ['hashMs', 'verifyMs', 'readItemMs']) expect(report.metrics[name].min).toBeGreaterThan(0);
    expect(await deployment.json('user', 'list')).toEqual({ users: [], next: null });
  });

  test('four processes create one user at once: one succeeds, and three are told that it exists', async () => {
    const argv = ['user', 'create', 'alice', '--name', 'Alice', '--password-stdin', '--json', ...deployment.flags];
    const env = Object.fromEntries(
      Object.entries({ ...freshMachine(), ...deployment.env }).map(([k, v]) => [k, v ?? '']),
    );
    const results = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        runScript(SCRIPTS.quickCommand, argv, env, { input: `password number ${index}` }),
      ),
    );
    expect(results.map(({ code }) => code).sort()).toEqual([0, ...Array(3).fill(4)]);
    // And it is the winner's account.
    const winner = results.findIndex(({ code }) => code === 0);
    const valid = await deployment.run(['user', 'authenticate', 'alice', '--password-stdin', '--json'], {
      piped: `password number ${winner}`,
    });
    expect(valid.json()).toEqual({ username: 'alice', valid: true });
  });
});

describe('on DynamoDB', () => {
  let deployment: CommandDeployment;
  let dynamo: DynamoServer;

  beforeEach(async () => {
    ({ deployment, dynamo } = await openOnAws());
  });

  afterEach(() => deployment.close());

  test('2,100 users are listed once each, by a hundred or all at once, and the last page may be empty', async () => {
    await putMany(dynamo.client(), 'javumbo-users', MANY_USERS);
    const order: string[] = [];
    for (let after: string[] = []; ; ) {
      const page = await deployment.json<Json>('user', 'list', ...after);
      order.push(...page.users.map(({ username }: Json) => username));
      if (page.next === null) break;
      expect(page.users).toHaveLength(100);
      after = ['--after', page.next];
    }
    expect(new Set(order).size).toBe(MANY_USERS);
    expect(order).toHaveLength(MANY_USERS);
    const all = await deployment.run(['user', 'list', '--limit', String(2 * MANY_USERS)]);
    expect(
      all.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split('\t')[0]),
    ).toEqual(order);
  });

  test('accounts of the Python repository are listed, read and authenticated', async () => {
    for (const { Item } of PYTHON_USERS) {
      await dynamo.client().send(new PutItemCommand({ TableName: 'javumbo-users', Item }));
    }
    for (const { Item, password, valid, user } of PYTHON_USERS) {
      const username = Item.username?.S ?? '';
      expect(await deployment.json('user', 'get', username)).toEqual(user);
      const result = await deployment.run(['user', 'authenticate', username, '--password-stdin', '--json'], {
        piped: password,
      });
      expect(result.json()).toEqual({ username, valid });
    }
    const { users } = await deployment.json<Json>('user', 'list');
    expect(users).toHaveLength(PYTHON_USERS.length);
  });

  const troubles = [
    { name: 'throttling', code: 'ThrottlingException', message: /answers ThrottlingException/, hint: /in a minute/ },
    {
      name: 'a missing table',
      code: 'ResourceNotFoundException',
      message: /there is no table "javumbo-users"/,
      hint: /deployment create/,
    },
  ];
  test.each(troubles)('$name is unavailable, with what to do', async ({ code, message, hint }) => {
    for (const [operation, argv, piped] of [
      ['PutItem', CREATE, PASSWORD],
      ['GetItem', ['get', 'alice'], undefined],
      ['Scan', ['list'], undefined],
    ] as const) {
      dynamo.clearFaults();
      dynamo.inject({ operation, times: 1000, fault: { kind: 'refuse', status: 400, code } });
      const result = await deployment.run(['user', ...argv, '--json'], { clock: IMPATIENT, ...(piped && { piped }) });
      expect({ argv, code: result.code, stdout: result.stdout }).toEqual({ argv, code: 5, stdout: '' });
      expect(result.failure()).toMatchObject({
        kind: 'unavailable',
        message: expect.stringMatching(message),
        try: expect.stringMatching(hint),
      });
    }
  });

  test('an account whose reply was lost for good is unknown, exit code 6', async () => {
    dynamo.inject({ operation: 'PutItem', fault: { kind: 'lost-reply' } });
    dynamo.inject({
      operation: 'GetItem',
      times: 100,
      fault: { kind: 'refuse', status: 500, code: 'InternalServerError' },
    });
    const result = await deployment.run(['user', ...CREATE, '--json'], { piped: PASSWORD, clock: IMPATIENT });
    expect(result.code).toBe(6);
    expect(result.failure()).toMatchObject({ kind: 'unknown', try: 'javumbo user get alice', username: 'alice' });
  });

  test('leases work, and their items are gone afterwards', async () => {
    await deployment.json('db', 'create', 'alice');
    const result = await deployment.json('db', 'exec', 'alice', 'UPDATE col SET mod = mod + 1', '--lease');
    expect(result).toMatchObject({ outcome: 'committed', attempts: 1 });
    expect(dynamo.counts).toMatchObject({ PutItem: 1, DeleteItem: 1 });
  });
});
