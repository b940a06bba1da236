import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { type Random, seededRandom } from '../core/random.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { ManualClock } from '../testing/workbench.ts';
import type { LockTable } from './lock-table.ts';
import { MemoryLockTable } from './memory-lock-table.ts';
import { type LeaseOptions, newOwner, withLease } from './with-lease.ts';

const TTL_MS = 3000;

let clock: SteppedClock;
let locks: MemoryLockTable;
let random: Random;

beforeEach(() => {
  clock = new SteppedClock();
  locks = new MemoryLockTable(clock);
  random = seededRandom(1);
});

function options(more: Partial<LeaseOptions> = {}): LeaseOptions {
  return { ttlMs: TTL_MS, waitMaxMs: 60_000, clock, random, ...more };
}

/** The table with some of its calls replaced. */
function interposed(calls: Partial<LockTable>): LockTable {
  return {
    acquire: (...call) => locks.acquire(...call),
    renew: (...call) => locks.renew(...call),
    release: (...call) => locks.release(...call),
    ...calls,
  };
}

async function isFree(username = 'alice'): Promise<boolean> {
  const answer = await locks.acquire(username, 'a look', 1);
  return answer.kind === 'acquired' && (await locks.release(answer.lease));
}

const DOWN = async (): Promise<never> => {
  throw new Error('the table is down');
};

describe('the work', () => {
  test('runs while the lease is held, and its value is returned when the lease is free again', async () => {
    const value = await withLease(locks, 'alice', options({ owner: 'me' }), async () => {
      expect(await locks.acquire('alice', 'another', TTL_MS)).toMatchObject({ kind: 'held', owner: 'me' });
      return 42;
    });
    expect(value).toBe(42);
    expect(await isFree()).toBe(true);
  });

  const failing: { name: string; work: () => Promise<never> }[] = [
    { name: 'rejects', work: () => Promise.reject(new Error('no')) },
    {
      name: 'throws before it returns a promise',
      work: () => {
        throw new Error('no');
      },
    },
  ];
  test.each(failing)('that $name: the lease is free again, and the error is thrown', async ({ work }) => {
    await expect(withLease(locks, 'alice', options(), work)).rejects.toThrow('no');
    expect(await isFree()).toBe(true);
  });

  test('on another user does not wait', async () => {
    await locks.acquire('alice', 'another', TTL_MS);
    expect(await withLease(locks, 'bob', options({ waitMaxMs: 0 }), async () => 1)).toBe(1);
  });

  test('does not run for what is no username, and nothing is acquired', async () => {
    const untouchable = interposed({ acquire: DOWN });
    const work = () => expect.fail('the work ran');
    await expect(withLease(untouchable, '../alice', options(), work)).rejects.toMatchObject({ kind: 'usage' });
  });

  test('does not run when the table cannot be asked', async () => {
    const work = () => expect.fail('the work ran');
    await expect(withLease(interposed({ acquire: DOWN }), 'alice', options(), work)).rejects.toThrow('is down');
  });
});

describe('the owner', () => {
  test('is the machine, the process and chance, so that two pieces of work have two', () => {
    const [one, two] = [newOwner(random), newOwner(random)];
    expect(one.startsWith(`${hostname()}-${process.pid}-`)).toBe(true);
    expect(one.slice(-17)).toMatch(/^-[0-9a-f]{16}$/);
    expect(two).not.toBe(one);
  });

  test('is a new one for each call, so that one process queues with itself', async () => {
    let inside = 0;
    const work = async () => {
      expect(++inside).toBe(1);
      for (let turn = 0; turn < 10; turn++) await setImmediate();
      inside--;
    };
    const all = Promise.all(Array.from({ length: 8 }, () => withLease(locks, 'alice', options(), work)));
    await clock.passUntil(all, 5);
  });
});

describe('waiting', () => {
  test('ends with the first look after a release', async () => {
    const held = await locks.acquire('alice', 'another', TTL_MS);
    if (held.kind !== 'acquired') expect.fail('nobody held it');
    let runs = 0;
    const waiting = withLease(locks, 'alice', options(), async () => void runs++);
    await clock.pass(1000, 10);
    expect(runs).toBe(0);
    await locks.release(held.lease);
    await clock.passUntil(waiting, 10);
    expect(runs).toBe(1);
  });

  const HELD = 'a lease that nobody renews or releases';
  for (const waiters of [1, 5]) {
    test(`for ${HELD} ends when it does, for the first of ${waiters}`, async () => {
      await locks.acquire('alice', 'crashed', TTL_MS);
      const startedAt = clock.now();
      const begun: number[] = [];
      const work = async () => void begun.push(clock.now() - startedAt);
      const all = Promise.all(Array.from({ length: waiters }, () => withLease(locks, 'alice', options(), work)));
      await clock.passUntil(all, 1);
      expect(begun).toHaveLength(waiters);
      expect(begun[0]).toBe(TTL_MS);
    });
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    `for ${HELD} takes no longer than its time to live, whatever chance says: seed %i`,
    async (seed) => {
      const manual = new ManualClock();
      const table = new MemoryLockTable(manual);
      await table.acquire('alice', 'crashed', TTL_MS);
      const startedAt = manual.now();
      let waitedMs: number | undefined;
      const timed = interposed({
        acquire: async (...call) => {
          const answer = await table.acquire(...call);
          if (answer.kind === 'acquired') waitedMs = manual.now() - startedAt;
          return answer;
        },
      });
      await withLease(timed, 'alice', options({ clock: manual, random: seededRandom(seed) }), async () => {});
      expect(waitedMs).toBe(TTL_MS);
    },
  );

  test('sleeps between a millisecond and half a second, and looks often at short leases, too', async () => {
    for (const { ttlMs, longestMs } of [
      { ttlMs: 60_000, longestMs: 500 },
      { ttlMs: 1000, longestMs: 100 },
      { ttlMs: 1, longestMs: 1 },
    ]) {
      const manual = new ManualClock();
      const table = new MemoryLockTable(manual);
      await table.acquire('alice', 'crashed', ttlMs);
      const sleeps: number[] = [];
      const recorded: Clock = {
        now: () => manual.now(),
        monotonic: () => manual.monotonic(),
        sleep: (milliseconds) => {
          sleeps.push(milliseconds);
          return manual.sleep(milliseconds);
        },
      };
      await withLease(table, 'alice', options({ ttlMs, clock: recorded, random: seededRandom(3) }), async () => {});
      // The last sleep is the renewal's, which the end of the work cut short.
      const polls = sleeps.slice(0, -1);
      expect(polls.reduce((sum, sleep) => sum + sleep, 0)).toBe(ttlMs);
      for (const sleep of polls) expect(Number.isInteger(sleep) && sleep >= 1 && sleep <= longestMs).toBe(true);
      expect(polls.length).toBeGreaterThanOrEqual(ttlMs / longestMs);
    }
  });

  test('that is over names the holder and when it will be out of the way, and the work did not run', async () => {
    const held = await locks.acquire('alice', 'host-7-ab', 10_000);
    if (held.kind !== 'acquired') expect.fail('nobody held it');
    const startedAt = clock.now();
    const work = () => expect.fail('the work ran');
    const waiting = withLease(locks, 'alice', options({ waitMaxMs: 2000 }), work);
    await expect(clock.passUntil(waiting, 1)).rejects.toMatchObject({
      name: 'JavumboError',
      kind: 'unavailable',
      retryable: true,
      username: 'alice',
      message: expect.stringContaining('"host-7-ab"'),
      try: expect.stringContaining(new Date(held.lease.expiresAt).toISOString()),
    });
    expect(clock.now() - startedAt).toBe(2000);
    expect(await locks.release(held.lease)).toBe(true);
    expect(await isFree()).toBe(true);
  });

  test('for no time asks once', async () => {
    await locks.acquire('alice', 'another', TTL_MS);
    let asked = 0;
    const counting = interposed({
      acquire: (...call) => {
        asked++;
        return locks.acquire(...call);
      },
    });
    const waiting = withLease(counting, 'alice', options({ waitMaxMs: 0 }), () => expect.fail('the work ran'));
    await expect(waiting).rejects.toMatchObject({ kind: 'unavailable' });
    expect(asked).toBe(1);
  });

  test('is bounded though the holder keeps renewing', async () => {
    let finish = () => {};
    const holding = withLease(locks, 'alice', options(), () => new Promise<void>((resolve) => (finish = resolve)));
    const waiting = withLease(locks, 'alice', options({ waitMaxMs: 5 * TTL_MS }), async () => {});
    await expect(clock.passUntil(waiting, 10)).rejects.toMatchObject({ kind: 'unavailable' });
    finish();
    await holding;
  });
});

describe('renewal', () => {
  /** Runs work of that length, and looks at the lease at every step of the clock. */
  async function holders(table: LockTable, durationMs: number): Promise<{ lost: number; value: string }> {
    let lost = 0;
    const working = withLease(table, 'alice', options(), async () => {
      const until = clock.now() + durationMs;
      while (clock.now() < until) {
        await setImmediate();
        const look = await locks.acquire('alice', 'a look', 1);
        if (look.kind === 'acquired') lost++;
      }
      return 'done';
    });
    const value = await clock.passUntil(working, 10);
    return { lost, value };
  }

  test('keeps the lease for as long as the work takes', async () => {
    expect(await holders(locks, 10 * TTL_MS)).toEqual({ lost: 0, value: 'done' });
    expect(await isFree()).toBe(true);
  });

  test('that fails once does not lose the lease', async () => {
    let renewals = 0;
    const shaky = interposed({ renew: (...call) => (++renewals % 2 === 0 ? DOWN() : locks.renew(...call)) });
    expect(await holders(shaky, 10 * TTL_MS)).toEqual({ lost: 0, value: 'done' });
    expect(renewals).toBeGreaterThan(10);
  });

  test('that always fails does not stop the work, which then goes on without the lease', async () => {
    const { lost, value } = await holders(interposed({ renew: DOWN }), 3 * TTL_MS);
    expect(value).toBe('done');
    expect(lost).toBeGreaterThan(0);
  });

  test('ends when another took the lease, whose lease is not touched', async () => {
    const answers: boolean[] = [];
    const watched = interposed({
      renew: async (...call) => {
        const lease = await locks.renew(...call);
        answers.push(lease !== undefined);
        return lease;
      },
    });
    const working = withLease(watched, 'alice', options({ owner: 'slow' }), async () => {
      // As if the holder had been stopped for a while: time passes without a renewal.
      clock.jump(TTL_MS);
      expect(await locks.acquire('alice', 'next', 10 * TTL_MS)).toMatchObject({ kind: 'acquired' });
      await clock.pass(5 * TTL_MS, 10);
    });
    await working;
    expect(answers).toEqual([false]);
    expect(await locks.acquire('alice', 'third', TTL_MS)).toMatchObject({ kind: 'held', owner: 'next' });
  });

  test('is over when the call is: nobody sleeps any more', async () => {
    await withLease(locks, 'alice', options(), async () => {
      expect(clock.sleepers).toBe(1);
    });
    expect(clock.sleepers).toBe(0);
  });

  test('that is under way when the work ends is waited for, and comes before the release', async () => {
    const calls: string[] = [];
    let answer = () => {};
    const slow = interposed({
      renew: async (...call) => {
        calls.push('renewal sent');
        await new Promise<void>((resolve) => (answer = resolve));
        calls.push('renewal answered');
        return locks.renew(...call);
      },
      release: (...call) => {
        calls.push('released');
        return locks.release(...call);
      },
    });
    const working = withLease(slow, 'alice', options(), () => clock.pass(TTL_MS / 2, 10));
    while (calls.length === 0) await setImmediate();
    for (let turn = 0; turn < 200; turn++) await setImmediate();
    answer();
    await working;
    expect(calls).toEqual(['renewal sent', 'renewal answered', 'released']);
    expect(await isFree()).toBe(true);
  });

  test('leaves real work room under a clock whose sleep takes no time', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'javumbo-with-lease-'));
    try {
      const manual = new ManualClock();
      const file = join(directory, 'file');
      const content = await withLease(new MemoryLockTable(manual), 'alice', options({ clock: manual }), async () => {
        await writeFile(file, 'written while the renewals ran');
        return readFile(file, 'utf8');
      });
      expect(content).toBe('written while the renewals ran');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('a release that fails', () => {
  const down = interposed({ release: DOWN });
  const rude = interposed({
    release: () => {
      throw new Error('not even a promise');
    },
  });

  test.each([
    { name: 'by rejecting', table: () => interposed({ release: DOWN }) },
    { name: 'by throwing', table: () => rude },
  ])('$name takes nothing away from a value or an error', async ({ table }) => {
    expect(await withLease(table(), 'alice', options(), async () => 42)).toBe(42);
    const failed = withLease(table(), 'bob', options(), () => Promise.reject(new Error('the work’s own')));
    await expect(failed).rejects.toThrow('the work’s own');
  });

  test('costs others the rest of the time to live', async () => {
    await withLease(down, 'alice', options(), async () => {});
    const startedAt = clock.now();
    const waitedMs = withLease(locks, 'alice', options(), async () => clock.now() - startedAt);
    expect(await clock.passUntil(waitedMs, 1)).toBe(TTL_MS);
  });
});
