import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { BUCKET, cleanUps, ETAG_OF_ONE, etagOf, get, put, refusal, setVersioning, start } from './server-rig.ts';

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('ListObjectsV2', () => {
  async function listAll(s3: S3Client, input: Partial<ListObjectsV2CommandInput>) {
    const pages: { keys: string[]; prefixes: string[]; keyCount: number | undefined }[] = [];
    let token: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket: BUCKET,
          ...input,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      pages.push({
        keys: (page.Contents ?? []).map((object) => object.Key ?? ''),
        prefixes: (page.CommonPrefixes ?? []).map((each) => each.Prefix ?? ''),
        keyCount: page.KeyCount,
      });
      expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return pages;
  }

  test('2,500 keys come on three pages, each once', async () => {
    const { server, s3 } = await start();
    const keys = Array.from({ length: 2500 }, (_, index) => `user_dbs/${String(index).padStart(5, '0')}`);
    for (const key of keys.toReversed()) server.putObject(BUCKET, key, key);
    const pages = await listAll(s3, {});
    expect(pages.map((page) => page.keyCount)).toEqual([1000, 1000, 500]);
    expect(pages.flatMap((page) => page.keys)).toEqual(keys);
  });

  test('keys come in the order of their UTF-8 bytes', async () => {
    const { server, s3 } = await start();
    // U+FF5E sorts before U+1F600 by bytes, and behind it by UTF-16 units.
    for (const key of ['\u{1f600}', '\uff5e', 'b', 'B', 'a/b', 'a-b']) server.putObject(BUCKET, key, '');
    const [page] = await listAll(s3, {});
    expect(page?.keys).toEqual(['B', 'a-b', 'a/b', 'b', '\uff5e', '\u{1f600}']);
  });

  const KEYS = ['a', 'b/1', 'b/2', 'b/c/3', 'd/4', 'e'];
  const whole = (keys: string[], prefixes: string[] = []) => ({
    keys,
    prefixes,
    keyCount: keys.length + prefixes.length,
  });
  test.each([
    { name: 'a prefix', input: { Prefix: 'b/' }, pages: [whole(['b/1', 'b/2', 'b/c/3'])] },
    { name: 'a prefix of nothing', input: { Prefix: 'x' }, pages: [whole([])] },
    { name: 'a delimiter', input: { Delimiter: '/' }, pages: [whole(['a', 'e'], ['b/', 'd/'])] },
    {
      name: 'a prefix and a delimiter',
      input: { Prefix: 'b/', Delimiter: '/' },
      pages: [whole(['b/1', 'b/2'], ['b/c/'])],
    },
    { name: 'a start', input: { StartAfter: 'b/2' }, pages: [whole(['b/c/3', 'd/4', 'e'])] },
    { name: 'pages of four', input: { MaxKeys: 4 }, pages: [whole(KEYS.slice(0, 4)), whole(KEYS.slice(4))] },
    { name: 'no keys at all', input: { MaxKeys: 0 }, pages: [whole([])] },
    {
      name: 'pages of one with a delimiter',
      input: { MaxKeys: 1, Delimiter: '/' },
      pages: [whole(['a']), whole([], ['b/']), whole([], ['d/']), whole(['e'])],
    },
  ])('lists with $name', async ({ input, pages }) => {
    const { server, s3 } = await start();
    for (const key of KEYS) server.putObject(BUCKET, key, '');
    expect(await listAll(s3, input)).toEqual(pages);
  });

  test('goes on behind a key that was deleted between two pages', async () => {
    const { server, s3 } = await start();
    for (const key of ['a', 'b', 'c']) server.putObject(BUCKET, key, '');
    const first = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET, MaxKeys: 2 }));
    server.deleteObject(BUCKET, 'b');
    const second = await s3.send(
      new ListObjectsV2Command({ Bucket: BUCKET, ContinuationToken: first.NextContinuationToken }),
    );
    expect(second.Contents?.map((object) => object.Key)).toEqual(['c']);
  });

  test('encodes names when asked', async () => {
    const { server, s3 } = await start();
    server.putObject(BUCKET, 'a b/ü+', '');
    const page = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET, EncodingType: 'url' }));
    expect(page.Contents?.[0]?.Key).toBe('a+b/%C3%BC%2B');
  });

  test('refuses a token that it never gave out', async () => {
    const { s3 } = await start();
    const list = new ListObjectsV2Command({ Bucket: BUCKET, ContinuationToken: 'invented' });
    expect(await refusal(s3.send(list))).toBe('400 InvalidArgument');
  });
});

describe('DeleteObjects', () => {
  test('deletes 1,000 keys at once and names each, or none when quiet', async () => {
    const { server, s3 } = await start();
    const keys = Array.from({ length: 1000 }, (_, index) => `key & <${index}>`);
    for (const quiet of [false, true]) {
      for (const key of keys) server.putObject(BUCKET, key, '');
      const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: quiet };
      const output = await s3.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete }));
      expect(output.Deleted?.map((each) => each.Key) ?? []).toEqual(quiet ? [] : keys);
      expect(server.keys(BUCKET)).toEqual([]);
    }
  });

  test('refuses more than 1,000 keys', async () => {
    const { s3 } = await start();
    const Objects = Array.from({ length: 1001 }, (_, index) => ({ Key: `key ${index}` }));
    const command = new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } });
    expect(await refusal(s3.send(command))).toBe('400 MalformedXML');
  });

  test('reports the keys whose ETag does not match, and deletes the others', async () => {
    const { server, s3 } = await start();
    for (const key of ['a', 'b']) server.putObject(BUCKET, key, 'one');
    const Objects = [
      { Key: 'a', ETag: ETAG_OF_ONE },
      { Key: 'b', ETag: etagOf('stale') },
    ];
    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }));
    expect(Deleted).toMatchObject([{ Key: 'a' }]);
    expect(Errors).toMatchObject([{ Key: 'b', Code: 'PreconditionFailed' }]);
    expect(server.keys(BUCKET)).toEqual(['b']);
  });
});

describe('versions', () => {
  test('a bucket keeps every version once versioning is enabled', async () => {
    const { s3 } = await start();
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: BUCKET }))).Status).toBeUndefined();
    expect((await put(s3, 'zero')).VersionId).toBeUndefined();
    await setVersioning(s3, 'Enabled');
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: BUCKET }))).Status).toBe('Enabled');
    const { VersionId: first } = await put(s3, 'one');
    const { VersionId: second } = await put(s3, 'two');
    expect(await get(s3)).toMatchObject({ text: 'two', VersionId: second });
    expect((await get(s3, { VersionId: first })).text).toBe('one');
    expect((await get(s3, { VersionId: 'null' })).text).toBe('zero');
    expect(await refusal(get(s3, { VersionId: 'unknown' }))).toBe('404 NoSuchVersion');
  });

  test('a delete leaves a marker, and deleting the marker brings the object back', async () => {
    const { s3 } = await start();
    await setVersioning(s3, 'Enabled');
    const { VersionId: kept } = await put(s3, 'one');
    const deleted = await s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'key' }));
    expect(deleted.DeleteMarker).toBe(true);
    expect(await refusal(get(s3))).toBe('404 NoSuchKey');
    expect(await refusal(get(s3, { VersionId: deleted.VersionId }))).toBe('405 MethodNotAllowed');
    expect((await get(s3, { VersionId: kept })).text).toBe('one');
    const marker = { Bucket: BUCKET, Key: 'key', VersionId: deleted.VersionId };
    expect((await s3.send(new DeleteObjectCommand(marker))).DeleteMarker).toBe(true);
    expect((await get(s3)).text).toBe('one');
  });

  test('a version that is deleted by its id is gone, and the one before is current', async () => {
    const { server, s3 } = await start();
    await setVersioning(s3, 'Enabled');
    await put(s3, 'one');
    const { VersionId } = await put(s3, 'two');
    const Delete = { Objects: [{ Key: 'key', VersionId }] };
    await s3.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete }));
    expect(server.object(BUCKET, 'key')?.body.toString()).toBe('one');
  });

  test('while versioning is suspended writes replace one version called null', async () => {
    const { s3 } = await start();
    await setVersioning(s3, 'Enabled');
    await put(s3, 'kept');
    await setVersioning(s3, 'Suspended');
    expect((await put(s3, 'one')).VersionId).toBe('null');
    await put(s3, 'two');
    const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET }));
    expect(Versions.map(({ VersionId, IsLatest }) => [VersionId === 'null', IsLatest])).toEqual([
      [true, true],
      [false, false],
    ]);
  });

  async function versionPages(s3: S3Client, onVersion: (id: { Key?: string; VersionId?: string }) => Promise<unknown>) {
    const seen: string[] = [];
    const from: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (;;) {
      const page = await s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET, MaxKeys: 2, ...from }));
      for (const version of page.Versions ?? []) seen.push(`${version.Key} ${version.IsLatest}`);
      for (const marker of page.DeleteMarkers ?? []) seen.push(`${marker.Key} ${marker.IsLatest} deleted`);
      for (const { Key = '', VersionId = '' } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
        await onVersion({ Key, VersionId });
      }
      if (!page.IsTruncated) return seen;
      Object.assign(from, { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker });
    }
  }

  async function startWithVersions() {
    const { server, s3 } = await start();
    await setVersioning(s3, 'Enabled');
    for (const key of ['a', 'b', 'c']) for (const body of ['1', '2', '3']) server.putObject(BUCKET, key, body);
    server.deleteObject(BUCKET, 'b');
    return s3;
  }

  test('versions and delete markers are listed by key, newest first, page by page', async () => {
    const s3 = await startWithVersions();
    expect(await versionPages(s3, async () => {})).toEqual([
      ...['a true', 'a false'],
      // One page: the SDK hands out versions before delete markers.
      ...['a false', 'b true deleted'],
      ...['b false', 'b false'],
      ...['b false', 'c true'],
      ...['c false', 'c false'],
    ]);
  });

  test('each page goes on behind the last although that was deleted meanwhile', async () => {
    const s3 = await startWithVersions();
    const seen = await versionPages(s3, (id) =>
      s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: id.Key, VersionId: id.VersionId })),
    );
    expect(seen).toHaveLength(10);
    await s3.send(new DeleteBucketCommand({ Bucket: BUCKET }));
  });

  test('a prefix limits the versions', async () => {
    const { server, s3 } = await start();
    for (const key of ['a/1', 'a/2', 'b/1']) server.putObject(BUCKET, key, '');
    const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: 'a/' }));
    expect(Versions?.map((version) => [version.Key, version.VersionId])).toEqual([
      ['a/1', 'null'],
      ['a/2', 'null'],
    ]);
  });
});
