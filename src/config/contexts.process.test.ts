import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshMachine, IMPATIENT, runCommand } from '../testing/run-command.ts';

let asked: string[] = [];
/** An engine, and the proxy before AWS. */
let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method}`);
    response.writeHead(403).end();
  }).on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});

afterAll(async () => {
  await new Promise((done) => server.close(done));
  // The SDK reads the process, which other files use too.
  await runCommand(['--version']);
});

describe('a context on AWS stays there', () => {
  test.each<{ name: string; elsewhere: (url: string, file: string) => NodeJS.ProcessEnv }>([
    { name: 'an endpoint for everything', elsewhere: (url) => ({ AWS_ENDPOINT_URL: url }) },
    {
      name: 'the endpoint of a profile',
      elsewhere: (url, file) => {
        writeFileSync(file, `[default]\nendpoint_url = ${url}\n`);
        return { AWS_CONFIG_FILE: file };
      },
    },
  ])('beside $name', async ({ elsewhere }) => {
    const machine = freshMachine();
    const run = (argv: string[], more: NodeJS.ProcessEnv = {}) =>
      runCommand(argv, { env: { ...machine, ...more }, clock: IMPATIENT });
    expect((await run(['config', 'save', 'one', '--bucket', 'b'])).code).toBe(0);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    asked = [];
    await run(['db', 'list', '--context', 'one'], {
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
      HTTPS_PROXY: url,
      ...elsewhere(url, join(machine.HOME, 'aws')),
    });
    expect(new Set(asked)).toEqual(new Set(['CONNECT s3.us-east-1.amazonaws.com:443']));
  });
});
