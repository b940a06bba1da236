/** Tests `--terraform` with executables on the PATH that imitate Terraform. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { runCommand, temporaryDirectory } from '../testing/run-command.ts';
import { readTerraformOutputs } from './terraform-outputs.ts';

const VALUES = {
  s3_bucket_name: 'javumbo-user-dbs-509324282531',
  dynamodb_users_table_name: 'javumbo-users-terraform',
  dynamodb_locks_table_name: 'javumbo-locks-terraform',
  lambda_function_name: 'javumbo-api-terraform',
  api_gateway_url: 'https://leap8plbm6.execute-api.eu-west-1.amazonaws.com',
  aws_region: 'eu-west-1',
};

const SECRET = 'correct horse battery staple';

type Outputs = Record<string, { sensitive?: boolean; type: string; value: unknown }>;

function outputs(changed: Partial<Record<string, Outputs[string] | undefined>> = {}): string {
  const all = {
    ...Object.fromEntries(
      Object.entries(VALUES).map(([name, value]) => [name, { sensitive: false, type: 'string', value }]),
    ),
    deployment_summary: { sensitive: false, type: ['object', {}], value: {} },
    secret_key: { sensitive: true, type: 'string', value: SECRET },
    ...changed,
  };
  return JSON.stringify(all);
}

interface Machine {
  readonly prints?: string;
  readonly complains?: string;
  readonly code?: number;
  /** The names of the installed executables. */
  readonly installed?: readonly string[];
  readonly sleeps?: boolean;
}

/** Makes a Terraform directory and a PATH with the installed programs. Records each call with its directory. */
function machine({ prints = outputs(), complains = '', code = 0, installed = ['terraform'], sleeps = false }: Machine) {
  const root = temporaryDirectory();
  const [bin, directory] = [join(root, 'bin'), join(root, 'infra')];
  mkdirSync(bin);
  mkdirSync(directory);
  writeFileSync(join(root, 'stdout'), prints);
  writeFileSync(join(root, 'stderr'), complains);
  for (const name of installed) {
    const script = [
      '#!/bin/sh',
      `echo "${name} $* in $PWD" >> '${root}/calls'`,
      ...(sleeps ? ['exec /bin/sleep 600'] : []),
      `/bin/cat '${root}/stderr' >&2`,
      `/bin/cat '${root}/stdout'`,
      `exit ${code}`,
    ];
    writeFileSync(join(bin, name), `${script.join('\n')}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { directory, env: { PATH: bin }, calls: () => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') };
}

describe('the outputs', () => {
  test('are those of terraform output -json in that directory', async () => {
    const { directory, env, calls } = machine({});
    expect(await readTerraformOutputs(directory, { env })).toEqual(VALUES);
    expect(calls()).toEqual([`terraform output -json -no-color in ${directory}`]);
  });

  test('are OpenTofu’s where Terraform is not there', async () => {
    const { directory, env, calls } = machine({ installed: ['tofu'] });
    expect(await readTerraformOutputs(directory, { env })).toEqual(VALUES);
    expect(calls()).toEqual([`tofu output -json -no-color in ${directory}`]);
  });

  test('are Terraform’s where both are there', async () => {
    const { directory, env, calls } = machine({ installed: ['tofu', 'terraform'] });
    await readTerraformOutputs(directory, { env });
    expect(calls()).toEqual([`terraform output -json -no-color in ${directory}`]);
  });

  test('may lack the region, as week 1’s do', async () => {
    const { directory, env } = machine({ prints: outputs({ aws_region: undefined }) });
    const { aws_region: _, ...others } = VALUES;
    expect(await readTerraformOutputs(directory, { env })).toEqual(others);
  });
});

describe('what goes wrong is told', () => {
  interface Case extends Machine {
    readonly name: string;
    readonly kind: string;
    readonly message: RegExp;
    readonly try?: RegExp;
    readonly timeoutMs?: number;
  }
  test.each<Case>([
    {
      name: 'neither is installed',
      installed: [],
      kind: 'usage',
      message: /^neither terraform nor tofu is on the PATH/,
      try: /^install Terraform or OpenTofu/,
    },
    {
      name: 'nothing was ever applied',
      prints: '{}',
      kind: 'not-found',
      message: /^Terraform has no outputs in .*\/infra: it was never applied there$/,
      try: /^terraform -chdir=.*\/infra apply$/,
    },
    {
      name: 'another configuration',
      prints: outputs({ s3_bucket_name: undefined, api_gateway_url: undefined }),
      kind: 'usage',
      message: /lacks the outputs s3_bucket_name, api_gateway_url$/,
    },
    {
      name: 'no JSON',
      prints: `secret_key = ${SECRET}`,
      kind: 'unavailable',
      message: /^terraform output -json did not/,
    },
    {
      name: 'nothing at all',
      prints: '',
      kind: 'unavailable',
      message: /did not answer with the JSON of its outputs$/,
    },
    {
      name: 'JSON of another kind',
      prints: `["${SECRET}"]`,
      kind: 'unavailable',
      message: /did not answer with the JSON/,
    },
    {
      name: 'an output that is sensitive',
      prints: outputs({ s3_bucket_name: { sensitive: true, type: 'string', value: SECRET } }),
      kind: 'usage',
      message: /^Terraform's output s3_bucket_name is sensitive, and javumbo would show it$/,
    },
    {
      name: 'an output that is no text',
      prints: outputs({ lambda_function_name: { type: 'number', value: 7 } }),
      kind: 'usage',
      message: /^Terraform's output lambda_function_name is not a string$/,
    },
    {
      name: 'an error of Terraform’s',
      code: 1,
      prints: SECRET,
      complains: '╷\n│ Error: Backend initialization required, please run "terraform init"\n│ \n│ Reason: …\n╵\n',
      kind: 'unavailable',
      message: /^terraform output failed in .*: Backend initialization required, please run "terraform init"$/,
    },
    {
      name: 'an error without a word',
      code: 3,
      prints: '',
      kind: 'unavailable',
      message: /^terraform output failed in .*: it ended without saying why$/,
    },
    {
      name: 'one that never ends',
      sleeps: true,
      timeoutMs: 300,
      kind: 'unavailable',
      message: /^terraform output took longer than 0.3 s in /,
    },
  ])('$name', async ({ kind, message, try: way = /./, timeoutMs, ...machineOptions }) => {
    const { directory, env } = machine(machineOptions);
    const failure = await readTerraformOutputs(directory, { env, timeoutMs }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind, message: expect.stringMatching(message), try: expect.stringMatching(way) });
    const { cause, stack } = failure as Error;
    expect(`${stack} ${cause}`).not.toContain(SECRET);
  });

  test.each(['missing', 'file'])('a %s in the place of a directory', async (name) => {
    const { directory, env } = machine({});
    writeFileSync(join(directory, 'file'), '');
    const reading = readTerraformOutputs(join(directory, name), { env });
    await expect(reading).rejects.toMatchObject({ kind: 'usage', message: /^--terraform is not a directory/ });
  });

  test('an interruption ends it, and is what is thrown', async () => {
    const { directory, env } = machine({ sleeps: true });
    const interruption = new AbortController();
    const reading = readTerraformOutputs(directory, { env, signal: interruption.signal });
    interruption.abort(new Error('Ctrl-C'));
    await expect(reading).rejects.toThrow('Ctrl-C');
  });
});

describe('config show --terraform', () => {
  test('says what came from which output, and shows nothing sensitive', async () => {
    const { directory, env } = machine({});
    const shown = await runCommand(['config', 'show', '--terraform', directory, '--json'], { env });
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    const from = (from: keyof typeof VALUES) => ({ value: VALUES[from], source: 'terraform', from });
    expect(shown.json()).toMatchObject({
      deployment: { value: 'aws', source: 'terraform', from: 's3_bucket_name' },
      bucket: from('s3_bucket_name'),
      usersTable: from('dynamodb_users_table_name'),
      locksTable: from('dynamodb_locks_table_name'),
      function: from('lambda_function_name'),
      apiUrl: from('api_gateway_url'),
      region: from('aws_region'),
      terraform: { value: directory, source: 'flag', from: '--terraform' },
    });
    expect(shown.stdout).not.toContain(SECRET);
  });

  test('lets flags and the environment win', async () => {
    const { directory, env } = machine({});
    const argv = ['config', 'show', '--json', '--terraform', directory, '--users-table', 'flagged'];
    const shown = await runCommand(argv, { env: { ...env, S3_BUCKET: 'environment-bucket' } });
    expect(shown.json()).toMatchObject({
      bucket: { value: 'environment-bucket', source: 'environment' },
      usersTable: { value: 'flagged', source: 'flag' },
      locksTable: { value: VALUES.dynamodb_locks_table_name, source: 'terraform' },
    });
  });

  test.each([
    { name: 'a directory that is none', argv: ['--terraform', '/nowhere'], message: /^--terraform is not a directory/ },
    { name: 'an empty one', argv: ['--terraform', ''], message: /^--terraform is empty$/ },
    {
      name: 'the local deployment beside it',
      argv: ['--terraform', '/nowhere', '--deployment', 'local'],
      message: /^--deployment local is not made by Terraform/,
    },
  ])('refuses $name', async ({ argv, message }) => {
    const { code, stdout, failure } = await runCommand(['config', 'show', '--json', ...argv]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(failure()).toMatchObject({ kind: 'usage', message: expect.stringMatching(message) });
  });
});

describe('without a bucket, what names a part of AWS is refused', () => {
  test.each([
    ['--function', 'javumbo-api'],
    ['--lambda-endpoint-url', 'http://127.0.0.1:9001'],
    ['--api-url', 'https://abc123.execute-api.us-east-1.amazonaws.com'],
  ])('%s %s', async (flag, value) => {
    const { code, failure } = await runCommand(['db', 'list', '--json', flag, value]);
    expect(code).toBe(2);
    expect(failure().message).toBe(`${flag} names a part of a deployment on AWS, and no bucket is named`);
  });

  test('but --function local is not', async () => {
    expect(await runCommand(['db', 'list', '--json', '--function', 'local'])).toMatchObject({ code: 0 });
  });
});

test('what a program that takes too long has started ends with it', async () => {
  const directory = temporaryDirectory();
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  // A wrapper, as tfenv is one.
  const script = `#!/bin/sh\nsleep 600 &\necho $! > ${join(directory, 'pid')}\nwait\n`;
  writeFileSync(join(bin, 'terraform'), script, { mode: 0o755 });
  const asked = readTerraformOutputs(directory, { env: { PATH: `${bin}:${process.env.PATH}` }, timeoutMs: 1_000 });
  await expect(asked).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringMatching(/took longer/) });
  const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
  const state = (): string | undefined => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0];
    } catch {
      return undefined;
    }
  };
  // It is killed; without an init process it stays a zombie.
  await vi.waitFor(() => expect([undefined, 'Z', 'X']).toContain(state()));
});
