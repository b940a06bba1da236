/**
 * Tests the plan that Terraform and the AWS provider make of the configuration, with a loopback server for STS and IAM.
 * `TERRAFORM_PLUGINS` is a directory with the provider; without it `terraform init` downloads it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { readTerraformOutputs } from '../src/config/terraform-outputs.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ACCOUNT = '509324282531';
const SECRET = 'a secret key that nobody may ever see';
const CODE = 'the function’s code';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const directory = mkdtempSync(join(tmpdir(), 'javumbo-terraform-'));
const server = await startIdentityServer();

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

async function terraform(...argv: string[]): Promise<Run> {
  const env = {
    ...process.env,
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
  };
  return promisify(execFile)('terraform', argv, { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout = '', stderr = '' }) => ({ code, stdout, stderr }),
  );
}

/** Starts a server that answers whose the credentials are, and has one role. */
async function startIdentityServer(): Promise<Server> {
  const answers: Record<string, string> = {
    GetCallerIdentity: `<Arn>arn:aws:iam::${ACCOUNT}:user/t</Arn><UserId>AIDA</UserId><Account>${ACCOUNT}</Account>`,
    GetRole: `<Role><Path>/</Path><Arn>arn:aws:iam::${ACCOUNT}:role/LabRole</Arn><RoleName>LabRole</RoleName>
      <RoleId>AROA</RoleId><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>`,
  };
  const started = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const action = new URLSearchParams(body).get('Action') ?? '';
      response.statusCode = answers[action] === undefined ? 400 : 200;
      response.setHeader('Content-Type', 'text/xml');
      response.end(`<${action}Response><${action}Result>${answers[action]}</${action}Result></${action}Response>`);
    });
  });
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return started;
}

/** Prepares the configuration in a separate directory. Returns why Terraform cannot run, or undefined. */
async function missingTerraform(): Promise<string | undefined> {
  for (const name of readdirSync(HERE)) if (name.endsWith('.tf')) copyFileSync(join(HERE, name), join(directory, name));
  mkdirSync(join(directory, 'build'));
  writeFileSync(join(directory, 'build', 'javumbo-function.zip'), CODE);
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    join(directory, 'loopback_override.tf'),
    `provider "aws" {
  access_key                  = "key"
  secret_key                  = "secret"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    sts = "${endpoint}"
    iam = "${endpoint}"
  }
}
`,
  );
  const plugins = process.env.TERRAFORM_PLUGINS;
  const { code, stderr } = await terraform(
    'init',
    '-no-color',
    ...(plugins === undefined ? [] : [`-plugin-dir=${plugins}`]),
  );
  if (code === 0) return undefined;
  if (String(code) === 'ENOENT') return 'terraform is not installed';
  // The provider was said to be there.
  if (plugins !== undefined) throw new Error(`terraform init with the provider in ${plugins} failed: ${stderr}`);
  return 'the AWS provider is not available';
}

const missing = await missingTerraform();
if (missing !== undefined) process.stderr.write(`the plan of infra/ is skipped: ${missing}\n`);

// biome-ignore lint/suspicious/noExplicitAny: a plan as Terraform prints it, which the test is there to judge
type Values = Record<string, any>;

/** Returns a plan's resources by address, with the values known before apply. */
async function plan(...argv: string[]): Promise<ReadonlyMap<string, Values>> {
  const planned = await terraform('plan', '-no-color', '-out=plan', ...argv);
  expect(planned).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Error') });
  expect(planned.stdout).not.toContain(SECRET);
  const { planned_values } = JSON.parse((await terraform('show', '-json', 'plan')).stdout);
  const managed = planned_values.root_module.resources.filter(({ mode }: Values) => mode === 'managed');
  return new Map(managed.map(({ address, values }: Values) => [address, values]));
}

/** Plans with these variables. Returns its errors, one per line, and all output. */
async function refused(variables: Readonly<Record<string, string>>) {
  const options = Object.entries(variables).map(([name, value]) => `-var=${name}=${value}`);
  const { code, stdout, stderr } = await terraform('plan', '-no-color', ...options);
  const errors = stderr.split('Error: ').slice(1);
  return { code, errors: errors.map((error) => error.replace(/\s+/g, ' ')), printed: stdout + stderr };
}

describe.skipIf(missing !== undefined)('Terraform', () => {
  test('finds it formatted and valid', async () => {
    expect(await terraform('fmt', '-check', '-diff', HERE)).toMatchObject({ code: 0, stdout: '' });
    expect(await terraform('validate', '-no-color')).toMatchObject({ code: 0 });
  });

  test('plans Day 1', async () => {
    const resources = await plan();
    expect(resources.size).toBe(19);
    const tags = { Project: 'javumbo', Environment: 'dev', ManagedBy: 'Terraform' };
    const expected: Values = {
      'aws_s3_bucket.user_databases': { bucket: `javumbo-user-dbs-${ACCOUNT}`, force_destroy: false, tags_all: tags },
      'aws_s3_bucket_versioning.user_databases': { versioning_configuration: [{ status: 'Enabled' }] },
      'aws_s3_bucket_lifecycle_configuration.user_databases': {
        rule: [
          {
            status: 'Enabled',
            noncurrent_version_expiration: [{ noncurrent_days: 30 }],
            abort_incomplete_multipart_upload: [{ days_after_initiation: 30 }],
          },
        ],
      },
      'aws_dynamodb_table.users': {
        name: 'javumbo-users',
        billing_mode: 'PAY_PER_REQUEST',
        hash_key: 'username',
        deletion_protection_enabled: true,
        point_in_time_recovery: [{ enabled: true }],
        server_side_encryption: [{ enabled: true }],
        tags_all: tags,
      },
      'aws_dynamodb_table.locks': { name: 'javumbo-user-locks', ttl: [{ attribute_name: 'ttl', enabled: true }] },
      'aws_lambda_function.api': {
        function_name: 'javumbo-api',
        handler: 'index.handler',
        runtime: 'nodejs22.x',
        architectures: ['arm64'],
        memory_size: 512,
        timeout: 30,
        ephemeral_storage: [{ size: 2048 }],
        source_code_hash: createHash('sha256').update(CODE).digest('base64'),
        tags_all: tags,
      },
      'aws_apigatewayv2_api.api': { protocol_type: 'HTTP', cors_configuration: [] },
      'aws_apigatewayv2_route.root': { route_key: 'ANY /' },
      'aws_apigatewayv2_route.proxy': { route_key: 'ANY /{proxy+}' },
      'aws_apigatewayv2_stage.default': { name: '$default', auto_deploy: true },
      'aws_lambda_permission.api_gateway': { principal: 'apigateway.amazonaws.com' },
      'aws_cloudwatch_log_group.lambda': { name: '/aws/lambda/javumbo-api', retention_in_days: 14 },
      'aws_cloudwatch_log_group.api_gateway': { name: '/aws/apigateway/javumbo-api', retention_in_days: 14 },
      'aws_iam_role.lambda[0]': { name: 'javumbo-api-role' },
    };
    expect(Object.fromEntries(resources)).toMatchObject(expected);
    const log = resources.get('aws_apigatewayv2_stage.default')?.access_log_settings[0].format;
    expect(JSON.parse(log)).toMatchObject({ requestId: '$context.requestId', status: '$context.status' });
  });

  test('takes an existing role, and refuses unconditional writes where that is wanted', async () => {
    const resources = await plan('-var=lambda_role_name=LabRole', '-var=require_conditional_writes=true');
    expect(resources.get('aws_lambda_function.api')?.role).toBe(`arn:aws:iam::${ACCOUNT}:role/LabRole`);
    const made = [...resources.keys()].filter((address) =>
      /^aws_(iam_role|iam_role_policy|s3_bucket_policy)\./.test(address),
    );
    expect(made).toEqual(['aws_s3_bucket_policy.user_databases']);
  });

  test('refuses what no variable can be, each with its reason', async () => {
    const wrong: [variable: string, value: string, message: string][] = [
      ['aws_region', 'Virginia', 'A region looks like us-east-1'],
      ['environment', 'test', 'The environment is dev, staging or prod'],
      ['s3_bucket_name', 'Javumbo', "A bucket's name is 3 to 63 lower-case"],
      ['dynamodb_users_table_name', 'a b', "A table's name is 3 to 255"],
      ['dynamodb_locks_table_name', 'x', "A table's name is 3 to 255"],
      ['lambda_function_name', 'a.b', "The function's name is 1 to 59"],
      ['lambda_role_name', 'arn:aws:iam::1:role/LabRole', 'The name of a role, not its ARN'],
      ['lambda_runtime', 'python3.11', 'The function runs on nodejs22.x and nodejs24.x'],
      ['lambda_architecture', 'arm', 'The architecture is arm64 or x86_64'],
      ['lambda_memory_mb', '100', 'Lambda has 128 to 10240 MB'],
      ['lambda_timeout_seconds', '901', "Lambda's time limit is 1 to 900"],
      ['lambda_ephemeral_storage_mb', '511', "Lambda's /tmp has 512 to 10240"],
      ['lambda_reserved_concurrency', '-2', 'A number of containers, or -1'],
      ['api_requests_per_second', '0', 'More than 0 requests a second'],
      ['api_requests_burst', '0', 'At least 1 request at once'],
      ['cors_allow_origins', '["*"]', 'An origin looks like https://example.org'],
      ['db_cache_ttl_seconds', '-1', 'A number of seconds, or nothing'],
      ['log_retention_days', '8', 'CloudWatch keeps logs for 1, 3'],
    ];
    const { code, errors } = await refused(Object.fromEntries(wrong));
    expect(code).toBe(1);
    for (const [variable, , message] of wrong) {
      expect(errors.filter((error) => error.includes(`variable "${variable}"`))).toEqual([
        expect.stringContaining(message),
      ]);
    }
    expect(errors).toHaveLength(wrong.length);
  });

  test('refuses a package that is not there', async () => {
    const { code, errors } = await refused({ lambda_package: 'none.zip' });
    expect(code).toBe(1);
    expect(errors).toEqual([
      expect.stringContaining("The function's code is not there. Make it: javumbo function package"),
    ]);
  });

  test('has no outputs before it is applied, and javumbo says so', async () => {
    const reading = readTerraformOutputs(directory, { env: process.env });
    await expect(reading).rejects.toMatchObject({ kind: 'not-found', message: expect.stringMatching(/never applied/) });
  });

  test('answers javumbo with the outputs of what was applied', async () => {
    const applied = join(directory, 'applied');
    mkdirSync(applied);
    const values = {
      s3_bucket_name: 'bucket',
      dynamodb_users_table_name: 'users',
      dynamodb_locks_table_name: 'locks',
      lambda_function_name: 'function',
      api_gateway_url: 'https://api',
      aws_region: 'eu-west-1',
    };
    // Outputs without resources: there is no AWS here to create any.
    const outputs = Object.entries(values).map(([name, value]) => `output "${name}" {\n  value = "${value}"\n}\n`);
    outputs.push(`output "secret" {\n  value     = "${SECRET}"\n  sensitive = true\n}\n`);
    writeFileSync(join(applied, 'outputs.tf'), outputs.join(''));
    expect(await terraform(`-chdir=${applied}`, 'apply', '-auto-approve')).toMatchObject({ code: 0 });
    expect(await readTerraformOutputs(applied, { env: process.env })).toEqual(values);
  });
});
