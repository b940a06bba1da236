import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../clock.ts';
import { seededRandom } from '../random.ts';
import { DEFAULT_RETRY_POLICY } from '../retry.ts';
import {
  type S3Hook,
  type S3Operation,
  type S3Server,
  type ScriptedFault,
  startS3Server,
} from '../testing/s3-server.ts';
import { CountingDatabaseStore } from './counting-store.ts';
import { RetryingDatabaseStore } from './retrying-store.ts';
import { S3DatabaseStore } from './s3-store.ts';
import type { DatabaseStore, PutOutcome } from './store.ts';
import { keyOf } from './username.ts';
import { type Base, decodeWrites, encodeWrites, writesOver } from './write-ids.ts';

/**
 * What becomes of a put whose request or reply is lost, delayed or refused: the real SDK, real sockets, and a server
 * that does its work and does not say so. Each row says how the put must end, what must be stored then, and which
 * requests may have been made; the server counts them.
 */

const BUCKET = 'bucket';
const KEY = keyOf('alice');
const OURS = 'f'.repeat(32);
const FOREVER = Number.POSITIVE_INFINITY;
const MODES = ['create', 'update'] as const;
type Mode = (typeof MODES)[number];

// Only the rows that hang wait for it. A request that is answered must never run into it, however busy the machine.
const HANG_MS = 1_500;

let directory: string;
let server: S3Server;
let cleanUps: (() => void)[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-retrying-'));
  server = await startS3Server({ buckets: [BUCKET], ifMatchForm: 'quoted' });
  cleanUps = [];
});

afterEach(async () => {
  for (const cleanUp of cleanUps) cleanUp();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Row {
  readonly name: string;
  readonly faults: readonly ScriptedFault[];
  /** Both ways of writing, if absent. */
  readonly modes?: readonly Mode[];
  readonly ends: Ending;
  /** What is stored then. */
  readonly holds: 'ours' | 'what was there';
  readonly requests: Partial<Record<S3Operation, number>>;
}

/** `committed`, `conflict changed`, `unknown`, or the failure: `unavailable`, `unavailable, retryable`. */
type Ending = string;

const PUT = 'PutObject';

const ROWS: readonly Row[] = [
  {
    name: 'no fault',
    faults: [],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1 },
  },
  {
    name: 'the request is lost',
    faults: [{ fault: 'reset-before', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'the request is lost four times',
    faults: [{ fault: 'reset-before', operation: PUT, times: 4 }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 5, HeadObject: 4 },
  },
  {
    name: 'the request is always lost',
    faults: [{ fault: 'reset-before', operation: PUT, times: FOREVER }],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 5 },
  },
  {
    name: 'the request is never read',
    faults: [{ fault: 'hang-before', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'the reply is lost',
    faults: [{ fault: 'reset-after', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: 'the reply never comes',
    faults: [{ fault: 'hang-after', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: 'the reply is a 500 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 500 }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: 'a proxy answers 502 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 502, code: 'BadGateway' }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: 'a proxy answers 503 without a code of S3 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 503, code: 'ServiceUnavailable' }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: 'a proxy answers 504 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 504, code: 'GatewayTimeout' }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: '409, once',
    faults: [{ fault: 'conflict-409', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2 },
  },
  {
    name: '409, always',
    faults: [{ fault: 'conflict-409', operation: PUT, times: FOREVER }],
    ends: 'unavailable, retryable',
    holds: 'what was there',
    requests: { PutObject: 5 },
  },
  {
    name: 'SlowDown, once',
    faults: [{ fault: 'refuse-before', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2 },
  },
  {
    name: 'SlowDown, always',
    faults: [{ fault: 'refuse-before', operation: PUT, times: FOREVER }],
    ends: 'unavailable, retryable',
    holds: 'what was there',
    requests: { PutObject: 5 },
  },
  {
    name: '429, once',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 429 }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2 },
  },
  {
    name: '500, once',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 500 }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: '500, always: the base is still current, and the budget is used up',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 500, times: FOREVER }],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 5 },
  },
  {
    name: '403',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 403 }],
    ends: 'unavailable',
    holds: 'what was there',
    requests: { PutObject: 1 },
  },
  {
    name: '400',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 400, code: 'BadDigest' }],
    ends: 'unavailable',
    holds: 'what was there',
    requests: { PutObject: 1 },
  },
  {
    name: '404 to If-Match',
    faults: [{ fault: 'not-found-on-if-match', operation: PUT }],
    modes: ['update'],
    ends: 'conflict deleted',
    holds: 'what was there',
    requests: { PutObject: 1 },
  },
  {
    name: '409, SlowDown, a lost request and a lost reply, one after the other',
    faults: [
      { fault: 'conflict-409', operation: PUT },
      { fault: 'refuse-before', operation: PUT },
      { fault: 'reset-before', operation: PUT },
      { fault: 'reset-after', operation: PUT },
    ],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 4, HeadObject: 2 },
  },
  {
    name: 'a lost request, then SlowDown until the budget is used up',
    faults: [
      { fault: 'reset-before', operation: PUT },
      { fault: 'refuse-before', operation: PUT, times: FOREVER },
    ],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'a lost request, then 403: the first may still have arrived',
    faults: [
      { fault: 'reset-before', operation: PUT },
      { fault: 'refuse-before', operation: PUT, status: 403 },
    ],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'SlowDown, then 403',
    faults: [
      { fault: 'refuse-before', operation: PUT },
      { fault: 'refuse-before', operation: PUT, status: 403 },
    ],
    ends: 'unavailable',
    holds: 'what was there',
    requests: { PutObject: 2 },
  },
  {
    name: 'the reply is lost, and HEAD fails always',
    faults: [
      { fault: 'reset-after', operation: PUT },
      { fault: 'refuse-before', operation: 'HeadObject', status: 500, times: FOREVER },
    ],
    ends: 'unknown',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 5 },
  },
  {
    name: 'the reply is lost, and HEAD fails twice',
    faults: [
      { fault: 'reset-after', operation: PUT },
      { fault: 'reset-before', operation: 'HeadObject', times: 2 },
    ],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 3 },
  },
  {
    name: 'the reply is lost, and HEAD is forbidden',
    faults: [
      { fault: 'reset-after', operation: PUT },
      { fault: 'refuse-before', operation: 'HeadObject', status: 403, times: FOREVER },
    ],
    ends: 'unknown',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 1 },
  },
];

describe('a put', () => {
  for (const { name, faults, modes = MODES, ends, holds, requests } of ROWS) {
    for (const mode of modes) {
      test(`${mode}, ${name}: ${ends}`, async () => {
        const rig = await makeRig(mode, { hangs: faults.some(({ fault }) => fault.startsWith('hang')) });
        const armed = faults.map((fault) => server.inject(fault));

        const outcome = await rig.put();

        expect(endingOf(outcome)).toBe(ends);
        expect(requestsAtServer()).toEqual(requests);
        expect(holding()).toBe(holds === 'ours' ? 'our bytes' : rig.before);
        if (holds === 'ours') expect(storedWrites()).toEqual(rig.writes);
        if (ends === 'committed') expect(outcome).toEqual({ kind: 'committed', version: currentVersion() });
        expect(rig.counted()).toEqual(requestsAtServer());
        expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
      });
    }
  }
});

interface Meanwhile {
  readonly name: string;
  readonly mode: Mode;
  /** An update's base was written by another program, without write ids. */
  readonly foreignBase?: boolean;
  readonly faults: readonly ScriptedFault[];
  /** Runs between our put and its lost reply, or before the request it names has an effect. */
  readonly at: 'after our put' | 'before our put' | 'before our second put' | 'before our look';
  readonly others: (rig: Rig) => void;
  readonly ends: Ending;
  readonly superseded?: true;
  readonly holds: string | undefined;
  readonly requests: Partial<Record<S3Operation, number>>;
}

const LOST_REPLY: readonly ScriptedFault[] = [{ fault: 'reset-after', operation: PUT }];
const LOST_REQUEST: readonly ScriptedFault[] = [{ fault: 'reset-before', operation: PUT }];
const ONE_PUT_ONE_HEAD = { PutObject: 1, HeadObject: 1 };

const MEANWHILE: readonly Meanwhile[] = [
  ...MODES.flatMap((mode): Meanwhile[] => [
    {
      name: 'the reply is lost, and another writer writes on top',
      mode,
      faults: LOST_REPLY,
      at: 'after our put',
      others: (rig) => rig.writeOnTop(1),
      ends: 'committed',
      superseded: true,
      holds: 'by writer 1',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the reply is lost, and 31 writers write on top',
      mode,
      faults: LOST_REPLY,
      at: 'after our put',
      others: (rig) => rig.writeOnTop(31),
      ends: 'committed',
      superseded: true,
      holds: 'by writer 31',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the reply is lost, and 32 writers write on top',
      mode,
      faults: LOST_REPLY,
      at: 'after our put',
      others: (rig) => rig.writeOnTop(32),
      ends: 'unknown',
      holds: 'by writer 32',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the reply is lost, and another writer puts the same bytes on top',
      mode,
      faults: LOST_REPLY,
      at: 'after our put',
      others: (rig) => rig.writeOnTop(1, 'our bytes'),
      ends: 'committed',
      superseded: true,
      holds: 'our bytes',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the reply is lost, and a program without write ids writes over it',
      mode,
      faults: LOST_REPLY,
      at: 'after our put',
      others: () => void server.putObject(BUCKET, KEY, 'by another program'),
      ends: 'unknown',
      holds: 'by another program',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the request is lost, and another writer writes on our base',
      mode,
      faults: LOST_REQUEST,
      at: 'before our look',
      others: (rig) => rig.writeOnTop(1),
      ends: 'conflict changed',
      holds: 'by writer 1',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the request is lost, and another writer puts our very bytes on our base',
      mode,
      faults: LOST_REQUEST,
      at: 'before our look',
      others: (rig) => rig.writeOnTop(1, 'our bytes'),
      ends: 'conflict changed',
      holds: 'our bytes',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the request is lost, and three writers write on our base',
      mode,
      faults: LOST_REQUEST,
      at: 'before our look',
      others: (rig) => rig.writeOnTop(3),
      ends: 'conflict changed',
      holds: 'by writer 3',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the request is lost, and 32 writers write on our base',
      mode,
      faults: LOST_REQUEST,
      at: 'before our look',
      others: (rig) => rig.writeOnTop(32),
      ends: 'unknown',
      holds: 'by writer 32',
      requests: ONE_PUT_ONE_HEAD,
    },
    {
      name: 'the request arrives late, after the look and before it is sent again',
      mode,
      faults: LOST_REQUEST,
      at: 'before our second put',
      others: (rig) => rig.land(),
      ends: 'committed',
      holds: 'our bytes',
      requests: { PutObject: 2, HeadObject: 2 },
    },
    {
      name: 'the request arrives late, and others write on top before it is sent again',
      mode,
      faults: LOST_REQUEST,
      at: 'before our second put',
      others: (rig) => {
        rig.land();
        rig.writeOnTop(2);
      },
      ends: 'committed',
      superseded: true,
      holds: 'by writer 2',
      requests: { PutObject: 2, HeadObject: 2 },
    },
    {
      name: 'the request is lost, and another writer comes first when it is sent again',
      mode,
      faults: LOST_REQUEST,
      at: 'before our second put',
      others: (rig) => rig.writeOnTop(1),
      ends: 'conflict changed',
      holds: 'by writer 1',
      requests: { PutObject: 2, HeadObject: 2 },
    },
    {
      name: 'nothing is lost, and another writer came first: refused without doubt, so nobody looks',
      mode,
      faults: [],
      at: 'before our put',
      others: (rig) => rig.writeOnTop(1),
      ends: 'conflict changed',
      holds: 'by writer 1',
      requests: { PutObject: 1 },
    },
    {
      name: 'SlowDown, and another writer came first: nothing of ours can have landed, so nobody looks',
      mode,
      faults: [{ fault: 'refuse-before', operation: PUT }],
      at: 'before our put',
      others: (rig) => rig.writeOnTop(1),
      ends: 'conflict changed',
      holds: 'by writer 1',
      requests: { PutObject: 2 },
    },
  ]),
  {
    name: 'the reply is lost, and somebody deletes it',
    mode: 'update',
    faults: LOST_REPLY,
    at: 'after our put',
    others: () => server.deleteObject(BUCKET, KEY),
    ends: 'unknown',
    holds: undefined,
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, and somebody deletes it: created again, as if after that delete',
    mode: 'create',
    faults: LOST_REPLY,
    at: 'after our put',
    others: () => server.deleteObject(BUCKET, KEY),
    ends: 'committed',
    holds: 'our bytes',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'the request is lost, and somebody deletes the base',
    mode: 'update',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: () => server.deleteObject(BUCKET, KEY),
    ends: 'unknown',
    holds: undefined,
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request is lost, and somebody deletes the base before it is sent again',
    mode: 'update',
    faults: LOST_REQUEST,
    at: 'before our second put',
    others: () => server.deleteObject(BUCKET, KEY),
    ends: 'unknown',
    holds: undefined,
    requests: { PutObject: 2, HeadObject: 2 },
  },
  {
    name: 'the request is lost, and others change the base and change it back',
    mode: 'update',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => {
      rig.writeOnTop(1);
      rig.writeOnTop(1, 'the base');
    },
    ends: 'conflict changed',
    holds: 'the base',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the base is of another program, and the reply is lost',
    mode: 'update',
    foreignBase: true,
    faults: LOST_REPLY,
    at: 'after our put',
    others: () => {},
    ends: 'committed',
    holds: 'our bytes',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the base is of another program, and the request is lost',
    mode: 'update',
    foreignBase: true,
    faults: LOST_REQUEST,
    at: 'before our look',
    others: () => {},
    ends: 'committed',
    holds: 'our bytes',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'the base is of another program, the request is lost, and another writer writes on it',
    mode: 'update',
    foreignBase: true,
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict changed',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the base is of another program, the request is lost, and that program writes again',
    mode: 'update',
    foreignBase: true,
    faults: LOST_REQUEST,
    at: 'before our look',
    others: () => void server.putObject(BUCKET, KEY, 'by another program, again'),
    ends: 'unknown',
    holds: 'by another program, again',
    requests: ONE_PUT_ONE_HEAD,
  },
];

describe('a put, and what others do meanwhile', () => {
  for (const row of MEANWHILE) {
    test(`${row.mode}, ${row.name}: ${row.ends}${row.superseded === true ? ', superseded' : ''}`, async () => {
      const rig = await makeRig(row.mode, { foreignBase: row.foreignBase === true });
      const armed = row.faults.map((fault) => server.inject(fault));
      interpose(row.at, () => row.others(rig));

      const outcome = await rig.put();

      expect(endingOf(outcome)).toBe(row.ends);
      expect(requestsAtServer()).toEqual(row.requests);
      expect(holding()).toBe(row.holds);
      if (row.ends === 'committed') {
        const superseded = row.superseded === true ? { superseded: true } : {};
        expect(outcome).toEqual({ kind: 'committed', version: currentVersion(), ...superseded });
      }
      expect(rig.counted()).toEqual(requestsAtServer());
      expect(armed.map(({ fired }) => fired)).toEqual(armed.map(() => 1));
    });
  }
});

describe('an endpoint that refuses connections', () => {
  for (const mode of MODES) {
    test(`${mode}: unavailable after five attempts, for none left this machine`, async () => {
      const rig = await makeRig(mode, { endpoint: await closedPort() });
      const outcome = await rig.put();
      expect(endingOf(outcome)).toBe('unavailable, retryable');
      expect(outcome).toMatchObject({ message: expect.stringContaining('ECONNREFUSED'), username: 'alice' });
      expect(rig.counted()).toEqual({ PutObject: 5 });
      expect(requestsAtServer()).toEqual({});
      expect(holding()).toBe(rig.before);
    });
  }

  test('an address that cannot be resolved is unavailable too', async () => {
    const rig = await makeRig('create', { endpoint: 'http://no-such-host.invalid:1' });
    expect(endingOf(await rig.put())).toBe('unavailable, retryable');
    expect(rig.counted()).toEqual({ PutObject: 5 });
  });
});

describe('what is no matter of retries', () => {
  test('a bucket that does not exist is not found at the first attempt', async () => {
    const rig = await makeRig('create', { bucket: 'no-such-bucket' });
    expect(endingOf(await rig.put())).toBe('not-found');
    expect(requestsAtServer()).toEqual({ PutObject: 1 });
  });

  test('a file that does not exist is a failure before any request', async () => {
    const rig = await makeRig('create');
    rmSync(rig.source);
    expect(await rig.put()).toBeInstanceOf(Error);
    expect(requestsAtServer()).toEqual({});
  });

  test('a put without a write id is a defect, and is not sent', async () => {
    const rig = await makeRig('create');
    const put = rig.store.put('alice', rig.source, { condition: { kind: 'absent' }, writes: [] });
    await expect(put).rejects.toMatchObject({ kind: 'internal' });
    expect(requestsAtServer()).toEqual({});
  });
});

interface ReadRow {
  readonly name: string;
  readonly request: (store: DatabaseStore) => Promise<unknown>;
  readonly operation: S3Operation;
  readonly succeeds: unknown;
}

const READS: readonly ReadRow[] = [
  { name: 'get', request: fetched, operation: 'GetObject', succeeds: 'the base' },
  {
    name: 'head',
    request: (store) => store.head('alice'),
    operation: 'HeadObject',
    succeeds: expect.objectContaining({ sizeBytes: 8 }),
  },
  {
    name: 'list',
    request: (store) => store.list(),
    operation: 'ListObjectsV2',
    succeeds: expect.objectContaining({ databases: [expect.objectContaining({ username: 'alice' })] }),
  },
];

describe('a request that only reads', () => {
  for (const { name, request, operation, succeeds } of READS) {
    const passing: readonly { readonly name: string; readonly fault: ScriptedFault; readonly requests: number }[] = [
      { name: 'no fault', fault: { fault: 'slow-first-byte', delayMs: 0 }, requests: 1 },
      { name: 'a lost request', fault: { fault: 'reset-before' }, requests: 2 },
      { name: 'a lost reply', fault: { fault: 'reset-after' }, requests: 2 },
      { name: 'SlowDown, four times', fault: { fault: 'refuse-before', times: 4 }, requests: 5 },
      { name: '500, once', fault: { fault: 'refuse-before', status: 500 }, requests: 2 },
      {
        name: '503 of a proxy, once',
        fault: { fault: 'refuse-before', status: 503, code: 'Unavailable' },
        requests: 2,
      },
    ];
    for (const { name: trouble, fault, requests } of passing) {
      test(`${name}, ${trouble}: succeeds with ${requests} requests`, async () => {
        const rig = await makeRig('update');
        server.inject({ ...fault, operation });
        expect(await request(rig.store)).toEqual(succeeds);
        expect(requestsAtServer()).toEqual({ [operation]: requests });
        expect(rig.counted()).toEqual(requestsAtServer());
      });
    }

    const failing: readonly {
      readonly name: string;
      readonly fault: ScriptedFault;
      readonly ends: Ending;
      readonly requests: number;
    }[] = [
      {
        name: 'SlowDown, always',
        fault: { fault: 'refuse-before', times: FOREVER },
        ends: 'unavailable, retryable',
        requests: 5,
      },
      {
        name: 'always lost',
        fault: { fault: 'reset-before', times: FOREVER },
        ends: 'unavailable, retryable',
        requests: 5,
      },
      { name: '403', fault: { fault: 'refuse-before', status: 403 }, ends: 'unavailable', requests: 1 },
    ];
    for (const { name: trouble, fault, ends, requests } of failing) {
      test(`${name}, ${trouble}: ${ends}, after ${requests} requests`, async () => {
        const rig = await makeRig('update');
        server.inject({ ...fault, operation });
        expect(endingOf(await request(rig.store).catch((error: unknown) => error))).toBe(ends);
        expect(requestsAtServer()).toEqual({ [operation]: requests });
        expect(rig.counted()).toEqual(requestsAtServer());
      });
    }
  }

  test('get, a reply that never comes: succeeds with 2 requests', async () => {
    const rig = await makeRig('update', { hangs: true });
    server.inject({ fault: 'hang-before', operation: 'GetObject' });
    expect(await fetched(rig.store)).toBe('the base');
    expect(requestsAtServer()).toEqual({ GetObject: 2 });
  });

  for (const fault of ['truncate-body', 'corrupt-body'] as const) {
    test(`get, ${fault}: the whole file comes with the second request`, async () => {
      const rig = await makeRig('create');
      expect(await rig.put()).toMatchObject({ kind: 'committed' });
      server.resetCounts();
      server.inject({ fault, operation: 'GetObject' });
      expect(await fetched(rig.store)).toBe('our bytes');
      expect(requestsAtServer()).toEqual({ GetObject: 2 });
    });
  }
});

interface DeleteRow {
  readonly name: string;
  readonly faults: readonly ScriptedFault[];
  readonly at?: 'after our delete' | 'before our look' | 'before our second delete';
  readonly others?: (rig: Rig) => void;
  readonly ends: Ending;
  readonly holds: string | undefined;
  readonly requests: Partial<Record<S3Operation, number>>;
}

const DELETE = 'DeleteObject';

const DELETES: readonly DeleteRow[] = [
  { name: 'no fault', faults: [], ends: 'deleted', holds: undefined, requests: { DeleteObject: 1 } },
  {
    name: 'the request is lost',
    faults: [{ fault: 'reset-before', operation: DELETE }],
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
  {
    name: 'the request is always lost',
    faults: [{ fault: 'reset-before', operation: DELETE, times: FOREVER }],
    ends: 'unknown',
    holds: 'the base',
    requests: { DeleteObject: 5, HeadObject: 5 },
  },
  {
    name: 'the reply is lost',
    faults: [{ fault: 'reset-after', operation: DELETE }],
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 1, HeadObject: 1 },
  },
  {
    name: 'the reply is a 500 although it is deleted',
    faults: [{ fault: 'error-after', operation: DELETE }],
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 1, HeadObject: 1 },
  },
  {
    name: '500, once',
    faults: [{ fault: 'refuse-before', operation: DELETE, status: 500 }],
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
  {
    name: 'SlowDown, four times',
    faults: [{ fault: 'refuse-before', operation: DELETE, times: 4 }],
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 5 },
  },
  {
    name: 'SlowDown, always',
    faults: [{ fault: 'refuse-before', operation: DELETE, times: FOREVER }],
    ends: 'unavailable, retryable',
    holds: 'the base',
    requests: { DeleteObject: 5 },
  },
  {
    name: 'BUG: 409, once',
    faults: [{ fault: 'conflict-409', operation: DELETE }],
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 2 },
  },
  {
    name: '403',
    faults: [{ fault: 'refuse-before', operation: DELETE, status: 403 }],
    ends: 'unavailable',
    holds: 'the base',
    requests: { DeleteObject: 1 },
  },
  {
    name: 'a lost request, then 403: the first may still have arrived',
    faults: [
      { fault: 'reset-before', operation: DELETE },
      { fault: 'refuse-before', operation: DELETE, status: 403 },
    ],
    ends: 'unknown',
    holds: 'the base',
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
  {
    name: 'the reply is lost, and HEAD fails always',
    faults: [
      { fault: 'reset-after', operation: DELETE },
      { fault: 'refuse-before', operation: 'HeadObject', status: 500, times: FOREVER },
    ],
    ends: 'unknown',
    holds: undefined,
    requests: { DeleteObject: 1, HeadObject: 5 },
  },
  {
    name: 'the reply is lost, and somebody creates it anew: that stays',
    faults: [{ fault: 'reset-after', operation: DELETE }],
    at: 'after our delete',
    others: (rig) => rig.writeOnTop(1),
    ends: 'unknown',
    holds: 'by writer 1',
    requests: { DeleteObject: 1, HeadObject: 1 },
  },
  {
    name: 'the request is lost, and somebody writes on it: that stays',
    faults: [{ fault: 'reset-before', operation: DELETE }],
    at: 'before our look',
    others: (rig) => rig.writeOnTop(1),
    ends: 'unknown',
    holds: 'by writer 1',
    requests: { DeleteObject: 1, HeadObject: 1 },
  },
  {
    name: 'the request is lost, and somebody writes on it before it is sent again: that stays',
    faults: [{ fault: 'reset-before', operation: DELETE }],
    at: 'before our second delete',
    others: (rig) => rig.writeOnTop(1),
    ends: 'unknown',
    holds: 'by writer 1',
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
  {
    name: 'the request arrives late, after the look and before it is sent again',
    faults: [{ fault: 'reset-before', operation: DELETE }],
    at: 'before our second delete',
    others: () => server.deleteObject(BUCKET, KEY),
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
];

describe('a delete of the version that it names', () => {
  for (const { name, faults, at, others, ends, holds, requests } of DELETES) {
    test(`${name}: ${ends}`, async () => {
      const rig = await makeRig('update');
      const version = currentVersion();
      const armed = faults.map((fault) => server.inject(fault));
      if (at !== undefined) interpose(at, () => others?.(rig));

      const outcome = await rig.store.delete('alice', { ifVersion: version }).catch((error: unknown) => error);

      expect(endingOf(outcome)).toBe(ends);
      expect(holding()).toBe(holds);
      expect(requestsAtServer()).toEqual(requests);
      expect(rig.counted()).toEqual(requestsAtServer());
      expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
    });
  }

  test('where nothing is: absent', async () => {
    const rig = await makeRig('create');
    expect(await rig.store.delete('alice', { ifVersion: 'some-version' })).toEqual({ kind: 'absent' });
    expect(requestsAtServer()).toEqual({ DeleteObject: 1 });
  });

  test('where another version is: conflict, and that stays', async () => {
    const rig = await makeRig('update');
    const version = currentVersion();
    rig.writeOnTop(1);
    expect(await rig.store.delete('alice', { ifVersion: version })).toEqual({ kind: 'conflict' });
    expect(holding()).toBe('by writer 1');
    expect(requestsAtServer()).toEqual({ DeleteObject: 1 });
  });
});

describe('an engine that is not known to take the quoted form of If-Match', () => {
  const rows: readonly Omit<Row, 'modes'>[] = [
    {
      name: 'the first update finds the form that the engine takes',
      faults: [],
      ends: 'committed',
      holds: 'ours',
      requests: { PutObject: 2, HeadObject: 1 },
    },
    {
      name: 'the reply to the second form is lost',
      faults: [{ fault: 'reset-after', operation: PUT, after: 1 }],
      ends: 'committed',
      holds: 'ours',
      requests: { PutObject: 2, HeadObject: 2 },
    },
    {
      name: 'the reply to the first form is lost',
      faults: [{ fault: 'reset-after', operation: PUT }],
      ends: 'committed',
      holds: 'ours',
      // Refused and unheard, looked at, sent again in the first form, looked at, sent in the second form.
      requests: { PutObject: 3, HeadObject: 2 },
    },
    {
      name: 'the look between the two forms fails once, and is counted',
      faults: [{ fault: 'refuse-before', operation: 'HeadObject', status: 500 }],
      ends: 'committed',
      holds: 'ours',
      requests: { PutObject: 3, HeadObject: 2 },
    },
    {
      name: 'the second form meets SlowDown, and every request is counted',
      faults: [{ fault: 'refuse-before', operation: PUT, after: 1 }],
      ends: 'committed',
      holds: 'ours',
      requests: { PutObject: 4, HeadObject: 2 },
    },
  ];
  for (const { name, faults, ends, holds, requests } of rows) {
    test(name, async () => {
      const rig = await makeRig('update', { atEndpoint: true });
      const armed = faults.map((fault) => server.inject(fault));
      expect(endingOf(await rig.put())).toBe(ends);
      expect(holding()).toBe(holds === 'ours' ? 'our bytes' : rig.before);
      expect(requestsAtServer()).toEqual(requests);
      expect(armed.map(({ fired }) => fired)).toEqual(armed.map(() => 1));
      expect(rig.counted()).toEqual(requestsAtServer());
    });
  }

  test('a stale update is a conflict, and the look that proves it is counted', async () => {
    const rig = await makeRig('update', { atEndpoint: true });
    rig.writeOnTop(1);
    expect(endingOf(await rig.put())).toBe('conflict changed');
    expect(requestsAtServer()).toEqual({ PutObject: 1, HeadObject: 1 });
    expect(rig.counted()).toEqual(requestsAtServer());
  });
});

describe('the waits between attempts', () => {
  test('double, up to the longest, and a random part of each is waited', async () => {
    const rig = await makeRig('create', { attemptsMax: 9 });
    server.inject({ fault: 'refuse-before', operation: PUT, times: FOREVER });
    await rig.put();
    const fractions = seededRandom(1);
    const longest = [100, 200, 400, 800, 1600, 3200, 5000, 5000];
    expect(rig.sleeps).toEqual(longest.map((milliseconds) => fractions.fraction() * milliseconds));
  });

  test('there is none before the first attempt, nor before a look', async () => {
    const rig = await makeRig('create');
    server.inject({ fault: 'reset-after', operation: PUT });
    await rig.put();
    expect(rig.sleeps).toEqual([]);
  });
});

// A request that is lost never comes as far as a hook, so the second one is the first there.
const MOMENTS = {
  'before our put': { operation: PUT, hook: 'beforeWork' },
  'before our second put': { operation: PUT, hook: 'beforeWork' },
  'after our put': { operation: PUT, hook: 'beforeReply' },
  'before our second delete': { operation: DELETE, hook: 'beforeWork' },
  'after our delete': { operation: DELETE, hook: 'beforeReply' },
  'before our look': { operation: 'HeadObject', hook: 'beforeWork' },
} as const;

interface Rig {
  readonly store: DatabaseStore;
  /** What is stored before our put. */
  readonly before: string | undefined;
  readonly source: string;
  /** The list that our put carries. */
  readonly writes: readonly string[];
  /** How long the store would have waited between attempts, in milliseconds. */
  readonly sleeps: readonly number[];
  /** Our put, how it ended or what it threw. */
  put(): Promise<PutOutcome | Error>;
  /** Requests by operation as the counting store has them, since the rig was made. */
  counted(): Partial<Record<S3Operation, number>>;
  /** That many writers, one after the other, each over what is stored then, past the wire. */
  writeOnTop(writers: number, content?: string): void;
  /** Our request arrives now, past the wire: the network had kept it. */
  land(): void;
}

interface RigOptions {
  readonly hangs?: boolean;
  readonly foreignBase?: boolean;
  readonly endpoint?: string;
  readonly bucket?: string;
  /** As an engine at an endpoint of its own, whose form of `If-Match` is not known. */
  readonly atEndpoint?: boolean;
  readonly attemptsMax?: number;
}

async function makeRig(mode: Mode, options: RigOptions = {}): Promise<Rig> {
  const endpoint = options.endpoint ?? server.endpoint;
  const client = new S3Client({
    endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'secret' },
    maxAttempts: 1,
    expectContinueHeader: false,
    ...(options.hangs === true ? { requestHandler: { socketTimeout: HANG_MS } } : {}),
    // The SDK warns on the console of every put that fails; these fail on purpose.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
  cleanUps.push(() => client.destroy());
  const s3 = new S3DatabaseStore(client, {
    bucket: options.bucket ?? BUCKET,
    endpoint: options.atEndpoint === true ? endpoint : undefined,
    onExtraRequest: (request, bytesUp) => counting.countExtra(request, bytesUp),
  });
  const counting = new CountingDatabaseStore(s3);
  const sleeps: number[] = [];
  const clock: Clock = { ...systemClock, sleep: async (milliseconds) => void sleeps.push(milliseconds) };
  const policy = { ...DEFAULT_RETRY_POLICY, attemptsMax: options.attemptsMax ?? DEFAULT_RETRY_POLICY.attemptsMax };
  const store = new RetryingDatabaseStore(counting, { clock, random: seededRandom(1), policy });

  const base = mode === 'create' ? undefined : storeBase(options.foreignBase === true);
  const writes = writesOver(base, OURS);
  const source = join(directory, 'source');
  writeFileSync(source, 'our bytes');
  let writers = 0;
  const write = (content: string, list: readonly string[]): void => {
    server.putObject(BUCKET, KEY, content, { javumbowrites: encodeWrites(list) });
  };
  return {
    store,
    before: holding(),
    source,
    writes,
    sleeps,
    put: () =>
      store
        .put('alice', source, {
          condition: base === undefined ? { kind: 'absent' } : { kind: 'version', version: base.version },
          writes,
        })
        .catch((error: Error) => error),
    counted: () => {
      const { put, head, get, list, delete: deletes } = counting.counts();
      return withoutZeros({
        PutObject: put,
        HeadObject: head,
        GetObject: get,
        ListObjectsV2: list,
        DeleteObject: deletes,
      });
    },
    writeOnTop: (count, content) => {
      for (let writer = 0; writer < count; writer++) {
        writers++;
        write(content ?? `by writer ${writers}`, writesOver(currentBase(), writers.toString(16).padStart(32, '0')));
      }
    },
    land: () => write('our bytes', writes),
  };
}

/** What our update builds on, put there past the wire. */
function storeBase(foreign: boolean): Base {
  const ids = ['b'.repeat(32), 'new'];
  server.putObject(BUCKET, KEY, 'the base', foreign ? {} : { javumbowrites: encodeWrites(ids) });
  return currentBase();
}

function currentBase(): Base {
  if (server.object(BUCKET, KEY) === undefined) return undefined;
  return { version: currentVersion(), writes: storedWrites() };
}

function currentVersion(): string {
  return (server.object(BUCKET, KEY)?.etag ?? '').replaceAll('"', '');
}

function storedWrites(): string[] {
  return decodeWrites(server.object(BUCKET, KEY)?.metadata.javumbowrites);
}

function holding(): string | undefined {
  return server.object(BUCKET, KEY)?.body.toString();
}

/** Lets others do something once, at a moment of our put. */
function interpose(at: keyof typeof MOMENTS, others: () => void): void {
  const { operation, hook } = MOMENTS[at];
  const listener: S3Hook = (event) => {
    if (event.operation !== operation) return;
    server[hook] = undefined;
    others();
  };
  server[hook] = listener;
}

function requestsAtServer(): Partial<Record<S3Operation, number>> {
  return withoutZeros(server.counts.operations);
}

function withoutZeros(counts: Partial<Record<S3Operation, number>>): Partial<Record<S3Operation, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

function endingOf(outcome: unknown): Ending {
  if (outcome instanceof Error) {
    const { kind, retryable } = outcome as { kind?: string; retryable?: boolean };
    return `${kind ?? outcome.message}${retryable === true ? ', retryable' : ''}`;
  }
  const { kind, reason } = outcome as { kind: string; reason?: string };
  return reason === undefined ? kind : `${kind} ${reason}`;
}

async function fetched(store: DatabaseStore): Promise<string> {
  const destination = join(directory, 'fetched');
  await store.get('alice', destination);
  return readFileSync(destination, 'utf8');
}

/** An endpoint at which nobody listens any more. */
async function closedPort(): Promise<string> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  return `http://127.0.0.1:${port}`;
}
