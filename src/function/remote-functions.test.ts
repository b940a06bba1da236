import { expect, test } from 'vitest';
import { startLambdaServer } from '../testing/lambda-server.ts';
import { openLocalFunction } from '../testing/local-function.ts';
import { temporaryDirectory } from '../testing/run-command.ts';
import { describeRemoteFunction } from './remote-function-contract.ts';

describeRemoteFunction('local', (conditions) => {
  const directory = temporaryDirectory();
  const made = openLocalFunction({ ...conditions, directory });
  return { function: made, directory, cleanup: () => made.close() };
});

describeRemoteFunction('Lambda', async (conditions) => {
  const directory = temporaryDirectory();
  const server = await startLambdaServer({
    name: 'javumbo-api',
    open: () => openLocalFunction({ ...conditions, directory }),
  });
  return { function: server.client(), directory, cleanup: () => server.close() };
});

test('a local function is not called after its end, where nobody would end its containers', async () => {
  const made = openLocalFunction();
  made.close();
  await expect(made.invoke('{}')).rejects.toMatchObject({ kind: 'internal' });
});
