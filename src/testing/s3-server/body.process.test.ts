import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { BUCKET, cleanUps, ETAG_OF_ONE, etagOf, get, put, refusal, start } from './server-rig.ts';

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('multipart uploads', () => {
  const AT = { Bucket: BUCKET, Key: 'key' };

  async function uploadParts(s3: S3Client, bodies: readonly string[]) {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...AT, Metadata: { writes: 'm' } }));
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const { ETag } = await s3.send(new UploadPartCommand({ ...AT, UploadId, PartNumber, Body }));
      Parts.push({ PartNumber, ETag });
    }
    return { ...AT, UploadId, MultipartUpload: { Parts } };
  }

  test('parts become one object, whose ETag says how many they were', async () => {
    const { server, s3 } = await start({ minimumPartBytes: 1 });
    const upload = await uploadParts(s3, ['one', 'two']);
    expect(server.object(BUCKET, 'key')).toBeUndefined();
    const { ETag } = await s3.send(new CompleteMultipartUploadCommand(upload));
    expect(ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    expect(await get(s3)).toMatchObject({ text: 'onetwo', ETag, Metadata: { writes: 'm' } });
    expect(await refusal(s3.send(new CompleteMultipartUploadCommand(upload)))).toBe('404 NoSuchUpload');
  });

  test.each([
    { name: 'If-None-Match: *', input: { IfNoneMatch: '*' }, is: '412 PreconditionFailed' },
    { name: 'a stale If-Match', input: { IfMatch: etagOf('stale') }, is: '412 PreconditionFailed' },
    { name: 'the current If-Match', input: { IfMatch: ETAG_OF_ONE }, is: 'succeeded' },
  ])('completing onto an existing key with $name: $is', async ({ input, is }) => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    const upload = await uploadParts(s3, ['two']);
    expect(await refusal(s3.send(new CompleteMultipartUploadCommand({ ...upload, ...input })))).toBe(is);
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe(is === 'succeeded' ? 'two' : 'one');
  });

  test('an aborted upload is gone', async () => {
    const { s3 } = await start();
    const { UploadId, ...rest } = await uploadParts(s3, ['one']);
    await s3.send(new AbortMultipartUploadCommand({ ...AT, UploadId }));
    expect(await refusal(s3.send(new CompleteMultipartUploadCommand({ UploadId, ...rest })))).toBe('404 NoSuchUpload');
  });

  test.each([
    { name: 'a small part that is not the last', order: [1, 2], options: {}, is: '400 EntityTooSmall' },
    { name: 'a wrong order', order: [2, 1], options: { minimumPartBytes: 1 }, is: '400 InvalidPartOrder' },
    { name: 'one part twice', order: [1, 1], options: { minimumPartBytes: 1 }, is: '400 InvalidPartOrder' },
    { name: 'an unknown part', order: [3], options: {}, is: '400 InvalidPart' },
    { name: 'only some of the parts', order: [2], options: {}, is: 'succeeded' },
  ])('completing with $name: $is', async ({ order, options, is }) => {
    const { s3 } = await start(options);
    const upload = await uploadParts(s3, ['one', 'two']);
    const Parts = order.map((PartNumber) => ({ PartNumber, ETag: upload.MultipartUpload.Parts[PartNumber - 1]?.ETag }));
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
    expect(await refusal(s3.send(complete))).toBe(is);
  });

  test('a part whose ETag is another is refused', async () => {
    const { s3 } = await start();
    const upload = await uploadParts(s3, ['one']);
    const Parts = [{ PartNumber: 1, ETag: etagOf('other') }];
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
    expect(await refusal(s3.send(complete))).toBe('400 InvalidPart');
  });
});

describe('streams and checksums', () => {
  const MEGABYTES = Buffer.alloc(3 * 1024 * 1024, 'abc');
  const streamed = () => ({ Body: Readable.from([MEGABYTES]), ContentLength: MEGABYTES.length });

  test('a stream with a trailing checksum arrives without its framing', async () => {
    const { server, s3 } = await start();
    const { ChecksumCRC32 } = await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', ...streamed() }));
    expect(ChecksumCRC32).toBeDefined();
    expect(server.object(BUCKET, 'key')?.body.equals(MEGABYTES)).toBe(true);
    expect(server.counts.bytesUp).toBeGreaterThan(MEGABYTES.length);
    expect(server.log.at(-1)?.expectContinue).toBe(true);
  });

  test.each(['no-trailers', 'none'] as const)('an engine with checksums: %s refuses it', async (checksums) => {
    const { server, s3 } = await start({ checksums });
    const sent = s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', ...streamed() }));
    expect(await refusal(sent)).toBe('501 NotImplemented');
    expect(server.keys(BUCKET)).toEqual([]);
  });

  test.each([
    { checksums: 'no-trailers' as const, is: 'succeeded' },
    { checksums: 'none' as const, is: '501 NotImplemented' },
  ])('a checksum header at an engine with checksums $checksums: $is', async ({ checksums, is }) => {
    const { s3 } = await start({ checksums });
    expect(await refusal(put(s3, 'one'))).toBe(is);
  });

  test('a stream without checksums goes to every engine', async () => {
    const { server, s3 } = await start({ checksums: 'none' }, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', ...streamed() }));
    expect(server.object(BUCKET, 'key')?.body.equals(MEGABYTES)).toBe(true);
    expect(server.counts.bytesUp).toBe(MEGABYTES.length);
  });

  test.each([
    { name: 'a wrong trailing checksum', body: '3\r\none\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n', status: 400 },
    { name: 'a right one', body: '3\r\none\r\n0\r\nx-amz-checksum-crc32:emyG8Q==\r\n\r\n', status: 200 },
    { name: 'two chunks', body: '1;chunk-signature=x\r\no\r\n2\r\nne\r\n0\r\n\r\n', status: 200 },
    { name: 'too few bytes', body: '2\r\non\r\n0\r\n\r\n', status: 400 },
    { name: 'too many bytes', body: '4\r\nones\r\n0\r\n\r\n', status: 400 },
    { name: 'a broken frame', body: 'three\r\none\r\n0\r\n\r\n', status: 400 },
  ])('an aws-chunked body with $name is answered with $status', async ({ body, status }) => {
    const { server } = await start();
    const response = await fetch(`${server.endpoint}/${BUCKET}/key`, {
      method: 'PUT',
      body,
      headers: {
        'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        'x-amz-decoded-content-length': '3',
        'x-amz-trailer': 'x-amz-checksum-crc32',
      },
    });
    expect(response.status).toBe(status);
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe(status === 200 ? 'one' : undefined);
  });

  test('a body without a declared length is refused, as on S3', async () => {
    const { server } = await start();
    const body = Readable.toWeb(Readable.from([Buffer.from('one')])) as unknown as ReadableStream;
    const response = await fetch(`${server.endpoint}/${BUCKET}/key`, { method: 'PUT', body, duplex: 'half' });
    expect(response.status).toBe(411);
  });

  test('200 MB go up and come down', async () => {
    const { server, s3 } = await start();
    const large = Buffer.alloc(200 * 1024 * 1024, 'javumbo');
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', Body: large }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'key' }));
    const hash = createHash('md5');
    for await (const chunk of Body as Readable) hash.update(chunk);
    expect(`"${hash.digest('hex')}"`).toBe(server.object(BUCKET, 'key')?.etag);
    expect(server.counts).toMatchObject({ bytesUp: large.length, bytesDown: large.length });
  });
});
