/** Tests the commands that write accounts behind a repeating proxy, on Amazon's own engine: DynamoDB Local. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, inject } from 'vitest';
import { SILENT } from '../aws/client-options.ts';
import { systemRandom } from '../core/random.ts';
import { createTable } from '../testing/dynamo-server.ts';
import type { DynamoEnvironment } from '../testing/engines/dynamodb-local.ts';
import { describeRepeatedAccountChanges } from './repeated-accounts-contract.ts';

const engine = inject('dynamoDbLocal');

describe.runIf(engine !== undefined)('DynamoDB Local', () => {
  const { AWS_ENDPOINT_URL_DYNAMODB: endpoint, ...keys } = (engine ?? {}) as DynamoEnvironment;

  describeRepeatedAccountChanges(async () => {
    const client = new DynamoDBClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
      logger: SILENT,
    });
    const table = await createTable(client, `javumbo-test-${systemRandom.hex(8)}`);
    return { endpoint, table, keys, close: async () => client.destroy() };
  });
});
