import { join } from 'node:path';
import { refuseNewerSchema } from '../anki/refuse-newer-schema.ts';
import { DatabaseCache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { interruptibleClock, interrupting, interruptionOf } from '../core/interruptible.ts';
import { requestTeller } from '../core/requests.ts';
import { delaying } from '../core/round-trip.ts';
import type { RunBlocking } from '../core/run-blocking.ts';
import type { SqliteEngineName } from '../core/sqlite-engines.ts';
import { type Usage, UsageMeter } from '../core/usage.ts';
import { ReadHandles } from '../databases/read-handles.ts';
import type { MeantWrite } from '../databases/session.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import type { FunctionClient } from '../function/client.ts';
import { InterruptibleObjectVersions } from '../history/interruptible-object-versions.ts';
import type { ObjectVersions } from '../history/object-versions.ts';
import { InterruptibleLockTable } from '../locks/interruptible-lock-table.ts';
import type { LockTable } from '../locks/lock-table.ts';
import type { DeletionProbe } from '../probes/deletion-probe.ts';
import { refusing, type UnsafeVerdict } from '../probes/refusing.ts';
import type { LoadSqlite } from '../sqlite/engine.ts';
import { aroundStore } from '../store/around-store.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore, DeleteOutcome } from '../store/database-store.ts';
import { DigestThread } from '../store/digest-thread.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { tellingStore } from '../store/telling-store.ts';
import { stoppableUserTable, type UserTable } from '../users/user-table.ts';

/** A store of user databases and everything that belongs to it, as an operator uses it. */
export interface Deployment extends DeploymentData {
  /** Throws `usage` if S3 is a custom endpoint and nothing says where Lambda is. */
  function(): Promise<FunctionClient>;
}

/** The part of a deployment that the function itself uses. */
export interface DeploymentData {
  readonly description: DeploymentDescription;
  /** Identifies the store in the cache and in doctor's records. */
  readonly identity: string;
  /** Returns what serves the store: `AWS`, `local files`, or the server name an endpoint sent; `unknown` before that. */
  engine(): string;
  /** Returns the library that opened databases so far; undefined where none was opened. */
  sqlite(): SqliteEngineName | undefined;
  /** The configuration, for processes that open the same deployment. */
  readonly config: Config;
  /** Retrying, counted, and delayed where a round trip is simulated. */
  readonly store: DatabaseStore;
  readonly cache: DatabaseCache;
  readonly clock: Clock;
  /** Returns the requests to its services so far, including retries and the function's own requests. */
  usage(): Usage;
  databases(options: DatabasesOptions): UserDatabases;
  /** Opens the accounts. Throws `usage` if S3 is a custom endpoint and nothing says where DynamoDB is. */
  users(): Promise<UserTable>;
  /** Opens the leases, by which writers queue. Throws like `users`. */
  locks(): Promise<LockTable>;
  /** Everything under the store's keys, for clean-up. Neither counted nor delayed. */
  objects(): Promise<ObjectVersions>;
  /** The same, for removing test data, which no signal stops. */
  testObjects(): Promise<ObjectVersions>;
  /** Tests how the engine deletes, and records the answer; absent if the store always compares. */
  readonly tryDeletion?: (() => Promise<DeletionProbe>) | undefined;
  /** For clean-up; absent if there are no tombstones (tombstone.ts). */
  readonly removeTombstone?: ((username: string, olderThan: number) => Promise<DeleteOutcome>) | undefined;
  /** Opens the accounts for removing test data, which no signal stops. Throws like `users`. */
  accounts(): Promise<UserTable>;
  /** Opens the same store as another machine would: with its own empty cache, which `remove` deletes. */
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
  /** The allowed staleness in seconds, unless --cache-ttl or DB_CACHE_TTL sets it. */
  readonly cacheTtlDefault: number;
  /** Overrides both, in seconds. */
  readonly cacheTtl?: number | undefined;
  /** False: the cache is neither read nor filled. Default true. */
  readonly caching?: boolean;
  /** False: each update has a PUT of its own, even if several of one user come at once. */
  readonly groupCommit?: boolean | undefined;
  /** Runs SQL of unbounded length; undefined if the SQL is ours, and short. */
  readonly runBlocking?: RunBlocking | undefined;
  /** Awaited before each PUT (databases/session.ts). */
  readonly beforePut?: ((write: MeantWrite) => Promise<void>) | undefined;
}

/** The services that keep a deployment's data. */
export interface Backend {
  /** Sends each request once. */
  readonly store: DatabaseStore;
  /** Identifies the store in the cache. */
  readonly identity: string;
  readonly engine: () => string;
  readonly tables: Tables;
  readonly objects: () => Promise<ObjectVersions>;
  /** Absent if deletes always compare. */
  readonly tryDeletion?: (() => Promise<DeletionProbe>) | undefined;
  readonly removeTombstone?: ((username: string, olderThan: number) => Promise<DeleteOutcome>) | undefined;
  /** Opens the databases. */
  readonly sqlite: LoadSqlite;
  readonly close: () => void;
}

/** The user and lock tables. The first call opens one: most commands need neither. */
export interface Tables {
  users(): Promise<UserTable>;
  locks(): Promise<LockTable>;
  close(): void;
}

/** `meter` counts the store's extra requests and all requests to the tables. */
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
 * Composes a deployment over a backend. Makes no request. From the caller down, a request to the store is refused if
 * `unsafe` gives a reason, abandoned at a signal, retried, counted, told of with --verbose, and delayed if a round trip is simulated. So every
 * attempt is counted and delayed, and a refused request is neither sent nor counted.
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
    const told =
      context.onRequest === undefined ? delayed : tellingStore(delayed, requestTeller(clock, context.onRequest));
    const retrying = new RetryingDatabaseStore(new CountingDatabaseStore(told, meter), context);
    const stoppable = interruption === undefined ? retrying : aroundStore(retrying, interrupting(interruption));
    const store = verdict === undefined ? stoppable : aroundStore(stoppable, refusing(verdict));
    const openCache = (root: string): DatabaseCache =>
      new DatabaseCache({ root, deployment: backend.identity, clock, random, atStep });
    const cache = openCache(config.cacheDir.value);
    const readHandles = new ReadHandles();
    const digests = new DigestThread();
    let sqliteName: SqliteEngineName | undefined;
    const sqlite: LoadSqlite = async () => {
      const engine = await backend.sqlite();
      sqliteName = engine.name;
      return engine;
    };
    const databasesOver = (
      over: DatabaseCache,
      { caching = true, groupCommit, runBlocking, beforePut }: Omit<DatabasesOptions, 'cacheTtlDefault' | 'cacheTtl'>,
      stalenessMaxMs: number,
    ): UserDatabases =>
      new UserDatabases({
        store,
        cache: over,
        sqlite,
        caching,
        groupCommit,
        readHandles: over === cache ? readHandles : undefined,
        digests,
        // A writer that waits for another one stops waiting at a signal.
        clock: interruption === undefined ? clock : interruptibleClock(interruption),
        random,
        runBlocking,
        beforePut,
        atStep,
        inspect: refuseNewerSchema,
        stalenessMaxMs,
      });
    return {
      description: describeDeployment(config),
      identity: backend.identity,
      engine: backend.engine,
      sqlite: () => sqliteName,
      config,
      store,
      cache,
      clock,
      usage: () => meter.usage(),
      databases: ({ cacheTtlDefault, cacheTtl = config.cacheTtl.value, ...options }) =>
        databasesOver(cache, options, (cacheTtl ?? cacheTtlDefault) * 1000),
      machine: (stalenessMaxMs) => {
        // A work directory, so that the next process removes it if this one is killed.
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
      close: () => {
        readHandles.close();
        digests.close();
        cache.close();
        backend.close();
      },
    };
  } catch (error) {
    backend.close();
    throw error;
  }
}
