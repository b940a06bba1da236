import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';

/** Makes a bucket on the loopback server keep versions from now on. */
export async function keepVersions(endpoint: string, bucket: string): Promise<void> {
  const client = loopbackClient(endpoint);
  try {
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  } finally {
    client.destroy();
  }
}

/** Opens a client of the loopback server, for what no command does. The caller destroys it. */
export function loopbackClient(endpoint: string): S3Client {
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
}
