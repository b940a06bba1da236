import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { resolveConfig } from '../config.ts';
import { LocalFunction } from '../function/local-function.ts';
import { SCRIPTS } from '../testing/child-process.ts';
import { type LambdaServer, startLambdaServer } from '../testing/lambda-server.ts';
import { freshMachine, temporaryDirectory } from '../testing/run-command.ts';
import { openLambdaFunction } from './lambda-client.ts';

let server: LambdaServer;

afterEach(() => server.close());

test.each([
  { source: 'default', ends: { fault: undefined } },
  { source: 'flag', ends: { kind: 'unknown' } },
] as const)(
  'a call that outlasts the time limit of connections, by $source, ends as it must',
  async ({ source, ends }) => {
    process.env.AWS_ACCESS_KEY_ID = 'key';
    process.env.AWS_SECRET_ACCESS_KEY = 'secret';
    const env = { ...freshMachine(), S3_BUCKET: 'b' };
    const containers = new LocalFunction({
      config: resolveConfig({ deployment: 'local' }, env),
      env: { PATH: process.env.PATH },
      clock: systemClock,
      version: '1.2.3',
      directory: temporaryDirectory(),
      program: SCRIPTS.scriptedFunction,
    });
    server = await startLambdaServer({ name: 'javumbo-api', open: () => containers });
    const config = resolveConfig({ lambdaEndpointUrl: server.endpoint }, env);
    const remote = openLambdaFunction({ ...config, timeout: { value: 300, source } });
    const called = remote.invoke(JSON.stringify({ behaviour: 'identify', holdMs: 1_500 }));
    expect(await called.catch((error) => error)).toMatchObject(ends);
    remote.close();
  },
);
