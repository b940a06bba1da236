/** Replies that never end, of each service: a command gives them up, and says whose they were. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMPATIENT, runCommand } from '../testing/run-command.ts';

let server: Server;
let sent = 0;
let claimedBytes: number | undefined;

beforeAll(async () => {
  const chunk = Buffer.alloc(1_000_000, ' ');
  server = createServer((request, response) => {
    request.resume();
    response.on('error', () => {});
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(claimedBytes === undefined ? {} : { 'content-length': claimedBytes }),
    });
    const more = (): void => {
      while (!response.destroyed && response.write(chunk)) sent += chunk.length;
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test.each([
  { argv: ['user', 'get', 'alice'], kind: 'unavailable' },
  { argv: ['user', 'get', 'alice'], kind: 'unavailable', length: 1e12 },
  { argv: ['db', 'list'], kind: 'unavailable' },
  { argv: ['db', 'list'], kind: 'unavailable', length: 1e12 },
  { argv: ['function', 'describe'], kind: 'unavailable' },
  { argv: ['function', 'invoke', 'write', 'alice', '--field', 'a'], kind: 'unknown' },
])('$argv.0 $argv.1 ends $kind (length $length)', async ({ argv, kind, length }) => {
  sent = 0;
  claimedBytes = length;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const places = ['--endpoint-url', url, '--dynamodb-endpoint-url', url, '--lambda-endpoint-url', url];
  const ended = await runCommand([...argv, '--bucket', 'b', '--function', 'f', ...places, '--json'], {
    env: { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
    clock: IMPATIENT,
  });
  expect(ended.failure()).toMatchObject({ kind, message: expect.stringContaining(url) });
  expect(sent).toBeLessThan(500_000_000);
});
