/** A migration that is killed among other writers, on a real engine without versions: Ceph RGW. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, inject, test } from 'vitest';
import { systemRandom } from '../../core/random.ts';
import { openUserDatabases } from '../../library/open.ts';
import type { EngineEnvironment } from '../../testing/engines/engine.ts';
import { migrateUnderKills } from '../../testing/killed-migration.ts';
import { freshMachine, runCommand } from '../../testing/run-command.ts';

const engine = inject('cephRgw');

const SIZE = {
  users: Number(process.env.JAVUMBO_FLEET_USERS ?? 40),
  kills: Number(process.env.JAVUMBO_KILLS ?? 4),
};

test.runIf(engine !== undefined)(
  'on Ceph everybody is migrated once, and brought back from what was kept',
  async ({ annotate }) => {
    const { AWS_ENDPOINT_URL_S3: endpoint, ...keys } = engine as EngineEnvironment;
    const client = new S3Client({
      endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
    });
    const bucket = `javumbo-test-${systemRandom.hex(8)}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
    const env = { ...freshMachine(), ...engine, S3_BUCKET: bucket };
    // The SDK takes its credentials from what the last command was given.
    expect((await runCommand(['db', 'list'], { env })).code).toBe(0);
    const databases = await openUserDatabases({
      bucket,
      endpointUrl: endpoint,
      cacheDirectory: `${env.JAVUMBO_CACHE_DIR}-others`,
    });
    const figures = await migrateUnderKills({ env, flags: [], databases, versions: false }, SIZE);
    await annotate(JSON.stringify(figures));
    databases.close();
  },
  3_600_000,
);
