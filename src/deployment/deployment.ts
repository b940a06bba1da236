import { join } from 'node:path';
import { refuseNewerSchema } from '../anki/refuse-newer-schema.ts';
import { DatabaseCache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { interruptibleClock, interrupting, interruptionOf } from '../core/interruptible.ts';
import { delaying } from '../core/round-trip.ts';
import type { RunBlocking } from '../core/run-blocking.ts';
import { type Usage, UsageMeter } from '../core/usage.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import type { FunctionClient } from '../function/client.ts';
import { InterruptibleObjectVersions } from '../history/interruptible-object-versions.ts';
import type { ObjectVersions } from '../history/object-versions.ts';
import { InterruptibleLockTable } from '../locks/interruptible-lock-table.ts';
import type { LockTable } from '../locks/lock-table.ts';
import type { DeletionProbe } from '../probes/deletion-probe.ts';
import { refusing, type UnsafeVerdict } from '../probes/refusing.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';
import { aroundStore } from '../store/around-store.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore, DeleteOutcome } from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { stoppableUserTable, type UserTable } from '../users/user-table.ts';

/** A store of user databases and what belongs to it, put together from the configuration, as an operator works with it. */
export interface Deployment extends DeploymentData {
  /** Throws `usage` where S3 is a custom endpoint and Lambda is meant that nobody named. */
  function(): Promise<FunctionClient>;
}

/** What the deployment keeps: all of it that the function itself works with. */
export interface DeploymentData {
  readonly description: DeploymentDescription;
  /** Tells the store apart from every other, in the cache and in doctor's records. */
  readonly identity: string;
  /** What answers: `AWS`, `local files`, or the name that a server at an endpoint gave itself; `unknown` before it did. */
  engine(): string;
  /** What it was put together from, for processes that work on the same one. */
  readonly config: Config;
  /** Retrying, counted, and delayed where a round trip is simulated. */
  readonly store: DatabaseStore;
  readonly cache: DatabaseCache;
  readonly clock: Clock;
  /** What was asked of its services so far, retries included, and what the function asked of them for its answers. */
  usage(): Usage;
  databases(options: DatabasesOptions): UserDatabases;
  /** Accounts. Throws `usage` where S3 is a custom endpoint and nothing says where DynamoDB is. */
  users(): Promise<UserTable>;
  /** Where writers queue. Throws as `users` does. */
  locks(): Promise<LockTable>;
  /** Everything under the store's keys, for clean-up. Neither counted nor delayed. */
  objects(): Promise<ObjectVersions>;
  /** The same, for the removal of test data, which no signal stops. */
  testObjects(): Promise<ObjectVersions>;
  /** Tries how the engine deletes, and records the answer; absent where the store compares by itself. */
  readonly tryDeletion?: (() => Promise<DeletionProbe>) | undefined;
  /** For clean-up; absent where there are no tombstones. See tombstone.ts. */
  readonly removeTombstone?: ((username: string, olderThan: number) => Promise<DeleteOutcome>) | undefined;
  /** The user table for the removal of test data, which no signal stops. Throws as `users` does. */
  accounts(): Promise<UserTable>;
  /** The same store as another machine sees it: with an empty cache of its own, removed by `remove`. */
  machine(stalenessMaxMs: number): Machine;
  close(): void;
}

export interface Machine {
  readonly databases: UserDatabases;
  readonly cache: DatabaseCache;
  remove(): void;
}

/** As reports have it. */
export interface DeploymentDescription {
  readonly kind: 'local' | 'aws';
  readonly bucket?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly rttMs?: number;
}

export interface DatabasesOptions {
  /** The allowed staleness where neither --cache-ttl nor DB_CACHE_TTL says one, in seconds. */
  readonly cacheTtlDefault: number;
  /** The one that this caller wants, whatever they say. */
  readonly cacheTtl?: number | undefined;
  /** False: nothing is read from the cache or left in it. Default true. */
  readonly caching?: boolean;
  /** For SQL of an operator, or in an operator's file. Undefined: it is ours, and short. */
  readonly runBlocking?: RunBlocking | undefined;
}

/** What keeps the data of a deployment. */
export interface Backend {
  /** Sends each request once. */
  readonly store: DatabaseStore;
  /** Tells deployments apart in the cache. */
  readonly identity: string;
  readonly engine: () => string;
  readonly tables: Tables;
  readonly objects: () => Promise<ObjectVersions>;
  /** Absent where deletes compare by themselves. */
  readonly tryDeletion?: (() => Promise<DeletionProbe>) | undefined;
  readonly removeTombstone?: ((username: string, olderThan: number) => Promise<DeleteOutcome>) | undefined;
  /** What opens the files that come out of the store. */
  readonly sqlite: SqliteEngine;
  readonly close: () => void;
}

/** The user and lock tables, opened at the first call: most commands need neither. */
export interface Tables {
  users(): Promise<UserTable>;
  locks(): Promise<LockTable>;
  close(): void;
}

/** `meter`: counts what the store asks beside the calls it gets, and all that the tables ask. */
export type OpenBackend = (config: Config, context: Context, meter: UsageMeter) => Promise<Backend>;

export function describeDeployment({ deployment, bucket, region, endpointUrl, rtt }: Config): DeploymentDescription {
  const rttMs = rtt.value === undefined || rtt.value === 0 ? {} : { rttMs: rtt.value };
  if (deployment.value === 'local') return { kind: 'local', ...rttMs };
  return {
    kind: 'aws',
    ...(bucket.value === undefined ? {} : { bucket: bucket.value }),
    region: region.value,
    ...(endpointUrl.value === undefined ? {} : { endpoint: endpointUrl.value }),
    ...rttMs,
  };
}

/**
 * Puts a deployment together over what keeps its data. Makes no request. From the caller down, a request to the store is
 * refused if `unsafe` says why, given up when a signal comes, repeated, counted, and delayed where a round trip is
 * simulated: each attempt is counted and travels, and what is refused is neither sent nor counted.
 */
export async function assembleDeployment(
  config: Config,
  context: Context,
  openBackend: OpenBackend,
  unsafe: (identity: string) => UnsafeVerdict | undefined = () => undefined,
): Promise<DeploymentData> {
  const { clock, random, atStep } = context;
  const meter = new UsageMeter();
  const backend = await openBackend(config, context, meter);
  try {
    const interruption = interruptionOf(context);
    const verdict = unsafe(backend.identity);
    const roundTripMs = config.rtt.value ?? 0;
    const delayed = roundTripMs > 0 ? aroundStore(backend.store, delaying({ roundTripMs, clock })) : backend.store;
    const retrying = new RetryingDatabaseStore(new CountingDatabaseStore(delayed, meter), context);
    const stoppable = interruption === undefined ? retrying : aroundStore(retrying, interrupting(interruption));
    const store = verdict === undefined ? stoppable : aroundStore(stoppable, refusing(verdict));
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
        // A writer that waits for another one stops waiting at a signal.
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
      usage: () => meter.usage(),
      databases: ({ cacheTtlDefault, cacheTtl = config.cacheTtl.value, ...options }) =>
        databasesOver(cache, options, (cacheTtl ?? cacheTtlDefault) * 1000),
      machine: (stalenessMaxMs) => {
        // A work directory of this process: should it be killed, the next one removes it.
        const work = cache.workDirectory();
        const own = openCache(join(work.path, 'machine'));
        return { cache: own, databases: databasesOver(own, {}, stalenessMaxMs), remove: work.release };
      },
      users: async () => stoppableUserTable(await backend.tables.users(), context),
      locks: async () => {
        const locks = await backend.tables.locks();
        return interruption === undefined ? locks : new InterruptibleLockTable(locks, interruption);
      },
      objects: async () => {
        const objects = await backend.objects();
        return interruption === undefined ? objects : new InterruptibleObjectVersions(objects, interruption);
      },
      testObjects: backend.objects,
      ...(verdict === undefined ? { tryDeletion: backend.tryDeletion, removeTombstone: backend.removeTombstone } : {}),
      accounts: backend.tables.users,
      close: backend.close,
    };
  } catch (error) {
    backend.close();
    throw error;
  }
}
