import { S3Client } from '@aws-sdk/client-s3';
import type { Config } from '../config/config.ts';
import { clientOptions } from './client-options.ts';

/** S3 as the configuration names it. Makes no request. */
export function openS3(config: Config, maxAttempts = 1): S3Client {
  const endpoint = config.endpointUrl.value;
  return new S3Client({
    ...clientOptions(config, maxAttempts),
    // Elsewhere than on AWS bucket names are seldom host names, and the SDK's newer checksums seldom understood.
    ...(endpoint === undefined
      ? {}
      : {
          endpoint,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED' as const,
          responseChecksumValidation: 'WHEN_REQUIRED' as const,
        }),
    // For bodies from 2 MiB the SDK asks before it sends, on a new connection every time. (docs/engines.md)
    expectContinueHeader: false,
  });
}
