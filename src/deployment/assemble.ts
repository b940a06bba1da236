import { join } from 'node:path';
import { refuseNewerSchema } from '../anki/refuse-newer-schema.ts';
import { DatabaseCache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import type { Context } from '../core/context.ts';
import { interruptibleClock, interruptionOf } from '../core/interruptible.ts';
import { TableRequestCounter } from '../core/table-requests.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { InterruptibleObjectVersions } from '../history/interruptible-object-versions.ts';
import { InterruptibleLockTable } from '../locks/interruptible-lock-table.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import { DelayedDatabaseStore } from '../store/delayed-store.ts';
import { InterruptibleDatabaseStore } from '../store/interruptible-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import type { OpenBackend } from './backend.ts';
import { type DatabasesOptions, type DeploymentData, describeDeployment } from './deployment.ts';
import { interruptibleUsers } from './tables.ts';

/** Puts a deployment together over what keeps its data. Makes no request. */
export async function assembleDeployment(
  config: Config,
  context: Context,
  openBackend: OpenBackend,
): Promise<DeploymentData> {
  const { clock, random, atStep } = context;
  const interruption = interruptionOf(context);
  let counting: CountingDatabaseStore | undefined;
  const tableRequests = new TableRequestCounter();
  const backend = await openBackend(config, context, {
    tables: tableRequests,
    onExtraRequest: (request, bytesUp) => counting?.countExtra(request, bytesUp),
  });
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
    const databasesOver = (
      over: DatabaseCache,
      { caching = true, runBlocking }: Pick<DatabasesOptions, 'caching' | 'runBlocking'>,
      stalenessMaxMs: number,
    ): UserDatabases =>
      new UserDatabases({
        store,
        cache: over,
        sqlite: backend.sqlite,
        caching,
        // Whoever waits for another writer to be done waits no longer than for the signal.
        clock: interruption === undefined ? clock : interruptibleClock(interruption),
        random,
        runBlocking,
        atStep,
        inspect: refuseNewerSchema,
        stalenessMaxMs,
      });
    return {
      description: describeDeployment(config),
      identity: backend.identity,
      engine: backend.engine,
      config,
      store,
      cache,
      clock,
      requests: () => counted.counts(),
      databases: ({ cacheTtlDefault, cacheTtl = config.cacheTtl.value, ...options }) =>
        databasesOver(cache, options, (cacheTtl ?? cacheTtlDefault) * 1000),
      machine: (stalenessMaxMs) => {
        // A work directory of this process: should it be killed, the next one removes it.
        const work = cache.workDirectory();
        const own = openCache(join(work.path, 'machine'));
        return { cache: own, databases: databasesOver(own, {}, stalenessMaxMs), remove: work.release };
      },
      tableRequests: () => tableRequests.counts(),
      users: () => interruptibleUsers(backend.tables, context),
      locks: async () => {
        const locks = await backend.tables.locks();
        return interruption === undefined ? locks : new InterruptibleLockTable(locks, interruption);
      },
      objects: async () => {
        const objects = await backend.objects();
        return interruption === undefined ? objects : new InterruptibleObjectVersions(objects, interruption);
      },
      testObjects: backend.objects,
      tryDeletion: backend.tryDeletion,
      removeTombstone: backend.removeTombstone,
      accounts: backend.tables.users,
      close: backend.close,
    };
  } catch (error) {
    backend.close();
    throw error;
  }
}
