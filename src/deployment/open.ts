import { refuseNewerSchema } from '../anki/refuse-newer-schema.ts';
import type { Context } from '../cli/context.ts';
import type { Config } from '../config.ts';
import { DatabaseCache } from '../databases/cache.ts';
import { CountingDatabaseStore } from '../databases/counting-store.ts';
import { DelayedDatabaseStore } from '../databases/delayed-store.ts';
import { RetryingDatabaseStore } from '../databases/retrying-store.ts';
import type { DatabaseStore } from '../databases/store.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { type Deployment, describeDeployment } from './deployment.ts';

interface Backend {
  readonly store: DatabaseStore;
  /** Tells deployments apart in the cache. */
  readonly identity: string;
  readonly close: () => void;
}

/** Puts the configured deployment together. Makes no request; the local deployment's directory is made if missing. */
export async function openDeployment(config: Config, context: Context): Promise<Deployment> {
  const { clock, random, atStep } = context;
  const backend = config.deployment.value === 'local' ? await openLocal(config, context) : await openS3(config);
  try {
    const roundTripMs = config.rtt.value ?? 0;
    const delayed = roundTripMs > 0 ? new DelayedDatabaseStore(backend.store, { roundTripMs, clock }) : backend.store;
    // Counting stands under retrying, so that every attempt is counted; the round trip under both, for every attempt travels.
    const counting = new CountingDatabaseStore(delayed);
    const store = new RetryingDatabaseStore(counting, { clock, random });
    const cache = new DatabaseCache({
      root: config.cacheDir.value,
      deployment: backend.identity,
      clock,
      random,
      atStep,
    });
    return {
      description: describeDeployment(config),
      store,
      cache,
      clock,
      requests: () => counting.counts(),
      databases: ({ cacheTtlDefault, caching = true }) =>
        new UserDatabases({
          store,
          cache,
          caching,
          clock,
          random,
          atStep,
          inspect: refuseNewerSchema,
          stalenessMaxMs: (config.cacheTtl.value ?? cacheTtlDefault) * 1000,
        }),
      close: backend.close,
    };
  } catch (error) {
    backend.close();
    throw error;
  }
}

async function openLocal(config: Config, { clock, random, atStep }: Context): Promise<Backend> {
  const { LocalDatabaseStore } = await import('../databases/local-store.ts');
  const store = new LocalDatabaseStore(config.home.value, { clock, random, atStep });
  return { store, identity: `local ${store.id}`, close: () => store.close() };
}

async function openS3(config: Config): Promise<Backend> {
  const { openS3Store } = await import('./s3-client.ts');
  return openS3Store(config);
}
