import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Config } from '../config/config.ts';
import { JavumboError } from '../core/failure.ts';
import { clientOptions, prepared } from './client-options.ts';

/**
 * Opens a DynamoDB client without sending a request. Throws `usage` if S3 has a custom endpoint and DynamoDB has none,
 * since AWS cannot be what was meant.
 */
export function openDynamo(config: Config, maxAttempts = 1): DynamoDBClient {
  refuseUnnamedDynamo(config);
  const endpoint = config.dynamodbEndpointUrl.value;
  const options = { ...clientOptions(config, maxAttempts), ...(endpoint === undefined ? {} : { endpoint }) };
  return prepared(new DynamoDBClient(options), config);
}

function refuseUnnamedDynamo({ endpointUrl, dynamodbEndpointUrl }: Config): void {
  if (endpointUrl.value === undefined || dynamodbEndpointUrl.value !== undefined) return;
  throw new JavumboError(
    'usage',
    `S3 is at ${endpointUrl.value}, and nothing says where the DynamoDB tables of that deployment are`,
    { try: '--dynamodb-endpoint-url http://127.0.0.1:8000, or export AWS_ENDPOINT_URL_DYNAMODB' },
  );
}
