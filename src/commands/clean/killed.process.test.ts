/** What commands leave that were killed: `clean all` finds it, and the next command need not wait for that. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../../testing/child-process.ts';
import { type DynamoServer, startDynamoServer } from '../../testing/dynamo-server.ts';
import { freshMachine, IMPATIENT, type Json, runCommand } from '../../testing/run-command.ts';
import { type S3Server, startS3Server } from '../../testing/s3-server/server.ts';

describe('a pull that was killed', () => {
  const machine = freshMachine();
  const out = join(machine.HOME, 'pulled');
  const javumbo = (...argv: string[]) => runCommand([...argv, '--json'], { env: machine });

  beforeEach(async () => {
    rmSync(machine.HOME, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    await javumbo('db', 'create', 'alice');
    const argv = ['partial-written', 'db', 'pull', 'alice', '--out', join(out, 'alice.anki2')];
    expect((await runScript(SCRIPTS.crashAt, argv, machine)).signal).toBe('SIGKILL');
    // A neighbour of that name is nobody's.
    writeFileSync(join(out, 'alice.anki2.0123456789abcdef.part'), 'mine');
    expect(readdirSync(out)).toHaveLength(2);
  });

  test('leaves a part, which clean all names and removes', async () => {
    const named = expect.objectContaining({ kind: 'partial-file', name: expect.stringMatching(/\.part$/) });
    const dry = (await javumbo('clean', 'all', '--dry-run')).json();
    expect(dry.plan).toEqual(expect.arrayContaining([named]));
    expect(dry.plan.find(({ kind }: Json) => kind === 'partial-file').sizeBytes).toBeGreaterThan(10_000);
    expect(readdirSync(out)).toHaveLength(2);
    expect((await javumbo('clean', 'all')).json().plan).toEqual(expect.arrayContaining([named]));
    expect(readdirSync(out)).toEqual(['alice.anki2.0123456789abcdef.part']);
    expect((await javumbo('clean', 'all')).json().plan).toEqual([]);
  });

  test('leaves a part, which the next pull removes', async () => {
    expect((await javumbo('db', 'pull', 'alice', '--out', join(out, 'again.anki2'))).code).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['again.anki2', 'alice.anki2.0123456789abcdef.part']);
  });
});

describe('a deployment create that was killed', () => {
  let s3: S3Server;
  let dynamo: DynamoServer;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    s3 = await startS3Server();
    dynamo = await startDynamoServer();
    env = {
      ...freshMachine(),
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
      S3_BUCKET: 'bucket',
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    };
  });

  afterEach(async () => {
    await s3.close();
    await dynamo.close();
  });

  const client = (): S3Client =>
    new S3Client({
      endpoint: s3.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    });
  const buckets = async (): Promise<string[]> => {
    const { Buckets = [] } = await client().send(new ListBucketsCommand({}));
    return Buckets.map(({ Name = '' }) => Name).sort();
  };
  const javumbo = (...argv: string[]) => runCommand([...argv, '--json'], { env, clock: IMPATIENT });

  test('leaves a scratch bucket, which clean all names and removes with what is in it', async () => {
    expect((await javumbo('deployment', 'create')).code).toBe(0);
    expect(await buckets()).toEqual(['bucket']);
    const scratch = 'javumbo-test-scratch-0123456789abcdef';
    // One of somebody whose bucket only begins like that.
    const other = 'javumbo-test-scratch-mine';
    for (const Bucket of [scratch, other]) {
      await client().send(new CreateBucketCommand({ Bucket }));
      await client().send(new PutObjectCommand({ Bucket, Key: 'user_dbs/x.anki2', Body: 'x' }));
    }
    const named = { kind: 'bucket', name: scratch, ageSeconds: expect.any(Number) };
    expect((await javumbo('clean', 'all', '--dry-run')).json().plan).toEqual([named]);
    expect((await javumbo('clean', 'all', '--min-age', '1h')).json().plan).toEqual([]);
    expect(await buckets()).toEqual(['bucket', scratch, other].sort());
    expect((await javumbo('clean', 'all')).json()).toMatchObject({ plan: [named], deletedCount: 1 });
    expect(await buckets()).toEqual(['bucket', other]);
  });

  test('is the deployment itself where it is called so', async () => {
    env.S3_BUCKET = 'javumbo-test-scratch-0123456789abcdef';
    expect((await javumbo('deployment', 'create')).code).toBe(0);
    expect((await javumbo('clean', 'all')).json().plan).toEqual([]);
    expect(await buckets()).toEqual([env.S3_BUCKET]);
  });
});
