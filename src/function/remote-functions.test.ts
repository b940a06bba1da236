import { expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { resolveConfig } from '../config.ts';
import { SCRIPTS } from '../testing/child-process.ts';
import { startLambdaServer } from '../testing/lambda-server.ts';
import { freshMachine, temporaryDirectory } from '../testing/run-command.ts';
import { LocalFunction } from './local-function.ts';
import { describeRemoteFunction, type FunctionConditions } from './remote-function-contract.ts';

function localFunction(directory: string, conditions: FunctionConditions): LocalFunction {
  return new LocalFunction({
    ...conditions,
    config: resolveConfig({ deployment: 'local' }, freshMachine()),
    env: { PATH: process.env.PATH, SECRET_KEY: 'geheim' },
    version: '1.2.3',
    directory,
    program: SCRIPTS.scriptedFunction,
  });
}

describeRemoteFunction('local', (conditions) => {
  const directory = temporaryDirectory();
  const made = localFunction(directory, conditions);
  return { function: made, directory, cleanup: () => made.close() };
});

describeRemoteFunction('Lambda', async (conditions) => {
  const directory = temporaryDirectory();
  const server = await startLambdaServer({ name: 'javumbo-api', open: () => localFunction(directory, conditions) });
  return { function: server.client(), directory, cleanup: () => server.close() };
});

test('a local function is not called after its end, where nobody would end its containers', async () => {
  const made = localFunction(temporaryDirectory(), { clock: systemClock, timeoutMs: 1, idleMs: 1 });
  made.close();
  await expect(made.invoke('{}')).rejects.toMatchObject({ kind: 'internal' });
});
