import { afterEach, describe, expect, test } from 'vitest';
import {
  closeRigs,
  type Ending,
  endingOf,
  MODES,
  type Mode,
  PUT,
  type Requests,
  type Rig,
  startRig,
  type When,
} from '../testing/retrying-rig.ts';
import type { ScriptedFault } from '../testing/s3-server/server.ts';

/** A put in doubt, or refused, while others write or delete at the worst moment. */

afterEach(closeRigs);

interface Expected {
  readonly ends: Ending;
  readonly superseded?: true;
  readonly holds: string | undefined;
  readonly requests: Requests;
}

interface Row extends Expected {
  readonly name: string;
  /** Default: both ways of writing. */
  readonly modes?: readonly Mode[];
  /** An update's base was written by another program, without write ids. */
  readonly foreignBase?: boolean;
  readonly faults: readonly ScriptedFault[];
  readonly at: When;
  readonly others: (rig: Rig) => void;
  /** The differences for a create. */
  readonly create?: Partial<Expected>;
}

const LOST_REPLY: readonly ScriptedFault[] = [{ fault: 'reset-after', operation: PUT }];
const LOST_REQUEST: readonly ScriptedFault[] = [{ fault: 'reset-before', operation: PUT }];
const ONE_PUT_ONE_HEAD: Requests = { PutObject: 1, HeadObject: 1 };
const TWICE: Requests = { PutObject: 2, HeadObject: 2 };
// Ours may have landed and been deleted before they wrote.
const UNKNOWN: Partial<Expected> = { ends: 'unknown' };

const ROWS: readonly Row[] = [
  {
    name: 'SlowDown, and then nothing is there: a twin of it may have landed, and been deleted',
    modes: ['update'],
    faults: [{ fault: 'refuse-before', operation: PUT }],
    at: 'before our put',
    others: (rig) => rig.remove(),
    ends: 'unknown',
    holds: undefined,
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'SlowDown, then nothing is there, and before the look another creates it anew',
    modes: ['update'],
    faults: [
      { fault: 'refuse-before', operation: PUT },
      { fault: 'not-found-on-if-match', operation: PUT },
    ],
    at: 'before our look',
    others: (rig) => {
      rig.remove();
      rig.writeOnTop(1);
    },
    ends: 'unknown',
    holds: 'by writer 1',
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'the reply is lost, and another writer writes on top',
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
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => rig.writeOnTop(32),
    ends: 'unknown',
    holds: 'by writer 32',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, and another writer puts the same bytes on top',
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
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => rig.writeForeign('by another program'),
    ends: 'unknown',
    holds: 'by another program',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, and somebody deletes it: it stays deleted',
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => rig.remove(),
    ends: 'unknown',
    holds: undefined,
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, and somebody leaves a tombstone of it',
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => rig.bury('e'.repeat(32)),
    ends: 'committed',
    superseded: true,
    holds: 'a tombstone',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, somebody leaves a tombstone of it, and another creates over that',
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => {
      rig.bury('e'.repeat(32));
      rig.writeOnTop(1);
    },
    ends: 'committed',
    superseded: true,
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is lost, somebody deletes it, and another creates it anew',
    faults: LOST_REPLY,
    at: 'after our put',
    others: (rig) => {
      rig.remove();
      rig.writeOnTop(1);
    },
    ends: 'unknown',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request is lost, and another writer writes on our base',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict changed',
    holds: 'by writer 1',
    requests: ONE_PUT_ONE_HEAD,
    create: UNKNOWN,
  },
  {
    name: 'the request is lost, and another writer puts our very bytes on our base',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(1, 'our bytes'),
    ends: 'conflict changed',
    holds: 'our bytes',
    requests: ONE_PUT_ONE_HEAD,
    create: UNKNOWN,
  },
  {
    name: 'the request is lost, and three writers write on our base',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(3),
    ends: 'conflict changed',
    holds: 'by writer 3',
    requests: ONE_PUT_ONE_HEAD,
    create: UNKNOWN,
  },
  {
    name: 'the request is lost, and 32 writers write on our base',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeOnTop(32),
    ends: 'unknown',
    holds: 'by writer 32',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request is lost, and somebody leaves a tombstone of our base',
    modes: ['update'],
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.bury('e'.repeat(32)),
    ends: 'conflict deleted',
    holds: 'a tombstone',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request arrives late, before the look',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.land(),
    ends: 'committed',
    holds: 'our bytes',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request arrives late, and others write on top before the look',
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => {
      rig.land();
      rig.writeOnTop(2);
    },
    ends: 'committed',
    superseded: true,
    holds: 'by writer 2',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request arrives late, after the look and before it is sent again',
    modes: ['update'],
    faults: LOST_REQUEST,
    at: 'before our second put',
    others: (rig) => rig.land(),
    ends: 'committed',
    holds: 'our bytes',
    requests: TWICE,
  },
  {
    name: 'the request arrives late, after the look that found nothing: it was not told as refused',
    modes: ['create'],
    faults: LOST_REQUEST,
    at: 'after our look',
    others: (rig) => rig.land(),
    ends: 'unknown',
    holds: 'our bytes',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request arrives late, and others write on top before it is sent again',
    modes: ['update'],
    faults: LOST_REQUEST,
    at: 'before our second put',
    others: (rig) => {
      rig.land();
      rig.writeOnTop(2);
    },
    ends: 'committed',
    superseded: true,
    holds: 'by writer 2',
    requests: TWICE,
  },
  {
    name: 'the request is lost, and another writer comes first when it is sent again',
    modes: ['update'],
    faults: LOST_REQUEST,
    at: 'before our second put',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict changed',
    holds: 'by writer 1',
    requests: TWICE,
  },
  {
    name: 'the request is lost, and somebody deletes the base',
    modes: ['update'],
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.remove(),
    ends: 'unknown',
    holds: undefined,
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the request is lost, and somebody deletes the base before it is sent again',
    modes: ['update'],
    faults: LOST_REQUEST,
    at: 'before our second put',
    others: (rig) => rig.remove(),
    ends: 'unknown',
    holds: undefined,
    requests: TWICE,
  },
  {
    name: 'the request is lost, and others change the base and change it back',
    modes: ['update'],
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
    modes: ['update'],
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
    modes: ['update'],
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
    modes: ['update'],
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
    modes: ['update'],
    foreignBase: true,
    faults: LOST_REQUEST,
    at: 'before our look',
    others: (rig) => rig.writeForeign('by another program, again'),
    ends: 'unknown',
    holds: 'by another program, again',
    requests: ONE_PUT_ONE_HEAD,
  },
];

describe('a put in doubt, and what others do meanwhile', () => {
  for (const { name, modes = MODES, foreignBase = false, faults, at, others, create, ...usual } of ROWS) {
    for (const mode of modes) {
      const { ends, superseded, holds, requests } = { ...usual, ...(mode === 'create' ? create : {}) };
      test(`${mode}, ${name}: ${ends}${superseded === true ? ', superseded' : ''}`, async () => {
        const rig = await startRig(mode, { foreignBase });
        const armed = faults.map((fault) => rig.server.inject(fault));
        rig.interpose(at, others);

        const outcome = await rig.put();

        expect(endingOf(outcome)).toBe(ends);
        expect(rig.requests()).toEqual(requests);
        expect(rig.holding()).toBe(holds);
        expect(rig.counted()).toEqual(rig.requests());
        expect(armed.map(({ fired }) => fired)).toEqual(armed.map(() => 1));
        if (ends === 'committed') {
          const more = superseded === true ? { superseded } : {};
          expect(outcome).toEqual({ kind: 'committed', version: rig.currentVersion(), ...more });
        }
        if (ends === 'unknown') expect(outcome).toEqual({ kind: 'unknown', cause: expect.any(Error) });
        // A conflict after a doubt says what was seen, so that no one has to look again.
        if (ends.startsWith('conflict')) expect(outcome).toMatchObject({ seen: await rig.s3.trace('alice') });
      });
    }
  }
});

describe('a put that is refused without any doubt', () => {
  const rows: readonly Omit<Row, 'superseded' | 'create' | 'foreignBase'>[] = [
    {
      name: 'another writer came first',
      faults: [],
      at: 'before our put',
      others: (rig) => rig.writeOnTop(1),
      ends: 'conflict changed',
      holds: 'by writer 1',
      requests: { PutObject: 1 },
    },
    {
      name: 'a program without write ids came first',
      faults: [],
      at: 'before our put',
      others: (rig) => rig.writeForeign('by another program'),
      ends: 'conflict changed',
      holds: 'by another program',
      requests: { PutObject: 1 },
    },
    {
      name: 'SlowDown, and another writer came first',
      faults: [{ fault: 'refuse-before', operation: PUT }],
      at: 'before our put',
      others: (rig) => rig.writeOnTop(1),
      ends: 'conflict changed',
      holds: 'by writer 1',
      requests: { PutObject: 2 },
    },
    {
      name: '409, and it was the other writer who won',
      faults: [{ fault: 'conflict-409', operation: PUT }],
      at: 'before our second put',
      others: (rig) => rig.writeOnTop(1),
      ends: 'conflict changed',
      holds: 'by writer 1',
      requests: { PutObject: 2 },
    },
    {
      name: 'somebody deleted it',
      modes: ['update'],
      faults: [],
      at: 'before our put',
      others: (rig) => rig.remove(),
      ends: 'conflict deleted',
      holds: undefined,
      requests: { PutObject: 1 },
    },
    {
      name: 'somebody left a tombstone',
      modes: ['update'],
      faults: [],
      at: 'before our put',
      others: (rig) => rig.bury('e'.repeat(32)),
      ends: 'conflict changed',
      holds: 'a tombstone',
      requests: { PutObject: 1 },
    },
  ];
  for (const { name, modes = MODES, faults, at, others, ends, holds, requests } of rows) {
    for (const mode of modes) {
      test(`${mode}, ${name}: ${ends}, and its caller looks`, async () => {
        const rig = await startRig(mode);
        const armed = faults.map((fault) => rig.server.inject(fault));
        rig.interpose(at, others);

        const outcome = await rig.put();

        expect(endingOf(outcome)).toBe(ends);
        expect(outcome).not.toHaveProperty('seen');
        expect(rig.requests()).toEqual(requests);
        expect(rig.holding()).toBe(holds);
        expect(rig.counted()).toEqual(rig.requests());
        expect(armed.map(({ fired }) => fired)).toEqual(armed.map(() => 1));
      });
    }
  }
});
