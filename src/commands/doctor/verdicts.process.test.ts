/** What doctor may not say: that a store is unsafe which it could not try, or that one is safe which it could not reach. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import { resolveConfig } from '../../config/config.ts';
import { systemClock } from '../../core/clock.ts';
import { packageVersion } from '../../core/package-information.ts';
import type { Finding } from '../../doctor/finding.ts';
import { LocalFunction } from '../../function/local-function.ts';
import { SCRIPTS } from '../../testing/child-process.ts';
import { BUCKET, type CommandDeployment, openOnAws, openOnS3, runOn } from '../../testing/command-deployments.ts';
import { type LambdaServer, startLambdaServer } from '../../testing/lambda-server.ts';
import { freshMachine, temporaryDirectory } from '../../testing/run-command.ts';

let deployment: CommandDeployment;

afterEach(() => deployment.close());

async function doctor(...argv: string[]) {
  const result = await runOn(deployment, ['doctor', ...argv, '--json']);
  const report = result.stdout === '' ? undefined : result.json<{ findings: Finding[]; safe: boolean }>();
  const writes = report?.findings.find(({ id }) => id === 'conditional-writes');
  return { code: result.code, safe: report?.safe, writes, findings: report?.findings ?? [], stderr: result.stderr };
}

function recorded(): readonly string[] {
  const records = join(deployment.env.JAVUMBO_HOME ?? '', 'unsafe-stores');
  return existsSync(records) ? readdirSync(records) : [];
}

test('credentials that may not put objects prove nothing: no verdict is recorded, and others may write', async () => {
  deployment = await openOnS3();
  const denied = { fault: 'refuse-before', status: 403, code: 'AccessDenied', operation: 'PutObject' } as const;
  const fault = deployment.server?.inject({ ...denied, times: 1000 });
  const { writes } = await doctor();
  fault?.remove();
  expect({ severity: writes?.severity, recorded: recorded() }).toEqual({ severity: 'warning', recorded: [] });
  expect((await runOn(deployment, ['db', 'create', 'bob', '--json'])).code).toBe(0);
});

test('credentials that nobody knows are no safe deployment: exit code 5', async () => {
  deployment = await openOnS3({ accessKeyId: 'another' });
  const { code, safe } = await doctor();
  expect({ code, safe: safe ?? false }).toEqual({ code: 5, safe: false });
});

test('a store that loses updates is recorded also where the test data cannot be removed', async () => {
  deployment = await openOnS3({ ignoreConditions: true, refuseDelete: () => 'AccessDenied' });
  const { code, safe, writes } = await doctor();
  expect({ code, safe, severity: writes?.severity, recorded: recorded().length }).toEqual({
    code: 7,
    safe: false,
    severity: 'unsafe',
    recorded: 1,
  });
});

test('a store that loses updates is unsafe also where that cannot be recorded', async () => {
  deployment = await openOnS3({ ignoreConditions: true });
  const home = deployment.env.JAVUMBO_HOME ?? '';
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'unsafe-stores'), 'in the way');
  const { code, writes } = await doctor();
  expect({ code, severity: writes?.severity }).toEqual({ code: 7, severity: 'unsafe' });
  expect(writes?.message).toMatch(/a create over what exists is accepted.*could not be recorded/);
});

test('a record that may not be read refuses writes, and lets reads through', async () => {
  deployment = await openOnS3({ ignoreConditions: true });
  await deployment.json('db', 'create', 'alice');
  await doctor();
  const [record = ''] = recorded();
  const path = join(deployment.env.JAVUMBO_HOME ?? '', 'unsafe-stores', record);
  rmSync(path);
  mkdirSync(path);
  expect((await runOn(deployment, ['db', 'create', 'bob', '--json'])).code).toBe(7);
  expect((await runOn(deployment, ['db', 'info', 'alice', '--json'])).code).toBe(0);
});

test('a verdict from before stands, and is said, where the store cannot be tried again', async () => {
  deployment = await openOnS3({ ignoreConditions: true });
  expect((await doctor()).code).toBe(7);
  deployment.server?.inject({
    fault: 'refuse-before',
    status: 403,
    code: 'AccessDenied',
    operation: 'HeadObject',
    times: 100,
  });
  const { code, safe } = await doctor();
  expect({ code, safe, recorded: recorded().length }).toEqual({ code: 7, safe: false, recorded: 1 });
});

test('a table with another key than ours is unsafe: no account can be kept there', async () => {
  const { deployment: opened, dynamo } = await openOnAws();
  deployment = opened;
  await dynamo.client().send(
    new CreateTableCommand({
      TableName: 'other-key',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  const { findings, code } = await doctor('--users-table', 'other-key');
  const table = findings.find(({ id }) => id === 'users-table');
  expect({ severity: table?.severity, code }).toEqual({ severity: 'unsafe', code: 7 });
  expect(deployment.server?.keys(BUCKET)).toEqual([]);
});

/** A function in Lambda whose code never ends. */
function neverEnding(): Promise<LambdaServer> {
  const env = { ...freshMachine(), PATH: process.env.PATH, BEHAVIOUR: 'never-end' };
  const config = resolveConfig({ deployment: 'local' }, env);
  return startLambdaServer({
    name: 'javumbo-api',
    environment: { SECRET_KEY: 'kept-in-the-environment' },
    open: () =>
      new LocalFunction({
        config,
        env,
        clock: systemClock,
        version: packageVersion(),
        directory: temporaryDirectory(),
        timeoutMs: 500,
        program: SCRIPTS.scriptedFunction,
      }),
  });
}

test('a function that does not end is unsafe, one whose update failed a warning, and no value of its is printed', async () => {
  ({ deployment } = await openOnAws());
  const lambda = await neverEnding();
  try {
    lambda.nextUpdate = { descriptions: 0, failure: 'InvalidImage' };
    lambda.deploy(Buffer.from('broken'));
    const argv = ['--function', 'javumbo-api', '--lambda-endpoint-url', lambda.endpoint];
    const { code, findings, stderr } = await doctor(...argv);
    const severities = Object.fromEntries(findings.map(({ id, severity }) => [id, severity]));
    expect({ code, severities }).toMatchObject({
      code: 7,
      severities: {
        function: 'ok',
        'function.update': 'warning',
        'function.code': 'unsafe',
        'conditional-writes': 'ok',
      },
    });
    expect(JSON.stringify(findings) + stderr).not.toContain('kept-in-the-environment');
  } finally {
    await lambda.close();
  }
});

test('a function that may not be called is a warning', async () => {
  ({ deployment } = await openOnAws());
  const lambda = await neverEnding();
  try {
    lambda.inject({ operation: 'Invoke', fault: { kind: 'refuse', status: 403, code: 'AccessDeniedException' } });
    const argv = ['--function', 'javumbo-api', '--lambda-endpoint-url', lambda.endpoint];
    const { findings } = await doctor(...argv);
    expect(findings.find(({ id }) => id === 'function.code')).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(/could not be examined: .*AccessDeniedException/),
    });
  } finally {
    await lambda.close();
  }
});

test('who has no credentials at all learns nothing: exit code 5', async () => {
  deployment = await openOnS3();
  const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...env } = deployment.env;
  deployment = { ...deployment, env: { ...env, AWS_EC2_METADATA_DISABLED: 'true' } };
  const { code, safe } = await doctor();
  expect({ code, safe }).toEqual({ code: 5, safe: undefined });
});
