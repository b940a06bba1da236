import { afterEach, describe, expect, test } from 'vitest';
import {
  BASE_WRITES,
  BUCKET,
  closeRigs,
  endingOf,
  FOREVER,
  HEAD_FAILS,
  KEY,
  OUR_DELETE,
  PUT,
  type Requests,
  type Rig,
  type RowOfRig,
  startRig,
} from '../testing/retrying-rig.ts';
import type { ScriptedFault } from '../testing/s3-server/server.ts';
import { TOMBSTONE_BYTES } from './tombstone.ts';
import { encodeWrites, writesOver } from './write-ids.ts';

/** Deletes on an engine that does not compare on DELETE: a conditional put leaves a tombstone with the delete's id. */

afterEach(closeRigs);

const THEIRS = 'e'.repeat(32);

const LOST_REQUEST: readonly ScriptedFault[] = [{ fault: 'reset-before', operation: PUT }];
const LOST_REPLY: readonly ScriptedFault[] = [{ fault: 'reset-after', operation: PUT }];
const SLOWDOWN: ScriptedFault = { fault: 'refuse-before', operation: PUT };
const SLOWDOWN_ALWAYS: ScriptedFault = { ...SLOWDOWN, times: FOREVER };
const ONE_PUT_ONE_HEAD: Requests = { PutObject: 1, HeadObject: 1 };

const LOST: readonly RowOfRig[] = [
  { name: 'no fault', ends: 'deleted', holds: 'our tombstone', requests: { PutObject: 1 } },
  {
    name: 'the request is lost: sent again',
    faults: LOST_REQUEST,
    ends: 'deleted',
    holds: 'our tombstone',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'the request is always lost',
    faults: [{ fault: 'reset-before', operation: PUT, times: FOREVER }],
    ends: 'unknown',
    holds: 'the base',
    requests: { PutObject: 5, HeadObject: 5 },
  },
  {
    name: 'the reply is lost: its id is in the tombstone',
    faults: LOST_REPLY,
    ends: 'deleted',
    holds: 'our tombstone',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is a 500 although the tombstone is stored',
    faults: [{ fault: 'error-after', operation: PUT }],
    ends: 'deleted',
    holds: 'our tombstone',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, and HEAD fails always',
    faults: [...LOST_REPLY, HEAD_FAILS],
    ends: 'unknown',
    holds: 'our tombstone',
    requests: { PutObject: 1, HeadObject: 5 },
  },
  {
    name: 'a lost request, then 403: the first may still have arrived',
    faults: [...LOST_REQUEST, { fault: 'refuse-before', operation: PUT, status: 403 }],
    ends: 'unknown',
    holds: 'the base',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'SlowDown, once',
    faults: [SLOWDOWN],
    ends: 'deleted',
    holds: 'our tombstone',
    requests: { PutObject: 2 },
  },
  {
    name: '409, once',
    faults: [{ fault: 'conflict-409', operation: PUT }],
    ends: 'deleted',
    holds: 'our tombstone',
    requests: { PutObject: 2 },
  },
  {
    name: 'SlowDown, always: the base is still there',
    faults: [SLOWDOWN_ALWAYS],
    ends: 'unavailable, retryable',
    holds: 'the base',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: '403',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 403 }],
    ends: 'unavailable',
    holds: 'the base',
    requests: { PutObject: 1 },
  },
];

const MEANWHILE: readonly RowOfRig[] = [
  {
    name: 'somebody wrote first: that stays',
    at: 'before our put',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'a program without write ids wrote first: that stays',
    at: 'before our put',
    others: (rig) => rig.writeForeign('by another program'),
    ends: 'conflict',
    holds: 'by another program',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: "somebody else's tombstone came first",
    at: 'before our put',
    others: (rig) => rig.bury(THEIRS),
    ends: 'absent',
    holds: 'a tombstone',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'nothing is left, not even a tombstone',
    at: 'before our put',
    others: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'it went, and somebody made it anew: that stays',
    at: 'before our put',
    others: (rig) => {
      rig.remove();
      rig.writeOnTop(1);
    },
    ends: 'deleted',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request is lost, and somebody writes on it: that stays',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request is lost, and somebody writes on it before it is sent again: that stays',
    faults: LOST_REQUEST,
    at: 'before our second put',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: { PutObject: 2, HeadObject: 2 },
  },
  {
    name: "the request is lost, and somebody else's tombstone comes first",
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.bury(THEIRS),
    ends: 'absent',
    holds: 'a tombstone',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request arrives late, after the look and before it is sent again',
    faults: LOST_REQUEST,
    at: 'before our second put',
    others: (rig) => rig.bury(),
    ends: 'deleted',
    holds: 'our tombstone',
    requests: { PutObject: 2, HeadObject: 2 },
  },
  {
    name: 'the reply is lost, and somebody creates over our tombstone: that stays',
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => rig.writeOnTop(1),
    ends: 'deleted',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, and a program without write ids creates over our tombstone: that stays',
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => rig.writeForeign('by another program'),
    ends: 'unknown',
    holds: 'by another program',
    requests: ONE_PUT_ONE_HEAD,
  },
];

const REPEATED: readonly RowOfRig[] = [
  {
    name: 'it is refused',
    at: 'before our put',
    others: (rig) => rig.bury(),
    ends: 'deleted',
    holds: 'our tombstone',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'it is refused, and somebody has created over our tombstone: that stays',
    at: 'before our put',
    others: (rig) => {
      rig.bury();
      rig.writeOnTop(1);
    },
    ends: 'deleted',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'SlowDown once, and then it is refused',
    faults: [SLOWDOWN],
    at: 'before our put',
    others: (rig) => rig.bury(),
    ends: 'deleted',
    holds: 'our tombstone',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'SlowDown always',
    faults: [SLOWDOWN_ALWAYS],
    at: 'at once',
    others: (rig) => rig.bury(),
    ends: 'deleted',
    holds: 'our tombstone',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'it is refused, and HEAD fails always',
    faults: [HEAD_FAILS],
    at: 'before our put',
    others: (rig) => rig.bury(),
    ends: 'unknown',
    holds: 'our tombstone',
    requests: { PutObject: 1, HeadObject: 5 },
  },
];

const GROUPS: readonly (readonly [string, readonly RowOfRig[]])[] = [
  ['whose request or reply goes wrong', LOST],
  ['and what others do meanwhile', MEANWHILE],
  ['that was repeated on its way', REPEATED],
];

for (const [group, rows] of GROUPS) {
  describe(`a delete that leaves a tombstone, ${group}`, () => {
    for (const { name, faults = [], at, others, ends, holds, requests } of rows) {
      test(`${name}: ${ends}`, async () => {
        const rig = await startRig('update', { deletion: 'tombstone' });
        const armed = faults.map((fault) => rig.server.inject(fault));
        if (at !== undefined && others !== undefined) rig.interpose(at, others);

        const outcome = await rig.delete();

        expect(endingOf(outcome)).toBe(ends);
        expect(rig.holding()).toBe(holds);
        expect(rig.requests()).toEqual(requests);
        if (holds === 'our tombstone') expect(rig.storedWrites()).toEqual([OUR_DELETE, ...BASE_WRITES]);
        expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
        // Counted as puts, which they were.
        expect(rig.counted()).toEqual(rig.requests());
      });
    }
  });
}

describe('the request that leaves a tombstone', () => {
  test('is one put of 64 bytes over the version that the caller saw', async () => {
    const rig = await startRig('update', { deletion: 'tombstone' });
    await rig.delete();
    expect(rig.server.log).toMatchObject([
      { operation: PUT, ifMatch: `"${rig.base?.version}"`, ifNoneMatch: undefined, bytesUp: TOMBSTONE_BYTES },
    ]);
    const { body, metadata } = rig.server.object(BUCKET, KEY) ?? {};
    expect(body?.length).toBe(64);
    expect(metadata).toEqual({
      javumbodeleted: '1',
      javumbowrites: encodeWrites([OUR_DELETE, ...BASE_WRITES]),
    });
  });

  test('has other bytes each time, so that no two tombstones are one version', async () => {
    const rig = await startRig('update', { deletion: 'tombstone' });
    const ifVersion = rig.currentVersion();
    await rig.delete();
    const first = rig.currentVersion();
    rig.server.putObject(BUCKET, KEY, 'the base', { javumbowrites: encodeWrites(BASE_WRITES) });
    await rig.store.delete('alice', { ifVersion, writes: [OUR_DELETE, ...BASE_WRITES] });
    expect(rig.holding()).toBe('our tombstone');
    expect(rig.currentVersion()).not.toBe(first);
  });

  test('on an engine whose form of If-Match is not known, finds the form, and each is counted as a put of 64 bytes', async () => {
    const rig = await startRig('update', { deletion: 'tombstone', atEndpoint: true });
    expect(endingOf(await rig.delete())).toBe('deleted');
    expect(rig.holding()).toBe('our tombstone');
    expect(rig.requests()).toEqual({ PutObject: 2, HeadObject: 1 });
    expect(rig.counted()).toEqual(rig.requests());
    expect(rig.bytesUp()).toBe(2 * TOMBSTONE_BYTES);
  });

  test('of a version without ids, its own id alone: it is found by it', async () => {
    const rig = await startRig('update', { deletion: 'tombstone', foreignBase: true });
    rig.server.inject({ fault: 'reset-after', operation: PUT });
    expect(endingOf(await rig.delete())).toBe('deleted');
    expect(rig.storedWrites()).toEqual([OUR_DELETE]);
  });

  test('is none where whatever is there is to go: that is a DELETE', async () => {
    const rig = await startRig('update', { deletion: 'tombstone' });
    expect(await rig.store.delete('alice')).toEqual({ kind: 'deleted' });
    expect(rig.requests()).toEqual({ DeleteObject: 1 });
    expect(rig.counted()).toEqual({ DeleteObject: 1 });
    expect(rig.holding()).toBeUndefined();
  });
});

describe('a tombstone', () => {
  const buried = async (): Promise<Rig> => {
    const rig = await startRig('update', { deletion: 'tombstone' });
    await rig.delete();
    rig.server.resetCounts();
    return rig;
  };
  const tombstone = (rig: Rig) => ({
    version: rig.currentVersion(),
    writes: [OUR_DELETE, ...BASE_WRITES],
    lastModified: expect.any(Number),
    closing: false,
  });

  interface Read {
    readonly name: string;
    readonly read: (rig: Rig) => Promise<unknown>;
    readonly is: (rig: Rig) => unknown;
  }
  const reads: readonly Read[] = [
    {
      name: 'get: absent, and it tells the tombstone',
      read: (rig) => rig.store.get('alice', rig.source),
      is: (rig) => ({ kind: 'absent', tombstone: tombstone(rig) }),
    },
    { name: 'head: no database', read: ({ store }) => store.head('alice'), is: () => undefined },
    {
      name: 'list: no database, and no foreign key',
      read: ({ store }) => store.list(),
      is: () => ({ databases: [], foreignKeys: 0, next: undefined }),
    },
    {
      name: 'trace: the tombstone',
      read: ({ store }) => store.trace('alice'),
      is: (rig) => ({ kind: 'tombstone', ...tombstone(rig) }),
    },
  ];
  for (const { name, read, is } of reads) {
    test(`reads as what it is, ${name}`, async () => {
      const rig = await buried();
      expect(await read(rig)).toEqual(is(rig));
    });
  }

  test('a create that wants nothing to be there is refused, however late it comes', async () => {
    const rig = await buried();
    const writes = writesOver(undefined, 'a'.repeat(32));
    const outcome = await rig.store.put('alice', rig.source, { condition: { kind: 'absent' }, writes });
    expect(outcome).toEqual({ kind: 'conflict', reason: 'changed' });
    expect(rig.holding()).toBe('our tombstone');
  });

  test('a create that is only ever turned away finds nobody, and is no conflict', async () => {
    const rig = await buried();
    rig.server.inject({ fault: 'refuse-before', operation: 'PutObject', times: 9 });
    const writes = writesOver(undefined, 'a'.repeat(32));
    const put = rig.store.put('alice', rig.source, { condition: { kind: 'absent' }, writes });
    await expect(put).rejects.toMatchObject({ kind: 'unavailable' });
    expect(rig.holding()).toBe('our tombstone');
  });

  const creates: readonly {
    readonly name: string;
    readonly faults: readonly ScriptedFault[];
    readonly requests: Requests;
  }[] = [
    { name: 'no fault', faults: [], requests: { PutObject: 1 } },
    { name: 'the request is lost', faults: LOST_REQUEST, requests: { PutObject: 2, HeadObject: 1 } },
    { name: 'the reply is lost', faults: LOST_REPLY, requests: ONE_PUT_ONE_HEAD },
  ];
  for (const { name, faults, requests } of creates) {
    test(`a create goes over the version of it, ${name}: committed`, async () => {
      const rig = await buried();
      const seen = { version: rig.currentVersion(), writes: rig.storedWrites() };
      for (const fault of faults) rig.server.inject(fault);
      const outcome = await rig.store.put('alice', rig.source, {
        condition: { kind: 'version', version: seen.version },
        writes: writesOver(seen, 'a'.repeat(32)),
      });
      expect(outcome).toEqual({ kind: 'committed', version: rig.currentVersion() });
      expect(rig.requests()).toEqual(requests);
      expect(await rig.fetched()).toBe('our bytes');
      expect(rig.storedWrites()).toEqual(['a'.repeat(32), OUR_DELETE, ...BASE_WRITES]);
      expect(rig.server.object(BUCKET, KEY)?.metadata).not.toHaveProperty('javumbodeleted');
    });
  }
});
