import { DeleteBucketCommand, ListBucketsCommand, type S3Client } from '@aws-sdk/client-s3';
import { asAwsFailure, errorNameOf, isAccessDenied } from '../aws/errors.ts';
import type { CleanUps } from '../core/clean-ups.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { TEST_USER_PREFIX } from '../core/test-data.ts';
import { S3ObjectVersions } from '../history/s3-object-versions.ts';
import { createBucket } from './s3-bucket.ts';

const SCRATCH = /^javumbo-test-scratch-[0-9a-f]{16}$/;

/** Returns a name for a scratch bucket, by which a clean-up knows it after its process was killed. */
export function scratchBucketName(random: Random): string {
  return `${TEST_USER_PREFIX}scratch-${random.hex(8)}`;
}

/** A scratch bucket that nobody removed, or is still in use by another process. */
export interface LeftScratchBucket {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Lists the scratch buckets of an engine; none where the credentials may not list buckets. */
export async function leftScratchBuckets(client: S3Client, endpoint: string): Promise<LeftScratchBucket[]> {
  try {
    const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
    return Buckets.flatMap(({ Name = '', CreationDate }) =>
      SCRATCH.test(Name) ? { name: Name, createdAt: CreationDate?.getTime() ?? 0 } : [],
    );
  } catch (error) {
    if (isAccessDenied(error)) return [];
    throw asAwsFailure(error, { what: 'list buckets', where: endpoint, username: undefined, rights: 'list buckets' });
  }
}

export interface ScratchBucketOptions {
  /** A name that no other bucket has. */
  readonly name: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly clock: Clock;
  readonly cleanUps: CleanUps;
}

/**
 * Creates a bucket, runs `work` on it, and removes it with all its versions, even if `work` throws. `left` says why it
 * could not be removed.
 */
export async function withScratchBucket<T>(
  client: S3Client,
  options: ScratchBucketOptions,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly left?: JavumboError }> {
  const { name, region, endpoint, cleanUps } = options;
  const asking = (what: string, request: Promise<void>): Promise<void> =>
    request.catch((error: unknown) => {
      const where = endpoint ?? 'AWS';
      throw asAwsFailure(error, { what, where, username: undefined, rights: 'make and remove buckets' });
    });
  await asking(`make scratch bucket "${name}"`, createBucket(client, name, region, endpoint));
  const remove = cleanUps.add(() => removeBucket(client, options));
  let value: T;
  try {
    value = await work();
  } catch (error) {
    // The error of `work` matters more than one of its clean-up.
    await remove().catch(() => {});
    throw error;
  }
  try {
    await asking(`remove scratch bucket "${name}"`, remove());
    return { value };
  } catch (error) {
    // What was found out counts, whatever happens to the bucket.
    if (!(error instanceof JavumboError)) throw error;
    return { value, left: error };
  }
}

/** Removes a scratch bucket with all that is in it. Succeeds if it is gone. */
export async function removeBucket(
  client: S3Client,
  { name, endpoint, clock }: Pick<ScratchBucketOptions, 'name' | 'endpoint' | 'clock'>,
): Promise<void> {
  const objects = new S3ObjectVersions(client, { bucket: name, endpoint, clock });
  // What was listed is gone, so the next first page follows it.
  for await (const page of objects.list('', { versions: true })) await objects.delete(page);
  try {
    await client.send(new DeleteBucketCommand({ Bucket: name }));
  } catch (error) {
    // A repeated request, or somebody who cleaned up meanwhile.
    if (errorNameOf(error) !== 'NoSuchBucket') throw error;
  }
}
