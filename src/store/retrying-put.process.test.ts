import { afterEach, describe, expect, test } from 'vitest';
import {
  closeRigs,
  type Ending,
  endingOf,
  FOREVER,
  HEAD,
  hangs,
  MODES,
  type Mode,
  PUT,
  type Requests,
  startRig,
} from '../testing/retrying-rig.ts';
import type { ScriptedFault } from '../testing/s3-server/server.ts';

/**
 * A put whose request or reply is lost, delayed or refused, with the real SDK and sockets and a server that does its
 * work but may not say so. Each row says how the put must end, what is stored then, and which requests may be sent, as
 * the server counts them. No one else writes here.
 */

afterEach(closeRigs);

interface Expected {
  readonly ends: Ending;
  readonly holds: 'ours' | 'what was there';
  readonly requests: Requests;
}

interface Row extends Expected {
  readonly name: string;
  readonly faults: readonly ScriptedFault[];
  /** Default: both ways of writing. */
  readonly modes?: readonly Mode[];
  /** The differences for a create. */
  readonly create?: Expected;
}

const ONE_PUT_ONE_HEAD: Requests = { PutObject: 1, HeadObject: 1 };

// It may have landed and been deleted since: resending it could restore a deleted database.
const NOT_SENT_AGAIN: Expected = { ends: 'unknown', holds: 'what was there', requests: ONE_PUT_ONE_HEAD };

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
    create: NOT_SENT_AGAIN,
  },
  {
    name: 'the request is lost four times',
    faults: [{ fault: 'reset-before', operation: PUT, times: 4 }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 5, HeadObject: 4 },
    create: NOT_SENT_AGAIN,
  },
  {
    name: 'the request is always lost',
    faults: [{ fault: 'reset-before', operation: PUT, times: FOREVER }],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 5 },
    create: NOT_SENT_AGAIN,
  },
  {
    name: 'the request is never read',
    faults: [{ fault: 'hang-before', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2, HeadObject: 1 },
    create: NOT_SENT_AGAIN,
  },
  {
    name: 'the reply is lost',
    faults: [{ fault: 'reset-after', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply never comes',
    faults: [{ fault: 'hang-after', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'the reply is a 500 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 500 }],
    ends: 'committed',
    holds: 'ours',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'a proxy answers 502 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 502, code: 'BadGateway' }],
    ends: 'committed',
    holds: 'ours',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'a proxy answers 503 without a code of S3 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 503, code: 'ServiceUnavailable' }],
    ends: 'committed',
    holds: 'ours',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: 'a proxy answers 504 although it is stored',
    faults: [{ fault: 'error-after', operation: PUT, status: 504, code: 'GatewayTimeout' }],
    ends: 'committed',
    holds: 'ours',
    requests: ONE_PUT_ONE_HEAD,
  },
  {
    name: '409, once',
    faults: [{ fault: 'conflict-409', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2 },
  },
  {
    name: '409, always: nothing of it is there',
    faults: [{ fault: 'conflict-409', operation: PUT, times: FOREVER }],
    ends: 'unavailable, retryable',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown, once',
    faults: [{ fault: 'refuse-before', operation: PUT }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 2 },
  },
  {
    name: 'SlowDown, four times',
    faults: [{ fault: 'refuse-before', operation: PUT, times: 4 }],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 5 },
  },
  {
    name: 'SlowDown, always: nothing of it is there',
    faults: [{ fault: 'refuse-before', operation: PUT, times: FOREVER }],
    ends: 'unavailable, retryable',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown, always, and HEAD fails always: nobody looked',
    faults: [
      { fault: 'refuse-before', operation: PUT, times: FOREVER },
      { fault: 'refuse-before', operation: HEAD, status: 500, times: FOREVER },
    ],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 5 },
  },
  {
    name: 'SlowDown, always, and HEAD is forbidden: nobody looked',
    faults: [
      { fault: 'refuse-before', operation: PUT, times: FOREVER },
      { fault: 'refuse-before', operation: HEAD, status: 403 },
    ],
    ends: 'unknown',
    holds: 'what was there',
    // A HEAD that is refused without a reason is asked about by a GET.
    requests: { PutObject: 5, HeadObject: 1, GetObject: 1 },
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
    create: NOT_SENT_AGAIN,
  },
  {
    name: '500, always: what it builds on is still current, and the budget is used up',
    faults: [{ fault: 'refuse-before', operation: PUT, status: 500, times: FOREVER }],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 5 },
    create: NOT_SENT_AGAIN,
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
    name: '404 to If-Match: its caller looks',
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
    modes: ['update'],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 4, HeadObject: 2 },
  },
  {
    name: '409, SlowDown and a lost reply, one after the other',
    faults: [
      { fault: 'conflict-409', operation: PUT },
      { fault: 'refuse-before', operation: PUT },
      { fault: 'reset-after', operation: PUT },
    ],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 3, HeadObject: 1 },
  },
  {
    name: '409, SlowDown and a lost request, one after the other',
    faults: [
      { fault: 'conflict-409', operation: PUT },
      { fault: 'refuse-before', operation: PUT },
      { fault: 'reset-before', operation: PUT },
    ],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 4, HeadObject: 1 },
    create: { ...NOT_SENT_AGAIN, requests: { PutObject: 3, HeadObject: 1 } },
  },
  {
    name: 'a lost request, then SlowDown until the budget is used up',
    faults: [
      { fault: 'reset-before', operation: PUT },
      { fault: 'refuse-before', operation: PUT, times: FOREVER },
    ],
    modes: ['update'],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown four times, then a lost request with which the budget is used up',
    faults: [
      { fault: 'refuse-before', operation: PUT, times: 4 },
      { fault: 'reset-before', operation: PUT },
    ],
    ends: 'unknown',
    holds: 'what was there',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'SlowDown four times, then a lost reply',
    faults: [
      { fault: 'refuse-before', operation: PUT, times: 4 },
      { fault: 'reset-after', operation: PUT },
    ],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 5, HeadObject: 1 },
  },
  {
    name: 'a lost request, then 403: the first may still have arrived',
    faults: [
      { fault: 'reset-before', operation: PUT },
      { fault: 'refuse-before', operation: PUT, status: 403 },
    ],
    modes: ['update'],
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
    requests: { PutObject: 2, HeadObject: 1 },
  },
  {
    name: 'the reply is lost, and HEAD fails always',
    faults: [
      { fault: 'reset-after', operation: PUT },
      { fault: 'refuse-before', operation: HEAD, status: 500, times: FOREVER },
    ],
    ends: 'unknown',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 5 },
  },
  {
    name: 'the reply is lost, and HEAD fails twice',
    faults: [
      { fault: 'reset-after', operation: PUT },
      { fault: 'reset-before', operation: HEAD, times: 2 },
    ],
    ends: 'committed',
    holds: 'ours',
    requests: { PutObject: 1, HeadObject: 3 },
  },
  {
    name: 'the reply is lost, and HEAD is forbidden',
    faults: [
      { fault: 'reset-after', operation: PUT },
      { fault: 'refuse-before', operation: HEAD, status: 403, times: FOREVER },
    ],
    ends: 'unknown',
    holds: 'ours',
    requests: { ...ONE_PUT_ONE_HEAD, GetObject: 1 },
  },
];

describe('a put', () => {
  for (const { name, faults, modes = MODES, create, ...usual } of ROWS) {
    for (const mode of modes) {
      const { ends, holds, requests } = mode === 'create' && create !== undefined ? create : usual;
      test(`${mode}, ${name}: ${ends}`, async () => {
        const rig = await startRig(mode, { hangs: hangs(faults) });
        const armed = faults.map((fault) => rig.server.inject(fault));

        const outcome = await rig.put();

        expect(endingOf(outcome)).toBe(ends);
        expect(rig.requests()).toEqual(requests);
        expect(rig.holding()).toBe(holds === 'ours' ? 'our bytes' : rig.before);
        if (holds === 'ours') expect(rig.storedWrites()).toEqual(rig.writes);
        if (ends === 'committed') expect(outcome).toEqual({ kind: 'committed', version: rig.currentVersion() });
        if (ends === 'unknown') expect(outcome).toEqual({ kind: 'unknown', cause: expect.any(Error) });
        expect(rig.counted()).toEqual(rig.requests());
        expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
      });
    }
  }
});
