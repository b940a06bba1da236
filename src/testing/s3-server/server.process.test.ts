import { connect } from 'node:net';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { CEPH_16 } from './server.ts';
import { BUCKET, cleanUps, ETAG_OF_ONE, etagOf, eventually, get, put, refusal, start } from './server-rig.ts';

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('the record', () => {
  test('counts requests by operation and status, bytes both ways, and connections', async () => {
    const { server, s3 } = await start();
    await put(s3, '0123456789', { IfNoneMatch: '*' });
    await get(s3);
    await refusal(get(s3, { IfNoneMatch: etagOf('0123456789') }));
    await refusal(put(s3, 'again', { IfNoneMatch: '*' }));
    expect(server.counts).toMatchObject({ requests: 4, statuses: { 200: 2, 304: 1, 412: 1 }, bytesUp: 15 });
    expect(server.counts.operations).toMatchObject({ PutObject: 2, GetObject: 2, HeadObject: 0 });
    expect(server.counts.bytesDown).toBeGreaterThan(10);
    expect(server.counts.connections).toBeGreaterThan(0);
    expect(server.log[0]).toEqual({
      operation: 'PutObject',
      bucket: BUCKET,
      key: 'key',
      status: 200,
      ifMatch: undefined,
      ifNoneMatch: '*',
      bytesUp: 10,
      bytesDown: 0,
      expectContinue: false,
    });
  });

  test('is emptied alone, or with everything else', async () => {
    const { server, s3 } = await start();
    await put(s3, 'one');
    server.resetCounts();
    expect(server.counts).toMatchObject({ requests: 0, bytesUp: 0, connections: 0, statuses: {} });
    expect(server.log).toEqual([]);
    expect(server.keys(BUCKET)).toEqual(['key']);
    server.inject({ fault: 'refuse-before' });
    server.roundTripMs = 10_000;
    server.reset();
    expect(await refusal(get(s3))).toBe('404 NoSuchKey');
    expect(server.counts.requests).toBe(1);
  });

  test('an upload that breaks off is logged without a status and writes nothing', async () => {
    const { server } = await start();
    const socket = connect(server.port, '127.0.0.1');
    cleanUps.push(() => void socket.destroy());
    socket.write(`PUT /${BUCKET}/key HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf`);
    await eventually(() => server.counts.connections).toBe(1);
    socket.end();
    await eventually(() => server.log).toMatchObject([{ operation: 'PutObject', status: 0, bytesDown: 0 }]);
    expect(server.keys(BUCKET)).toEqual([]);
  });
});

describe('the server', () => {
  test('answers late when told to', async () => {
    const { server, s3 } = await start({ roundTripMs: 2 });
    await put(s3, 'one');
    server.roundTripMs = 4;
    expect((await get(s3)).text).toBe('one');
  });

  test('closes at once, twice, although an answer is due in an hour', async () => {
    const { server, s3 } = await start();
    const slow = server.inject({ fault: 'slow-first-byte', delayMs: 3_600_000 });
    const waiting = refusal(put(s3, 'one'));
    await eventually(() => slow.fired).toBe(1);
    await server.close();
    expect(await waiting).toBe('no answer');
    await server.close();
  });

  test('survives a client that hangs up before its answer', async () => {
    const { server, s3 } = await start();
    let release = () => {};
    server.beforeReply = () => new Promise<void>((resolve) => (release = resolve));
    const abort = new AbortController();
    const sent = s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', Body: 'one' }), {
      abortSignal: abort.signal,
    });
    const ending = refusal(sent);
    await eventually(() => server.keys(BUCKET)).toEqual(['key']);
    abort.abort();
    expect(await ending).toBe('no answer');
    server.beforeReply = undefined;
    release();
    expect((await get(s3)).text).toBe('one');
  });

  test('takes no metadata that it could not send', async () => {
    const { server } = await start();
    expect(() => server.putObject(BUCKET, 'key', 'one', { name: '日本' })).toThrow(/x-amz-meta-name/);
  });

  test('imitates Ceph with one word', async () => {
    const { server, s3 } = await start(CEPH_16);
    server.putObject(BUCKET, 'key', 'one');
    expect(await refusal(put(s3, 'two', { IfMatch: ETAG_OF_ONE }))).toBe('412 PreconditionFailed');
    expect(await refusal(put(s3, 'two', { IfMatch: ETAG_OF_ONE.replaceAll('"', '') }))).toBe('succeeded');
  });

  test.each([
    { name: 'the right key', accessKeyId: 'test', is: 'succeeded' },
    { name: 'another key', accessKeyId: 'somebody', is: '403 InvalidAccessKeyId' },
  ])('with an access key, a request signed with $name: $is', async ({ accessKeyId, is }) => {
    const { s3 } = await start({ accessKeyId });
    expect(await refusal(put(s3, 'one'))).toBe(is);
  });

  test('with an access key, an unsigned request is refused', async () => {
    const { server } = await start({ accessKeyId: 'test' });
    const response = await fetch(`${server.endpoint}/${BUCKET}/key`);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('<Code>AccessDenied</Code>');
  });
});
