import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../core/random.ts';
import type { ScriptedFault } from './server.ts';
import { BUCKET, cleanUps, client, ETAG_OF_ONE, etagOf, eventually, get, put, refusal, start } from './server-rig.ts';

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('faults', () => {
  const WRITTEN = 'two';
  const faults: { fault: ScriptedFault; is: string; left: 'one' | 'two' }[] = [
    { fault: { fault: 'refuse-before' }, is: '503 SlowDown', left: 'one' },
    { fault: { fault: 'refuse-before', status: 500 }, is: '500 InternalError', left: 'one' },
    {
      fault: { fault: 'refuse-before', status: 503, code: 'ServiceUnavailable' },
      is: '503 ServiceUnavailable',
      left: 'one',
    },
    { fault: { fault: 'refuse-before', status: 403 }, is: '403 AccessDenied', left: 'one' },
    { fault: { fault: 'refuse-before', status: 429 }, is: '429 TooManyRequests', left: 'one' },
    { fault: { fault: 'reset-before' }, is: 'no answer', left: 'one' },
    { fault: { fault: 'conflict-409' }, is: '409 ConditionalRequestConflict', left: 'one' },
    { fault: { fault: 'not-found-on-if-match' }, is: '404 NoSuchKey', left: 'one' },
    { fault: { fault: 'reset-after' }, is: 'no answer', left: WRITTEN },
    { fault: { fault: 'error-after' }, is: '500 InternalError', left: WRITTEN },
    { fault: { fault: 'error-after', status: 503 }, is: '503 SlowDown', left: WRITTEN },
    { fault: { fault: 'slow-first-byte', delayMs: 1 }, is: 'succeeded', left: WRITTEN },
  ];
  test.each(faults)('$fault.fault on a conditional PUT: $is, and "$left" is stored', async ({ fault, is, left }) => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    const injected = server.inject({ operation: 'PutObject', ...fault });
    expect(await refusal(put(s3, 'two', { IfMatch: ETAG_OF_ONE }))).toBe(is);
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe(left);
    expect(injected).toMatchObject({ name: fault.fault, fired: 1 });
    expect(server.log.at(-1)?.status).toBe(is === 'no answer' ? 0 : is === 'succeeded' ? 200 : Number(is.slice(0, 3)));
    // The next request is healthy again.
    expect(await refusal(put(s3, 'three'))).toBe('succeeded');
    expect(injected.fired).toBe(1);
  });

  test.each([
    { fault: 'hang-before' as const, left: undefined },
    { fault: 'hang-after' as const, left: 'one' },
  ])('$fault never answers, and closing the server ends it', async ({ fault, left }) => {
    const { server, s3 } = await start();
    server.inject({ fault });
    const hanging = refusal(put(s3, 'one'));
    await eventually(() => server.counts.requests).toBe(1);
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe(left);
    expect(server.log.at(-1)?.status).toBe(0);
    await server.close();
    expect(await hanging).toBe('no answer');
  });

  test('ignore-conditions lets a stale write through while it is armed', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    const injected = server.inject({ fault: 'ignore-conditions', times: Number.POSITIVE_INFINITY });
    for (const body of ['two', 'three']) await put(s3, body, { IfMatch: etagOf('stale') });
    expect(injected.fired).toBe(2);
    injected.remove();
    expect(await refusal(put(s3, 'four', { IfMatch: etagOf('stale') }))).toBe('412 PreconditionFailed');
  });

  test('faults of conditional writes leave all other requests alone', async () => {
    const { server, s3 } = await start();
    const conflict = server.inject({ fault: 'conflict-409', key: 'key' });
    const missing = server.inject({ fault: 'not-found-on-if-match' });
    await put(s3, 'one');
    await get(s3, { IfMatch: ETAG_OF_ONE });
    expect([conflict.fired, missing.fired]).toEqual([0, 0]);
    expect(await refusal(put(s3, 'two', { IfNoneMatch: '*' }))).toBe('409 ConditionalRequestConflict');
    expect([conflict.fired, missing.fired]).toEqual([1, 0]);
  });

  test('truncate-body promises the whole object and sends half', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', '0123456789');
    const injected = server.inject({ fault: 'truncate-body' });
    const output = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'key' }));
    expect(output.ContentLength).toBe(10);
    await expect(output.Body?.transformToString()).rejects.toThrow();
    expect(injected.fired).toBe(1);
    expect(server.counts.bytesDown).toBe(5);
  });

  test('corrupt-body changes one byte, which a checksum shows and nothing else does', async () => {
    const { server, s3 } = await start();
    await put(s3, '0123456789');
    server.inject({ fault: 'corrupt-body', times: 2 });
    await expect(get(s3)).rejects.toThrow(/checksum/i);
    const trusting = client(server, { responseChecksumValidation: 'WHEN_REQUIRED' });
    const { text, ETag } = await get(trusting);
    expect(text).not.toBe('0123456789');
    expect(ETag).toBe(etagOf('0123456789'));
    expect((await get(s3)).text).toBe('0123456789');
  });

  test('body faults wait for a GET that has a body', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    const injected = server.inject({ fault: 'truncate-body' });
    expect(await refusal(get(s3, { Key: 'absent' }))).toBe('404 NoSuchKey');
    expect(await refusal(get(s3, { IfNoneMatch: ETAG_OF_ONE }))).toMatch(/^304/);
    await s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'key' }));
    expect(injected.fired).toBe(0);
    expect(await refusal(get(s3))).toBe('no answer');
  });

  test.each([
    { name: 'one operation', filter: { operation: 'GetObject' as const }, hit: ['GET a'] },
    {
      name: 'several operations',
      filter: { operation: ['GetObject', 'HeadObject'] as const, times: 9 },
      hit: ['GET a', 'GET b', 'HEAD a'],
    },
    { name: 'a key', filter: { key: 'b' }, hit: ['GET b'] },
    { name: 'a pattern', filter: { key: /^[ab]$/g, times: 9 }, hit: ['GET a', 'GET b', 'HEAD a'] },
    { name: 'the first two', filter: { times: 2 }, hit: ['GET a', 'GET b'] },
    { name: 'those behind the first', filter: { after: 1 }, hit: ['GET b'] },
    { name: 'none, at probability 0', filter: { probability: 0 }, hit: [] },
    { name: 'all, at probability 1', filter: { probability: 1 }, hit: ['GET a', 'GET b', 'HEAD a'] },
  ])('a fault can be limited to $name', async ({ filter, hit }) => {
    const { server, s3 } = await start();
    for (const key of ['a', 'b']) server.putObject(BUCKET, key, 'one');
    const injected = server.inject({ fault: 'refuse-before', ...filter });
    const requests = {
      'GET a': () => get(s3, { Key: 'a' }),
      'GET b': () => get(s3, { Key: 'b' }),
      'HEAD a': () => s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'a' })),
    };
    const refused: string[] = [];
    for (const [name, send] of Object.entries(requests)) {
      if ((await refusal(send())) !== 'succeeded') refused.push(name);
    }
    expect(refused).toEqual(hit);
    expect(injected.fired).toBe(hit.length);
  });

  test('one seed hits the same requests again', async () => {
    const runs: string[][] = [];
    for (let run = 0; run < 2; run += 1) {
      const { server, s3 } = await start();
      const injected = server.inject({ fault: 'error-after', probability: 0.3, random: seededRandom(17) });
      const endings: string[] = [];
      for (let request = 0; request < 40; request += 1) endings.push(await refusal(put(s3, 'one')));
      expect(injected.fired).toBeGreaterThan(0);
      expect(injected.fired).toBeLessThan(40);
      runs.push(endings);
    }
    expect(runs[0]).toEqual(runs[1]);
  });

  test('faults of different moments meet in one request', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    const ignoring = server.inject({ fault: 'ignore-conditions' });
    const losing = server.inject({ fault: 'reset-after' });
    expect(await refusal(put(s3, 'two', { IfNoneMatch: '*' }))).toBe('no answer');
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe('two');
    expect([ignoring.fired, losing.fired]).toEqual([1, 1]);
  });

  test('a client that waits for 100 Continue never sends the body of a refused PUT', async () => {
    const { server, s3 } = await start();
    server.inject({ fault: 'refuse-before' });
    const Body = Buffer.alloc(3 * 1024 * 1024);
    expect(await refusal(s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'key', Body })))).toBe('503 SlowDown');
    expect(server.log).toMatchObject([{ expectContinue: true, bytesUp: 0, status: 503 }]);
  });

  test('an SDK that retries hits the healthy server behind the fault', async () => {
    const { server, s3 } = await start({}, { maxAttempts: 3 });
    server.inject({ fault: 'reset-after', operation: 'PutObject' });
    // The very trap that this program exists for: the first attempt landed, so the second is refused.
    expect(await refusal(put(s3, 'one', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    expect(server.log.map((request) => request.status)).toEqual([0, 412]);
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe('one');
  });
});

describe('hooks', () => {
  test('another writer comes first between the arrival of a request and its work', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    server.beforeWork = ({ operation, bucket, key }) => {
      if (operation === 'PutObject') server.putObject(bucket, key, 'somebody else');
    };
    expect(await refusal(put(s3, 'two', { IfMatch: ETAG_OF_ONE }))).toBe('412 PreconditionFailed');
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe('somebody else');
  });

  test('another writer comes on top between the work and a reply that is lost', async () => {
    const { server, s3 } = await start();
    server.beforeReply = async ({ bucket, key }) => {
      await Promise.resolve();
      server.putObject(bucket, key, `on top of ${server.object(bucket, key)?.body}`);
    };
    server.inject({ fault: 'reset-after' });
    expect(await refusal(put(s3, 'two'))).toBe('no answer');
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe('on top of two');
  });

  test('a hook may send requests of its own', async () => {
    const { server, s3 } = await start();
    server.beforeWork = async ({ key }) => {
      if (key === 'outer') await put(s3, 'inner', { Key: 'inner' });
    };
    await put(s3, 'outer', { Key: 'outer' });
    expect(server.keys(BUCKET)).toEqual(['inner', 'outer']);
  });

  test('an error in a hook is an answer, not a crash', async () => {
    const { server, s3 } = await start();
    server.beforeWork = () => {
      throw new Error('a mistake in the test');
    };
    await expect(put(s3, 'one')).rejects.toThrow('a mistake in the test');
    expect(server.keys(BUCKET)).toEqual([]);
  });
});
