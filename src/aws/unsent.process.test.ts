/** What fails before a request reaches the socket is never said to be of unknown outcome, whatever the SDK throws. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IMPATIENT, runCommand } from '../testing/run-command.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';

const KEYS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };
const ROLE = { AWS_ROLE_ARN: 'arn:aws:iam::1:role/x' };

let requests = 0;
/** S3, DynamoDB and Lambda in one: whoever reaches it loses the connection. */
let service: Server;
/** Where credentials are asked for: it answers what the first part of the path says. */
let issuer: Server;
let directory: string;

beforeAll(async () => {
  directory = temporaryDirectory();
  service = createServer((request) => {
    requests++;
    request.socket.resetAndDestroy();
  });
  issuer = createServer((request, response) => {
    response.writeHead(Number(request.url?.split('/')[1]), { 'content-type': 'application/json' });
    response.end('{"code":"InternalError","message":"no"}');
  });
  for (const server of [service, issuer]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  writeFileSync(join(directory, 'token'), 'a token');
  writeFileSync(
    join(directory, 'config'),
    [
      '[profile broken]\ncredential_process = echo broken helper >&2; false',
      '[profile chained]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nowhere',
      '[profile sso]\nsso_session = my\nsso_account_id = 1\nsso_role_name = r',
      '[sso-session my]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n',
    ].join('\n'),
  );
});

afterAll(async () => {
  for (const server of [service, issuer]) await new Promise((done) => server.close(done));
  // The SDK reads the process, which other files use too.
  await runCommand(['--version']);
});

const at = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function javumbo(argv: readonly string[], env: NodeJS.ProcessEnv) {
  const url = at(service);
  const places = ['--endpoint-url', url, '--dynamodb-endpoint-url', url, '--lambda-endpoint-url', url];
  return runCommand([...argv, '--bucket', 'b', '--function', 'f', ...places, '--json'], {
    env: { AWS_EC2_METADATA_DISABLED: 'true', ...env },
    clock: IMPATIENT,
    piped: 'correct horse battery',
  });
}

const WRITES = [
  ['db', 'create', 'alice'],
  ['db', 'delete', '--yes', 'alice'],
  ['db', 'exec', 'alice', 'DELETE FROM notes'],
  ['user', 'create', 'alice', '--name', 'A', '--password-stdin'],
  ['function', 'invoke', 'write', 'alice', '--field', 'a'],
];

interface Situation {
  readonly name: string;
  readonly env: () => NodeJS.ProcessEnv;
  readonly kind: 'usage' | 'unavailable';
  readonly message: RegExp;
  readonly hint: RegExp;
}

const SITUATIONS: readonly Situation[] = [
  {
    name: 'a newline at the end of the access key',
    env: () => ({ ...KEYS, AWS_ACCESS_KEY_ID: 'key\n' }),
    kind: 'usage',
    message: /the access key holds a newline/,
    hint: /AWS_ACCESS_KEY_ID/,
  },
  {
    name: 'a letter beyond Latin-1 in the session token',
    env: () => ({ ...KEYS, AWS_SESSION_TOKEN: 'tokėn' }),
    kind: 'usage',
    message: /the session token holds a newline or another character/,
    hint: /AWS_SESSION_TOKEN/,
  },
  {
    name: 'a newline at the end of the region',
    env: () => ({ ...KEYS, AWS_REGION: 'us-east-1\n' }),
    kind: 'usage',
    message: /^AWS_REGION is not the name of a region/,
    hint: /eu-central-1/,
  },
  {
    name: 'a file for the token that is not there',
    env: () => ({ ...ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: '/nope' }),
    kind: 'unavailable',
    message: /no AWS credentials: .*\/nope/,
    hint: /AWS_WEB_IDENTITY_TOKEN_FILE/,
  },
  {
    name: 'a service for tokens that answers 500',
    env: () => ({
      ...ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: join(directory, 'token'),
      AWS_ENDPOINT_URL_STS: `${at(issuer)}/500`,
      AWS_MAX_ATTEMPTS: '1',
    }),
    kind: 'unavailable',
    message: /no AWS credentials/,
    hint: /AWS_ACCESS_KEY_ID/,
  },
  {
    name: 'a container that gives out no credentials',
    env: () => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${at(issuer)}/500`, AWS_MAX_ATTEMPTS: '1' }),
    kind: 'unavailable',
    message: /no AWS credentials/,
    hint: /AWS_ACCESS_KEY_ID/,
  },
  {
    name: 'no credentials anywhere',
    env: () => ({}),
    kind: 'unavailable',
    message: /no AWS credentials/,
    hint: /AWS_ACCESS_KEY_ID/,
  },
  {
    name: 'a profile that takes its role from one that is not there',
    env: () => ({ AWS_PROFILE: 'chained', AWS_CONFIG_FILE: join(directory, 'config') }),
    kind: 'unavailable',
    message: /no AWS credentials: .*nowhere/,
    hint: /profile/,
  },
  {
    name: 'a program for credentials that fails',
    env: () => ({ AWS_PROFILE: 'broken', AWS_CONFIG_FILE: join(directory, 'config') }),
    kind: 'unavailable',
    message: /no AWS credentials: .*broken helper/,
    hint: /profile/,
  },
  {
    name: 'a profile whose session of single sign-on has ended',
    env: () => ({ AWS_PROFILE: 'sso', AWS_CONFIG_FILE: join(directory, 'config') }),
    kind: 'unavailable',
    message: /no AWS credentials: .*SSO/,
    hint: /aws sso login/,
  },
  {
    name: 'dual stack beside an endpoint',
    env: () => ({ ...KEYS, AWS_USE_DUALSTACK_ENDPOINT: 'true' }),
    kind: 'usage',
    message: /the AWS settings contradict each other/,
    hint: /AWS_USE_DUALSTACK_ENDPOINT/,
  },
  {
    name: 'FIPS beside an endpoint',
    env: () => ({ ...KEYS, AWS_USE_FIPS_ENDPOINT: 'true' }),
    kind: 'usage',
    message: /the AWS settings contradict each other/,
    hint: /AWS_USE_FIPS_ENDPOINT/,
  },
];

describe.each(SITUATIONS)('with $name nothing is sent, and the command says so', ({ env, kind, message, hint }) => {
  test.each(WRITES.map((argv) => ({ argv, command: argv.slice(0, 3).join(' ') })))('$command', async ({ argv }) => {
    requests = 0;
    const ended = await javumbo(argv, env());
    expect(ended.failure()).toMatchObject({
      kind,
      message: expect.stringMatching(message),
      try: expect.stringMatching(hint),
    });
    expect(requests).toBe(0);
  });
});

test.each(WRITES.filter(([, verb]) => verb !== 'exec' && verb !== 'delete').map((argv) => ({ argv })))(
  '$argv.0 $argv.1 that reached the socket is unknown when the connection ends there',
  async ({ argv }) => {
    requests = 0;
    expect((await javumbo(argv, KEYS)).failure()).toMatchObject({ kind: 'unknown' });
    expect(requests).toBeGreaterThan(0);
  },
);
