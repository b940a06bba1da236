import { statSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { interruptibleClock, interrupting, interruptionOf } from '../core/interruptible.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import { interruptibleResource } from './interruptible-resource.ts';
import type { Resource } from './provision.ts';
import type { S3BucketOptions } from './s3-bucket.ts';
import type { LeftScratchBucket } from './s3-scratch-bucket.ts';

/** The parts of a deployment, to be described or created. */
export interface Resources {
  readonly resources: readonly Resource[];
  close(): void;
}

// Every request here is idempotent.
const ATTEMPTS = 5;

/** Opens the parts of the configured deployment, without a request. */
export async function openResources(config: Config, context: Context): Promise<Resources> {
  return config.deployment.value === 'local' ? localResources(config, context) : awsResources(config, context);
}

function localResources({ home, sqliteEngine: only }: Config, context: Context): Resources {
  const directory: Resource = {
    kind: 'directory',
    name: home.value,
    exists: async () => {
      const found = statSync(home.value, { throwIfNoEntry: false });
      if (found !== undefined && !found.isDirectory()) {
        throw new JavumboError('usage', `${home.value} is not a directory`, { try: 'another path in JAVUMBO_HOME' });
      }
      return found !== undefined;
    },
    make: async () => {
      const { LocalDatabaseStore } = await import('../store/local-store.ts');
      const store = new LocalDatabaseStore(home.value, { ...context, sqlite: await sqliteEngine(only.value) });
      // The first request creates it.
      await store.list();
      store.close();
      return true;
    },
    settings: [],
  };
  return { resources: [directory], close: () => {} };
}

/** Opens the bucket and the tables. Throws `usage` if S3 has a custom endpoint and DynamoDB has none. */
async function awsResources(config: Config, context: Context): Promise<Resources> {
  const tables = await openTableResources(config, context);
  const bucket = await openBucketResource(config, context);
  return {
    resources: [...bucket.resources, ...tables.resources],
    close: () => {
      tables.close();
      bucket.close();
    },
  };
}

/** Opens the tables alone, without a request. Throws like `awsResources`. */
export async function openTableResources(config: Config, context: Context): Promise<Resources> {
  const interruption = interruptionOf(context);
  const clock = interruption === undefined ? context.clock : interruptibleClock(interruption);
  const [{ openDynamo }, tables] = await Promise.all([import('../aws/dynamo-client.ts'), import('./dynamo-tables.ts')]);
  const dynamo = openDynamo(config, ATTEMPTS);
  const endpoint = config.dynamodbEndpointUrl.value;
  return {
    resources: interruptible(
      [
        tables.usersTableResource(dynamo, { table: config.usersTable.value, endpoint, clock }),
        tables.locksTableResource(dynamo, { table: config.locksTable.value, endpoint, clock }),
      ],
      context,
    ),
    close: () => dynamo.destroy(),
  };
}

/** Opens the bucket alone, without a request. */
export async function openBucketResource(config: Config, context: Context): Promise<Resources> {
  const { clock, random, cleanUps } = context;
  const interruption = interruptionOf(context);
  const bucket = config.bucket.value;
  if (bucket === undefined) throw new JavumboError('internal', 'a deployment on AWS was opened without a bucket');
  const [{ bucketResource }, { scratchBucketName, withScratchBucket }, { openS3 }] = await Promise.all([
    import('./s3-bucket.ts'),
    import('./s3-scratch-bucket.ts'),
    import('../aws/s3-client.ts'),
  ]);
  const { S3DatabaseStore } = await import('../store/s3-store.ts');
  const { probeConditionalWrites } = await import('../probes/conditional-write-probe.ts');
  const { aroundStore } = await import('../store/around-store.ts');
  const { RetryingDatabaseStore } = await import('../store/retrying-store.ts');
  const [endpoint, region] = [config.endpointUrl.value, config.region.value];
  const s3 = openS3(config, ATTEMPTS);
  // The probe's conditional puts must be sent once.
  const once = openS3(config);
  const probe: S3BucketOptions['probe'] = async (prepare) => {
    const name = scratchBucketName(random);
    const { value, left } = await withScratchBucket(s3, { name, region, endpoint, clock, cleanUps }, async () => {
      await prepare(name);
      const store = new S3DatabaseStore(once, { bucket: name, endpoint });
      const retrying = new RetryingDatabaseStore(store, { clock, random });
      const tried = interruption === undefined ? retrying : aroundStore(retrying, interrupting(interruption));
      const probed = await probeConditionalWrites(tried, random, undefined);
      // On our own scratch bucket, a refusal is caused by what was set there.
      return probed.kind === 'tried' ? probed.broken : [`a create is refused (${probed.failure.message})`];
    });
    return { broken: value, left: left && `scratch bucket "${name}" is left (${left.message})` };
  };
  return {
    resources: interruptible([bucketResource(s3, { bucket, region, endpoint, probe })], context),
    close: () => {
      s3.destroy();
      once.destroy();
    },
  };
}

function interruptible(resources: readonly Resource[], context: Context): readonly Resource[] {
  const interruption = interruptionOf(context);
  if (interruption === undefined) return resources;
  return resources.map((resource) => interruptibleResource(resource, interruption));
}

/** The scratch buckets of an engine that killed commands left. */
export interface ScratchBuckets {
  list(): Promise<LeftScratchBucket[]>;
  remove(name: string): Promise<void>;
  close(): void;
}

/** Opens them, without a request; undefined on AWS and on the local deployment, where none are made. */
export async function openScratchBuckets(config: Config, { clock }: Context): Promise<ScratchBuckets | undefined> {
  const endpoint = config.endpointUrl.value;
  if (config.deployment.value !== 'aws' || endpoint === undefined) return undefined;
  const [{ leftScratchBuckets, removeBucket }, { openS3 }] = await Promise.all([
    import('./s3-scratch-bucket.ts'),
    import('../aws/s3-client.ts'),
  ]);
  const s3 = openS3(config, ATTEMPTS);
  return {
    list: () => leftScratchBuckets(s3, endpoint),
    remove: (name) => removeBucket(s3, { name, endpoint, clock }),
    close: () => s3.destroy(),
  };
}
