import { createHash } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketAclCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { BUCKET, cleanUps, ETAG_OF_ONE, get, put, refusal, start } from './server-rig.ts';

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('buckets', () => {
  test('are created, found, listed and deleted', async () => {
    const { s3 } = await start({ buckets: ['b-second'] });
    await s3.send(new CreateBucketCommand({ Bucket: 'a-first' }));
    await s3.send(new HeadBucketCommand({ Bucket: 'a-first' }));
    const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets.map((bucket) => bucket.Name)).toEqual(['a-first', 'b-second']);
    await s3.send(new DeleteBucketCommand({ Bucket: 'a-first' }));
    expect(await refusal(s3.send(new HeadBucketCommand({ Bucket: 'a-first' })))).toMatch(/^404/);
  });

  test('creating one’s own bucket again is no error, as in us-east-1', async () => {
    const { s3 } = await start();
    expect(await refusal(s3.send(new CreateBucketCommand({ Bucket: BUCKET })))).toBe('succeeded');
  });

  test('one that is not empty cannot be deleted', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    expect(await refusal(s3.send(new DeleteBucketCommand({ Bucket: BUCKET })))).toBe('409 BucketNotEmpty');
  });

  test.each([
    { name: 'GetObject', send: (s3: S3Client) => get(s3, { Bucket: 'absent' }), is: '404 NoSuchBucket' },
    { name: 'PutObject', send: (s3: S3Client) => put(s3, 'one', { Bucket: 'absent' }), is: '404 NoSuchBucket' },
    {
      name: 'ListObjectsV2',
      send: (s3: S3Client) => s3.send(new ListObjectsV2Command({ Bucket: 'absent' })),
      is: '404 NoSuchBucket',
    },
    {
      name: 'an operation that is not served',
      send: (s3: S3Client) => s3.send(new GetBucketAclCommand({ Bucket: BUCKET })),
      is: '501 NotImplemented',
    },
  ])('$name is refused with $is', async ({ send, is }) => {
    const { s3 } = await start();
    expect(await refusal(send(s3))).toBe(is);
  });
});

describe('objects', () => {
  test('what is put comes back with ETag, metadata, content type and checksum', async () => {
    const { server, s3 } = await start({ clock: { ...unusedClock, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) } });
    const stored = await put(s3, 'one', { Metadata: { writes: 'abc' }, ContentType: 'application/vnd.sqlite3' });
    expect(stored).toMatchObject({ ETag: ETAG_OF_ONE, ChecksumCRC32: 'emyG8Q==' });
    const expected = {
      ETag: ETAG_OF_ONE,
      ContentLength: 3,
      Metadata: { writes: 'abc' },
      ContentType: 'application/vnd.sqlite3',
      LastModified: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
    };
    expect(await get(s3)).toMatchObject({ ...expected, text: 'one', ChecksumCRC32: 'emyG8Q==' });
    expect(await s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'key' }))).toMatchObject(expected);
    expect(server.object(BUCKET, 'key')).toEqual({
      body: Buffer.from('one'),
      etag: ETAG_OF_ONE,
      metadata: { writes: 'abc' },
      versionId: undefined,
    });
  });

  test.each([
    ['a/../b'],
    ['user_dbs/a b+c%20&=?#.anki2'],
    ['ü/日本/😀'],
    ['quote\'and"double'],
    ['double//slash'],
    ['<tag>&amp;'],
  ])('the key %j survives put, list and get', async (key) => {
    const { server, s3 } = await start();
    await put(s3, 'one', { Key: key });
    expect(server.keys(BUCKET)).toEqual([key]);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    expect(Contents.map((object) => object.Key)).toEqual([key]);
    expect((await get(s3, { Key: key })).text).toBe('one');
  });

  test('what is put past the wire is served, and what is deleted past it is gone', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one', { writes: 'x' });
    expect(await get(s3)).toMatchObject({ text: 'one', Metadata: { writes: 'x' } });
    server.deleteObject(BUCKET, 'key');
    expect(await refusal(get(s3))).toBe('404 NoSuchKey');
    expect(server.object(BUCKET, 'key')).toBeUndefined();
  });

  test('a missing key is 404 for HEAD, without a body', async () => {
    const { server, s3 } = await start();
    expect(await refusal(s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'key' })))).toBe('404 NotFound');
    expect(server.counts.bytesDown).toBe(0);
  });

  test('deleting twice is no error', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    for (let time = 0; time < 2; time += 1) await s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'key' }));
    expect(server.object(BUCKET, 'key')).toBeUndefined();
  });

  test.each([
    { name: 'a wrong Content-MD5', input: { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }, is: '400 BadDigest' },
    { name: 'a Content-MD5 that is none', input: { ContentMD5: 'AAAA' }, is: '400 InvalidDigest' },
    { name: 'a wrong CRC-32', input: { ChecksumCRC32: 'AAAAAA==' }, is: '400 BadDigest' },
    { name: 'a wrong SHA-256', input: { ChecksumSHA256: 'AAAA' }, is: '400 BadDigest' },
    { name: 'metadata beyond 2 KB', input: { Metadata: { name: 'x'.repeat(2045) } }, is: '400 MetadataTooLarge' },
    { name: 'a key beyond 1,024 bytes', input: { Key: 'k'.repeat(1025) }, is: '400 KeyTooLongError' },
  ])('$name is refused, and nothing is written', async ({ input, is }) => {
    const { server, s3 } = await start();
    expect(await refusal(put(s3, 'one', input))).toBe(is);
    expect(server.keys(BUCKET)).toEqual([]);
  });

  test('a right Content-MD5 and 2 KB of metadata are taken', async () => {
    const { server, s3 } = await start();
    const md5 = createHash('md5').update('one').digest('base64');
    await put(s3, 'one', { ContentMD5: md5, Metadata: { name: 'x'.repeat(2044) } });
    expect(server.keys(BUCKET)).toEqual(['key']);
  });
});

const unusedClock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.reject(new Error('the server must not sleep on the test’s clock')),
};
