import { afterEach, expect, test } from 'vitest';
import { resolveConfig } from '../config.ts';
import { type LambdaServer, startLambdaServer } from '../testing/lambda-server.ts';
import { openLocalFunction } from '../testing/local-function.ts';
import { freshMachine } from '../testing/run-command.ts';
import { openLambdaFunction } from './lambda-client.ts';

let server: LambdaServer;

afterEach(() => server.close());

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
