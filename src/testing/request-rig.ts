import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { DatabaseCache } from '../cache/cache.ts';
import { resolveConfig } from '../config/config.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import { systemRandom } from '../core/random.ts';
import { countsSince, NO_USAGE, type RequestCounts, UsageMeter } from '../core/usage.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { openBucket } from '../deployment/aws.ts';
import { DeletionRecords } from '../probes/deletion.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { S3DatabaseStore } from '../store/s3-store.ts';
import { type LoggedRequest, type S3Server, type S3ServerOptions, startS3Server } from './s3-server/server.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const BUCKET = 'bucket';

export const STALENESS_MS = 300_000;

export const cleanUps: (() => Promise<void> | void)[] = [];

export const insert = (database: SqliteDatabase): unknown => database.exec('INSERT INTO t VALUES (7)');

export const change = (database: SqliteDatabase): unknown => database.exec('UPDATE t SET x = x + 1');

export const createTable = (database: SqliteDatabase): unknown =>
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (0)');

export const count = ({ database }: { database: SqliteDatabase }): unknown =>
  (database.prepare('SELECT count(*) AS n FROM t').get() as { n: number }).n;

export interface Rig {
  readonly server: S3Server;
  readonly databases: UserDatabases;
  /** Somebody else's machine, whose requests are not counted in `counts`. */
  readonly elsewhere: UserDatabases;
  /** As CountingDatabaseStore has them, since `earlier`. */
  counts(earlier?: RequestCounts): RequestCounts;
  /** The number of rows. */
  read(): Promise<unknown>;
  /** How the update ended. */
  update(edit?: (database: SqliteDatabase) => unknown, retries?: number): Promise<string>;
  /** Lets time pass for the cache. */
  pass(milliseconds: number): void;
}

export interface RigOptions {
  readonly stalenessMs?: number;
  readonly caching?: boolean;
  /** The client that a deployment makes for an endpoint of its own; default: AWS's settings, for which there is no endpoint. */
  readonly asEndpoint?: boolean;
  readonly engine?: S3ServerOptions;
}

export async function makeRig(options: RigOptions = {}): Promise<Rig> {
  const directory = temporaryDirectory();
  const server = await startS3Server({ buckets: [BUCKET], ...options.engine });
  cleanUps.push(() => server.close());
  let now = Date.UTC(2026, 10, 22);
  const clock: Clock = { now: () => now, monotonic: () => now, sleep: async () => {} };

  const machine = async (name: string): Promise<{ databases: UserDatabases; counting: CountingDatabaseStore }> => {
    const meter = new UsageMeter();
    const store = options.asEndpoint === true ? await deployed(server, meter) : asAws(server);
    const counting = new CountingDatabaseStore(store, meter);
    // Write ids are random on every machine.
    const random = systemRandom;
    const databases = new UserDatabases({
      store: new RetryingDatabaseStore(counting, { clock, random }),
      cache: new DatabaseCache({ root: join(directory, name), deployment: 'test', clock, random }),
      sqlite: async () => betterSqlite,
      caching: options.caching ?? true,
      clock,
      random,
      stalenessMaxMs: options.stalenessMs ?? STALENESS_MS,
    });
    return { databases, counting };
  };
  const { databases, counting } = await machine('ours');
  return {
    server,
    databases,
    elsewhere: (await machine('elsewhere')).databases,
    counts: (earlier = NO_USAGE.store) => countsSince(earlier, counting.counts()),
    read: () => databases.read('alice', count),
    update: async (edit = change, retries = 0) => (await databases.update('alice', edit, { retries })).outcome,
    pass: (milliseconds) => {
      now += milliseconds;
    },
  };
}

export async function deployed(server: S3Server, meter: UsageMeter): Promise<DatabaseStore> {
  const home = temporaryDirectory();
  const place = { bucket: BUCKET, region: 'us-east-1', endpointUrl: server.endpoint };
  const config = resolveConfig(place, { JAVUMBO_HOME: home });
  // Asked before: the first delete of a deployment tries how its engine deletes.
  const known = { condition: 'compares', races: 8, bothAccepted: 0, foundAt: '2026-11-22T00:00:00Z' } as const;
  new DeletionRecords(home).record({ store: `s3 ${server.endpoint} ${BUCKET}`, ...known }, systemRandom);
  const { store, close } = await openBucket(config, { clock: systemClock, random: systemRandom }, meter);
  cleanUps.push(close);
  return store;
}

export function asAws(server: S3Server): DatabaseStore {
  const client = new S3Client({
    endpoint: server.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    maxAttempts: 1,
    expectContinueHeader: false,
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
  cleanUps.push(() => client.destroy());
  return new S3DatabaseStore(client, { bucket: BUCKET });
}

/** Stored by us, and so cached. */
export async function cached({ databases }: Rig): Promise<void> {
  await databases.create('alice', createTable);
}

/** Cached by us, and replaced by somebody else since. */
export async function overtaken(rig: Rig): Promise<void> {
  await cached(rig);
  await rig.elsewhere.update('alice', insert, { retries: 0 });
}

/** What a deployment should have counted. Answers without a database in them are no bytes of databases. */
export function seenBy(server: S3Server): RequestCounts {
  const { GetObject, PutObject, HeadObject, DeleteObject, ListObjectsV2 } = server.counts.operations;
  const sum = (of: (request: LoggedRequest) => number): number =>
    server.log.reduce((total, request) => total + of(request), 0);
  return {
    get: GetObject,
    put: PutObject,
    head: HeadObject,
    delete: DeleteObject,
    list: ListObjectsV2,
    bytesUp: sum(({ bytesUp }) => bytesUp),
    bytesDown: sum(({ operation, status, bytesDown }) => (operation === 'GetObject' && status === 200 ? bytesDown : 0)),
  };
}

export function kindOf(error: unknown): string {
  return (error as { kind?: string }).kind ?? messageOf(error);
}
