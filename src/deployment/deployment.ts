import type { DatabaseCache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { FunctionUse } from '../core/function-use.ts';
import type { RequestCounts } from '../core/request-counts.ts';
import type { RunBlocking } from '../core/run-blocking.ts';
import type { TableRequests } from '../core/table-requests.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { FunctionClient } from '../function/client.ts';
import type { ObjectVersions } from '../history/object-versions.ts';
import type { LockTable } from '../locks/lock-table.ts';
import type { DatabaseStore, DeleteOutcome } from '../store/database-store.ts';
import type { DeletionProbe } from '../store/deletion-probe.ts';
import type { UserTable } from '../users/user-table.ts';

/** A store of user databases and what belongs to it, put together from the configuration, as an operator works with it. */
export interface Deployment extends DeploymentData {
  /** Throws `usage` where S3 is a custom endpoint and Lambda is meant that nobody named. */
  function(): Promise<FunctionClient>;
  /** Calls of the function so far, repeated ones included. */
  functionUse(): FunctionUse;
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
  /** Requests to the store so far, retries included, and those that the function made for its answers. */
  requests(): RequestCounts;
  databases(options: DatabasesOptions): UserDatabases;
  /** Requests to the user and lock tables so far, likewise. */
  tableRequests(): TableRequests;
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
