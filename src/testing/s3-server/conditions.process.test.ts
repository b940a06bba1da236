import { DeleteObjectCommand, HeadObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import type { S3ServerOptions } from './server.ts';
import { BUCKET, cleanUps, ETAG_OF_ONE, etagOf, get, put, refusal, setVersioning, start } from './server-rig.ts';

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('conditional writes', () => {
  const STALE = etagOf('stale');
  const UNQUOTED = ETAG_OF_ONE.replaceAll('"', '');
  const onOne: {
    name: string;
    input: Partial<PutObjectCommandInput>;
    options?: S3ServerOptions;
    is: string;
  }[] = [
    { name: 'If-Match with the current ETag', input: { IfMatch: ETAG_OF_ONE }, is: 'succeeded' },
    { name: 'If-Match with its unquoted form', input: { IfMatch: UNQUOTED }, is: 'succeeded' },
    { name: 'If-Match: *', input: { IfMatch: '*' }, is: 'succeeded' },
    { name: 'If-Match with a stale ETag', input: { IfMatch: STALE }, is: '412 PreconditionFailed' },
    { name: 'If-None-Match: *', input: { IfNoneMatch: '*' }, is: '412 PreconditionFailed' },
    { name: 'If-None-Match with an ETag', input: { IfNoneMatch: STALE }, is: '501 NotImplemented' },
    { name: 'both conditions', input: { IfMatch: ETAG_OF_ONE, IfNoneMatch: '*' }, is: '501 NotImplemented' },
    ...(['quoted', 'unquoted'] as const).flatMap((ifMatchForm) =>
      (['quoted', 'unquoted'] as const).map((sent) => ({
        name: `If-Match ${sent} where the engine wants it ${ifMatchForm}`,
        input: { IfMatch: sent === 'quoted' ? ETAG_OF_ONE : UNQUOTED },
        options: { ifMatchForm },
        is: sent === ifMatchForm ? 'succeeded' : '412 PreconditionFailed',
      })),
    ),
    {
      name: 'a stale If-Match where conditions are ignored',
      input: { IfMatch: STALE },
      options: { ignoreConditions: true },
      is: 'succeeded',
    },
    {
      name: 'a stale If-Match where only versioned buckets ignore it',
      input: { IfMatch: STALE },
      options: { ignoreConditions: 'on-versioned-buckets' },
      is: '412 PreconditionFailed',
    },
  ];
  test.each(onOne)('$name on an existing key: $is', async ({ input, options, is }) => {
    const { server, s3 } = await start(options);
    server.putObject(BUCKET, 'key', 'one');
    expect(await refusal(put(s3, 'two', input))).toBe(is);
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe(is === 'succeeded' ? 'two' : 'one');
  });

  test.each([
    { name: 'If-None-Match: *', input: { IfNoneMatch: '*' }, options: {}, is: 'succeeded' },
    { name: 'If-Match', input: { IfMatch: ETAG_OF_ONE }, options: {}, is: '404 NoSuchKey' },
    { name: 'If-Match: *', input: { IfMatch: '*' }, options: {}, is: '404 NoSuchKey' },
    {
      name: 'If-Match at an engine such as Ceph',
      input: { IfMatch: ETAG_OF_ONE },
      options: { ifMatchMissing: 412 } as const,
      is: '412 PreconditionFailed',
    },
  ])('$name on a missing key or a delete marker: $is', async ({ input, options, is }) => {
    const { server, s3 } = await start(options);
    expect(await refusal(put(s3, 'two', input))).toBe(is);
    await setVersioning(s3, 'Enabled');
    server.putObject(BUCKET, 'marked', 'one');
    server.deleteObject(BUCKET, 'marked');
    expect(await refusal(put(s3, 'two', { ...input, Key: 'marked' }))).toBe(is);
  });

  test('an engine that ignores conditions on versioned buckets judges them on others', async () => {
    const { server, s3 } = await start({ ignoreConditions: 'on-versioned-buckets' });
    server.putObject(BUCKET, 'key', 'one');
    expect(await refusal(put(s3, 'two', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    await setVersioning(s3, 'Enabled');
    expect(await refusal(put(s3, 'two', { IfNoneMatch: '*' }))).toBe('succeeded');
  });

  test.each([
    { name: 'the current ETag', ifMatch: ETAG_OF_ONE, options: {}, is: 'succeeded' },
    { name: 'a stale ETag', ifMatch: STALE, options: {}, is: '412 PreconditionFailed' },
    { name: 'a stale ETag, ignored', ifMatch: STALE, options: { ignoreDeleteConditions: true }, is: 'succeeded' },
  ])('a delete with $name: $is', async ({ ifMatch, options, is }) => {
    const { server, s3 } = await start(options);
    server.putObject(BUCKET, 'key', 'one');
    expect(await refusal(s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'key', IfMatch: ifMatch })))).toBe(is);
    expect(server.keys(BUCKET)).toEqual(is === 'succeeded' ? [] : ['key']);
  });

  test.each([
    { name: 'of one version', before: 'one', input: { IfMatch: ETAG_OF_ONE } },
    { name: 'that create', before: undefined, input: { IfNoneMatch: '*' } },
  ])('of 50 parallel writes $name exactly one wins', async ({ before, input }) => {
    const { server, s3 } = await start();
    if (before !== undefined) server.putObject(BUCKET, 'key', before);
    const endings = await Promise.all(
      Array.from({ length: 50 }, (_, writer) => refusal(put(s3, `writer ${writer}`, input))),
    );
    expect(endings.filter((ending) => ending === 'succeeded')).toHaveLength(1);
    expect(endings.filter((ending) => ending === '412 PreconditionFailed')).toHaveLength(49);
    const winner = endings.indexOf('succeeded');
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe(`writer ${winner}`);
    expect(server.counts.statuses).toEqual({ 200: 1, 412: 49 });
  });
});

describe('conditional reads', () => {
  test('a 304 carries the ETag and neither metadata nor body', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one', { writes: 'x' });
    const response = await fetch(`${server.endpoint}/${BUCKET}/key`, { headers: { 'if-none-match': ETAG_OF_ONE } });
    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(ETAG_OF_ONE);
    expect(response.headers.get('x-amz-meta-writes')).toBeNull();
    expect(server.counts.bytesDown).toBe(0);
    expect(await refusal(get(s3, { IfNoneMatch: ETAG_OF_ONE }))).toMatch(/^304/);
    expect(
      await refusal(s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'key', IfNoneMatch: ETAG_OF_ONE }))),
    ).toMatch(/^304/);
  });

  test.each([
    { name: 'If-None-Match with another ETag', input: { IfNoneMatch: etagOf('x') }, is: 'succeeded' },
    { name: 'If-Match with the ETag', input: { IfMatch: ETAG_OF_ONE }, is: 'succeeded' },
    { name: 'If-Match with another', input: { IfMatch: etagOf('x') }, is: '412 PreconditionFailed' },
  ])('$name: $is', async ({ input, is }) => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'key', 'one');
    expect(await refusal(get(s3, input))).toBe(is);
  });
});
