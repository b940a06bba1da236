import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolveConfig } from '../../config/config.ts';
import { packageVersion } from '../../core/package-information.ts';
import { systemRandom } from '../../core/random.ts';
import type { Finding } from '../../doctor/finding.ts';
import { UnsafeStores } from '../../probes/unsafe-stores.ts';
import { SCRIPTS } from '../../testing/child-process.ts';
import {
  BUCKET,
  COMMAND_DEPLOYMENTS,
  type CommandDeployment,
  openOnAws,
  openOnS3,
  runOn,
} from '../../testing/command-deployments.ts';
import { type LambdaServer, startLambdaServer } from '../../testing/lambda-server.ts';
import { openLocalFunction } from '../../testing/local-function.ts';
import type { CommandResult } from '../../testing/run-command.ts';
import type { S3ServerOptions } from '../../testing/s3-server/server.ts';

let deployment: CommandDeployment;

afterEach(() => deployment.close());

interface Examined {
  readonly code: number | null;
  readonly safe: boolean;
  /** By id. */
  readonly severities: Readonly<Record<string, string>>;
  readonly findings: readonly Finding[];
}

async function doctor(...argv: string[]): Promise<Examined> {
  const result = await runOn(deployment, ['doctor', ...argv, '--json']);
  const { findings, safe } = result.json<{ findings: Finding[]; safe: boolean }>();
  const severities = Object.fromEntries(findings.map(({ id, severity }) => [id, severity]));
  // Whatever is not well comes with a way out.
  for (const { severity, try: hint } of findings) expect(hint !== undefined).toBe(severity !== 'ok');
  return { code: result.code, safe, findings, severities };
}

function db(...argv: string[]): Promise<CommandResult> {
  return runOn(deployment, ['db', ...argv, '--json']);
}

/** A store that takes conditions and ignores them. */
const LYING: S3ServerOptions = { ignoreConditions: true };

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ open }) => {
  beforeEach(async () => {
    deployment = await open();
  });

  test('a sound store is safe, and nothing of the probe is left', async () => {
    const { code, safe, severities } = await doctor();
    expect({ code, safe }).toEqual({ code: 0, safe: true });
    expect(severities).toMatchObject({ 'conditional-writes': 'ok', function: 'ok', 'function.code': 'ok' });
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });

  test('that writes are let through whatever was found is a warning', async () => {
    expect((await doctor('--allow-unsafe-store')).severities['unsafe-store']).toBe('warning');
  });

  test('people see a line for each finding, and one for the whole', async () => {
    const { stdout } = await runOn(deployment, ['doctor']);
    expect(stdout).toMatch(/^✓ conditional-writes: /m);
    expect(stdout).toMatch(/^safe, /m);
  });
});

describe('on S3 with DynamoDB', () => {
  // dynalite knows the time to live, and has it off.
  test('each part is looked at, and what this engine does not know is no warning', async () => {
    ({ deployment } = await openOnAws());
    const { severities, findings } = await doctor();
    expect(severities).toEqual({
      'conditional-writes': 'ok',
      'conditional-deletes': 'ok',
      bucket: 'ok',
      'bucket.versioning': 'ok',
      'bucket.public-access': 'ok',
      'bucket.encryption': 'ok',
      'bucket.lifecycle': 'ok',
      history: 'ok',
      'users-table': 'ok',
      'users-table.on-demand': 'ok',
      'users-table.point-in-time-recovery': 'ok',
      'locks-table': 'ok',
      'locks-table.on-demand': 'ok',
      'locks-table.ttl': 'warning',
      function: 'ok',
      'function.code': 'ok',
      'function.deployment': 'ok',
    });
    const encryption = findings.find(({ id }) => id === 'bucket.encryption');
    expect(encryption?.message).toMatch(/does not know it/);
  });

  test.each([
    { name: 'a bucket that is not there', bucket: 'other', argv: [], unsafe: ['bucket'] },
    {
      name: 'tables that are not there',
      bucket: BUCKET,
      argv: ['--users-table', 'nobody', '--locks-table', 'none'],
      unsafe: ['users-table', 'locks-table'],
    },
  ])('$name: unsafe, and exit code 7', async ({ bucket, argv, unsafe }) => {
    ({ deployment } = await openOnAws());
    deployment = { ...deployment, flags: deployment.flags.map((flag) => (flag === BUCKET ? bucket : flag)) };
    const { code, safe, severities } = await doctor(...argv);
    expect({ code, safe }).toEqual({ code: 7, safe: false });
    expect(Object.keys(severities).filter((id) => severities[id] === 'unsafe')).toEqual(unsafe);
  });

  test('an engine without DynamoDB is a warning, which fails with --strict alone', async () => {
    deployment = await openOnS3();
    const { code, severities } = await doctor();
    expect(severities['users-table, locks-table']).toBe('warning');
    expect(code).toBe(0);
    expect((await doctor('--strict')).code).toBe(7);
  });

  test('a right that is missing is a warning, and never silence', async () => {
    ({ deployment } = await openOnAws());
    deployment.server?.inject({
      fault: 'refuse-before',
      status: 403,
      code: 'AccessDenied',
      operation: 'GetBucketVersioning',
    });
    const { findings } = await doctor();
    const versioning = findings.find(({ id }) => id === 'bucket.versioning');
    expect(versioning).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(/could not be examined: .*AccessDenied/),
    });
  });

  test('an endpoint that is out of reach says nothing about safety: exit code 5', async () => {
    deployment = await openOnS3();
    const away = { ...deployment, flags: ['--bucket', BUCKET, '--endpoint-url', 'http://127.0.0.1:1'] };
    const result = await runOn(away, ['doctor', '--json']);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 5, stdout: '' });
    expect(result.failure()).toMatchObject({ kind: 'unavailable', message: expect.stringMatching(/127\.0\.0\.1:1/) });
  });
});

describe('a store that loses updates', () => {
  beforeEach(async () => {
    deployment = await openOnS3(LYING);
    await deployment.json('db', 'create', 'alice');
  });

  const records = (): string => join(deployment.env.JAVUMBO_HOME ?? '', 'unsafe-stores');

  /** Records of a store what the first of these tests sees doctor record. */
  function foundUnsafe({ env, server }: CommandDeployment): void {
    const store = `s3 ${server?.endpoint} ${BUCKET}`;
    const verdict = { store, foundAt: '2026-11-26T12:00:00.000Z', findings: ['a create over what exists is accepted'] };
    new UnsafeStores(env.JAVUMBO_HOME ?? '').record(store, verdict, systemRandom);
  }

  test('is found unsafe, and from then on nothing is written there', async () => {
    const { code, safe, findings } = await doctor();
    expect({ code, safe }).toEqual({ code: 7, safe: false });
    expect(findings[0]).toMatchObject({
      id: 'conditional-writes',
      severity: 'unsafe',
      message: expect.stringMatching(
        /a create over what exists is accepted; an update over an old version is accepted/,
      ),
    });
    for (const argv of [
      ['exec', 'alice', 'UPDATE col SET mod = mod + 1'],
      ['create', 'bob'],
      ['delete', 'alice', '--yes'],
      ['add-note', 'alice', '--field', 'x'],
    ]) {
      const refused = await db(...argv);
      expect(refused.code).toBe(7);
      expect(refused.failure()).toMatchObject({
        kind: 'violation',
        message: expect.stringMatching(
          /^nothing was written for ".*": s3 .* was unsafe when doctor looked on \d{4}-\d\d-\d\d: /,
        ),
        try: expect.stringMatching(/--allow-unsafe-store/),
      });
    }
    expect(deployment.server?.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
    expect(readdirSync(records())).toHaveLength(1);
    foundUnsafe(deployment);
    expect(readdirSync(records())).toHaveLength(1);
  });

  test('is still read', async () => {
    foundUnsafe(deployment);
    expect((await db('query', 'alice', 'SELECT count(*) AS n FROM notes')).json()).toMatchObject({ rows: [{ n: 0 }] });
  });

  test('is refused by the function and by the workers of a benchmark too', async () => {
    foundUnsafe(deployment);
    const written = await runOn(deployment, ['function', 'invoke', 'write', 'alice', '--field', 'x', '--json']);
    expect({ code: written.code, kind: written.failure().kind }).toEqual({ code: 7, kind: 'violation' });
    expect((await runOn(deployment, ['bench', 'concurrent', '--workers', '2', '--rtt', '0', '--json'])).code).toBe(7);
    expect(deployment.server?.keys(BUCKET)).toEqual(['user_dbs/alice.anki2']);
  });

  test('is written with --allow-unsafe-store', async () => {
    foundUnsafe(deployment);
    expect((await db('exec', 'alice', 'UPDATE col SET mod = mod + 1', '--allow-unsafe-store')).code).toBe(0);
  });

  test('is another store than the next bucket', async () => {
    foundUnsafe(deployment);
    const sound = await openOnS3();
    try {
      const elsewhere = { flags: sound.flags, env: { ...sound.env, JAVUMBO_HOME: deployment.env.JAVUMBO_HOME } };
      expect((await runOn(elsewhere, ['db', 'create', 'bob', '--json'])).code).toBe(0);
    } finally {
      await sound.close();
    }
  });

  test('is written again once doctor finds it sound', async () => {
    const sound = await openOnS3();
    try {
      // As if that endpoint had been mended.
      await runOn({ flags: sound.flags, env: sound.env }, ['db', 'create', 'bob', '--json']);
      foundUnsafe(sound);
      const exec = ['db', 'exec', 'bob', 'UPDATE col SET mod = mod + 1', '--json'];
      expect((await runOn(sound, exec)).code).toBe(7);
      expect((await runOn(sound, ['doctor', '--json'])).code).toBe(0);
      expect(readdirSync(join(sound.env.JAVUMBO_HOME ?? '', 'unsafe-stores'))).toEqual([]);
      expect((await runOn(sound, exec)).code).toBe(0);
    } finally {
      await sound.close();
    }
  });

  test('whose record is damaged is refused all the same', async () => {
    foundUnsafe(deployment);
    for (const name of readdirSync(records())) writeFileSync(join(records(), name), '{"store":');
    const refused = await db('create', 'bob');
    expect(refused.code).toBe(7);
    expect(refused.failure().message).toMatch(/its record cannot be read/);
  });
});

test('a bucket that loses updates because it is versioned, as on Ceph 16, is unsafe', async () => {
  deployment = await openOnS3({
    ifMatchForm: 'unquoted',
    ifMatchMissing: 412,
    ignoreConditions: 'on-versioned-buckets',
  });
  const client = new S3Client({
    endpoint: deployment.server?.endpoint ?? '',
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  });
  expect((await doctor()).safe).toBe(true);
  await client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration: { Status: 'Enabled' } }));
  client.destroy();
  const { safe, severities } = await doctor();
  expect({ safe, verdict: severities['conditional-writes'] }).toEqual({ safe: false, verdict: 'unsafe' });
  expect(existsSync(join(deployment.env.JAVUMBO_HOME ?? '', 'unsafe-stores'))).toBe(true);
});

describe('an HTTP API', () => {
  let server: Server;
  let body = '';

  beforeEach(async () => {
    ({ deployment } = await openOnAws());
    server = createServer((_, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test.each([
    {
      name: 'as ours, without TLS',
      answer: '{"service":"javumbo","status":"ok","version":"0.1.0"}',
      severity: 'warning',
    },
    { name: 'as somebody else', answer: 'Hello from Lambda!', severity: 'unsafe' },
  ])('that answers $name: $severity', async ({ answer, severity }) => {
    body = answer;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await doctor('--api-url', url)).severities.api).toBe(severity);
  });

  test('that is not there is unsafe', async () => {
    expect((await doctor('--api-url', 'http://127.0.0.1:1')).severities.api).toBe('unsafe');
  });
});

describe('a function in Lambda', () => {
  /** The real handler behind Lambda's API, in containers that work on `bucket`. */
  async function deployedOn(bucket: string): Promise<LambdaServer> {
    ({ deployment } = await openOnAws());
    const { env, close } = deployment;
    const endpointUrl = deployment.server?.endpoint;
    const config = resolveConfig({ bucket, endpointUrl }, env);
    const open = () => openLocalFunction({ config, env, program: SCRIPTS.container, version: packageVersion() });
    const server = await startLambdaServer({ name: 'javumbo-api', open, environment: { S3_BUCKET: bucket } });
    deployment = {
      ...deployment,
      env: { ...env, AWS_ENDPOINT_URL_LAMBDA: server.endpoint },
      close: async () => {
        await server.close();
        await close();
      },
    };
    return server;
  }

  test('that works on the same bucket and tables is well, and what it lacks is told', async () => {
    await deployedOn(BUCKET);
    const { severities, findings } = await doctor();
    expect(severities).toMatchObject({ function: 'ok', 'function.code': 'ok', 'function.deployment': 'ok' });
    const environment = findings.find(({ id }) => id === 'function.environment');
    expect(environment).toMatchObject({ severity: 'warning', message: expect.stringMatching(/^DYNAMODB_USERS_TABLE/) });
  });

  test('that works on another bucket is unsafe', async () => {
    await deployedOn('another');
    const { code, findings } = await doctor();
    expect(code).toBe(7);
    expect(findings.find(({ id }) => id === 'function.deployment')).toMatchObject({
      severity: 'unsafe',
      message: `it works on another deployment: bucket "another", and here "${BUCKET}"`,
    });
  });

  test('that is not there is unsafe', async () => {
    await deployedOn(BUCKET);
    const { code, severities } = await doctor('--function', 'nobody');
    expect({ code, function: severities.function }).toEqual({ code: 7, function: 'unsafe' });
  });
});
