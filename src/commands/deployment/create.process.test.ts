import { existsSync } from 'node:fs';
import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { ListBucketsCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { interrupted } from '../../core/interruptible.ts';
import { type DynamoServer, startDynamoServer } from '../../testing/dynamo-server.ts';
import { type CommandResult, freshMachine, IMPATIENT, type Json, runCommand } from '../../testing/run-command.ts';
import { type S3Server, type S3ServerOptions, startS3Server } from '../../testing/s3-server/server.ts';

let s3: S3Server | undefined;
let dynamo: DynamoServer;

beforeEach(async () => {
  dynamo = await startDynamoServer();
});

afterEach(async () => {
  await s3?.close();
  await dynamo.close();
});

/** Runs commands on engines that hold nothing but what the test puts there. */
async function engines(options: S3ServerOptions = {}) {
  const server = await startS3Server(options);
  s3 = server;
  const env = {
    ...freshMachine(),
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    S3_BUCKET: 'bucket',
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
  };
  const runWith =
    (signal?: AbortSignal) =>
    (...argv: string[]): Promise<CommandResult> =>
      runCommand([...argv, '--json'], { env, clock: IMPATIENT, ...(signal === undefined ? {} : { signal }) });
  return Object.assign(runWith(), { with: runWith });
}

function client(): S3Client {
  return new S3Client({
    endpoint: s3?.endpoint ?? '',
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  });
}

/** `bucket found`, `bucket: versioning made`: what a report says, a line each. */
function linesOf({ resources }: Json): string[] {
  return resources.flatMap(({ kind, name, state, settings }: Json) => [
    `${kind} ${name} ${state}`,
    ...settings.map((setting: Json) => `  ${setting.name} ${setting.state}`),
  ]);
}

// The loopback server knows none of these, as dynalite knows no time to live and no recovery.
const BUCKET = (state: string, versioning: string, others: string): string[] => [
  `bucket bucket ${state}`,
  `  versioning ${versioning}`,
  `  public access blocked ${others}`,
  `  encryption ${others}`,
  `  expiry of old versions after 30 days ${others}`,
];
const TABLES = (state: string, onDemand: string, others: string): string[] => [
  `table javumbo-users ${state}`,
  `  on demand ${onDemand}`,
  `  point-in-time recovery ${others}`,
  `table javumbo-user-locks ${state}`,
  `  on demand ${onDemand}`,
  `  time to live on ttl ${others}`,
];

describe('deployment create', () => {
  test('makes what is missing, says what it did, and finds it the next time', async () => {
    const javumbo = await engines();
    expect(linesOf((await javumbo('deployment', 'describe')).json())).toEqual([
      ...BUCKET('missing', 'missing', 'missing'),
      ...TABLES('missing', 'missing', 'missing'),
    ]);
    const plan = await javumbo('deployment', 'create', '--dry-run');
    expect(plan.json()).toMatchObject({ dryRun: true });
    expect(linesOf(plan.json())).toEqual([
      ...BUCKET('planned', 'planned', 'planned'),
      ...TABLES('planned', 'planned', 'planned'),
    ]);
    // It was only planned.
    expect((await javumbo('db', 'list')).code).toBe(3);

    const made = await javumbo('deployment', 'create');
    expect(made.code).toBe(0);
    expect(linesOf(made.json()).slice(0, 5)).toEqual(BUCKET('made', 'made', 'unsupported'));
    expect(linesOf(made.json())).toEqual(expect.arrayContaining(['table javumbo-users made', '  on demand found']));

    const again = await javumbo('deployment', 'create');
    expect(again.code).toBe(0);
    expect(linesOf(again.json()).slice(0, 5)).toEqual(BUCKET('found', 'found', 'unsupported'));
    expect(linesOf(again.json())).toEqual(expect.arrayContaining(['table javumbo-users found']));

    // And it can be worked on.
    expect((await javumbo('db', 'create', 'alice')).code).toBe(0);
    expect((await javumbo('db', 'exec', 'alice', 'UPDATE col SET mod = mod + 1', '--lease')).code).toBe(0);
    expect((await javumbo('user', 'list')).json()).toEqual({ users: [], next: null });
  });

  test('leaves versioning off where an engine does not compare on versioned buckets, and no scratch bucket behind', async () => {
    const javumbo = await engines({ ignoreConditions: 'on-versioned-buckets' });
    const { code, json } = await javumbo('deployment', 'create');
    expect(code).toBe(0);
    expect(json().resources[0].settings[0]).toEqual({
      name: 'versioning',
      state: 'left-off',
      reason: expect.stringMatching(/a create over what exists is accepted/),
    });
    const { Buckets = [] } = await client().send(new ListBucketsCommand({}));
    expect(Buckets.map(({ Name }) => Name)).toEqual(['bucket']);
  });

  test('ends with 7 where such a bucket is versioned already', async () => {
    const javumbo = await engines();
    expect((await javumbo('deployment', 'create')).code).toBe(0);
    await s3?.close();
    const unsafe = await engines({ ignoreConditions: 'on-versioned-buckets', buckets: ['bucket'] });
    await client().send(
      new PutBucketVersioningCommand({ Bucket: 'bucket', VersioningConfiguration: { Status: 'Enabled' } }),
    );
    const { code, json } = await unsafe('deployment', 'create');
    expect(code).toBe(7);
    expect(json().resources[0].settings[0]).toMatchObject({ name: 'versioning', state: 'unsafe' });
  });

  test('refuses a table that has another key, and names the option that names another table', async () => {
    const javumbo = await engines({ buckets: ['bucket'] });
    await dynamo.client().send(
      new CreateTableCommand({
        TableName: 'javumbo-users',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
    const { code, failure } = await javumbo('deployment', 'create');
    expect(code).toBe(4);
    expect(failure()).toMatchObject({
      message:
        'table "javumbo-users" exists, and its key is not "username" alone; made: bucket bucket: versioning, table javumbo-user-locks',
      try: 'another name with --users-table',
    });
    // The bucket's part is done, and the next run finds it.
    expect((await javumbo('deployment', 'create', '--users-table', 'other-users')).code).toBe(0);
  });

  test('goes on with what can be made, says what that was, and the next run makes the rest', async () => {
    const javumbo = await engines();
    const denied = { fault: 'refuse-before', status: 403, code: 'AccessDenied', operation: 'CreateBucket' } as const;
    const fault = s3?.inject({ ...denied, times: 100 });
    const { code, failure } = await javumbo('deployment', 'create');
    expect(code).toBe(5);
    expect(failure().message).toMatch(
      /^make bucket "bucket": .*AccessDenied.*; made: table javumbo-users, table javumbo-user-locks$/,
    );
    fault?.remove();
    expect(linesOf((await javumbo('deployment', 'create')).json())).toContain('table javumbo-users found');
  });

  test('counts what a scratch bucket showed also where it cannot be removed, and names the bucket', async () => {
    const javumbo = await engines({ buckets: ['bucket'] });
    const denied = { fault: 'refuse-before', status: 403, code: 'AccessDenied', operation: 'DeleteBucket' } as const;
    s3?.inject({ ...denied, times: 100 });
    const { code, json } = await javumbo('deployment', 'create');
    expect(code).toBe(0);
    expect(json().resources[0].settings[0]).toMatchObject({
      name: 'versioning',
      state: 'made',
      reason: expect.stringMatching(/^scratch bucket "javumbo-test-scratch-[0-9a-f]+" is left \(.*AccessDenied/),
    });
  });

  test('interrupted while the engine is silent, it ends, and says what it had made', async () => {
    const javumbo = await engines();
    const interruption = new AbortController();
    s3?.inject({ fault: 'hang-before', operation: 'PutBucketVersioning', times: 100 });
    const server = s3 as S3Server;
    server.beforeWork = ({ operation }) => {
      if (operation === 'PutObject' || operation === 'CreateBucket') return;
      if (server.counts.operations.CreateBucket >= 2) interruption.abort(interrupted());
    };
    const { code, failure } = await javumbo.with(interruption.signal)('deployment', 'create');
    expect(code).toBeOneOf([6, 130]);
    expect(failure().message).toMatch(/^interrupted at bucket bucket: versioning; made before: bucket bucket$/);
  });

  test('refuses a name that no bucket can have', async () => {
    const javumbo = await engines();
    const { code, failure } = await javumbo('deployment', 'create', '--bucket', 'Upper_Case');
    expect(code).toBe(2);
    expect(failure().message).toMatch(/^no bucket can be called "Upper_Case"/);
  });

  test('is never a silent call to AWS: an S3 endpoint alone is refused', async () => {
    const javumbo = await engines();
    for (const argv of [
      ['deployment', 'create'],
      ['deployment', 'describe'],
      ['user', 'list'],
    ]) {
      const { code, stderr } = await runCommand([...argv, '--bucket', 'b', '--endpoint-url', s3?.endpoint ?? '']);
      expect({ argv, code }).toEqual({ argv, code: 2 });
      expect(stderr).toMatch(
        /nothing says where the DynamoDB tables of that deployment are\ntry: {3}--dynamodb-endpoint-url/,
      );
    }
    expect((await javumbo('config', 'show')).json().dynamodbEndpointUrl.value).toBe(dynamo.endpoint);
  });
});

describe('the local deployment', () => {
  test('is made and found', async () => {
    const env = freshMachine();
    const run = (...argv: string[]) => runCommand(['deployment', ...argv, '--json'], { env });
    expect(linesOf((await run('describe')).json())).toEqual([`directory ${env.JAVUMBO_HOME} missing`]);
    expect(linesOf((await run('create', '--dry-run')).json())).toEqual([`directory ${env.JAVUMBO_HOME} planned`]);
    expect(existsSync(env.JAVUMBO_HOME)).toBe(false);
    expect(linesOf((await run('create')).json())).toEqual([`directory ${env.JAVUMBO_HOME} made`]);
    expect(linesOf((await run('create')).json())).toEqual([`directory ${env.JAVUMBO_HOME} found`]);
  });

  test('is not meant by an option that names a part of another one', async () => {
    const { code, stderr } = await runCommand(['user', 'list', '--users-table', 'other-users']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: --users-table names a part of a deployment on AWS, and no bucket is named/);
  });
});
