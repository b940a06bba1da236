import { expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { Report } from './document.ts';
import { annotationsOf } from './github.ts';
import { loadPrices } from './prices.ts';
import { startReport } from './start.ts';
import { parseThreshold } from './threshold.ts';

const CLOCK = { now: () => 0, monotonic: () => 0, sleep: async () => {} };

async function reportOf(parts: Partial<Report>, thresholds: readonly string[] = []): Promise<Report> {
  const started = await startReport(
    {
      kind: 'verify',
      name: 'day4',
      parameters: {},
      operation: 'one run',
      thresholds: thresholds.map((text) => parseThreshold(text)),
      prices: await loadPrices(undefined),
    },
    'local',
    { clock: CLOCK, env: {} },
  );
  started.opened({
    description: { kind: 'local' },
    engine: () => 'local files',
    sqlite: () => undefined,
    config: {} as Deployment['config'],
  });
  return started.finish(parts);
}

const CHECK = { id: '4.1', name: 'a change: one, two', durationMs: 1, assertions: [] } as const;

test('what passed has no annotation', async () => {
  expect(annotationsOf(await reportOf({ checks: [{ ...CHECK, status: 'passed' }] }))).toEqual([]);
});

test('a failed check, a missed threshold, another reason and a doubt are a line each', async () => {
  const assertions = [{ name: 'a body', passed: false, expected: 'a body with Hello', actual: 'Bye\n100 %' }];
  const report = await reportOf(
    {
      checks: [{ ...CHECK, status: 'failed', reason: 'a body', assertions }],
      warnings: ['slow'],
      passed: false,
      failureReasons: ['test 4.1: a body', 'no test ran'],
    },
    ['totalMs.p95<4'],
  );
  expect(annotationsOf(report)).toEqual([
    '::error title=Test 4.1%3A a change%3A one%2C two::a body: expected a body with Hello, got Bye%0A100 %25',
    '::error title=javumbo verify day4::threshold totalMs.p95<4: not measured',
    '::error title=javumbo verify day4::no test ran',
    '::warning title=javumbo verify day4::slow',
  ]);
});

test('nothing in a text begins a command of its own, or drives the terminal of whoever reads the log', async () => {
  const failed = new JavumboError('usage', 'x\n::error::forged\r\u001b[31m\u2028y');
  const report = { ...(await reportOf({ passed: false, failureReasons: [failed.message] })) };
  expect(annotationsOf(report)).toEqual(['::error title=javumbo verify day4::x%0A::error::forged%0A␛[31m�y']);
});
