import type { Context } from '../cli/context.ts';
import { requestsSince } from '../databases/request-counts.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { FailureKind } from '../failure.ts';
import { environmentOf, type Report, toolOf } from '../report/document.ts';
import { type CheckResult, runTest, type Test } from './check.ts';
import type { Figures } from './day2.ts';

export interface VerifyResult {
  readonly report: Report;
  /** The gravest kind of failure that ended a test early. */
  readonly failure: FailureKind | undefined;
}

// Interruption first, then "may have happened", then "could not be reached": whoever reads one code learns the worst.
const GRAVITY: readonly FailureKind[] = ['interrupted', 'unknown', 'unavailable'];

/** Runs the tests of a day one after the other, all of them, and reports. */
export async function runDay(
  name: string,
  deployment: Deployment,
  context: Context,
  prepare: (figures: Figures) => readonly Test[],
  onTest: (test: Test) => void,
): Promise<VerifyResult> {
  const { clock } = context;
  const startedAt = clock.now();
  const beganAt = clock.monotonic();
  const before = deployment.requests();
  const figures: Figures = { metrics: {}, derived: {} };
  const results: CheckResult[] = [];
  for (const test of prepare(figures)) {
    onTest(test);
    results.push(await runTest(test, clock));
  }
  const checks = results.map(({ check }) => check);
  const failed = checks.filter(({ status }) => status === 'failed');
  const ran = checks.some(({ status }) => status !== 'skipped');
  return {
    failure: GRAVITY.find((kind) => results.some(({ failure }) => failure === kind)),
    report: {
      schemaVersion: 1,
      kind: 'verify',
      name,
      tool: toolOf(),
      startedAt: new Date(startedAt).toISOString(),
      durationMs: clock.monotonic() - beganAt,
      deployment: deployment.description,
      simulated: deployment.description.rttMs !== undefined,
      environment: environmentOf(),
      parameters: {},
      checks,
      metrics: figures.metrics,
      derived: figures.derived,
      grades: {},
      requests: requestsSince(before, deployment.requests()),
      warnings: [],
      passed: ran && failed.length === 0,
      failureReasons: ran ? failed.map(({ id, reason }) => `test ${id}: ${reason}`) : ['no test ran'],
    },
  };
}
