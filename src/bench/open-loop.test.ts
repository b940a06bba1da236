/** The arithmetic of the open loop, on a stepped clock, against a queue whose behaviour is known. */
import { describe, expect, test } from 'vitest';
import { CONNECTIONS_MAX } from '../core/connections.ts';
import { JavumboError } from '../core/failure.ts';
import { seededRandom } from '../core/random.ts';
import { NO_USAGE } from '../core/usage.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { findLimit } from './find-limit.ts';
import { type LoadInputs, type MeasuredLoad, measureLoad } from './load.ts';
import { openLoop } from './open-loop.ts';
import { percentile } from './stats.ts';
import { arrivalsOf, visitorsOf } from './workload.ts';

const STEP_MS = 10;

/** One server that takes `serviceMs` for each request, in order, and stands still from `stallAt` for `stallMs`. */
function queueOn(clock: SteppedClock, serviceMs: number, { stallAt = Number.POSITIVE_INFINITY, stallMs = 0 } = {}) {
  const beganAt = clock.monotonic();
  let freeAt = 0;
  return async (): Promise<void> => {
    freeAt = Math.max(freeAt, clock.monotonic()) + serviceMs;
    if (freeAt > beganAt + stallAt && stallAt < Number.POSITIVE_INFINITY) {
      freeAt += stallMs;
      stallAt = Number.POSITIVE_INFINITY;
    }
    await clock.sleep(freeAt - clock.monotonic());
  };
}

const load = (
  clock: SteppedClock,
  ratePerSecond: number,
  serve: () => Promise<void>,
  more: Partial<LoadInputs> = {},
): Promise<MeasuredLoad> =>
  clock.passUntil(
    measureLoad(ratePerSecond, {
      target: { read: serve, write: serve },
      workload: { users: 10, skew: 1, mix: { read: 70, write: 30 } },
      durationMs: 60_000,
      clock,
      random: seededRandom(1),
      requests: () => NO_USAGE.store,
      busyMs: () => 0,
      ...more,
    }),
    STEP_MS,
  );

describe('the open loop', () => {
  test('starts each request when it is due, whatever the earlier ones do', async () => {
    const clock = new SteppedClock();
    const beganAt = clock.monotonic();
    const starts: number[] = [];
    const arrivals = [0, 100, 200, 5_000];
    const loop = openLoop({
      arrivals,
      request: async () => {
        starts.push(clock.monotonic() - beganAt);
        await clock.sleep(3_000);
      },
      ended: () => {},
      underwayMax: 10,
      clock,
    });
    expect(await clock.passUntil(loop, STEP_MS)).toEqual({ notStarted: 0, crowded: 0 });
    expect(starts).toEqual(arrivals);
  });

  test('counts what had to wait for room, from the moment at which it was due, and what was never started', async () => {
    const clock = new SteppedClock();
    const delays: number[] = [];
    const loop = openLoop({
      arrivals: [0, 0, 0, 0],
      request: () => clock.sleep(600),
      ended: (_, { startDelayMs, totalMs }) => delays.push(startDelayMs, totalMs),
      underwayMax: 1,
      clock,
    });
    // The third and fourth would begin after the second in which a late client may catch up.
    const counts = await clock.passUntil(loop, STEP_MS);
    expect(counts).toEqual({ notStarted: 2, crowded: 3 - 1 });
    expect(delays.map((delay) => Math.round(delay / 100))).toEqual([0, 6, 6, 12]);
  });

  test('of a server that stands still for 2 s, p99 and p95 show it, where a closed loop counts one slow request', async () => {
    const stall = { stallAt: 30_000, stallMs: 2_000 };
    const clock = new SteppedClock();
    const { metrics } = await load(clock, 20, queueOn(clock, 10, stall));
    // Forty requests of 1,200 meet the stall: they wait for one second on average, and two at most.
    expect(metrics.totalMs?.p99).toBeGreaterThan(1_200);
    expect(metrics.totalMs?.max).toBeGreaterThan(1_900);
    const closed = new SteppedClock();
    const serve = queueOn(closed, 10, stall);
    const samples: number[] = [];
    const work = async (): Promise<void> => {
      for (let index = 0; index < 1_200; index++) {
        const startedAt = closed.monotonic();
        await serve();
        samples.push(closed.monotonic() - startedAt);
        await closed.sleep(40);
      }
    };
    await closed.passUntil(work(), STEP_MS);
    expect(
      percentile(
        [...samples].sort((a, b) => a - b),
        99,
      ),
    ).toBeLessThan(50);
  });

  test('after a signal it starts nothing more, and throws its reason when what is under way has ended', async () => {
    const clock = new SteppedClock();
    const stopping = new AbortController();
    let ended = 0;
    const loop = openLoop({
      arrivals: [0, 0, 1_000],
      request: () => clock.sleep(500),
      ended: () => ended++,
      underwayMax: 10,
      clock,
      signal: stopping.signal,
    });
    loop.catch(() => {});
    await clock.pass(100, STEP_MS);
    stopping.abort(new JavumboError('interrupted', 'interrupted'));
    await expect(clock.passUntil(loop, STEP_MS)).rejects.toThrow('interrupted');
    expect(ended).toBe(2);
  });
});

describe('a load', () => {
  test('is the same for the same seed: who comes when, and for what', () => {
    const of = (seed: number) => {
      const random = seededRandom(seed);
      const arrivals = arrivalsOf(20, 10_000, random);
      return arrivals.map(visitorsOf({ users: 9, skew: 1, mix: { read: 1, write: 1 } }, random));
    };
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    expect(of(1)).toHaveLength(200);
  });

  test('comes from users as often as the skew says, and reads and writes as the mix says', () => {
    const draw = visitorsOf({ users: 4, skew: 1, mix: { read: 70, write: 30 } }, seededRandom(1));
    const visits = Array.from({ length: 100_000 }, draw);
    const shareOf = (user: number): number => visits.filter((visit) => visit.user === user).length / visits.length;
    // 1/1 + 1/2 + 1/3 + 1/4 = 25/12.
    for (const user of [0, 1, 2, 3]) expect(shareOf(user)).toBeCloseTo(12 / 25 / (user + 1), 2);
    expect(visits.filter(({ reads }) => reads).length / visits.length).toBeCloseTo(0.7, 2);
  });

  test('what failed is counted by its kind and has no time; unknown outcomes are counted apart', async () => {
    const clock = new SteppedClock();
    let calls = 0;
    const serve = async (): Promise<void> => {
      calls++;
      if (calls % 10 === 1) throw new JavumboError('unavailable', `for user ${calls}`);
      if (calls % 10 === 2) throw new JavumboError('unknown', 'in doubt');
    };
    const { derived, failures, metrics } = await load(clock, 1, serve);
    expect(derived).toMatchObject({ offered: 60, completed: 48, failed: 6, unknown: 6 });
    expect(metrics.totalMs?.count).toBe(48);
    expect(failures).toEqual([
      '6 of the requests failed, such as: unavailable: for user 1',
      '6 of the requests failed, such as: unknown: in doubt',
    ]);
  });

  test.each([
    { name: 'as many as are due', serviceMs: 10, perSecond: 20, drainMs: 0 },
    { name: 'fewer than are due', serviceMs: 70, perSecond: 14.3, drainMs: 24_000 },
  ])(
    'of a server that completes $name, the drain is named, and in no rate',
    async ({ serviceMs, perSecond, drainMs }) => {
      const clock = new SteppedClock();
      const { derived } = await load(clock, 20, queueOn(clock, serviceMs));
      expect(derived.completed).toBe(1_200);
      expect(derived.completedPerSecond).toBeCloseTo(perSecond, 0);
      expect(Math.round((derived.drainMs ?? 0) / 1_000)).toBe(drainMs / 1_000);
    },
  );

  test.each([
    { name: 'a busy event loop', busy: 0.95, serviceMs: 0, reason: /^its event loop was busy for 95 % of the time$/ },
    {
      name: 'too many requests under way',
      busy: 0,
      serviceMs: 1_000,
      reason: new RegExp(`^\\d+ requests had to wait because ${CONNECTIONS_MAX} were under way$`),
    },
    { name: 'nothing', busy: 0.5, serviceMs: 10, reason: undefined },
  ])('of $name, it says whether the client was the limit', async ({ busy, serviceMs, reason }) => {
    const clock = new SteppedClock();
    const beganAt = clock.monotonic();
    const busyMs = (): number => (clock.monotonic() - beganAt) * busy;
    const { saturation } = await load(clock, 20, queueOn(clock, serviceMs), { busyMs });
    expect(saturation).toEqual(reason === undefined ? undefined : expect.stringMatching(reason));
  });

  test('of a queue of known capacity, the knee is named within 5 %', async () => {
    const clock = new SteppedClock();
    let seed = 1;
    const { knee } = await findLimit(5, async (ratePerSecond) => {
      const random = seededRandom(seed++);
      const { metrics } = await load(clock, ratePerSecond, queueOn(clock, 50), { random });
      return { ratePerSecond, held: (metrics.totalMs?.p99 ?? 0) < 2_000 };
    });
    expect(knee?.ratePerSecond).toBeGreaterThan(20 * 0.95);
    expect(knee?.ratePerSecond).toBeLessThan(20 * 1.05);
  });
});
