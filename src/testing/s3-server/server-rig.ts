import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type PutObjectCommandOutput,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { type S3Server, type S3ServerOptions, startS3Server } from './server.ts';

export const BUCKET = 'bucket';

export const ETAG_OF_ONE = etagOf('one');

export const cleanUps: (() => Promise<void> | void)[] = [];

export async function start(options: S3ServerOptions = {}, config: S3ClientConfig = {}) {
  const server = await startS3Server({ buckets: [BUCKET], ...options });
  cleanUps.push(() => server.close());
  return { server, s3: client(server, config) };
}

export function client(server: S3Server, config: S3ClientConfig = {}): S3Client {
  const s3 = new S3Client({
    endpoint: server.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'secret' },
    maxAttempts: 1,
    // The SDK warns on the console of every failed stream; these fail on purpose.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    ...config,
  });
  cleanUps.push(() => s3.destroy());
  return s3;
}

export function etagOf(body: string): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

export function put(
  s3: S3Client,
  body: string,
  input: Partial<PutObjectCommandInput> = {},
): Promise<PutObjectCommandOutput> {
  return s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', Body: body, ...input }));
}

export async function get(s3: S3Client, input: Partial<GetObjectCommandInput> = {}) {
  const output = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'key', ...input }));
  return { ...output, text: await output.Body?.transformToString() };
}

/** `404 NoSuchKey`: how S3 refused; or `no answer` where the connection broke. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => 'succeeded',
    (reason: unknown) => reason,
  );
  if (error instanceof S3ServiceException && error.$metadata.httpStatusCode !== undefined) {
    return `${error.$metadata.httpStatusCode} ${error.name}`;
  }
  return error instanceof Error ? 'no answer' : String(error);
}

/** Waits for a state of the server. The limit is there to end a broken test, not to judge a slow machine. */
export function eventually<T>(state: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(state, { timeout: 100_000, interval: 5 });
}

export async function setVersioning(s3: S3Client, status: 'Enabled' | 'Suspended') {
  await s3.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration: { Status: status } }));
}
