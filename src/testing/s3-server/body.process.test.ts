import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { BUCKET, cleanUps, put, refusal, start } from './server-rig.ts';

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
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
    {
      name: 'a checksum that was not announced',
      body: '3\r\none\r\n0\r\nx-amz-checksum-sha1:AAAAAA==\r\n\r\n',
      status: 400,
    },
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

  test('64 MB go up and come down', async () => {
    const { server, s3 } = await start();
    const large = Buffer.alloc(64 * 1024 * 1024, 'javumbo');
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', Body: large }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'key' }));
    const hash = createHash('md5');
    for await (const chunk of Body as Readable) hash.update(chunk);
    expect(`"${hash.digest('hex')}"`).toBe(server.object(BUCKET, 'key')?.etag);
    expect(server.counts).toMatchObject({ bytesUp: large.length, bytesDown: large.length });
  });
});
