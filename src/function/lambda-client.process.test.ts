import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { resolveConfig } from '../config/config.ts';
import { type LambdaServer, startLambdaServer } from '../testing/lambda-server.ts';
import { openLocalFunction } from '../testing/local-function.ts';
import { freshMachine } from '../testing/run-command.ts';
import { openLambdaFunction } from './lambda-client.ts';

let server: LambdaServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

test.each([
  { source: 'default', ends: { payload: expect.stringMatching(/"calls":1/) } },
  { source: 'flag', ends: { kind: 'unknown' } },
] as const)(
  'a call that outlasts the time limit of connections, by $source, ends as it must',
  async ({ source, ends }) => {
    process.env.AWS_ACCESS_KEY_ID = 'key';
    process.env.AWS_SECRET_ACCESS_KEY = 'secret';
    const env = { ...freshMachine(), S3_BUCKET: 'b' };
    server = await startLambdaServer({ name: 'javumbo-api', open: () => openLocalFunction() });
    const config = resolveConfig({ lambdaEndpointUrl: server.endpoint }, env);
    const remote = openLambdaFunction({ ...config, timeout: { value: 300, source } });
    const called = remote.invoke(JSON.stringify({ behaviour: 'identify', holdMs: 1_500 }));
    expect(await called.catch((error) => error)).toMatchObject(ends);
    remote.close();
  },
);

test('no call waits for another, however many there are', async () => {
  process.env.AWS_ACCESS_KEY_ID = 'key';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret';
  const COUNT = 60;
  const waiting: (() => void)[] = [];
  // Answers when all have arrived, which never happens where one waits for another.
  const crowd = createServer((request, response) => {
    request.resume();
    waiting.push(() => response.end('{}'));
    if (waiting.length === COUNT) for (const answer of waiting) answer();
  });
  await new Promise<void>((resolve) => crowd.listen(0, '127.0.0.1', resolve));
  const lambdaEndpointUrl = `http://127.0.0.1:${(crowd.address() as AddressInfo).port}`;
  const remote = openLambdaFunction(resolveConfig({ lambdaEndpointUrl }, { ...freshMachine(), S3_BUCKET: 'b' }));
  try {
    const replies = await Promise.all(Array.from({ length: COUNT }, () => remote.invoke('{}')));
    expect(replies).toHaveLength(COUNT);
  } finally {
    remote.close();
    crowd.closeAllConnections();
    await new Promise((resolve) => crowd.close(resolve));
  }
});
