import { S3Client } from '@aws-sdk/client-s3';
import type { Config } from '../config.ts';
import { S3DatabaseStore, type S3DatabaseStoreOptions } from '../databases/s3-store.ts';
import { JavumboError } from '../failure.ts';

// A connection that is not there in three seconds will not be.
const CONNECTION_TIMEOUT_MS = 3_000;

/** A logger for the SDK that says nothing. */
export const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The bucket that the configuration names, as a store. */
export function openS3Store(
  config: Config,
  onExtraRequest: S3DatabaseStoreOptions['onExtraRequest'],
): { store: S3DatabaseStore; identity: string; close: () => void } {
  const bucket = config.bucket.value;
  if (bucket === undefined) throw new JavumboError('internal', 'an S3 store was opened without a bucket');
  const endpoint = config.endpointUrl.value;
  const client = new S3Client({
    region: config.region.value,
    ...(config.profile.value === undefined ? {} : { profile: config.profile.value }),
    // Elsewhere than on AWS bucket names are seldom host names, and the SDK's newer checksums seldom understood.
    ...(endpoint === undefined
      ? {}
      : {
          endpoint,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED',
          responseChecksumValidation: 'WHEN_REQUIRED',
        }),
    // Retries are RetryingDatabaseStore's: see S3DatabaseStore.
    maxAttempts: 1,
    // Left alone, the SDK warns on the console of requests that it does not retry; what matters is thrown anyway.
    logger: SILENT,
    // For bodies from 2 MiB the SDK asks before it sends, on a new connection every time. (prior-art.md, 2.5)
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: Math.min(CONNECTION_TIMEOUT_MS, config.timeout.value),
      // Unlike the SDK's requestTimeout, which only warns unless told otherwise, this one ends the request.
      socketTimeout: config.timeout.value,
      httpAgent: { keepAlive: true },
      httpsAgent: { keepAlive: true },
    },
  });
  return {
    store: new S3DatabaseStore(client, { bucket, endpoint, onExtraRequest }),
    identity: `s3 ${endpoint ?? 'aws'} ${bucket}`,
    close: () => client.destroy(),
  };
}
