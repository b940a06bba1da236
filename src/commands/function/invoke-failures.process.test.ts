import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExitCode } from '../../cli/exit-code.ts';
import type { LocalFunction } from '../../function/local-function.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { type LambdaServer, type LambdaServerFault, startLambdaServer } from '../../testing/lambda-server.ts';
import { openLocalFunction } from '../../testing/local-function.ts';
import { type CommandResult, freshMachine, runCommand } from '../../testing/run-command.ts';
import type { Behaviour } from '../../testing/scripted-function.ts';

type Fault = NonNullable<LambdaServerFault['fault']>;

const SECRETS = ['kept-in-the-environment', 'kept-in-the-credentials', 'kept-in-the-session', 'Geheimnisträger'];
const [ENVIRONMENT = '', CREDENTIALS, SESSION, FIELD = ''] = SECRETS;

let server: LambdaServer;
let behaviour: Behaviour = 'foreign';

beforeAll(async () => {
  const opened = new Map<Behaviour, LocalFunction>();
  const containers = (): LocalFunction => {
    const known = opened.get(behaviour);
    if (known !== undefined) return known;
    const env = { SECRET_KEY: ENVIRONMENT, BEHAVIOUR: behaviour };
    const made = openLocalFunction({ env, timeoutMs: 1_000 });
    opened.set(behaviour, made);
    return made;
  };
  server = await startLambdaServer({
    name: 'javumbo-api',
    environment: { SECRET_KEY: ENVIRONMENT },
    open: () => ({
      name: 'by behaviour',
      describe: () => containers().describe(),
      invoke: (payload) => containers().invoke(payload),
      close: () => {
        for (const each of opened.values()) each.close();
      },
    }),
  });
});

afterAll(() => server.close());

function javumbo(...argv: readonly string[]): Promise<CommandResult> {
  return runCommand(argv, {
    env: {
      ...freshMachine(),
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: CREDENTIALS,
      AWS_SESSION_TOKEN: SESSION,
      S3_BUCKET: 'b',
      // Nobody is there, and nothing of this asks for it.
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      AWS_ENDPOINT_URL_LAMBDA: server.endpoint,
    },
  });
}

const refused = (status: number, code: string): Fault => ({ kind: 'refuse', status, code });

const FAILURES: readonly {
  readonly name: string;
  readonly behaviour?: Behaviour;
  readonly fault?: Fault;
  readonly read: ExitCode;
  readonly write: ExitCode;
}[] = [
  { name: 'throws', behaviour: 'throw', read: 7, write: 6 },
  { name: 'exits', behaviour: 'exit', read: 7, write: 6 },
  { name: 'does not end', behaviour: 'never-end', read: 5, write: 6 },
  { name: 'blocks its event loop', behaviour: 'block', read: 5, write: 6 },
  { name: 'answers like another', behaviour: 'foreign', read: 7, write: 6 },
  { name: 'answers nothing', behaviour: 'nothing', read: 7, write: 6 },
  { name: 'is throttled', fault: refused(429, 'TooManyRequestsException'), read: 5, write: 5 },
  { name: 'is forbidden', fault: refused(403, 'AccessDeniedException'), read: 5, write: 5 },
  { name: 'is not there', fault: refused(404, 'ResourceNotFoundException'), read: 3, write: 3 },
  { name: 'is behind a service that fails', fault: refused(500, 'ServiceException'), read: 5, write: 6 },
  { name: 'loses its replies', fault: { kind: 'lost-reply' }, read: 5, write: 6 },
];

describe.each(FAILURES)('a function that $name', ({ behaviour: does = 'nothing', fault, read, write }) => {
  test.each([
    { argv: ['read', 'alice'], code: read },
    { argv: ['write', 'alice', '--field', FIELD, '--field', 'x'], code: write },
  ])('ends function invoke $argv.0 with an error, a hint, its exit code and no secret', async ({ argv, code }) => {
    behaviour = does;
    server.clearFaults();
    if (fault !== undefined) server.inject({ operation: 'Invoke', times: 99, fault });
    const short = await javumbo('function', 'invoke', ...argv);
    expectFailure(short, { code, error: /function "javumbo-api"/ });
    const verbose = await javumbo('function', 'invoke', ...argv, '--verbose', '--json');
    expect({ code: verbose.code, stdout: verbose.stdout }).toEqual({ code, stdout: '' });
    const printed = `${short.stderr}${verbose.stderr}`;
    for (const secret of SECRETS) expect(printed).not.toContain(secret);
  });
});

test('function describe prints the names of the environment alone', async () => {
  const { code, stdout, stderr } = await javumbo('function', 'describe', '--verbose');
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/environment\tSECRET_KEY\n/) });
  for (const secret of SECRETS) expect(`${stdout}${stderr}`).not.toContain(secret);
});
