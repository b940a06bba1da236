import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { SILENT } from '../../aws/client-options.ts';
import { systemRandom } from '../../core/random.ts';
import type { EngineEnvironment } from '../engines/engine.ts';
import { type S3ServerOptions, startS3Server } from './server.ts';

/** A test's own bucket on some S3 engine, and how to reach it. */
export interface S3Place {
  readonly endpoint: string;
  readonly bucket: string;
  /** The credentials in a process's environment. */
  readonly keys: Readonly<Record<'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY', string>>;
  close(): Promise<void>;
}

export async function loopbackPlace(options?: S3ServerOptions): Promise<S3Place> {
  const server = await startS3Server({ buckets: ['bucket'], ...options });
  return {
    endpoint: server.endpoint,
    bucket: 'bucket',
    keys: { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
    close: () => server.close(),
  };
}

/** A bucket on an external engine, which is left there: the engine keeps it in memory. */
export async function enginePlace({ AWS_ENDPOINT_URL_S3: endpoint, ...keys }: EngineEnvironment): Promise<S3Place> {
  const bucket = `javumbo-test-${systemRandom.hex(8)}`;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
    logger: SILENT,
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
  return {
    endpoint,
    bucket,
    keys: { AWS_ACCESS_KEY_ID: keys.AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: keys.AWS_SECRET_ACCESS_KEY },
    close: async () => {},
  };
}
