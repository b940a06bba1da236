import { DeleteBucketCommand, DeleteObjectCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { asAwsFailure } from '../aws/errors.ts';
import type { CleanUps } from '../core/clean-ups.ts';
import { createBucket } from './s3-bucket.ts';

export interface ScratchBucketOptions {
  /** A name that no other bucket has. */
  readonly name: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly cleanUps: CleanUps;
}

/** Creates a bucket, runs `work` on it, and removes it with all its versions, even if `work` throws. */
export async function withScratchBucket<T>(
  client: S3Client,
  { name, region, endpoint, cleanUps }: ScratchBucketOptions,
  work: () => Promise<T>,
): Promise<T> {
  const asking = (what: string, request: Promise<void>): Promise<void> =>
    request.catch((error: unknown) => {
      const where = endpoint ?? 'AWS';
      throw asAwsFailure(error, { what, where, username: undefined, rights: 'make and remove buckets' });
    });
  await asking(`make scratch bucket "${name}"`, createBucket(client, name, region, endpoint));
  const remove = cleanUps.add(() => removeBucket(client, name));
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // The error of `work` matters more than one of its clean-up.
    await remove().catch(() => {});
    throw error;
  }
  await asking(`remove scratch bucket "${name}"`, remove());
  return result;
}

async function removeBucket(client: S3Client, bucket: string): Promise<void> {
  for (let truncated: boolean | undefined = true; truncated === true; ) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key, VersionId }));
    }
    // What was listed is gone, so the next first page follows it.
    truncated = page.IsTruncated;
  }
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}
