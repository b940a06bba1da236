import { existsSync } from 'node:fs';
import type { Context } from '../cli/context.ts';
import type { Config } from '../config.ts';
import { JavumboError } from '../failure.ts';
import { TEST_USER_PREFIX } from '../test-data.ts';
import type { Resource } from './provision.ts';
import type { S3BucketOptions } from './s3-bucket.ts';

/** What a deployment is made of, to be described or made. */
export interface Resources {
  readonly resources: readonly Resource[];
  close(): void;
}

// All that is asked here does the same when it arrives twice.
const ATTEMPTS = 5;

/** The parts of the configured deployment. `scratch` is a directory for the files of the probe. Makes no request. */
export async function openResources(config: Config, context: Context, scratch: string): Promise<Resources> {
  return config.deployment.value === 'local' ? localResources(config, context) : awsResources(config, context, scratch);
}

function localResources({ home }: Config, context: Context): Resources {
  const directory: Resource = {
    kind: 'directory',
    name: home.value,
    exists: async () => existsSync(home.value),
    make: async () => {
      const { LocalDatabaseStore } = await import('../databases/local-store.ts');
      const store = new LocalDatabaseStore(home.value, context);
      // The first look at it makes it.
      await store.list();
      store.close();
      return true;
    },
    settings: [],
  };
  return { resources: [directory], close: () => {} };
}

async function awsResources(config: Config, { clock, random }: Context, scratch: string): Promise<Resources> {
  const bucket = config.bucket.value;
  if (bucket === undefined) throw new JavumboError('internal', 'a deployment on AWS was opened without a bucket');
  const [{ bucketResource }, { withScratchBucket }, { openS3 }, { openDynamo }, tables] = await Promise.all([
    import('./s3-bucket.ts'),
    import('./s3-scratch-bucket.ts'),
    import('./s3-client.ts'),
    import('./dynamo-client.ts'),
    import('./dynamo-tables.ts'),
  ]);
  const { S3DatabaseStore } = await import('../databases/s3-store.ts');
  const { probeConditionalWrites } = await import('../databases/conditional-write-probe.ts');
  const { RetryingDatabaseStore } = await import('../databases/retrying-store.ts');
  const [endpoint, region] = [config.endpointUrl.value, config.region.value];
  const dynamo = openDynamo(config, ATTEMPTS);
  const s3 = openS3(config, ATTEMPTS);
  // The probe's puts are conditional, and must be sent once.
  const once = openS3(config);
  const probe: S3BucketOptions['probe'] = (prepare) => {
    const name = `${TEST_USER_PREFIX}${random.hex(8)}`;
    return withScratchBucket(s3, { name, region, endpoint }, async () => {
      await prepare(name);
      const store = new S3DatabaseStore(once, { bucket: name, endpoint });
      return probeConditionalWrites(new RetryingDatabaseStore(store, { clock, random }), scratch, random);
    });
  };
  const dynamoEndpoint = config.dynamodbEndpointUrl.value;
  return {
    resources: [
      bucketResource(s3, { bucket, region, endpoint, probe }),
      tables.usersTableResource(dynamo, { table: config.usersTable.value, endpoint: dynamoEndpoint, clock }),
      tables.locksTableResource(dynamo, { table: config.locksTable.value, endpoint: dynamoEndpoint, clock }),
    ],
    close: () => {
      for (const client of [dynamo, s3, once]) client.destroy();
    },
  };
}
