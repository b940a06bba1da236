/** Tests what clean-up lists and removes, on a real distributed S3 engine: Ceph RGW. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SILENT } from '../aws/client-options.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import type { EngineEnvironment } from '../testing/engines/engine.ts';
import type { Json } from '../testing/run-command.ts';
import { listAll } from './object-versions.ts';
import { describeObjectVersions, type ObjectsUnderTest } from './object-versions-contract.ts';
import { S3ObjectVersions } from './s3-object-versions.ts';

const engine = inject('cephRgw');

describe.runIf(engine !== undefined)('Ceph RGW', () => {
  const { AWS_ENDPOINT_URL_S3: endpoint, ...keys } = (engine ?? {}) as EngineEnvironment;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    logger: SILENT,
  });
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'javumbo-ceph-'));
  });

  afterAll(() => {
    client.destroy();
    rmSync(directory, { recursive: true, force: true });
  });

  async function newBucket(versioned: boolean): Promise<string> {
    const Bucket = `javumbo-test-${systemRandom.hex(8)}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    if (versioned) {
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    }
    return Bucket;
  }

  async function put(Bucket: string, Key: string, Body: string): Promise<void> {
    await client.send(new PutObjectCommand({ Bucket, Key, Body }));
  }

  async function remove(Bucket: string, Key: string): Promise<void> {
    await client.send(new DeleteObjectCommand({ Bucket, Key }));
  }

  for (const versions of [true, false]) {
    const open = async (): Promise<ObjectsUnderTest> => {
      const bucket = await newBucket(versions);
      return {
        objects: new S3ObjectVersions(client, { bucket, endpoint, clock: systemClock }),
        put: (key, text) => put(bucket, key, text),
        delete: (key) => remove(bucket, key),
        cleanup: () => {},
      };
    };
    describeObjectVersions(`${versions ? 'a versioned' : 'an unversioned'} bucket`, open, {
      versions,
      compares: false,
    });
  }

  test('clean s3 --versions leaves nothing of 1,500 versions and markers, and everything else as it was', async () => {
    const bucket = await newBucket(false);
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    // One from before versioning has the id `null`.
    await put(bucket, 'user_dbs/javumbo-test-old-1.anki2', 'before versioning');
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
    const others = [
      'user_dbs/alice.anki2',
      'user_dbs/javumbo-tes.anki2',
      'user_dbs/javumbo-test.anki2',
      'tests/a',
      'zebra',
    ];
    for (const key of others) for (const text of ['one', key]) await put(bucket, key, text);
    await remove(bucket, 'zebra');
    // Plain PUTs and DELETEs: 250 keys of 4 versions and a marker, and 249 of one version under week 1's prefix.
    const limit = pLimit(16);
    await Promise.all([
      ...Array.from({ length: 250 }, (_, index) =>
        limit(async () => {
          const key = `user_dbs/javumbo-test-${index % 7}-${index}.anki2`;
          for (let version = 0; version < 4; version++) await put(bucket, key, `${version}`);
          await remove(bucket, key);
        }),
      ),
      ...Array.from({ length: 249 }, (_, index) => limit(() => put(bucket, `test/${index}.txt`, 'x'))),
    ]);
    const objects = new S3ObjectVersions(client, { bucket, endpoint, clock: systemClock });
    const before = await listAll(objects, '', true);
    expect(before).toHaveLength(1_500 + 11);
    const untouched = before.filter(({ key }) => others.includes(key));
    expect(untouched).toHaveLength(11);

    const clean = async (...argv: string[]): Promise<Json> => {
      const env = { ...engine, HOME: directory, S3_BUCKET: bucket, JAVUMBO_CACHE_DIR: join(directory, 'cache') };
      const { code, stdout, stderr } = await runScript(SCRIPTS.javumbo, ['clean', 's3', '--versions', ...argv], env);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const planned = JSON.parse(await clean('--json', '--dry-run'));
    expect(planned.plan).toHaveLength(1_500);
    expect(await listAll(objects, '', true)).toHaveLength(1_511);
    const cleaned = JSON.parse(await clean('--json'));
    expect({ deletedCount: cleaned.deletedCount, plan: cleaned.plan.length }).toEqual({
      deletedCount: 1_500,
      plan: 1_500,
    });
    expect(await listAll(objects, '', true)).toEqual(untouched);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'user_dbs/alice.anki2' }));
    expect(await Body?.transformToString()).toBe('user_dbs/alice.anki2');
    expect(JSON.parse(await clean('--json'))).toEqual({ plan: [], deletedCount: 0, deletedBytes: 0, dryRun: false });
  });
});
