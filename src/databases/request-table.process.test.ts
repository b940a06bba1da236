import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { keyOf } from '../core/username.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import {
  BUCKET,
  cached,
  change,
  cleanUps,
  createTable,
  insert,
  kindOf,
  makeRig,
  overtaken,
  type Rig,
  STALENESS_MS,
  seenBy,
} from '../testing/request-rig.ts';
import { CEPH_16, type LoggedRequest } from '../testing/s3-server/server.ts';

const KEY = keyOf('alice');

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  vi.unstubAllEnvs();
});

const changeNothing = (database: SqliteDatabase): unknown => database.exec('UPDATE t SET x = 2 WHERE x = 1234');

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

async function nothing(): Promise<void> {}

/** Stored by somebody else, so that nothing is cached here. */
async function stored({ elsewhere }: Rig): Promise<void> {
  await elsewhere.create('alice', createTable);
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
