import { afterEach, describe, expect, test } from 'vitest';
import { closeRigs, type Ending, endingOf, FOREVER, type Rig, startRig } from '../testing/retrying-rig.ts';
import type { S3Operation, ScriptedFault } from '../testing/s3-server/server.ts';

/** Requests that only read are safe to resend. */

afterEach(closeRigs);

interface ReadRow {
  readonly name: string;
  readonly request: (rig: Rig) => Promise<unknown>;
  readonly operation: S3Operation;
  readonly succeeds: unknown;
}

const READS: readonly ReadRow[] = [
  { name: 'get', request: (rig) => rig.fetched(), operation: 'GetObject', succeeds: 'the base' },
  {
    name: 'head',
    request: ({ store }) => store.head('alice'),
    operation: 'HeadObject',
    succeeds: expect.objectContaining({ sizeBytes: 8 }),
  },
  {
    name: 'trace',
    request: ({ store }) => store.trace('alice'),
    operation: 'HeadObject',
    succeeds: expect.objectContaining({ kind: 'database', sizeBytes: 8 }),
  },
  {
    name: 'list',
    request: ({ store }) => store.list(),
    operation: 'ListObjectsV2',
    succeeds: expect.objectContaining({ databases: [expect.objectContaining({ username: 'alice' })] }),
  },
];

const PASSING: readonly { readonly name: string; readonly fault: ScriptedFault; readonly requests: number }[] = [
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

const FAILING: readonly {
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

describe('a request that only reads', () => {
  for (const { name, request, operation, succeeds } of READS) {
    for (const { name: trouble, fault, requests } of PASSING) {
      test(`${name}, ${trouble}: succeeds with ${requests} requests`, async () => {
        const rig = await startRig('update');
        rig.server.inject({ ...fault, operation });
        expect(await request(rig)).toEqual(succeeds);
        expect(rig.requests()).toEqual({ [operation]: requests });
        expect(rig.counted()).toEqual(rig.requests());
      });
    }

    for (const { name: trouble, fault, ends, requests } of FAILING) {
      test(`${name}, ${trouble}: ${ends}, after ${requests} requests`, async () => {
        const rig = await startRig('update');
        rig.server.inject({ ...fault, operation });
        expect(endingOf(await request(rig).catch((error: unknown) => error))).toBe(ends);
        // A HEAD that is refused without a reason is asked about by a GET.
        const asked = operation === 'HeadObject' && trouble === '403' ? { GetObject: 1 } : {};
        expect(rig.requests()).toEqual({ [operation]: requests, ...asked });
        expect(rig.counted()).toEqual(rig.requests());
      });
    }
  }

  test('get, a reply that never comes: succeeds with 2 requests', async () => {
    const rig = await startRig('update', { hangs: true });
    rig.server.inject({ fault: 'hang-before', operation: 'GetObject' });
    expect(await rig.fetched()).toBe('the base');
    expect(rig.requests()).toEqual({ GetObject: 2 });
  });

  for (const fault of ['truncate-body', 'corrupt-body'] as const) {
    test(`get, ${fault}: the whole file comes with the second request`, async () => {
      const rig = await startRig('create');
      expect(await rig.put()).toMatchObject({ kind: 'committed' });
      rig.server.resetCounts();
      rig.server.inject({ fault, operation: 'GetObject' });
      expect(await rig.fetched()).toBe('our bytes');
      expect(rig.requests()).toEqual({ GetObject: 2 });
    });
  }
});
