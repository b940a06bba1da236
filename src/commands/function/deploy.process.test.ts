import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { packageVersion } from '../../core/package-information.ts';
import type { LocalFunction } from '../../function/local-function.ts';
import { buildPackage } from '../../lambda/package.ts';
import { killGroup, SCRIPTS, startScript } from '../../testing/child-process.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { type LambdaServer, type LambdaServerOptions, startLambdaServer } from '../../testing/lambda-server.ts';
import { openLocalFunction } from '../../testing/local-function.ts';
import {
  type CommandResult,
  freshMachine,
  type RunOptions,
  runCommand,
  temporaryDirectory,
} from '../../testing/run-command.ts';
import type { Behaviour } from '../../testing/scripted-function.ts';

const SECRETS = { SECRET_KEY: 'kept-in-the-environment' };
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A zip as far as anybody looks; what it runs is that behaviour, or this program's handler. */
function zip(runs: Behaviour | 'javumbo' | 'javumbo, other'): Buffer {
  return Buffer.from(`PK\u0003\u0004${runs}`);
}

function open(code: Buffer): LocalFunction {
  const runs = code.toString().slice(4);
  // A real package is no text.
  const isOurs = runs.startsWith('javumbo') || code.length > 100;
  return openLocalFunction({
    env: isOurs ? SECRETS : { ...SECRETS, BEHAVIOUR: runs },
    version: runs === 'javumbo, other' ? '9.9.9' : packageVersion(),
    ...(isOurs ? { program: SCRIPTS.container } : { timeoutMs: 1_000 }),
  });
}

/** A function that runs that code, and the command that deploys another. */
async function deployed(
  before: Buffer,
  options: Partial<LambdaServerOptions> = {},
): Promise<{
  server: LambdaServer;
  env: Readonly<Record<string, string>>;
  deploy: (after: Buffer | string | undefined, argv?: string[], run?: RunOptions) => Promise<CommandResult>;
}> {
  const server = await startLambdaServer({
    name: 'javumbo-api',
    environment: SECRETS,
    zip: before,
    open: (deploying) => open(deploying ?? before),
    ...options,
  });
  closing.push(() => server.close());
  const env = {
    ...freshMachine(),
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'kept-in-the-credentials',
    S3_BUCKET: 'b',
    // Nobody is there, and nothing of this asks for it.
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
    AWS_ENDPOINT_URL_LAMBDA: server.endpoint,
  };
  return {
    server,
    env,
    deploy: async (after, argv = [], run = {}) => {
      const file = typeof after === 'object' ? join(temporaryDirectory(), 'package.zip') : after;
      if (typeof after === 'object') writeFileSync(file ?? '', after);
      return runCommand(['function', 'deploy', ...(file === undefined ? [] : ['--package', file]), ...argv], {
        env,
        ...run,
      });
    },
  };
}

function hash(code: Buffer): string {
  return createHash('sha256').update(code).digest('base64');
}

test('code that answers as ours is replaced, and the new code is asked', async () => {
  const { server, deploy } = await deployed(zip('javumbo, other'), { architecture: 'arm64' });
  server.nextUpdate = { descriptions: 1 };
  const { code, json } = await deploy(zip('javumbo'), ['--json']);
  expect({ code, ...json() }).toMatchObject({
    code: 0,
    outcome: 'updated',
    function: 'javumbo-api',
    version: packageVersion(),
    codeSha256: hash(zip('javumbo')),
    previous: { codeSha256: hash(zip('javumbo, other')), version: '9.9.9' },
    // Of the new code, in which nobody was before.
    container: { warm: false, invocations: 1 },
    node: process.version,
  });
  expect({ architectures: server.architectures, codeSha256: server.codeSha256 }).toEqual({
    architectures: [['arm64']],
    codeSha256: hash(zip('javumbo')),
  });
});

test('without --package, what is deployed is what function package makes', async () => {
  const { server, deploy } = await deployed(zip('javumbo, other'));
  const { codeSha256 } = await buildPackage();
  expect((await deploy(undefined, ['--json'])).json()).toMatchObject({ outcome: 'updated', codeSha256 });
  expect(server.codeSha256).toBe(codeSha256);
  expect((await deploy(undefined, ['--json'])).json()).toMatchObject({ outcome: 'unchanged', codeSha256 });
});

test('the same code is not replaced, and is asked', async () => {
  const { server, deploy } = await deployed(zip('javumbo'));
  const { code, stdout } = await deploy(zip('javumbo'), [], { tty: true });
  expect(code).toBe(0);
  expect(stdout).toMatch(/unchanged: that code was there already/);
  expect(stdout).toContain(hash(zip('javumbo')));
  expect(server.counts.UpdateFunctionCode).toBe(0);
});

test.each(['foreign', 'throw', 'never-end', 'exit', 'nothing'] as const)(
  'code that does %s is replaced only when somebody says so',
  async (behaviour) => {
    const { server, deploy } = await deployed(zip(behaviour));
    expectFailure(await deploy(zip('javumbo')), {
      code: 2,
      error: /function "javumbo-api" .*; this replaces its code: that needs a confirmation/,
      hint: /javumbo function describe, to see what is there, and then --yes/,
    });
    const wrong = await deploy(zip('javumbo'), [], { typed: 'yes\n' });
    expect({ code: wrong.code, stderr: wrong.stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/Type javumbo-api to go on: error: not confirmed: nothing was deployed/),
    });
    expect(server.counts.UpdateFunctionCode).toBe(0);
    const right =
      behaviour === 'foreign'
        ? await deploy(zip('javumbo'), ['--json'], { typed: 'javumbo-api\n' })
        : await deploy(zip('javumbo'), ['--json', '--yes']);
    expect(right.json()).toMatchObject({ outcome: 'updated', previous: { version: null }, version: packageVersion() });
    expect(`${wrong.stderr}${right.stdout}${right.stderr}`).not.toContain('kept-in');
  },
);

test('the same code that does not answer is a violation, and is not asked twice', async () => {
  const { server, deploy } = await deployed(zip('throw'));
  expectFailure(await deploy(zip('throw'), ['--yes']), { code: 7, error: /threw: TypeError$/ });
  expect(server.counts).toMatchObject({ Invoke: 1, UpdateFunctionCode: 0 });
});

test('new code that does not answer is a violation', async () => {
  const { server, deploy } = await deployed(zip('javumbo'));
  expectFailure(await deploy(zip('foreign')), { code: 7, error: /does not answer as javumbo's does: an object with/ });
  expect(server.codeSha256).toBe(hash(zip('foreign')));
});

test('a function that is just being made or updated is waited for', async () => {
  const { server, deploy } = await deployed(zip('javumbo, other'));
  server.pendingDescriptions = 1;
  server.nextUpdate = { descriptions: 1 };
  server.deploy(zip('javumbo, other'));
  // Without a question: it can be asked by then.
  expect((await deploy(zip('javumbo'), ['--json'])).json()).toMatchObject({ previous: { version: '9.9.9' } });
});

test('an update that fails says why, and the same command tries it again', async () => {
  const { server, deploy } = await deployed(zip('javumbo, other'));
  server.nextUpdate = { descriptions: 1, failure: 'The role defined for the function cannot be assumed by Lambda.' };
  expectFailure(await deploy(zip('javumbo')), {
    code: 7,
    error: /"javumbo-api" could not be updated: The role defined for the function cannot be assumed by Lambda/,
  });
  expect((await deploy(zip('javumbo'), ['--json'])).json()).toMatchObject({ outcome: 'updated' });
});

test('what somebody else deploys meanwhile stays', async () => {
  const { server, deploy } = await deployed(zip('javumbo'));
  server.inject({
    operation: 'UpdateFunctionCode',
    meanwhile: () => server.deploy(zip('foreign')),
  });
  expectFailure(await deploy(zip('javumbo, other')), {
    code: 4,
    error: /somebody else changed function "javumbo-api"/,
  });
  expect(server.codeSha256).toBe(hash(zip('foreign')));
});

test('what somebody else deploys while the old code is asked stays', async () => {
  const { server, deploy } = await deployed(zip('javumbo'));
  server.inject({
    operation: 'Invoke',
    meanwhile: () => server.deploy(zip('foreign')),
  });
  expectFailure(await deploy(zip('javumbo, other')), { code: 4, error: /somebody else deployed other code/ });
  expect(server.counts.UpdateFunctionCode).toBe(0);
});

test('what somebody else deploys just afterwards is told', async () => {
  const { server, deploy } = await deployed(zip('javumbo'));
  server.inject({
    operation: 'GetFunctionConfiguration',
    after: 2,
    meanwhile: () => server.deploy(zip('foreign')),
  });
  expectFailure(await deploy(zip('javumbo, other')), { code: 4, error: /somebody else deployed other code/ });
});

test.each([
  { kind: 'lost-request' },
  { kind: 'lost-reply' },
  { kind: 'error-after' },
  { kind: 'refuse', status: 429, code: 'TooManyRequestsException' },
] as const)('an update whose request ends in $kind is made, and once', async (fault) => {
  const { server, deploy } = await deployed(zip('javumbo, other'));
  server.nextUpdate = { descriptions: 1 };
  server.inject({ operation: 'UpdateFunctionCode', fault });
  expect((await deploy(zip('javumbo'), ['--json'])).json()).toMatchObject({
    outcome: 'updated',
    version: packageVersion(),
  });
  expect(server.architectures).toHaveLength(1);
});

test('an update whose replies are all lost, and that never arrived, is unknown', async () => {
  const { server, deploy } = await deployed(zip('javumbo'));
  server.inject({ operation: 'UpdateFunctionCode', times: 99, fault: { kind: 'lost-request' } });
  expectFailure(await deploy(zip('javumbo, other')), { code: 6, error: /^error: update function "javumbo-api": / });
});

test.each([
  { code: 'AccessDeniedException', status: 403, exit: 5, error: /refuses it/, hint: /lambda:UpdateFunctionCode/ },
  { code: 'ResourceConflictException', status: 409, exit: 5, error: /answers ResourceConflict/ },
  { code: 'InvalidParameterValueException', status: 400, exit: 2, error: /does not take the package/ },
  { code: 'RequestTooLargeException', status: 413, exit: 2, error: /takes no request of that size/ },
  { code: 'CodeStorageExceededException', status: 400, exit: 5, error: /answers CodeStorageExceeded/ },
])('an update that is refused with $code ends with $exit', async ({ code, status, exit, error, hint }) => {
  const { server, deploy } = await deployed(zip('javumbo'));
  server.inject({ operation: 'UpdateFunctionCode', times: 99, fault: { kind: 'refuse', status, code } });
  expectFailure(await deploy(zip('javumbo, other')), { code: exit, error, ...(hint === undefined ? {} : { hint }) });
  expect(server.codeSha256).toBe(hash(zip('javumbo')));
});

test('a function that is not there is not found', async () => {
  const { deploy } = await deployed(zip('javumbo'));
  expectFailure(await deploy(zip('javumbo'), ['--function', 'another']), {
    code: 3,
    error: /there is no function "another" at http/,
  });
});

test.each([
  { argv: ['--function', 'local'], error: /the function is local: .* needs no deployment/ },
  { argv: ['--function', 'javumbo-api:live'], error: /"javumbo-api:live" is a published version/ },
  {
    argv: ['--function', 'arn:aws:lambda:us-east-1:123456789012:function:javumbo-api:7'],
    error: /:7" is a published version/,
  },
])('deploying to $argv is refused', async ({ argv, error }) => {
  const { server, deploy } = await deployed(zip('javumbo'));
  expectFailure(await deploy(zip('javumbo'), argv), { code: 2, error });
  expect(server.counts.GetFunctionConfiguration).toBe(0);
});

test('what is no package is refused before anything is asked', async () => {
  const { server, deploy } = await deployed(zip('javumbo'));
  const large = join(temporaryDirectory(), 'large.zip');
  writeFileSync(large, Buffer.alloc(50 * 1024 * 1024 + 1));
  expectFailure(await deploy(large), { code: 2, error: /large.zip has 52428801 bytes, and Lambda takes 52428800$/ });
  expectFailure(await deploy(Buffer.from('no zip')), { code: 2, error: /package.zip is not a zip/ });
  expectFailure(await deploy('missing.zip'), { code: 2, error: /missing.zip cannot be read: ENOENT/ });
  expectFailure(await deploy(temporaryDirectory()), { code: 2, error: /is not an ordinary file$/ });
  expect(server.counts.GetFunctionConfiguration).toBe(0);
});

test('where nothing is configured the function is local', async () => {
  const { code, stderr } = await runCommand(['function', 'deploy', '--package', 'any.zip']);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/error: the function is local/) });
});

test('Ctrl-C while Lambda does not say whether it takes the code does not say that nothing happened', async () => {
  const { server, env } = await deployed(zip('javumbo, other'));
  const arrived = new Promise<void>((resolve) => {
    server.inject({ operation: 'UpdateFunctionCode', fault: { kind: 'silent' }, meanwhile: resolve });
  });
  const file = join(temporaryDirectory(), 'package.zip');
  writeFileSync(file, zip('javumbo'));
  const running = startScript(SCRIPTS.javumbo, ['function', 'deploy', '--package', file, '--quiet'], env);
  closing.push(() => killGroup(running));
  await arrived;
  running.signal('SIGINT');
  const { code, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({
    code: 6,
    stderr: expect.stringMatching(
      /^error: function "javumbo-api": interrupted while .*\ntry: +javumbo function describe\n$/,
    ),
  });
  expect(server.codeSha256).toBe(hash(zip('javumbo')));
});
