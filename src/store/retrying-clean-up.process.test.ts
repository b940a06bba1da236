import { afterEach, describe, expect, test } from 'vitest';
import {
  BASE_WRITES,
  BUCKET,
  closeRigs,
  DELETE,
  endingOf,
  FOREVER,
  HEAD,
  KEY,
  OUR_DELETE,
  PUT,
  type Rig,
  type RowOfRig,
  startRig,
} from '../testing/retrying-rig.ts';
import { TOMBSTONE_BYTES } from './tombstone.ts';

/** The two steps of a tombstone's clean-up: it is marked as closing, then deleted. */

afterEach(closeRigs);

interface Row extends RowOfRig {
  /** What others do before. */
  readonly first?: (rig: Rig) => void;
  /** How much too young it is. Default: it is old enough. */
  readonly tooYoungByMs?: number;
}

const ROWS: readonly Row[] = [
  {
    name: 'old enough',
    ends: 'deleted',
    holds: undefined,
    requests: { HeadObject: 2, PutObject: 1, DeleteObject: 1 },
  },
  {
    name: 'just old enough',
    tooYoungByMs: 0,
    ends: 'deleted',
    holds: undefined,
    requests: { HeadObject: 2, PutObject: 1, DeleteObject: 1 },
  },
  {
    name: 'too young by a millisecond',
    tooYoungByMs: 1,
    ends: 'absent',
    holds: 'our tombstone',
    requests: { HeadObject: 1 },
  },
  {
    name: 'a database is there: it stays',
    first: (rig) => rig.writeOnTop(1),
    ends: 'absent',
    holds: 'by writer 1',
    requests: { HeadObject: 1 },
  },
  {
    name: 'nothing is there',
    first: (rig) => rig.remove(),
    ends: 'absent',
    holds: undefined,
    requests: { HeadObject: 1 },
  },
  {
    name: 'another program keeps 64 bytes there, without a mark: they stay',
    first: (rig) => rig.writeForeign('.'.repeat(TOMBSTONE_BYTES)),
    ends: 'absent',
    holds: '.'.repeat(TOMBSTONE_BYTES),
    requests: { HeadObject: 1 },
  },
  {
    name: 'somebody creates over it before it is closed: that stays',
    at: 'before our put',
    others: (rig) => rig.writeOnTop(1),
    ends: 'conflict',
    holds: 'by writer 1',
    requests: { HeadObject: 1, PutObject: 1 },
  },
  {
    name: 'somebody creates over it, and deletes that before it is closed: that tombstone stays',
    at: 'before our put',
    others: (rig) => {
      rig.writeOnTop(1);
      rig.bury('e'.repeat(32));
    },
    ends: 'conflict',
    holds: 'a tombstone',
    requests: { HeadObject: 1, PutObject: 1 },
  },
  {
    name: 'another clean-up has removed it before it is closed: nothing is made anew',
    at: 'before our put',
    others: (rig) => rig.remove(),
    ends: 'conflict',
    holds: undefined,
    requests: { HeadObject: 1, PutObject: 1 },
  },
  {
    name: 'the first step is lost: no DELETE follows',
    faults: [{ fault: 'reset-before', operation: PUT }],
    ends: 'unknown',
    holds: 'our tombstone',
    requests: { HeadObject: 1, PutObject: 1 },
  },
  {
    name: 'the reply to the first step is lost: no DELETE follows',
    faults: [{ fault: 'reset-after', operation: PUT }],
    ends: 'unknown',
    holds: 'our tombstone',
    requests: { HeadObject: 1, PutObject: 1 },
  },
  {
    name: 'the first step meets SlowDown: no DELETE follows',
    faults: [{ fault: 'refuse-before', operation: PUT }],
    ends: 'unavailable, retryable',
    holds: 'our tombstone',
    requests: { HeadObject: 1, PutObject: 1 },
  },
  {
    name: 'HEAD fails: nothing follows',
    faults: [{ fault: 'refuse-before', operation: HEAD, status: 500, times: FOREVER }],
    ends: 'unavailable, retryable',
    holds: 'our tombstone',
    requests: { HeadObject: 1 },
  },
  {
    name: 'the DELETE is lost',
    faults: [{ fault: 'reset-before', operation: DELETE }],
    ends: 'unknown',
    holds: 'our tombstone',
    requests: { HeadObject: 2, PutObject: 1, DeleteObject: 1 },
  },
  {
    name: 'the reply to the DELETE is lost',
    faults: [{ fault: 'reset-after', operation: DELETE }],
    ends: 'unknown',
    holds: undefined,
    requests: { HeadObject: 2, PutObject: 1, DeleteObject: 1 },
  },
];

/** A deleted database's tombstone, and its time. */
async function buried(): Promise<{ readonly rig: Rig; readonly since: number }> {
  const rig = await startRig('update', { deletion: 'tombstone' });
  rig.bury();
  const seen = await rig.s3.trace('alice');
  if (seen.kind !== 'tombstone') throw new Error('there is no tombstone');
  return { rig, since: seen.lastModified };
}

describe('the removal of a tombstone', () => {
  for (const { name, first, tooYoungByMs, faults = [], at, others, ends, holds, requests } of ROWS) {
    test(`${name}: ${ends}`, async () => {
      const { rig, since } = await buried();
      first?.(rig);
      rig.server.resetCounts();
      const armed = faults.map((fault) => rig.server.inject(fault));
      if (at !== undefined && others !== undefined) rig.interpose(at, others);
      const olderThan = tooYoungByMs === undefined ? FOREVER : since - tooYoungByMs;

      const outcome = await rig.s3.removeTombstone('alice', olderThan).catch((error: unknown) => error);

      expect(endingOf(outcome)).toBe(ends);
      expect(rig.holding()).toBe(holds);
      expect(rig.requests()).toEqual(requests);
      expect(armed.filter(({ fired }) => fired === 0)).toEqual([]);
    });
  }

  test('marks it as closing under the condition of its version, and keeps its ids, before it is deleted', async () => {
    const { rig, since } = await buried();
    const version = rig.currentVersion();
    rig.server.resetCounts();
    let closed: string | undefined;
    let between: unknown;
    rig.interpose('before our delete', () => {
      const { body, metadata } = rig.server.object(BUCKET, KEY) ?? {};
      closed = rig.currentVersion();
      between = { bytes: body?.length, metadata, isOther: closed !== version };
    });
    await rig.s3.removeTombstone('alice', since);
    expect(between).toEqual({
      bytes: TOMBSTONE_BYTES,
      metadata: { javumbodeleted: 'closing', javumbowrites: [OUR_DELETE, ...BASE_WRITES].join(',') },
      isOther: true,
    });
    expect(rig.server.log.map(({ operation, ifMatch }) => ({ operation, ifMatch }))).toEqual([
      { operation: HEAD, ifMatch: undefined },
      { operation: PUT, ifMatch: `"${version}"` },
      { operation: HEAD, ifMatch: undefined },
      // For an engine that compares after all.
      { operation: DELETE, ifMatch: `"${closed}"` },
    ]);
  });

  test('what is closing is told so by trace and get, and is no database', async () => {
    const { rig, since } = await buried();
    rig.server.inject({ fault: 'refuse-before', operation: DELETE, status: 403 });
    await rig.s3.removeTombstone('alice', since).catch(() => {});
    expect(await rig.store.trace('alice')).toMatchObject({ kind: 'tombstone', closing: true });
    expect(await rig.store.get('alice', rig.source)).toMatchObject({ kind: 'absent', tombstone: { closing: true } });
    expect(await rig.store.head('alice')).toBeUndefined();
    expect(await rig.store.list()).toMatchObject({ databases: [] });
  });

  test('one that closed and was not deleted goes with the next removal', async () => {
    const { rig, since } = await buried();
    rig.server.inject({ fault: 'reset-before', operation: DELETE });
    expect(await rig.s3.removeTombstone('alice', since)).toMatchObject({ kind: 'unknown' });
    expect(rig.holding()).toBe('our tombstone');
    const closed = await rig.s3.trace('alice');
    if (closed.kind !== 'tombstone') throw new Error('there is no tombstone');
    expect(await rig.s3.removeTombstone('alice', closed.lastModified)).toEqual({ kind: 'deleted' });
    expect(rig.holding()).toBeUndefined();
  });

  test('a late delete of the version below it is refused while it closes, and told as its own', async () => {
    const { rig, since } = await buried();
    rig.server.inject({ fault: 'refuse-before', operation: DELETE, status: 403 });
    await rig.s3.removeTombstone('alice', since).catch(() => {});
    expect(endingOf(await rig.delete())).toBe('deleted');
    expect(await rig.store.trace('alice')).toMatchObject({ kind: 'tombstone', closing: true });
  });
});
