import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import {
  closeRigs,
  type Ending,
  endingOf,
  FOREVER,
  HEAD,
  MODES,
  PUT,
  type Requests,
  startRig,
} from '../testing/retrying-rig.ts';
import type { ScriptedFault } from '../testing/s3-server/server.ts';

/** Which requests are sent, and after which waits: endpoints without a listener, engines with another `If-Match`. */

afterEach(closeRigs);

describe('an endpoint that refuses connections', () => {
  for (const mode of MODES) {
    test(`${mode}: unavailable after five attempts and without a look, for none left this machine`, async () => {
      const rig = await startRig(mode, { endpoint: await closedPort() });
      const outcome = await rig.put();
      expect(endingOf(outcome)).toBe('unavailable, retryable');
      expect(outcome).toMatchObject({ message: expect.stringContaining('ECONNREFUSED'), username: 'alice' });
      expect(rig.counted()).toEqual({ PutObject: 5 });
      expect(rig.requests()).toEqual({});
      expect(rig.holding()).toBe(rig.before);
    });
  }

  test('delete: the same', async () => {
    const rig = await startRig('update', { endpoint: await closedPort() });
    const outcome = await rig.delete();
    expect(endingOf(outcome)).toBe('unavailable, retryable');
    expect(outcome).toMatchObject({ message: expect.stringContaining('ECONNREFUSED'), username: 'alice' });
    expect(rig.counted()).toEqual({ DeleteObject: 5 });
    expect(rig.holding()).toBe('the base');
  });

  test('an address that cannot be resolved is unavailable too', async () => {
    const rig = await startRig('create', { endpoint: 'http://no-such-host.invalid:1' });
    expect(endingOf(await rig.put())).toBe('unavailable, retryable');
    expect(rig.counted()).toEqual({ PutObject: 5 });
  });
});

describe('what is no matter of retries', () => {
  test('a bucket that does not exist is not found at the first attempt', async () => {
    const rig = await startRig('create', { bucket: 'no-such-bucket' });
    expect(endingOf(await rig.put())).toBe('not-found');
    expect(rig.requests()).toEqual({ PutObject: 1 });
  });

  test('a file that does not exist is a failure before any request', async () => {
    const rig = await startRig('create');
    rmSync(rig.source);
    expect(await rig.put()).toBeInstanceOf(Error);
    expect(rig.requests()).toEqual({});
  });

  test('a put without a write id is a defect, and is not sent', async () => {
    const rig = await startRig('create');
    const put = rig.store.put('alice', rig.source, { condition: { kind: 'absent' }, writes: [] });
    await expect(put).rejects.toMatchObject({ kind: 'internal' });
    expect(rig.requests()).toEqual({});
  });
});

interface FormRow {
  readonly name: string;
  readonly faults: readonly ScriptedFault[];
  /** Our put has already landed when the store sees the first copy sent here. */
  readonly repeated?: true;
  readonly ends: Ending;
  readonly requests: Requests;
}

describe('an engine that is not known to take the quoted form of If-Match', () => {
  const rows: readonly FormRow[] = [
    {
      name: 'the first update finds the form that the engine takes',
      faults: [],
      ends: 'committed',
      requests: { PutObject: 2, HeadObject: 1 },
    },
    {
      name: 'the reply to the second form is lost',
      faults: [{ fault: 'reset-after', operation: PUT, after: 1 }],
      ends: 'committed',
      requests: { PutObject: 2, HeadObject: 2 },
    },
    {
      name: 'the reply to the first form is lost',
      faults: [{ fault: 'reset-after', operation: PUT }],
      ends: 'committed',
      // Refused and lost, looked up, resent in the first form, looked up, sent in the second form.
      requests: { PutObject: 3, HeadObject: 2 },
    },
    {
      name: 'the look between the two forms fails once, and is counted',
      faults: [{ fault: 'refuse-before', operation: HEAD, status: 500 }],
      ends: 'committed',
      requests: { PutObject: 3, HeadObject: 3 },
    },
    {
      name: 'the second form meets SlowDown, and every request is counted',
      faults: [{ fault: 'refuse-before', operation: PUT, after: 1 }],
      ends: 'committed',
      requests: { PutObject: 4, HeadObject: 2 },
    },
    {
      name: 'the request was repeated on its way, and the repeat is refused: its caller looks',
      faults: [],
      repeated: true,
      ends: 'conflict changed',
      requests: { PutObject: 1, HeadObject: 1 },
    },
  ];
  for (const { name, faults, repeated, ends, requests } of rows) {
    test(`${name}: ${ends}`, async () => {
      const rig = await startRig('update', { atEndpoint: true });
      const armed = faults.map((fault) => rig.server.inject(fault));
      if (repeated === true) rig.interpose('before our put', () => rig.land());
      const outcome = await rig.put();
      expect(endingOf(outcome)).toBe(ends);
      if (ends.startsWith('conflict')) expect(outcome).not.toHaveProperty('seen');
      expect(rig.holding()).toBe('our bytes');
      expect(rig.storedWrites()).toEqual(rig.writes);
      expect(rig.requests()).toEqual(requests);
      expect(armed.map(({ fired }) => fired)).toEqual(armed.map(() => 1));
      expect(rig.counted()).toEqual(rig.requests());
    });
  }

  // The repeat is refused, and nothing between the two forms can tell why: it may be stored, and here it is.
  const blind: readonly { readonly name: string; readonly fault: ScriptedFault }[] = [
    { name: 'is answered 500 always', fault: { fault: 'refuse-before', status: 500, times: FOREVER } },
    { name: 'is lost always', fault: { fault: 'reset-before', times: FOREVER } },
    { name: 'is forbidden', fault: { fault: 'refuse-before', status: 403, times: FOREVER } },
  ];
  for (const { name, fault } of blind) {
    test(`the request was repeated, the repeat is refused, and the look between the forms ${name}: unknown`, async () => {
      const rig = await startRig('update', { atEndpoint: true });
      rig.server.inject({ ...fault, operation: HEAD });
      rig.interpose('before our put', () => rig.land());
      expect(endingOf(await rig.put())).toBe('unknown');
      expect(rig.holding()).toBe('our bytes');
      expect(rig.counted()).toEqual(rig.requests());
    });
  }

  test('a stale update is a conflict, and the look that proves it is counted', async () => {
    const rig = await startRig('update', { atEndpoint: true });
    rig.writeOnTop(1);
    expect(endingOf(await rig.put())).toBe('conflict changed');
    expect(rig.requests()).toEqual({ PutObject: 1, HeadObject: 1 });
    expect(rig.counted()).toEqual(rig.requests());
  });
});

describe('the waits between attempts', () => {
  const longest = [100, 200, 400, 800, 1600, 3200, 5000, 5000];

  test('double, up to the longest, and a random part of each is waited', async () => {
    const rig = await startRig('create', { attemptsMax: 9 });
    rig.server.inject({ fault: 'refuse-before', operation: PUT, times: FOREVER });
    await rig.put();
    const fractions = seededRandom(1);
    expect(rig.sleeps).toEqual(longest.map((milliseconds) => fractions.fraction() * milliseconds));
    expect(rig.requests()).toEqual({ PutObject: 9, HeadObject: 1 });
  });

  test('are the same where each attempt is in doubt and looked for', async () => {
    const rig = await startRig('update', { attemptsMax: 9 });
    rig.server.inject({ fault: 'reset-before', operation: PUT, times: FOREVER });
    await rig.put();
    const fractions = seededRandom(1);
    expect(rig.sleeps).toEqual(longest.map((milliseconds) => fractions.fraction() * milliseconds));
    expect(rig.requests()).toEqual({ PutObject: 9, HeadObject: 9 });
  });

  test('there is none before the first attempt, nor before a look', async () => {
    const rig = await startRig('create');
    rig.server.inject({ fault: 'reset-after', operation: PUT });
    await rig.put();
    expect(rig.sleeps).toEqual([]);
  });
});

/** An endpoint without a listener. */
async function closedPort(): Promise<string> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  return `http://127.0.0.1:${port}`;
}
