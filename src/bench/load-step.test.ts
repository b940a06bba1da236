import { expect, test } from 'vitest';
import { NO_USAGE } from '../core/usage.ts';
import { parseThreshold } from '../report/threshold.ts';
import type { MeasuredLoad } from './load.ts';
import { stepDurationMs, stepOf } from './load-step.ts';
import { metricsOf } from './stats.ts';

const OBJECTIVE = parseThreshold('totalMs.max<500');

function measured(totalMs: number, fromStartMs: number, more: Partial<MeasuredLoad> = {}): MeasuredLoad {
  return {
    ratePerSecond: 10,
    metrics: metricsOf({ totalMs: [totalMs] }),
    fromStart: metricsOf({ totalMs: [fromStartMs] }),
    derived: { clientBusyPercent: 20, completedPerSecond: 10 },
    requests: NO_USAGE.store,
    operations: 1,
    failures: [],
    ...more,
  };
}

const waited = { saturation: '3 requests had to wait' };

test.each([
  { name: 'holds', of: measured(400, 400), limit: undefined, reason: undefined },
  { name: 'is missed', of: measured(600, 600), limit: 'deployment', reason: 'totalMs.max is 600' },
  {
    name: 'is missed because requests waited in the client',
    of: measured(600, 400, waited),
    limit: 'client',
    reason: 'the client was the limit: 3 requests had to wait',
  },
  {
    name: 'would be missed without their wait too',
    of: measured(900, 600, waited),
    limit: 'deployment',
    reason: 'totalMs.max is 900',
  },
  {
    name: 'is judged on figures of a busy event loop',
    of: measured(900, 600, { saturation: 'its event loop was busy', derived: { clientBusyPercent: 95 } }),
    limit: 'client',
    reason: 'the client was the limit: its event loop was busy',
  },
  {
    name: 'holds for those that did not fail',
    of: measured(400, 400, { failures: ['2 of the requests failed'] }),
    limit: 'deployment',
    reason: '2 of the requests failed',
  },
  {
    name: 'was not measured',
    of: { ...measured(1, 1), metrics: {} },
    limit: 'deployment',
    reason: 'totalMs.max is not measured',
  },
])('an objective that $name', ({ of, limit, reason }) => {
  const step = stepOf(of, OBJECTIVE);
  expect([step.held, step.limit, step.reason]).toEqual([reason === undefined, limit, reason]);
});

test.each([
  { objective: 'totalMs.p99<500', rate: 20, share: 1, seconds: 60 },
  { objective: 'totalMs.p99<500', rate: 0.3125, share: 1, seconds: 320 },
  { objective: 'totalMs.p95<500', rate: 0.3125, share: 1, seconds: 64 },
  { objective: 'readMs.p99<500', rate: 1, share: 0.5, seconds: 280 },
  { objective: 'totalMs.max<500', rate: 0.01, share: 1, seconds: 100 },
  { objective: 'writeMs.max<500', rate: 1, share: 0, seconds: 60 },
  { objective: 'derived.failed<1', rate: 2, share: 1, seconds: 60 },
])('at $rate/s, $objective of a share of $share takes $seconds s', ({ objective, rate, share, seconds }) => {
  const step = { plannedMs: 60_000, share, objective: parseThreshold(objective) };
  expect(stepDurationMs(rate, step)).toBe(seconds * 1000);
});
