import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DatabaseCache } from '../cache/cache.ts';
import { resolveConfig } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import { systemRandom } from '../core/random.ts';
import { NO_REQUESTS, type RequestCounts, requestsSince } from '../core/request-counts.ts';
import { keyOf } from '../core/username.ts';
import { DeletionRecords } from '../deployment/deletion.ts';
import { openS3Store } from '../deployment/s3-store.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { S3DatabaseStore } from '../store/s3-store.ts';
import {
  CEPH_16,
  type LoggedRequest,
  type S3Server,
  type S3ServerOptions,
  startS3Server,
} from '../testing/s3-server/server.ts';
import { UserDatabases } from './user-databases.ts';

/**
 * The request table of the README and the design, row by row: the real SDK with the settings of a deployment, against
 * a server that counts. What the server saw is the truth, and the counts that are reported must say the same.
 */

const BUCKET = 'bucket';
const KEY = keyOf('alice');
const STALENESS_MS = 300_000;

let directory: string;
let cleanUps: (() => Promise<void> | void)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-requests-'));
  cleanUps = [];
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

const insert = (database: SqliteDatabase): unknown => database.exec('INSERT INTO t VALUES (7)');
const change = (database: SqliteDatabase): unknown => database.exec('UPDATE t SET x = x + 1');
const changeNothing = (database: SqliteDatabase): unknown => database.exec('UPDATE t SET x = 2 WHERE x = 1234');
const createTable = (database: SqliteDatabase): unknown =>
  database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (0)');
const count = ({ database }: { database: SqliteDatabase }): unknown =>
  (database.prepare('SELECT count(*) AS n FROM t').get() as { n: number }).n;

interface Row {
  readonly name: string;
  /** What is stored and cached before; the requests of that are not counted. Default: stored, and nothing cached. */
  readonly before?: (rig: Rig) => Promise<unknown>;
  readonly stalenessMs?: number;
  readonly caching?: boolean;
  readonly run: (rig: Rig) => Promise<unknown>;
  readonly ends: unknown;
  /** In the order in which the server saw them. */
  readonly requests: readonly string[];
}

// How the log is written below: operation, condition and status.
const GET = 'GetObject 200';
const GET_ABSENT = 'GetObject 404';
const REVALIDATE = 'GetObject If-None-Match: v1 304, no body';
const GET_NEWER = 'GetObject If-None-Match: v1 200';
const CREATE = 'PutObject If-None-Match: * 200';
const CREATE_REFUSED = 'PutObject If-None-Match: * 412';
const PUT = 'PutObject If-Match: v1 200';
const PUT_REFUSED = 'PutObject If-Match: v1 412';
const PUT_ON_WINNER = 'PutObject If-Match: v2 200';
const HEAD = 'HeadObject 200';
const HEAD_ABSENT = 'HeadObject 404';

const TABLE: readonly Row[] = [
  { name: 'read, cold', run: (rig) => rig.read(), ends: 1, requests: [GET] },
  { name: 'read, cold, without a cache', caching: false, run: (rig) => rig.read(), ends: 1, requests: [GET] },
  {
    name: 'read, cached, within the allowed staleness',
    before: cached,
    run: (rig) => rig.read(),
    ends: 1,
    requests: [],
  },
  {
    name: 'read, cached, revalidated',
    before: cached,
    stalenessMs: 0,
    run: (rig) => rig.read(),
    ends: 1,
    requests: [REVALIDATE],
  },
  {
    name: 'read, cached, older than the allowed staleness',
    before: async (rig) => {
      await cached(rig);
      rig.pass(STALENESS_MS + 1_000);
    },
    run: (rig) => rig.read(),
    ends: 1,
    requests: [REVALIDATE],
  },
  {
    name: 'read, cached, revalidated, read again within the allowed staleness',
    before: async (rig) => {
      await cached(rig);
      rig.pass(STALENESS_MS + 1_000);
    },
    run: async (rig) => [await rig.read(), await rig.read()],
    ends: [1, 1],
    requests: [REVALIDATE],
  },
  {
    name: 'read, cached, and somebody else has written',
    before: overtaken,
    stalenessMs: 0,
    run: (rig) => rig.read(),
    ends: 2,
    requests: [GET_NEWER],
  },
  {
    name: 'read of an unknown user',
    before: nothing,
    run: (rig) => rig.read(),
    ends: 'not-found',
    requests: [GET_ABSENT],
  },
  { name: 'write, cached', before: cached, run: (rig) => rig.update(), ends: 'committed', requests: [PUT] },
  {
    name: 'write, cached, with every version too old to be read unasked: the PUT asks',
    before: cached,
    stalenessMs: 0,
    run: (rig) => rig.update(),
    ends: 'committed',
    requests: [PUT],
  },
  { name: 'write, cold', run: (rig) => rig.update(), ends: 'committed', requests: [GET, PUT] },
  {
    name: 'write, without a cache',
    before: cached,
    caching: false,
    run: (rig) => rig.update(),
    ends: 'committed',
    requests: [GET, PUT],
  },
  {
    name: 'write, then read and write: what was written is the cache',
    before: cached,
    run: async (rig) => [await rig.update(), await rig.read(), await rig.update()],
    ends: ['committed', 1, 'committed'],
    requests: [PUT, PUT_ON_WINNER],
  },
  {
    name: 'write to an unknown user',
    before: nothing,
    run: (rig) => rig.update(),
    ends: 'not-found',
    requests: [GET_ABSENT],
  },
  {
    name: 'create',
    before: nothing,
    run: async (rig) => (await rig.databases.create('alice', createTable)).outcome,
    ends: 'committed',
    requests: [CREATE],
  },
  {
    name: 'create, then read: what was created is the cache',
    before: nothing,
    run: async (rig) => [(await rig.databases.create('alice', createTable)).outcome, await rig.read()],
    ends: ['committed', 1],
    requests: [CREATE],
  },
  {
    name: 'create of an existing user, reported',
    run: async (rig) => (await rig.databases.create('alice', createTable)).outcome,
    ends: 'conflict',
    requests: [CREATE_REFUSED, HEAD],
  },
  {
    name: 'open-or-create of an unknown user',
    before: nothing,
    run: async (rig) => (await rig.databases.update('alice', insert, { retries: 0, create: createTable })).outcome,
    ends: 'committed',
    requests: [GET_ABSENT, CREATE],
  },
  {
    name: 'open-or-create of a known user',
    run: async (rig) => (await rig.databases.update('alice', insert, { retries: 0, create: createTable })).outcome,
    ends: 'committed',
    requests: [GET, PUT],
  },
  {
    name: 'write that changed nothing, cached',
    before: cached,
    run: (rig) => rig.update(changeNothing),
    ends: 'unchanged',
    requests: [],
  },
  {
    name: 'write that changed nothing, cold',
    run: (rig) => rig.update(changeNothing),
    ends: 'unchanged',
    requests: [GET],
  },
  {
    name: 'a session that is committed without a change',
    before: cached,
    stalenessMs: 0,
    run: async (rig) => (await (await rig.databases.openForWriting('alice')).commit()).kind,
    ends: 'unchanged',
    requests: [],
  },
  {
    name: 'write that changed nothing in a copy that may be outdated: one look whether it is',
    before: cached,
    stalenessMs: 0,
    run: (rig) => rig.update(changeNothing),
    ends: 'unchanged',
    requests: [REVALIDATE],
  },
  {
    name: 'write that changed nothing in an outdated copy, and something in the current version',
    before: overtaken,
    stalenessMs: 0,
    run: (rig) => rig.update((database) => database.exec('DELETE FROM t WHERE x = 7')),
    ends: 'committed',
    requests: [GET_NEWER, PUT_ON_WINNER],
  },
  {
    name: 'write that throws, cached',
    before: cached,
    run: (rig) => rig.update(() => expect.fail('the edit is wrong')),
    ends: 'the edit is wrong',
    requests: [],
  },
  {
    name: 'a conflict reported to the caller',
    before: overtaken,
    run: (rig) => rig.update(change),
    ends: 'conflict',
    requests: [PUT_REFUSED, HEAD],
  },
  {
    name: 'a conflict, and the edit run again on the winner',
    before: overtaken,
    run: (rig) => rig.update(change, 1),
    ends: 'committed',
    requests: [PUT_REFUSED, GET, PUT_ON_WINNER],
  },
  {
    name: 'a conflict because somebody deleted it, reported',
    before: async (rig) => {
      await cached(rig);
      rig.server.deleteObject(BUCKET, KEY);
    },
    run: (rig) => rig.update(change),
    ends: 'conflict',
    requests: ['PutObject If-Match: v1 404', HEAD_ABSENT],
  },
  {
    name: 'a lost reply, settled',
    before: async (rig) => {
      await cached(rig);
      rig.server.inject({ fault: 'reset-after', operation: 'PutObject' });
    },
    run: (rig) => rig.update(),
    ends: 'committed',
    requests: ['PutObject If-Match: v1 0', HEAD],
  },
  {
    name: 'a read that is throttled once',
    before: async (rig) => {
      await stored(rig);
      rig.server.inject({ fault: 'refuse-before', operation: 'GetObject' });
    },
    run: (rig) => rig.read(),
    ends: 1,
    requests: ['GetObject 503', GET],
  },
  {
    name: 'delete',
    before: cached,
    run: (rig) => rig.databases.delete('alice').then(() => 'deleted'),
    ends: 'deleted',
    requests: [HEAD, 'DeleteObject If-Match: v1 204'],
  },
  {
    name: 'delete of an unknown user',
    before: nothing,
    run: (rig) => rig.databases.delete('alice'),
    ends: 'not-found',
    requests: [HEAD_ABSENT],
  },
];

describe('requests', () => {
  for (const { name, before = stored, stalenessMs = STALENESS_MS, caching = true, run, ends, requests } of TABLE) {
    test(`${name}: ${requests.join(', ') || 'none'}`, async () => {
      const rig = await makeRig({ stalenessMs, caching, engine: { ifMatchForm: 'quoted' } });
      await before(rig);
      const counted = rig.counts();
      rig.server.resetCounts();

      expect(await run(rig).catch(kindOf)).toEqual(ends);

      expect(inWords(rig.server.log)).toEqual(requests);
      expect(rig.counts(counted)).toEqual(seenBy(rig.server));
    });
  }
});

describe('requests at an engine whose form of If-Match is found out', () => {
  const engines = [
    {
      name: 'one that takes both: nothing extra',
      options: {},
      first: ['PutObject If-Match: bare v1 200'],
      second: ['PutObject If-Match: bare v2 200'],
    },
    {
      name: 'one that takes only the quoted form: one HEAD and one PUT more, once in a process',
      options: { ifMatchForm: 'quoted' },
      first: ['PutObject If-Match: bare v1 412', HEAD, PUT],
      second: [PUT_ON_WINNER],
    },
    {
      name: 'Ceph 16: nothing extra',
      options: CEPH_16,
      first: ['PutObject If-Match: bare v1 200'],
      second: ['PutObject If-Match: bare v2 200'],
    },
  ] as const;
  for (const { name, options, first, second } of engines) {
    test(name, async () => {
      const rig = await makeRig({ asEndpoint: true, engine: options });
      await cached(rig);
      const counted = rig.counts();
      rig.server.resetCounts();
      expect(await rig.update()).toBe('committed');
      expect(inWords(rig.server.log)).toEqual(first);
      expect(await rig.update()).toBe('committed');
      expect(inWords(rig.server.log)).toEqual([...first, ...second]);
      expect(rig.counts(counted)).toEqual(seenBy(rig.server));
    });
  }

  test('a delete at one that takes only the quoted form: one HEAD and one DELETE more', async () => {
    const rig = await makeRig({ asEndpoint: true, engine: { ifMatchForm: 'quoted' } });
    await cached(rig);
    const counted = rig.counts();
    rig.server.resetCounts();
    await rig.databases.delete('alice');
    const refused = 'DeleteObject If-Match: bare v1 412';
    expect(inWords(rig.server.log)).toEqual([HEAD, refused, HEAD, 'DeleteObject If-Match: v1 204']);
    expect(rig.counts(counted)).toEqual(seenBy(rig.server));
  });

  test('a conflict that is reported costs one look more while the form is not known', async () => {
    const rig = await makeRig({ asEndpoint: true });
    await overtaken(rig);
    const counted = rig.counts();
    rig.server.resetCounts();
    expect(await rig.update().catch(kindOf)).toBe('conflict');
    expect(inWords(rig.server.log)).toEqual(['PutObject If-Match: bare v1 412', HEAD, HEAD]);
    expect(rig.counts(counted)).toEqual(seenBy(rig.server));
  });
});

describe('the client of a deployment', () => {
  test('puts of 3 MB go over one connection that is kept, and none asks before it sends', async () => {
    const rig = await makeRig({ asEndpoint: true });
    const fill = (database: SqliteDatabase): unknown =>
      database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(3000000))');
    await rig.databases.create('alice', fill);
    for (let index = 0; index < 4; index++) {
      expect(await rig.update((database) => database.exec('UPDATE t SET x = randomblob(3000000)'))).toBe('committed');
    }
    const { counts, log } = rig.server;
    expect(log.map(({ operation }) => operation)).toEqual(Array(5).fill('PutObject'));
    expect(log.filter(({ bytesUp }) => bytesUp < 3_000_000)).toEqual([]);
    expect(log.filter(({ expectContinue }) => expectContinue)).toEqual([]);
    expect(counts.connections).toBe(1);
    expect(rig.counts()).toEqual(seenBy(rig.server));
  });

  test('a hundred puts share one connection, and a hundred that are refused share it too', async () => {
    const server = await startS3Server({ buckets: [BUCKET] });
    cleanUps.push(() => server.close());
    const store = deployed(server, () => {});
    const source = join(directory, 'source');
    writeFileSync(source, 'small, so that the reply comes as early as it can');
    const put = (username: string) => store.put(username, source, { condition: { kind: 'absent' }, writes: ['a'] });
    for (let index = 0; index < 100; index++) expect((await put(`user-${index}`)).kind).toBe('committed');
    for (let index = 0; index < 100; index++) expect((await put(`user-${index}`)).kind).toBe('conflict');
    expect(server.counts).toMatchObject({ requests: 200, connections: 1 });
  });

  test('reads, writes and refused writes share the connection too', async () => {
    const rig = await makeRig({ asEndpoint: true, stalenessMs: 0 });
    await overtaken(rig);
    rig.server.resetCounts();
    expect(await rig.update().catch(kindOf)).toBe('conflict');
    expect(await rig.read()).toBe(2);
    expect(await rig.read()).toBe(2);
    expect(await rig.update()).toBe('committed');
    expect(rig.server.counts).toMatchObject({ requests: 6, connections: 0 });
  });

  test('what a store refuses is not talked about on the console', async () => {
    const said = (['debug', 'info', 'log', 'warn', 'error'] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation(() => {}),
    );
    try {
      const rig = await makeRig({ asEndpoint: true });
      await overtaken(rig);
      expect(await rig.update(change).catch(kindOf)).toBe('conflict');
      expect(said.flatMap((spy) => spy.mock.calls)).toEqual([]);
    } finally {
      for (const spy of said) spy.mockRestore();
    }
  });
});

interface Rig {
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

interface RigOptions {
  readonly stalenessMs?: number;
  readonly caching?: boolean;
  /** The client that a deployment makes for an endpoint of its own; default: AWS's settings, for which there is no endpoint. */
  readonly asEndpoint?: boolean;
  readonly engine?: S3ServerOptions;
}

async function makeRig(options: RigOptions = {}): Promise<Rig> {
  const server = await startS3Server({ buckets: [BUCKET], ...options.engine });
  cleanUps.push(() => server.close());
  let now = Date.UTC(2026, 10, 22);
  const clock: Clock = { now: () => now, monotonic: () => now, sleep: async () => {} };

  const machine = (name: string): { databases: UserDatabases; counting: CountingDatabaseStore } => {
    const store =
      options.asEndpoint === true ? deployed(server, (...extra) => counting.countExtra(...extra)) : asAws(server);
    const counting = new CountingDatabaseStore(store);
    // Write ids are random on every machine.
    const random = systemRandom;
    const databases = new UserDatabases({
      store: new RetryingDatabaseStore(counting, { clock, random }),
      cache: new DatabaseCache({ root: join(directory, name), deployment: 'test', clock, random }),
      sqlite: betterSqlite,
      caching: options.caching ?? true,
      clock,
      random,
      stalenessMaxMs: options.stalenessMs ?? STALENESS_MS,
    });
    return { databases, counting };
  };
  const { databases, counting } = machine('ours');
  return {
    server,
    databases,
    elsewhere: machine('elsewhere').databases,
    counts: (earlier = NO_REQUESTS) => requestsSince(earlier, counting.counts()),
    read: () => databases.read('alice', count),
    update: async (edit = change, retries = 0) => (await databases.update('alice', edit, { retries })).outcome,
    pass: (milliseconds) => {
      now += milliseconds;
    },
  };
}

function deployed(server: S3Server, onExtraRequest: CountingDatabaseStore['countExtra']): DatabaseStore {
  const home = mkdtempSync(join(tmpdir(), 'javumbo-request-table-'));
  cleanUps.push(() => rmSync(home, { recursive: true, force: true }));
  const place = { bucket: BUCKET, region: 'us-east-1', endpointUrl: server.endpoint };
  const config = resolveConfig(place, { JAVUMBO_HOME: home });
  // Asked before: the first delete of a deployment tries how its engine deletes.
  const known = { condition: 'compares', races: 8, bothAccepted: 0, foundAt: '2026-11-22T00:00:00Z' } as const;
  new DeletionRecords(home).record({ store: `s3 ${server.endpoint} ${BUCKET}`, ...known }, systemRandom);
  const { store, close } = openS3Store(config, { clock: systemClock, random: systemRandom }, onExtraRequest);
  cleanUps.push(close);
  return store;
}

function asAws(server: S3Server): DatabaseStore {
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

async function nothing(): Promise<void> {}

/** Stored by somebody else, so that nothing is cached here. */
async function stored({ elsewhere }: Rig): Promise<void> {
  await elsewhere.create('alice', createTable);
}

/** Stored by us, and so cached. */
async function cached({ databases }: Rig): Promise<void> {
  await databases.create('alice', createTable);
}

/** Cached by us, and replaced by somebody else since. */
async function overtaken(rig: Rig): Promise<void> {
  await cached(rig);
  await rig.elsewhere.update('alice', insert, { retries: 0 });
}

/** Each request as `operation condition status`. Versions are numbered as they come, `bare` without quotes. */
function inWords(log: readonly LoggedRequest[]): string[] {
  const versions: string[] = [];
  const named = (etag: string): string => {
    if (etag === '*') return '*';
    const version = etag.replaceAll('"', '');
    if (!versions.includes(version)) versions.push(version);
    return `${etag.startsWith('"') ? '' : 'bare '}v${versions.indexOf(version) + 1}`;
  };
  return log.map(({ operation, ifMatch, ifNoneMatch, status, bytesDown }) =>
    [
      operation,
      ...(ifMatch === undefined ? [] : ['If-Match:', named(ifMatch)]),
      ...(ifNoneMatch === undefined ? [] : ['If-None-Match:', named(ifNoneMatch)]),
      status === 304 && bytesDown === 0 ? '304, no body' : status,
    ].join(' '),
  );
}

/** What a deployment should have counted. Answers without a database in them are no bytes of databases. */
function seenBy(server: S3Server): RequestCounts {
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

function kindOf(error: unknown): string {
  return (error as { kind?: string }).kind ?? messageOf(error);
}
