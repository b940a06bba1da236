import { join } from 'node:path';
import { refuseNewerSchema } from '../anki/refuse-newer-schema.ts';
import type { Context } from '../cli/context.ts';
import type { Config } from '../config.ts';
import { DatabaseCache } from '../databases/cache.ts';
import { CountingDatabaseStore } from '../databases/counting-store.ts';
import { DelayedDatabaseStore } from '../databases/delayed-store.ts';
import { InterruptibleDatabaseStore } from '../databases/interruptible-store.ts';
import type { ObjectVersions } from '../databases/object-versions.ts';
import { RetryingDatabaseStore } from '../databases/retrying-store.ts';
import type { S3DatabaseStoreOptions } from '../databases/s3-store.ts';
import type { DatabaseStore } from '../databases/store.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { InterruptibleLockTable } from '../locks/interruptible-lock-table.ts';
import { TableRequestCounter } from '../table-requests.ts';
import { type Deployment, describeDeployment } from './deployment.ts';
import { interruptibleUsers, openTables, type Tables } from './tables.ts';

interface Backend {
  readonly store: DatabaseStore;
  /** Tells deployments apart in the cache. */
  readonly identity: string;
  readonly engine: () => string;
  readonly tables: Tables;
  readonly objects: () => Promise<ObjectVersions>;
  readonly close: () => void;
}

/** Puts the configured deployment together. Makes no request; the local deployment's directory is made if missing. */
export async function openDeployment(config: Config, context: Context): Promise<Deployment> {
  const { clock, random, atStep, signal, announcements } = context;
  const interruption = signal === undefined ? undefined : { signal, announcements };
  let counting: CountingDatabaseStore | undefined;
  const tableRequests = new TableRequestCounter();
  const backend =
    config.deployment.value === 'local'
      ? await openLocal(config, context, tableRequests)
      : await openAws(config, context, tableRequests, (request, bytesUp) => counting?.countExtra(request, bytesUp));
  try {
    const roundTripMs = config.rtt.value ?? 0;
    const delayed = roundTripMs > 0 ? new DelayedDatabaseStore(backend.store, { roundTripMs, clock }) : backend.store;
    // Counting stands under retrying, so that every attempt is counted; the round trip under both, for every attempt travels.
    const counted = new CountingDatabaseStore(delayed);
    counting = counted;
    const retrying = new RetryingDatabaseStore(counted, { clock, random });
    // On top: what is interrupted is the work, whatever attempts one of its requests takes.
    const store = interruption === undefined ? retrying : new InterruptibleDatabaseStore(retrying, interruption);
    const openCache = (root: string): DatabaseCache =>
      new DatabaseCache({ root, deployment: backend.identity, clock, random, atStep });
    const cache = openCache(config.cacheDir.value);
    const databasesOver = (over: DatabaseCache, caching: boolean, stalenessMaxMs: number): UserDatabases =>
      new UserDatabases({
        store,
        cache: over,
        caching,
        clock,
        random,
        atStep,
        inspect: refuseNewerSchema,
        stalenessMaxMs,
      });
    return {
      description: describeDeployment(config),
      engine: backend.engine,
      config,
      store,
      cache,
      clock,
      requests: () => counted.counts(),
      databases: ({ cacheTtlDefault, caching = true }) =>
        databasesOver(cache, caching, (config.cacheTtl.value ?? cacheTtlDefault) * 1000),
      machine: (stalenessMaxMs) => {
        // A work directory of this process: should it be killed, the next one removes it.
        const work = cache.workDirectory();
        const own = openCache(join(work.path, 'machine'));
        return { cache: own, databases: databasesOver(own, true, stalenessMaxMs), remove: work.release };
      },
      tableRequests: () => tableRequests.counts(),
      users: () => interruptibleUsers(backend.tables, context),
      locks: async () => {
        const locks = await backend.tables.locks();
        return interruption === undefined ? locks : new InterruptibleLockTable(locks, interruption);
      },
      objects: backend.objects,
      accounts: backend.tables.users,
      close: backend.close,
    };
  } catch (error) {
    backend.close();
    throw error;
  }
}

async function openLocal(config: Config, context: Context, counter: TableRequestCounter): Promise<Backend> {
  const { clock, random, atStep } = context;
  const { LocalDatabaseStore } = await import('../databases/local-store.ts');
  const store = new LocalDatabaseStore(config.home.value, { clock, random, atStep });
  const tables = openTables(config, context, counter);
  return {
    store,
    identity: `local ${store.id}`,
    engine: () => 'local files',
    tables,
    objects: async () => {
      const { LocalObjectVersions } = await import('../databases/local-object-versions.ts');
      return new LocalObjectVersions(store);
    },
    close: () => {
      store.close();
      tables.close();
    },
  };
}

async function openAws(
  config: Config,
  context: Context,
  counter: TableRequestCounter,
  onExtraRequest: S3DatabaseStoreOptions['onExtraRequest'],
): Promise<Backend> {
  const { openS3Store } = await import('./s3-client.ts');
  const { close, ...s3 } = openS3Store(config, context.clock, onExtraRequest);
  const tables = openTables(config, context, counter);
  return {
    ...s3,
    tables,
    close: () => {
      close();
      tables.close();
    },
  };
}
