import { afterEach, describe, expect, test } from 'vitest';
import {
  BASE_WRITES,
  closeRigs,
  DELETE,
  endingOf,
  FOREVER,
  HEAD_FAILS,
  OUR_DELETE,
  type Requests,
  type Rig,
  type RowOfRig,
  startRig,
} from '../testing/retrying-rig.ts';
import type { ScriptedFault } from '../testing/s3-server/server.ts';

/** Deletes on an engine that compares on DELETE: one request, with the version in `If-Match`, that leaves nothing. */

afterEach(closeRigs);

interface Row extends RowOfRig {
  /** What others have done since the caller saw the base. */
  readonly first?: (rig: Rig) => void;
}

const LOST_REQUEST: readonly ScriptedFault[] = [{ fault: 'reset-before', operation: DELETE }];
const LOST_REPLY: readonly ScriptedFault[] = [{ fault: 'reset-after', operation: DELETE }];
const SLOWDOWN_ALWAYS: ScriptedFault = { fault: 'refuse-before', operation: DELETE, times: FOREVER };
const ONE_DELETE_ONE_HEAD: Requests = { DeleteObject: 1, HeadObject: 1 };

const LOST: readonly Row[] = [
  { name: 'no fault', ends: 'deleted', holds: undefined, requests: { DeleteObject: 1 } },
  {
    name: 'the request is lost',
    faults: LOST_REQUEST,
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
    faults: LOST_REPLY,
    ends: 'deleted',
    holds: undefined,
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'the reply is a 500 although it is deleted',
    faults: [{ fault: 'error-after', operation: DELETE }],
    ends: 'deleted',
    holds: undefined,
    requests: ONE_DELETE_ONE_HEAD,
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
    name: 'SlowDown, always: the base is still there',
    faults: [SLOWDOWN_ALWAYS],
    ends: 'unavailable, retryable',
    holds: 'the base',
    requests: { DeleteObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown, always, and HEAD fails always: nobody looked',
    faults: [SLOWDOWN_ALWAYS, HEAD_FAILS],
    ends: 'unknown',
    holds: 'the base',
    requests: { DeleteObject: 5, HeadObject: 5 },
  },
  {
    name: '409, once',
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
    faults: [...LOST_REQUEST, { fault: 'refuse-before', operation: DELETE, status: 403 }],
    ends: 'unknown',
    holds: 'the base',
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
  {
    name: 'the reply is lost, and HEAD fails always',
    faults: [...LOST_REPLY, HEAD_FAILS],
    ends: 'unknown',
    holds: undefined,
    requests: { DeleteObject: 1, HeadObject: 5 },
  },
];

const MEANWHILE: readonly Row[] = [
  {
    name: 'the reply is lost, and somebody creates it anew: that stays',
    faults: LOST_REPLY,
    at: 'after our delete',
    others: (rig) => rig.writeOnTop(1),
    ends: 'deleted',
    holds: 'by writer 1',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'the reply is lost, and a program without write ids creates it anew: that stays',
    faults: LOST_REPLY,
    at: 'after our delete',
    others: (rig) => rig.writeForeign('by another program'),
    ends: 'unknown',
    holds: 'by another program',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'the request is lost, and somebody writes on it: that stays',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'the request is lost, and 32 writers write on it: that stays',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(32),
    ends: 'unknown',
    holds: 'by writer 32',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'the request is lost, and others change it and change it back: that stays',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => {
      rig.writeOnTop(1);
      rig.writeOnTop(1, 'the base');
    },
    ends: 'conflict',
    holds: 'the base',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'the request is lost, and somebody writes on it before it is sent again: that stays',
    faults: LOST_REQUEST,
    at: 'before our second delete',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: { DeleteObject: 2, HeadObject: 2 },
  },
  {
    name: 'the request is lost, and somebody deletes it and creates it anew before it is sent again: that stays',
    faults: LOST_REQUEST,
    at: 'before our second delete',
    others: (rig) => {
      rig.remove();
      rig.writeOnTop(1);
    },
    ends: 'deleted',
    holds: 'by writer 1',
    requests: { DeleteObject: 2, HeadObject: 2 },
  },
  {
    name: 'the request arrives late, after the look and before it is sent again',
    faults: LOST_REQUEST,
    at: 'before our second delete',
    others: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
];

const REFUSED: readonly Row[] = [
  {
    name: 'nothing is there, and the caller saw that version',
    first: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 1 },
  },
  {
    name: 'somebody wrote on it: that stays',
    first: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: '32 writers wrote on it: that stays',
    first: (rig) => rig.writeOnTop(32),
    ends: 'conflict',
    holds: 'by writer 32',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'a program without write ids wrote over it: that stays',
    first: (rig) => rig.writeForeign('by another program'),
    ends: 'conflict',
    holds: 'by another program',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'SlowDown, and somebody wrote on it: that stays',
    faults: [{ fault: 'refuse-before', operation: DELETE }],
    first: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
  {
    name: 'somebody wrote on it, and deletes that before the look',
    first: (rig) => rig.writeOnTop(1),
    at: 'before our look',
    others: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'somebody wrote on it, and HEAD fails always: that stays',
    faults: [HEAD_FAILS],
    first: (rig) => rig.writeOnTop(1),
    ends: 'unknown',
    holds: 'by writer 1',
    requests: { DeleteObject: 1, HeadObject: 5 },
  },
  {
    name: 'somebody deleted it and created it anew: that stays',
    first: (rig) => {
      rig.remove();
      rig.writeOnTop(2);
    },
    ends: 'deleted',
    holds: 'by writer 2',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'somebody left a tombstone of it',
    first: (rig) => rig.bury('e'.repeat(32)),
    ends: 'absent',
    holds: 'a tombstone',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'our own id is below what somebody wrote: that stays',
    first: (rig) => {
      rig.bury();
      rig.writeOnTop(1);
    },
    ends: 'deleted',
    holds: 'by writer 1',
    requests: ONE_DELETE_ONE_HEAD,
  },
];

const THROTTLED: readonly Row[] = [
  {
    name: 'somebody wrote on it: that stays',
    faults: [SLOWDOWN_ALWAYS],
    first: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: { DeleteObject: 5, HeadObject: 1 },
  },
  {
    name: 'a program without write ids wrote over it: that stays',
    faults: [SLOWDOWN_ALWAYS],
    first: (rig) => rig.writeForeign('by another program'),
    ends: 'unknown',
    holds: 'by another program',
    requests: { DeleteObject: 5, HeadObject: 1 },
  },
  {
    name: 'somebody left a tombstone of it',
    faults: [SLOWDOWN_ALWAYS],
    first: (rig) => rig.bury('e'.repeat(32)),
    ends: 'absent',
    holds: 'a tombstone',
    requests: { DeleteObject: 5, HeadObject: 1 },
  },
];

const REPEATED: readonly Row[] = [
  {
    name: 'its first copy has deleted it',
    first: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 1 },
  },
  {
    name: 'its first copy has deleted it, and SlowDown once',
    faults: [{ fault: 'refuse-before', operation: DELETE }],
    first: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 2 },
  },
  {
    name: 'its first copy has deleted it, and SlowDown always',
    faults: [SLOWDOWN_ALWAYS],
    first: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 5, HeadObject: 1 },
  },
  {
    name: 'its first copy has deleted it, and somebody created it anew: that stays',
    first: (rig) => {
      rig.remove();
      rig.writeOnTop(1);
    },
    ends: 'deleted',
    holds: 'by writer 1',
    requests: ONE_DELETE_ONE_HEAD,
  },
  {
    name: 'its first copy has deleted it, SlowDown once, and then 403',
    faults: [
      { fault: 'refuse-before', operation: DELETE },
      { fault: 'refuse-before', operation: DELETE, status: 403 },
    ],
    first: (rig) => rig.remove(),
    ends: 'deleted',
    holds: undefined,
    requests: { DeleteObject: 2, HeadObject: 1 },
  },
];

const GROUPS: readonly (readonly [string, readonly Row[]])[] = [
  ['whose request or reply goes wrong', LOST],
  ['in doubt, and what others do meanwhile', MEANWHILE],
  ['that comes too late', REFUSED],
  ['that is always turned away', THROTTLED],
  ['that was repeated on its way', REPEATED],
];

for (const [group, rows] of GROUPS) {
  describe(`a delete of the version that it names, ${group}`, () => {
    for (const { name, faults = [], first, at, others, ends, holds, requests } of rows) {
      test(`${name}: ${ends}`, async () => {
        const rig = await startRig('update');
        first?.(rig);
        const armed = faults.map((fault) => rig.server.inject(fault));
        if (at !== undefined && others !== undefined) rig.interpose(at, others);

        const outcome = await rig.delete();

        expect(endingOf(outcome)).toBe(ends);
        if (ends === 'unknown') expect(outcome).toEqual({ kind: 'unknown', cause: expect.any(Error) });
        else if (!(outcome instanceof Error)) expect(outcome).toEqual({ kind: ends });
        expect(rig.holding()).toBe(holds);
        expect(rig.requests()).toEqual(requests);
        expect(rig.counted()).toEqual(rig.requests());
        expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
      });
    }
  });
}

test('a delete names the version that its caller saw, and only that', async () => {
  const rig = await startRig('update');
  await rig.delete();
  expect(rig.server.log.map(({ operation, ifMatch }) => ({ operation, ifMatch }))).toEqual([
    { operation: DELETE, ifMatch: `"${rig.base?.version}"` },
  ]);
});

test('a base of another program, the request is lost: sent again, for that version is still there', async () => {
  const rig = await startRig('update', { foreignBase: true });
  rig.server.inject({ fault: 'reset-before', operation: DELETE });
  expect(await rig.delete()).toEqual({ kind: 'deleted' });
  expect(rig.requests()).toEqual({ DeleteObject: 2, HeadObject: 1 });
});

test('without a write id, a lost reply: what is there decides', async () => {
  const rig = await startRig('update');
  rig.server.inject({ fault: 'reset-after', operation: DELETE });
  expect(await rig.store.delete('alice', { ifVersion: rig.currentVersion() })).toEqual({ kind: 'deleted' });
  expect(rig.requests()).toEqual(ONE_DELETE_ONE_HEAD);
});

describe('a delete of whatever is there', () => {
  const rows: readonly Row[] = [
    { name: 'no fault', ends: 'deleted', holds: undefined, requests: { DeleteObject: 1 } },
    {
      name: 'nothing is there',
      first: (rig) => rig.remove(),
      ends: 'deleted',
      holds: undefined,
      requests: { DeleteObject: 1 },
    },
    {
      name: 'a tombstone is there',
      first: (rig) => rig.bury(),
      ends: 'deleted',
      holds: undefined,
      requests: { DeleteObject: 1 },
    },
    {
      name: 'the request is lost',
      faults: LOST_REQUEST,
      ends: 'deleted',
      holds: undefined,
      requests: { DeleteObject: 2, HeadObject: 1 },
    },
    {
      name: 'the request is lost, and somebody writes: sent again as it is',
      faults: LOST_REQUEST,
      at: 'before our look',
      others: (rig) => rig.writeOnTop(1),
      ends: 'deleted',
      holds: undefined,
      requests: { DeleteObject: 2, HeadObject: 1 },
    },
    {
      name: 'the reply is lost',
      faults: LOST_REPLY,
      ends: 'deleted',
      holds: undefined,
      requests: ONE_DELETE_ONE_HEAD,
    },
    {
      name: 'the request is always lost',
      faults: [{ fault: 'reset-before', operation: DELETE, times: FOREVER }],
      ends: 'unknown',
      holds: 'the base',
      requests: { DeleteObject: 5, HeadObject: 5 },
    },
    {
      name: 'SlowDown, always',
      faults: [SLOWDOWN_ALWAYS],
      ends: 'unavailable, retryable',
      holds: 'the base',
      requests: { DeleteObject: 5, HeadObject: 1 },
    },
    {
      name: 'SlowDown, always, and it is gone',
      faults: [SLOWDOWN_ALWAYS],
      first: (rig) => rig.remove(),
      ends: 'deleted',
      holds: undefined,
      requests: { DeleteObject: 5, HeadObject: 1 },
    },
  ];
  for (const { name, faults = [], first, at, others, ends, holds, requests } of rows) {
    test(`${name}: ${ends}`, async () => {
      const rig = await startRig('update');
      first?.(rig);
      const armed = faults.map((fault) => rig.server.inject(fault));
      if (at !== undefined && others !== undefined) rig.interpose(at, others);
      const outcome = await rig.store
        .delete('alice', { writes: [OUR_DELETE, ...BASE_WRITES] })
        .catch((error: unknown) => error);
      expect(endingOf(outcome)).toBe(ends);
      expect(rig.holding()).toBe(holds);
      expect(rig.requests()).toEqual(requests);
      expect(rig.counted()).toEqual(rig.requests());
      expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
    });
  }
});
