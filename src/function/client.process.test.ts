import { afterEach, describe, expect, test } from 'vitest';
import { EXIT_CODE, type ExitCode } from '../cli/exit-code.ts';
import { systemClock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { systemRandom } from '../core/random.ts';
import { SCRIPTS } from '../testing/child-process.ts';
import { type LambdaServer, type LambdaServerFault, startLambdaServer } from '../testing/lambda-server.ts';
import { openLocalFunction } from '../testing/local-function.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';
import type { Behaviour } from '../testing/scripted-function.ts';
import { FunctionClient } from './client.ts';
import { LambdaFunction, PAYLOAD_BYTES_MAX } from './lambda-function.ts';
import type { LocalFunction } from './local-function.ts';
import type { RemoteFunction } from './remote-function.ts';

type Fault = NonNullable<LambdaServerFault['fault']>;

const POLICY = { attemptsMax: 5, backoffMs: 1, backoffMaxMs: 1 };
const SECRETS = { SECRET_KEY: 'kept-in-the-environment' };

const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Conditions {
  /** The function's behaviour in every call; undefined: the correct one, on a deployment with a database for alice. */
  readonly behaviour?: Behaviour | undefined;
  readonly faults?: readonly LambdaServerFault[] | undefined;
  readonly timeoutMs?: number | undefined;
  /** How long a connection of the client may be silent. */
  readonly silentMs?: number | undefined;
}

/** A container's deployment is on this machine, wherever the function seems to be. */
async function localFunction({ behaviour, timeoutMs = 60_000 }: Conditions): Promise<LocalFunction> {
  const env = { ...freshMachine(), ...SECRETS };
  if (behaviour === undefined) {
    const { code } = await runCommand(['--deployment', 'local', 'db', 'create', 'alice'], { env });
    expect(code).toBe(0);
  }
  return openLocalFunction({
    env: behaviour === undefined ? env : { ...env, BEHAVIOUR: behaviour },
    timeoutMs,
    program: behaviour === undefined ? SCRIPTS.container : SCRIPTS.scriptedFunction,
  });
}

function clientOf(remote: RemoteFunction): FunctionClient {
  const client = new FunctionClient({ function: remote, clock: systemClock, random: systemRandom, policy: POLICY });
  closing.push(() => client.close());
  return client;
}

async function local(conditions: Conditions): Promise<FunctionClient> {
  return clientOf(await localFunction(conditions));
}

async function lambda(conditions: Conditions): Promise<{ client: FunctionClient; server: LambdaServer }> {
  const containers = await localFunction(conditions);
  const server = await startLambdaServer({ name: 'javumbo-api', environment: SECRETS, open: () => containers });
  closing.push(() => server.close());
  for (const fault of conditions.faults ?? []) server.inject(fault);
  return { client: clientOf(server.client({ timeoutMs: conditions.silentMs ?? 60_000 })), server };
}

/** How work ended: a command's exit code and message. */
async function endOf(work: Promise<unknown>): Promise<{ code: ExitCode; message: string; hint?: string | undefined }> {
  try {
    await work;
    return { code: EXIT_CODE.ok, message: '' };
  } catch (error) {
    if (!(error instanceof JavumboError)) throw error;
    return { code: EXIT_CODE[error.kind], message: error.message, hint: error.try };
  }
}

const WRITE = { username: 'alice', fields: ['der Geheimnisträger', 'the confidant'], guid: 'guid-of-test' };

/** The text contains none of the data to write, nor of the function's secrets. */
function expectNothingSecret(text: string): void {
  for (const secret of ['Geheimnisträger', 'confidant', SECRETS.SECRET_KEY]) expect(text).not.toContain(secret);
}

const MISBEHAVIOURS: readonly {
  readonly behaviour: Behaviour;
  readonly code: ExitCode;
  readonly message: RegExp;
}[] = [
  { behaviour: 'throw', code: 7, message: /threw: TypeError$/ },
  { behaviour: 'unserializable', code: 7, message: /threw: TypeError$/ },
  { behaviour: 'exit', code: 7, message: /crashed: / },
  {
    behaviour: 'foreign',
    code: 7,
    message: /does not answer as javumbo's does: an object with "body", "statusCode", \d+ characters$/,
  },
  { behaviour: 'nothing', code: 7, message: /does not answer as javumbo's does: null$/ },
  { behaviour: 'never-end', code: 5, message: /did not end: / },
  { behaviour: 'block', code: 5, message: /did not end: / },
];

describe.each([
  { name: 'local', open: local },
  { name: 'in Lambda', open: async (conditions: Conditions) => (await lambda(conditions)).client },
])('a function $name', ({ open }) => {
  test.each(MISBEHAVIOURS)('that does $behaviour ends what reads with $code', async ({ behaviour, code, message }) => {
    const client = await open({ behaviour, timeoutMs: 1_000 });
    const ended = await endOf(client.call({ operation: 'read', username: 'alice' }));
    expect(ended).toMatchObject({ code, message: expect.stringMatching(message) });
    expectNothingSecret(JSON.stringify(ended));
    // What came back is an answer: nobody asked twice.
    expect(client.usage().function.invocations).toBe(1);
  });

  test.each(MISBEHAVIOURS)('that does $behaviour leaves a write unknown', async ({ behaviour, message }) => {
    const client = await open({ behaviour, timeoutMs: 1_000 });
    const ended = await endOf(client.write(WRITE));
    expect(ended).toMatchObject({
      code: 6,
      message: expect.stringMatching(/; note guid-of-test may have been added, or may still come$/),
      hint: expect.stringMatching(/^javumbo function invoke read alice --guid 'guid-of-test'/),
    });
    expect(ended.message.split('; note')[0]).toMatch(message);
    expectNothingSecret(JSON.stringify(ended));
  });

  test('that works writes and reads', async () => {
    const client = await open({});
    const written = await client.write(WRITE);
    expect(written.result).toMatchObject({ outcome: 'committed', attempts: 1, guid: WRITE.guid });
    const read = await client.call({ operation: 'read', username: 'alice', guid: WRITE.guid });
    expect(read.result).toMatchObject({
      version: written.result.version,
      tables: { notes: 1 },
      note: { fields: WRITE.fields },
    });
    expect(read.container).toMatchObject({ id: written.container.id, warm: true, invocations: 2 });
    expect(client.usage().function).toMatchObject({ invocations: 2, gbSeconds: expect.any(Number) });
    expect(client.usage().function.gbSeconds).toBeGreaterThan(0);
  });

  test('that fails by its answer fails so, and a write of that is no doubt', async () => {
    const client = await open({});
    expect(await endOf(client.call({ operation: 'read', username: 'nobody' }))).toMatchObject({ code: 3 });
    expect(await endOf(client.write({ ...WRITE, username: 'nobody' }))).toMatchObject({ code: 3 });
    expect(client.usage().function.invocations).toBe(2);
  });
});

const refuse = (status: number, code: string, reason?: string): Fault => ({
  kind: 'refuse',
  status,
  code,
  ...(reason === undefined ? {} : { reason }),
});

const REFUSALS: readonly {
  readonly fault: Fault;
  readonly code: ExitCode;
  readonly message: RegExp;
  readonly hint?: RegExp;
  /** How often a call is sent in all. */
  readonly calls: number;
}[] = [
  ...[
    'ConcurrentInvocationLimitExceeded',
    'FunctionInvocationRateLimitExceeded',
    'ReservedFunctionConcurrentInvocationLimitExceeded',
    'ReservedFunctionInvocationRateLimitExceeded',
    'CallerRateLimitExceeded',
    'ConcurrentSnapshotCreateLimitExceeded',
  ].map((reason) => ({
    fault: refuse(429, 'TooManyRequestsException', reason),
    code: 5 as const,
    message: new RegExp(`^call function "javumbo-api": http.* answers TooManyRequestsException, ${reason}$`),
    hint: /more concurrency/,
    calls: 5,
  })),
  { fault: refuse(502, 'EC2ThrottledException'), code: 5, message: /answers EC2ThrottledException/, calls: 5 },
  { fault: refuse(502, 'ENINotReadyException'), code: 5, message: /answers ENINotReadyException/, calls: 5 },
  { fault: refuse(502, 'ResourceNotReadyException'), code: 5, message: /answers ResourceNotReadyException/, calls: 5 },
  { fault: refuse(409, 'ResourceConflictException'), code: 5, message: /answers ResourceConflict/, calls: 5 },
  { fault: refuse(409, 'SnapStartNotReadyException'), code: 5, message: /answers SnapStartNotReady/, calls: 5 },
  {
    fault: refuse(502, 'KMSAccessDeniedException'),
    code: 5,
    message: /answers KMSAccessDenied/,
    hint: /settings/,
    calls: 1,
  },
  { fault: refuse(502, 'InvalidRuntimeException'), code: 5, message: /answers InvalidRuntime/, calls: 1 },
  {
    fault: refuse(403, 'AccessDeniedException'),
    code: 5,
    message: /refuses it/,
    hint: /lambda:InvokeFunction/,
    calls: 1,
  },
  { fault: refuse(403, 'UnrecognizedClientException'), code: 5, message: /refuses it/, calls: 1 },
  {
    fault: refuse(404, 'ResourceNotFoundException'),
    code: 3,
    message: /^there is no function "javumbo-api" at/,
    calls: 1,
  },
  { fault: refuse(413, 'RequestTooLargeException'), code: 2, message: /takes no request of that size/, calls: 1 },
  { fault: refuse(400, 'InvalidRequestContentException'), code: 2, message: /is not JSON/, calls: 1 },
];

describe('a call that Lambda refuses', () => {
  test.each(REFUSALS)('with $fault.code $fault.reason ends with $code after $calls', async (refusal) => {
    const { fault, code, message, hint = /\S/, calls } = refusal;
    for (const work of ['call', 'write'] as const) {
      const { client, server } = await lambda({
        behaviour: 'identify',
        faults: [{ operation: 'Invoke', times: 99, fault }],
      });
      const ended = await endOf(work === 'call' ? client.call({ operation: 'ping' }) : client.write(WRITE));
      expect(ended).toMatchObject({
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      });
      // So is a write: the function certainly did not run.
      expect({ work, calls: server.counts.Invoke }).toEqual({ work, calls });
    }
  });

  test('because of too many of them is served in the end', async () => {
    const fault = refuse(429, 'TooManyRequestsException', 'ConcurrentInvocationLimitExceeded');
    const { client, server } = await lambda({ faults: [{ operation: 'Invoke', times: 4, fault }] });
    expect((await client.write(WRITE)).result).toMatchObject({ outcome: 'committed' });
    expect(server.counts.Invoke).toBe(5);
    expect((await client.call({ operation: 'read', username: 'alice' })).result.tables.notes).toBe(1);
  });

  test('because the function is still being made is served when it is', async () => {
    const { client, server } = await lambda({ behaviour: 'identify' });
    server.pendingDescriptions = 1;
    expect(await endOf(client.call({ operation: 'ping' }))).toMatchObject({ code: 5 });
    expect(await client.function.describe()).toMatchObject({ state: 'Pending' });
    expect(await client.raw('{}')).toMatch(/"calls":1/);
  });

  test('because nobody is there says so', async () => {
    const { client, server } = await lambda({ behaviour: 'identify' });
    await server.close();
    expect(await endOf(client.write(WRITE))).toMatchObject({
      code: 5,
      message: expect.stringMatching(/^call function "javumbo-api": cannot connect to http:/),
    });
    expect(client.usage().function.invocations).toBe(5);
  });

  test('for its size is not sent at all', async () => {
    const { client, server } = await lambda({ behaviour: 'identify' });
    const fields = ['x'.repeat(PAYLOAD_BYTES_MAX)];
    expect(await endOf(client.write({ ...WRITE, fields }))).toMatchObject({ code: 2 });
    expect(server.counts.Invoke).toBe(0);
  });
});

const DOUBTS: readonly Fault[] = [
  { kind: 'lost-request' },
  { kind: 'lost-reply' },
  { kind: 'error-after' },
  { kind: 'silent' },
  refuse(502, 'ServiceException'),
  refuse(503, 'SomethingOfAProxy'),
  refuse(410, 'EFSIOException'),
];

/** Long enough for a container to start, if only silence ends the call. */
function silentMsOf({ kind }: Fault): number | undefined {
  return kind === 'silent' ? 5_000 : undefined;
}

describe('a call whose end nobody knows', () => {
  test.each(DOUBTS)('is repeated when it reads: $kind $code', async (fault) => {
    const { client, server } = await lambda({ faults: [{ operation: 'Invoke', fault }], silentMs: silentMsOf(fault) });
    expect((await client.call({ operation: 'read', username: 'alice' })).result.tables.notes).toBe(0);
    expect(server.counts.Invoke).toBe(2);
  });

  test.each(DOUBTS)('is given up when it always goes so: $kind $code', async (fault) => {
    const faults = [{ operation: 'Invoke', times: 99, fault } as const];
    const { client, server } = await lambda({ behaviour: 'nothing', faults, silentMs: 500 });
    expect(await endOf(client.call({ operation: 'ping' }))).toMatchObject({ code: 5 });
    expect(server.counts.Invoke).toBe(5);
  });

  test.each(DOUBTS)('is looked after when it writes: $kind $code', async (fault) => {
    const { client, server } = await lambda({ faults: [{ operation: 'Invoke', fault }], silentMs: silentMsOf(fault) });
    const work = client.write(WRITE);
    const arrived = ['lost-reply', 'error-after', 'silent'].includes(fault.kind);
    if (arrived) {
      const { result } = await work;
      expect(result).toMatchObject({ outcome: 'committed', guid: WRITE.guid, noteId: expect.any(Number) });
    } else {
      expect(await endOf(work)).toMatchObject({ code: 6, message: expect.stringMatching(/may still come$/) });
    }
    // The write, once, and the look.
    expect(server.counts.Invoke).toBe(2);
    const { result } = await client.call({ operation: 'read', username: 'alice', stalenessSeconds: 0 });
    expect(result.tables.notes).toBe(arrived ? 1 : 0);
  });
});

describe('a description', () => {
  test('names the environment and keeps its values', async () => {
    const { client } = await lambda({ behaviour: 'identify' });
    const description = await client.function.describe();
    expect(description).toMatchObject({
      name: 'javumbo-api',
      kind: 'lambda',
      environment: ['SECRET_KEY'],
      temporaryStorageMb: 2048,
      timeoutSeconds: 30,
      lastUpdateStatus: 'Successful',
    });
    expectNothingSecret(JSON.stringify(description));
  });

  test('of no function is not found', async () => {
    const { server } = await lambda({ behaviour: 'identify' });
    const known = server.client();
    expect(known).toBeInstanceOf(LambdaFunction);
    server.inject({ operation: 'GetFunctionConfiguration', fault: refuse(404, 'ResourceNotFoundException') });
    expect(await endOf(known.describe())).toMatchObject({ code: 3 });
    server.inject({ operation: 'GetFunctionConfiguration', fault: refuse(403, 'AccessDeniedException') });
    expect(await endOf(known.describe())).toMatchObject({
      code: 5,
      hint: 'credentials that may lambda:GetFunctionConfiguration',
    });
  });
});
