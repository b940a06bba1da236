/** The promises of the store and of the commands, on a real distributed S3 engine: Ceph RGW. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SILENT } from '../aws/client-options.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { Report } from '../report/document.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { startDynamoServer } from '../testing/dynamo-server.ts';
import type { EngineEnvironment } from '../testing/engines/engine.ts';
import { CountingDatabaseStore } from './counting-store.ts';
import type { DatabaseStore } from './database-store.ts';
import { RetryingDatabaseStore } from './retrying-store.ts';
import { S3DatabaseStore } from './s3-store.ts';
import { describeDatabaseStore } from './store-contract.ts';

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
    maxAttempts: 1,
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

  async function newBucket(): Promise<string> {
    const bucket = `javumbo-test-${systemRandom.hex(8)}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    return bucket;
  }

  function environment(bucket: string, machine: string): Record<string, string> {
    return {
      ...engine,
      HOME: directory,
      S3_BUCKET: bucket,
      JAVUMBO_CACHE_DIR: join(directory, machine),
    };
  }

  const stacks: readonly { name: string; stack: (store: S3DatabaseStore) => DatabaseStore; needsWriteIds: boolean }[] =
    [
      { name: 's3', stack: (store) => store, needsWriteIds: false },
      {
        name: 'retrying(counting(s3))',
        stack: (store) =>
          new RetryingDatabaseStore(new CountingDatabaseStore(store), { clock: systemClock, random: systemRandom }),
        needsWriteIds: true,
      },
    ];
  for (const { name, stack, needsWriteIds } of stacks) {
    describeDatabaseStore(
      name,
      async () => {
        const bucket = await newBucket();
        const handle = (): DatabaseStore => stack(new S3DatabaseStore(client, { bucket, endpoint }));
        return { store: handle(), otherHandle: handle, cleanup: () => {} };
      },
      {
        overNothing: 'either',
        comparesOnDelete: false,
        needsWriteIds,
        racesMayEndUnknown: !needsWriteIds,
        longLists: needsWriteIds,
      },
    );
  }

  test('verify day2 passes, and leaves nothing behind', async () => {
    const bucket = await newBucket();
    const { code, stdout } = await runScript(SCRIPTS.javumbo, ['verify', 'day2', '--json'], environment(bucket, 'a'));
    expect({ code, passed: (JSON.parse(stdout) as { passed: boolean }).passed }).toEqual({ code: 0, passed: true });
    const list = await runScript(SCRIPTS.javumbo, ['db', 'list', '--json'], environment(bucket, 'a'));
    expect(JSON.parse(list.stdout)).toEqual({ databases: [], next: null });
  });

  test.each(['Ceph RGW', 'the local deployment'])(
    'ten processes change one database thirty times each: 300 of 300 are there, on %s',
    async (place) => {
      const machine = environment(await newBucket(), 'race');
      const where =
        place === 'Ceph RGW'
          ? machine
          : { HOME: directory, JAVUMBO_HOME: join(directory, 'home'), JAVUMBO_CACHE_DIR: join(directory, 'local') };
      const { code, stdout, stderr } = await runScript(
        SCRIPTS.javumbo,
        ['bench', 'concurrent', '--workers', '10', '--requests', '30', '--rtt', '0', '--json', '--quiet'],
        where,
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const report = JSON.parse(stdout) as Report;
      expect(report.derived).toMatchObject({
        committed: 300,
        conflicts: 0,
        unknown: 0,
        other: 0,
        lost: 0,
        unexpected: 0,
      });
      expect(report.derived.notesAtEnd).toBe(305);
    },
  );

  test('deployment create leaves off what this engine gets wrong, and what it makes can be worked on', async () => {
    const dynamo = await startDynamoServer();
    try {
      const bucket = `javumbo-test-${systemRandom.hex(8)}`;
      const env = { ...environment(bucket, 'create'), AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint };
      for (const state of ['made', 'found']) {
        const { code, stdout } = await runScript(SCRIPTS.javumbo, ['deployment', 'create', '--json'], env);
        expect(code).toBe(0);
        const [{ settings, ...found }] = JSON.parse(stdout).resources;
        expect(found).toMatchObject({ kind: 'bucket', name: bucket, state });
        expect(settings).toEqual([
          {
            name: 'versioning',
            state: 'left-off',
            reason: expect.stringMatching(/8 of 8 creates at once are accepted/),
          },
          {
            name: 'public access blocked',
            state: 'left-off',
            reason: expect.stringMatching(/a create is refused .*AccessDenied/),
          },
          { name: 'encryption', state: 'unsupported', reason: expect.any(String) },
          { name: 'expiry of old versions after 30 days', state },
        ]);
      }
      const worked = await runScript(SCRIPTS.javumbo, ['verify', 'day2', '--json', '--quiet'], env);
      expect(worked.code).toBe(0);
      const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
      const made = Buckets.filter(({ Name }) => Name === bucket);
      expect(made).toHaveLength(1);
    } finally {
      await dynamo.close();
    }
  });
});
