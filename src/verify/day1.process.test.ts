/** Day 1 end to end, with the containers that `npm test` has built. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Check, Report } from '../report/document.ts';
import {
  ACCOUNT_DEPLOYMENTS,
  type CommandDeployment,
  openOnAws,
  openOnS3,
  runOn,
} from '../testing/command-deployments.ts';
import { asReport } from '../testing/report-schema.ts';

let deployment: CommandDeployment;

async function day1(
  ...argv: string[]
): Promise<{ code: number | null; report: Report; ended: Record<string, string> }> {
  const result = await runOn(deployment, ['verify', 'day1', ...argv, '--json']);
  const report = asReport(result.json());
  return { code: result.code, report, ended: Object.fromEntries(report.checks.map(({ id, status }) => [id, status])) };
}

function checkOf({ checks }: Report, id: string): Check {
  const check = checks.find((each) => each.id === id);
  if (check === undefined) throw new Error(`there is no test ${id}`);
  return check;
}

const ALL_PASSED = { '1.1': 'passed', '1.2': 'passed', '1.3': 'passed', '1.4': 'passed', '1.5': 'passed' };

describe.each(ACCOUNT_DEPLOYMENTS)('on $name', ({ open }) => {
  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  test('all five tests pass, and leave nothing behind', async () => {
    const { code, report, ended } = await day1();
    expect({ code, ended }).toEqual({ code: 0, ended: ALL_PASSED });
    expect(checkOf(report, '1.5').assertions.map(({ name }) => name)).toEqual([
      'S3 put_object succeeds',
      'S3 get_object succeeds',
      'S3 delete_object succeeds',
      'DynamoDB put_item succeeds',
      'DynamoDB get_item succeeds',
      'DynamoDB delete_item succeeds',
      'all of it was tried',
      'it is cleaned up',
    ]);
    expect(report.requests.lambda?.invocations).toBe(4);
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
    expect(await deployment.json('user', 'list')).toEqual({ users: [], next: null });
  });

  test('with --keep what the function tries is removed, and nothing else is said', async () => {
    const { code, stderr } = await runOn(deployment, ['verify', 'day1', '--keep', '--only', '1.5', '--json']);
    expect({ code, kept: stderr.match(/kept.*/g) }).toEqual({ code: 0, kept: null });
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
    expect(await deployment.json('user', 'list')).toEqual({ users: [], next: null });
  });

  test('with --keep what it made stays, and clean all removes it', async () => {
    expect((await day1('--keep', '--only', '1.1,1.2')).code).toBe(0);
    expect((await deployment.json<{ databases: unknown[] }>('db', 'list')).databases).toHaveLength(1);
    await runOn(deployment, ['clean', 'all']);
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
    expect(await deployment.json('user', 'list')).toEqual({ users: [], next: null });
  });
});

describe('a deployment of which something is missing', () => {
  afterEach(() => deployment.close());

  test('without DynamoDB, what needs it is skipped with the reason', async () => {
    deployment = await openOnS3();
    const { code, report, ended } = await day1();
    expect({ code, ended }).toEqual({ code: 0, ended: { ...ALL_PASSED, '1.2': 'skipped', '1.5': 'skipped' } });
    for (const id of ['1.2', '1.5'])
      expect(checkOf(report, id).reason).toMatch(/nothing says where the DynamoDB tables/);
    expect((await day1('--no-skips')).code).toBe(7);
  });

  test('a function named where there is no Lambda is skipped with the reason, and never looked for on AWS', async () => {
    ({ deployment } = await openOnAws());
    const { code, report, ended } = await day1('--function', 'javumbo-api');
    const skipped = { '1.3': 'skipped', '1.4': 'skipped', '1.5': 'skipped' };
    expect({ code, ended }).toEqual({ code: 0, ended: { ...ALL_PASSED, ...skipped } });
    expect(checkOf(report, '1.3').reason).toMatch(/nothing says where Lambda is/);
  });

  test('a table that is gone fails what needs it, and says so', async () => {
    ({ deployment } = await openOnAws());
    const { code, report, ended } = await day1('--users-table', 'no-such-table');
    expect(ended).toEqual({ ...ALL_PASSED, '1.2': 'failed', '1.5': 'failed' });
    expect(code).not.toBe(0);
    const { assertions } = checkOf(report, '1.5');
    expect(assertions.find(({ name }) => name === 'DynamoDB put_item succeeds')).toMatchObject({
      passed: false,
      actual: expect.stringMatching(/no-such-table/),
    });
  });
});

describe('an HTTP API', () => {
  let server: Server;
  let url: string;
  let answer: { status: number; body: string };

  beforeEach(async () => {
    server = createServer((_, response) => response.writeHead(answer.status).end(answer.body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    ({ deployment } = await openOnAws());
  });

  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    await deployment.close();
  });

  const HELLO = 'Hello from Lambda! This is a placeholder.';

  test.each([
    {
      name: 'a health answer',
      given: { status: 200, body: '{"service":"javumbo","status":"ok","version":"9.9.9"}' },
      argv: [],
      status: 'passed',
    },
    { name: 'a page of somebody else', given: { status: 200, body: HELLO }, argv: [], status: 'failed' },
    {
      name: 'the expected page',
      given: { status: 200, body: HELLO },
      argv: ['--expect-body', 'Hello from Lambda'],
      status: 'passed',
    },
    {
      name: 'another page',
      given: { status: 200, body: 'Welcome' },
      argv: ['--expect-body', 'Hello'],
      status: 'failed',
    },
    {
      name: 'an error',
      given: { status: 500, body: '{"message":"Internal Server Error"}' },
      argv: [],
      status: 'failed',
    },
    {
      name: 'an error with the expected text',
      given: { status: 502, body: HELLO },
      argv: ['--expect-body', 'Hello'],
      status: 'failed',
    },
  ])('that answers with $name $argv: Test 1.4 is $status', async ({ given, argv, status }) => {
    answer = given;
    const { ended } = await day1('--only', '1.4', '--api-url', url, ...argv);
    expect(ended).toEqual({ '1.4': status });
  });

  test('that is not there fails Test 1.4 with exit code 5', async () => {
    const { code, report } = await day1('--only', '1.4', '--api-url', 'http://127.0.0.1:1');
    expect(code).toBe(5);
    expect(checkOf(report, '1.4').reason).toMatch(/the API at http:\/\/127\.0\.0\.1:1 does not answer/);
  });

  test('with --expect-body, 1.5 is skipped: only our own function can check its rights', async () => {
    answer = { status: 200, body: HELLO };
    const { report, ended } = await day1('--only', '1.4,1.5', '--api-url', url, '--expect-body', 'Hello');
    expect(ended).toEqual({ '1.4': 'passed', '1.5': 'skipped' });
    expect(checkOf(report, '1.5').reason).toMatch(/--expect-body/);
  });
});
