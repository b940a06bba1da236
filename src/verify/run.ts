import type { Context } from '../cli/context.ts';
import { addRequests, NO_REQUESTS, requestsSince } from '../databases/request-counts.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { FailureKind } from '../failure.ts';
import type { Report } from '../report/document.ts';
import type { StartedReport } from '../report/start.ts';
import { tableRequestsSince } from '../table-requests.ts';
import { type CheckResult, type Figures, runTest, type Test } from './check.ts';

export interface VerifyResult {
  readonly report: Report;
  /** The gravest kind of failure that ended a test early. */
  readonly failure: FailureKind | undefined;
}

// Interruption first, then "may have happened", then "could not be reached": whoever reads one code learns the worst.
const GRAVITY: readonly FailureKind[] = ['interrupted', 'unknown', 'unavailable'];

/** Runs the tests of a day one after the other, all of them, and reports. */
export async function runDay(
  report: StartedReport,
  deployment: Deployment,
  context: Context,
  prepare: (figures: Figures) => Promise<readonly Test[]>,
  onTest: (test: Test) => void,
): Promise<VerifyResult> {
  const before = deployment.requests();
  const tablesBefore = deployment.tableRequests();
  const figures: Figures = {
    metrics: {},
    derived: {},
    grades: {},
    workers: [],
    workerRequests: NO_REQUESTS,
    warnings: [],
  };
  const results: CheckResult[] = [];
  for (const test of await prepare(figures)) {
    onTest(test);
    results.push(await runTest(test, context.clock));
  }
  const checks = results.map(({ check }) => check);
  const failed = checks.filter(({ status }) => status === 'failed');
  const ran = checks.some(({ status }) => status !== 'skipped');
  return {
    failure: GRAVITY.find((kind) => results.some(({ failure }) => failure === kind)),
    report: report.finish({
      checks,
      metrics: figures.metrics,
      derived: figures.derived,
      grades: figures.grades,
      ...(figures.workers.length === 0 ? {} : { workers: figures.workers }),
      requests: {
        ...addRequests(requestsSince(before, deployment.requests()), figures.workerRequests),
        dynamo: tableRequestsSince(tablesBefore, deployment.tableRequests()),
      },
      operations: 1,
      warnings: figures.warnings,
      passed: ran && failed.length === 0,
      failureReasons: ran ? failed.map(({ id, reason }) => `test ${id}: ${reason}`) : ['no test ran'],
    }),
  };
}
