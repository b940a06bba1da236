import { afterEach, describe, expect, test } from 'vitest';
import {
  closeRigs,
  type Ending,
  endingOf,
  FOREVER,
  HEAD,
  MODES,
  type Mode,
  PUT,
  type Requests,
  type Rig,
  startRig,
  type When,
} from '../testing/retrying-rig.ts';
import type { ScriptedFault } from '../testing/s3-server/server.ts';

/**
 * Something between this machine and the store repeats a put: its first copy has already landed when the store sees the
 * copy sent here, and only that one is answered.
 */

afterEach(closeRigs);

interface Row {
  readonly name: string;
  /** Default: both ways of writing. */
  readonly modes?: readonly Mode[];
  readonly faults: readonly ScriptedFault[];
  /** `at once` if no copy sent here is ever judged. */
  readonly at: When;
  readonly others?: (rig: Rig) => void;
  readonly ends: Ending;
  readonly superseded?: true;
  readonly holds?: string | undefined;
  readonly requests: Requests;
}

const SLOWDOWN_ALWAYS: ScriptedFault = { fault: 'refuse-before', operation: PUT, times: FOREVER };

const ROWS: readonly Row[] = [
  {
    name: 'it is refused',
    faults: [],
    at: 'before our put',
    ends: 'conflict changed',
    requests: { PutObject: 1 },
  },
  {
    name: 'it is refused, and others have written on top',
    faults: [],
    at: 'before our put',
    others: (rig) => rig.writeOnTop(2),
    ends: 'conflict changed',
    holds: 'by writer 2',
    requests: { PutObject: 1 },
  },
  {
    name: 'SlowDown once, and then it is refused',
    faults: [{ fault: 'refuse-before', operation: PUT }],
    at: 'before our put',
    ends: 'conflict changed',
    requests: { PutObject: 2 },
  },
  {
    name: 'SlowDown four times, and then it is refused',
    faults: [{ fault: 'refuse-before', operation: PUT, times: 4 }],
    at: 'before our put',
    ends: 'conflict changed',
    requests: { PutObject: 5 },
  },
  {
    name: '409 once, and then it is refused',
    faults: [{ fault: 'conflict-409', operation: PUT }],
    at: 'before our put',
    ends: 'conflict changed',
    requests: { PutObject: 2 },
  },
  {
    name: 'the refusal is lost, and the look finds ours',
    faults: [{ fault: 'reset-after', operation: PUT }],
    at: 'before our put',
    ends: 'committed',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: 'a proxy answers 502 to it, and the look finds ours',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 502, code: 'BadGateway' }],
    at: 'at once',
    ends: 'committed',
    requests: { PutObject: 1, HeadObject: 1 },
  },
  {
    name: 'SlowDown always, and the look finds ours',
    faults: [SLOWDOWN_ALWAYS],
    at: 'at once',
    ends: 'committed',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown always, and the look finds ours below two others',
    faults: [SLOWDOWN_ALWAYS],
    at: 'at once',
    others: (rig) => rig.writeOnTop(2),
    ends: 'committed',
    superseded: true,
    holds: 'by writer 2',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown always, and the look finds ours in its tombstone',
    faults: [SLOWDOWN_ALWAYS],
    at: 'at once',
    others: (rig) => rig.bury('e'.repeat(32)),
    ends: 'committed',
    superseded: true,
    holds: 'a tombstone',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: '409 always, and the look finds ours',
    faults: [{ fault: 'conflict-409', operation: PUT, times: FOREVER }],
    at: 'at once',
    ends: 'committed',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown always, and the look fails twice, and then finds ours',
    faults: [SLOWDOWN_ALWAYS, { fault: 'reset-before', operation: HEAD, times: 2 }],
    at: 'at once',
    ends: 'committed',
    requests: { PutObject: 5, HeadObject: 3 },
  },
  {
    name: 'SlowDown always, and the look fails always',
    faults: [SLOWDOWN_ALWAYS, { fault: 'reset-before', operation: HEAD, times: FOREVER }],
    at: 'at once',
    ends: 'unknown',
    requests: { PutObject: 5, HeadObject: 5 },
  },
  {
    name: 'SlowDown once, then 403, and the look finds ours',
    faults: [
      { fault: 'refuse-before', operation: PUT },
      { fault: 'refuse-before', operation: PUT, status: 403 },
    ],
    at: 'at once',
    ends: 'committed',
    requests: { PutObject: 2, HeadObject: 1 },
  },
];

describe('a put that was repeated on its way', () => {
  for (const { name, modes = MODES, faults, at, others, ends, superseded, holds = 'our bytes', requests } of ROWS) {
    for (const mode of modes) {
      test(`${mode}, ${name}: ${ends}${superseded === true ? ', superseded' : ''}`, async () => {
        const rig = await startRig(mode);
        const armed = faults.map((fault) => rig.server.inject(fault));
        rig.interpose(at, () => {
          rig.land();
          others?.(rig);
        });

        const outcome = await rig.put();

        expect(endingOf(outcome)).toBe(ends);
        expect(rig.holding()).toBe(holds);
        expect(rig.requests()).toEqual(requests);
        expect(rig.counted()).toEqual(rig.requests());
        expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
        if (ends === 'committed') {
          const more = superseded === true ? { superseded } : {};
          expect(outcome).toEqual({ kind: 'committed', version: rig.currentVersion(), ...more });
        }
        if (ends === 'unknown') expect(outcome).toEqual({ kind: 'unknown', cause: expect.any(Error) });
        if (ends.startsWith('conflict')) {
          // Not looked up: the caller finds its own id where it would fetch the winner.
          expect(outcome).not.toHaveProperty('seen');
        }
        for (const fault of armed) fault.remove();
        const seen = await rig.store.trace('alice');
        expect(seen).toMatchObject({ writes: expect.arrayContaining([rig.writes[0]]) });
      });
    }
  }
});

interface NotLanded {
  readonly name: string;
  readonly others: (rig: Rig) => void;
  readonly holds: string | undefined;
  /** The outcome, for each way of writing. */
  readonly create?: Ending;
  readonly update?: Ending;
}

describe('a put that is always turned away, of which nothing has landed', () => {
  const rows: readonly NotLanded[] = [
    {
      name: 'and another writer came first',
      others: (rig) => rig.writeOnTop(1),
      holds: 'by writer 1',
      create: 'conflict changed',
      update: 'conflict changed',
    },
    {
      name: 'and 32 writers came first',
      others: (rig) => rig.writeOnTop(32),
      holds: 'by writer 32',
      create: 'conflict changed',
      update: 'unknown',
    },
    {
      name: 'and a program without write ids came first',
      others: (rig) => rig.writeForeign('by another program'),
      holds: 'by another program',
      create: 'conflict changed',
      update: 'unknown',
    },
    {
      name: 'and somebody left a tombstone of the base',
      others: (rig) => rig.bury('e'.repeat(32)),
      holds: 'a tombstone',
      update: 'conflict deleted',
    },
    { name: 'and somebody deleted the base', others: (rig) => rig.remove(), holds: undefined, update: 'unknown' },
  ];
  for (const { name, others, holds, ...endings } of rows) {
    for (const mode of MODES) {
      const ends = endings[mode];
      if (ends === undefined) continue;
      test(`${mode}, ${name}: ${ends}`, async () => {
        const rig = await startRig(mode);
        rig.server.inject(SLOWDOWN_ALWAYS);
        rig.interpose('at once', others);

        const outcome = await rig.put();

        expect(endingOf(outcome)).toBe(ends);
        expect(rig.holding()).toBe(holds);
        expect(rig.requests()).toEqual({ PutObject: 5, HeadObject: 1 });
        expect(rig.counted()).toEqual(rig.requests());
        // It was looked up, and what was seen is returned.
        if (ends.startsWith('conflict')) expect(outcome).toMatchObject({ seen: await rig.s3.trace('alice') });
      });
    }
  }
});
