import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { openS3 } from '../../src/aws/s3-client.ts';
import { configOf, useCredentials } from '../designs.ts';
import { BUCKET } from './bucket.ts';
import { countRequests } from './client-counts.ts';
import type { Engine } from './engine.ts';
import { type RemoteServer, startServerProcess } from './remote-server.ts';

/**
 * Connects to an engine, with a bucket that `close` removes, and links in a separate process. It reports no counts, so
 * this process counts what it sends. Throws if the bucket is not empty, since it is not ours then.
 */
export async function connectEngine(
  { title, endpoint, credentials }: Engine,
  directory: string,
): Promise<RemoteServer> {
  useCredentials(credentials);
  const client = openS3(configOf(endpoint, directory));
  const { hostname, port } = new URL(endpoint);
  try {
    await makeBucket(client);
    const links = await startServerProcess([hostname, port === '' ? '80' : port]);
    const counted = countRequests();
    return {
      engine: title,
      bodyDigest: undefined,
      credentials,
      endpoint,
      openLink: (settings) => links.openLink(settings),
      openQueue: (settings) => links.openQueue(settings),
      counts: async () => structuredClone(counted.counts),
      clear: () => emptyBucket(client),
      close: async () => {
        counted.stop();
        await links.close();
        try {
          await emptyBucket(client);
          await client.send(new DeleteBucketCommand({ Bucket: BUCKET }));
        } catch (error) {
          // The measurements stand, and the next run reports that the bucket is not empty.
          process.stderr.write(
            `warning: bucket ${BUCKET} at ${endpoint} was not removed: ${(error as Error).message}\n`,
          );
        } finally {
          client.destroy();
        }
      },
    };
  } catch (error) {
    client.destroy();
    throw error;
  }
}

async function makeBucket(client: S3Client): Promise<void> {
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } catch (error) {
    if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
  }
  const { Contents: [found] = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, MaxKeys: 1 }));
  if (found !== undefined) throw new Error(`bucket ${BUCKET} is not empty: it holds ${found.Key}`);
}

async function emptyBucket(client: S3Client): Promise<void> {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    if (Contents.length === 0) return;
    for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
  }
}
