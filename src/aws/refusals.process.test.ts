/** Replies that refuse a request for its place, its time or its credentials, with a body and, to a HEAD, without. */
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { IMPATIENT, runCommand } from '../testing/run-command.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';

interface Reply {
  readonly status: number;
  readonly code: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How much later than here it is there. */
  readonly aheadMs?: number;
}

let server: Server;
let reply: Reply;
let log: string[];

beforeAll(async () => {
  server = createServer((request, response) => {
    log.push(request.method ?? '');
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});

beforeEach(() => {
  log = [];
});

afterAll(async () => {
  await new Promise((done) => server.close(done));
  // The SDK reads the process, which other files use too.
  await runCommand(['--version']);
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { status, code, message = 'because', headers = {}, aheadMs = 0 } = reply;
  response.sendDate = false;
  const ofS3 = request.headers['x-amz-target'] === undefined && !request.url?.includes('/functions/');
  const body = ofS3
    ? `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
    : JSON.stringify({ __type: code, message });
  const date = new Date(Date.now() + aheadMs).toUTCString();
  response.writeHead(status, { date, ...(ofS3 ? {} : { 'x-amzn-errortype': code }), ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function javumbo(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const places = ['--endpoint-url', url, '--dynamodb-endpoint-url', url, '--lambda-endpoint-url', url];
  return runCommand([...argv, '--bucket', 'b', '--function', 'f', ...places, '--json'], {
    env: { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', ...env },
    clock: IMPATIENT,
  });
}

const COMMANDS = {
  'S3, by a GET': ['db', 'info', 'alice'],
  'S3, by a HEAD': ['db', 'delete', '--yes', 'alice'],
  'S3, by a list': ['db', 'list'],
  'S3, by a HEAD of the bucket': ['deployment', 'describe'],
  DynamoDB: ['user', 'get', 'alice'],
  Lambda: ['function', 'describe'],
} as const;

const OF_S3 = Object.keys(COMMANDS).filter((of) => of.startsWith('S3')) as (keyof typeof COMMANDS)[];

const CASES: readonly {
  readonly name: string;
  readonly of: readonly (keyof typeof COMMANDS)[];
  readonly reply: Reply;
  readonly message: RegExp;
  readonly hint: RegExp;
}[] = [
  {
    name: 'not modified, although no version was named',
    of: ['S3, by a GET'],
    reply: { status: 304, code: '' },
    message: /^get database "alice": \S+ answers 304$/,
    hint: /./,
  },
  {
    name: 'an expired token',
    of: OF_S3,
    reply: { status: 400, code: 'ExpiredToken', headers: { 'x-amz-bucket-region': 'us-east-1' } },
    message: /the credentials have expired \(ExpiredToken/,
    hint: /^fresh credentials/,
  },
  {
    name: 'an expired token',
    of: ['DynamoDB', 'Lambda'],
    reply: { status: 400, code: 'ExpiredTokenException' },
    message: /the credentials have expired \(ExpiredTokenException/,
    hint: /^fresh credentials/,
  },
  {
    name: 'a key that nobody knows',
    of: OF_S3,
    reply: { status: 403, code: 'InvalidAccessKeyId' },
    message: /refuses it \(InvalidAccessKeyId/,
    hint: /AWS_ACCESS_KEY_ID/,
  },
  {
    name: 'a key that nobody knows',
    of: ['DynamoDB', 'Lambda'],
    reply: { status: 400, code: 'UnrecognizedClientException' },
    message: /refuses it \(UnrecognizedClientException/,
    hint: /AWS_ACCESS_KEY_ID/,
  },
  {
    name: 'a secret of another key',
    of: OF_S3,
    reply: { status: 403, code: 'SignatureDoesNotMatch' },
    message: /the signature does not fit/,
    hint: /AWS_SECRET_ACCESS_KEY/,
  },
  {
    name: 'another region, by the header',
    of: OF_S3,
    reply: { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } },
    message: /region eu-west-1/,
    hint: /^--region eu-west-1$/,
  },
  {
    name: 'another region, by the signature',
    of: OF_S3,
    reply: { status: 400, code: 'AuthorizationHeaderMalformed', headers: { 'x-amz-bucket-region': 'eu-west-1' } },
    message: /region eu-west-1/,
    hint: /^--region eu-west-1$/,
  },
  {
    name: 'another region, which only the text names',
    of: OF_S3,
    reply: {
      status: 400,
      code: 'AuthorizationHeaderMalformed',
      message: "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
    },
    message: /region eu-west-1/,
    hint: /^--region eu-west-1$/,
  },
  {
    name: 'another region',
    of: ['DynamoDB', 'Lambda'],
    reply: {
      status: 400,
      code: 'InvalidSignatureException',
      message: "Credential should be scoped to a valid region, not 'us-east-1'.",
    },
    message: /sends it to another region/,
    hint: /--region/,
  },
  {
    name: 'a clock that is two hours off',
    of: OF_S3,
    reply: { status: 403, code: 'RequestTimeTooSkewed', aheadMs: 7_200_000 },
    message: /clock .* differ by 2 h/,
    hint: /^set this machine's clock/,
  },
  {
    name: 'a clock that is two hours off',
    of: ['DynamoDB', 'Lambda'],
    reply: {
      status: 403,
      code: 'InvalidSignatureException',
      message: 'Signature expired: 20261126T100000Z is now earlier than 20261126T120000Z',
      aheadMs: 7_200_000,
    },
    message: /clock .* differ by 2 h/,
    hint: /^set this machine's clock/,
  },
  {
    name: 'a bucket of somebody else',
    of: OF_S3,
    reply: { status: 403, code: 'AccessDenied' },
    message: /refuses it \(AccessDenied/,
    hint: /^credentials that may /,
  },
];

describe.each(CASES)('$name', ({ of, reply: given, message, hint }) => {
  test.each(of)('of %s is named', async (service) => {
    reply = given;
    const ended = await javumbo(COMMANDS[service]);
    expect(ended.failure()).toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(message),
      try: expect.stringMatching(hint),
    });
  });
});

test('a HEAD whose reply says enough is not asked about again', async () => {
  reply = { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } };
  await javumbo(['db', 'delete', '--yes', 'alice']);
  expect(log).toEqual(['HEAD']);
});

test('a HEAD whose reply says nothing is asked about by one GET', async () => {
  reply = { status: 403, code: 'AccessDenied' };
  await javumbo(['db', 'delete', '--yes', 'alice']);
  expect(log).toEqual(['HEAD', 'GET']);
});

describe('a profile', () => {
  const config = (text: string): NodeJS.ProcessEnv => {
    const path = join(temporaryDirectory(), 'config');
    writeFileSync(path, text);
    return { AWS_CONFIG_FILE: path };
  };

  test.each([
    {
      name: 'no file has',
      env: () => config('[profile work]\nregion = a\n[profile home]\nregion = b\n'),
      hint: /^one of home, work$/,
    },
    { name: 'there is none of', env: () => ({}), hint: /^aws configure/ },
  ])('that $name is named, and nothing is asked', async ({ env, hint }) => {
    for (const [argv, more, name] of [
      [['--profile', 'nope'], {}, '--profile'],
      [[], { AWS_PROFILE: 'nope' }, 'AWS_PROFILE'],
    ] as const) {
      const ended = await javumbo(['db', 'list', ...argv], { ...env(), ...more });
      expect(ended.failure()).toMatchObject({
        kind: 'usage',
        message: `${name} names a profile that no file of AWS has: "nope"`,
        try: expect.stringMatching(hint),
      });
    }
    expect(log).toEqual([]);
  });
});
