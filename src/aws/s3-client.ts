import { S3Client } from '@aws-sdk/client-s3';
import type { Config } from '../config/config.ts';
import { CONNECTIONS_MAX } from '../core/connections.ts';
import { clientOptions, prepared } from './client-options.ts';

/** Opens an S3 client without sending a request. */
export function openS3(config: Config, maxAttempts = 1): S3Client {
  const endpoint = config.endpointUrl.value;
  const client = new S3Client({
    ...clientOptions(config, maxAttempts, { keepAlive: true, maxSockets: CONNECTIONS_MAX }),
    // Custom engines rarely serve bucket names as host names, or understand the SDK's newer checksums.
    ...(endpoint === undefined
      ? {}
      : {
          endpoint,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED' as const,
          responseChecksumValidation: 'WHEN_REQUIRED' as const,
        }),
    // For bodies of 2 MiB and more the SDK would ask first, on a new connection every time. (docs/engines.md)
    expectContinueHeader: false,
  });
  return prepared(client, config);
}
