import { expect, test } from 'vitest';
import { NO_USAGE } from '../core/usage.ts';
import { parseThreshold } from '../report/threshold.ts';
import type { MeasuredLoad } from './load.ts';
import { stepOf } from './load-step.ts';
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
