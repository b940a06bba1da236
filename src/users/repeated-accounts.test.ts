/** The commands that write accounts behind a proxy that repeats, on dynalite. */
import { startDynamoServer } from '../testing/dynamo-server.ts';
import { describeRepeatedAccountChanges } from './repeated-accounts-contract.ts';

describeRepeatedAccountChanges(async () => {
  const server = await startDynamoServer();
  return {
    endpoint: server.endpoint,
    table: await server.createTable('users'),
    keys: { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
    close: () => server.close(),
  };
});
