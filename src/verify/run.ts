import type { Context } from '../core/context.ts';
import type { FailureKind } from '../core/failure.ts';
import { addUsage, lambdaOf, usageSince } from '../core/usage.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { Check, Report } from '../report/document.ts';
import type { StartedReport } from '../report/start.ts';
import { addFigures, type CheckResult, newFigures, runTest, skipped, type Test, type TestInputs } from './check.ts';
import { type Day, type DaySummary, summaryOf } from './days.ts';

export interface VerifyResult {
  readonly report: Report;
  /** Of each requested day. */
  readonly days: readonly DaySummary[];
  /** The gravest kind of failure that ended a test early. */
  readonly failure: FailureKind | undefined;
}

export interface VerifyOptions {
  /** Numbers of tests; undefined: all. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Stop at the first test that fails. */
  readonly failFast: boolean;
  /** Fail tests that cannot run here. */
  readonly noSkips: boolean;
}

export interface TestListener {
  started(test: Test): void;
  ended(check: Check): void;
}

// The worst first, since a command has one exit code.
const GRAVITY: readonly FailureKind[] = ['interrupted', 'unknown', 'unavailable'];

/** Runs the tests of these days one after the other, and finishes the report. A signal ends the run between requests. */
export async function runDays(
  report: Pick<StartedReport, 'finish'>,
  days: readonly Day[],
  deployment: Deployment,
  context: Context & TestInputs,
  options: VerifyOptions,
  listener: TestListener,
): Promise<VerifyResult> {
  const before = deployment.usage();
  const all = newFigures();
  const results: CheckResult[] = [];
  const summaries: DaySummary[] = [];
  let stoppedFor: string | undefined;
  let complete = true;
  for (const day of days) {
    const figures = newFigures();
    const ofDay: CheckResult[] = [];
    for (const test of await day.prepare(deployment, context, figures)) {
      if (options.only?.has(test.id) === false) {
        complete = false;
        continue;
      }
      if (context.signal?.aborted) stoppedFor = 'interrupted';
      const reason = stoppedFor ?? test.skipReason;
      if (reason === undefined) listener.started(test);
      const result =
        reason === undefined
          ? await runTest(test, context.clock)
          : skipped(test, reason, options.noSkips && stoppedFor === undefined);
      complete &&= reason === undefined && result.failure === undefined;
      ofDay.push(result);
      listener.ended(result.check);
      if (result.failure === 'interrupted') stoppedFor = 'interrupted';
      if (options.failFast && result.check.status === 'failed') {
        stoppedFor ??= `test ${test.id} failed, and --fail-fast was given`;
      }
    }
    summaries.push(
      summaryOf(
        day.name,
        ofDay.map(({ check }) => check),
      ),
    );
    results.push(...ofDay);
    addFigures(all, figures, days.length > 1 ? `${day.name}.` : '');
  }
  const interrupted = stoppedFor === 'interrupted';
  const checks = results.map(({ check }) => check);
  const failed = checks.filter(({ status }) => status === 'failed');
  // A requested day without a test that ran proves nothing.
  const idle = summaries
    .filter(({ passed, failed }, index) => passed + failed === 0 && isAskedFor(days[index], options))
    .map(({ name }) => `no test of ${name} ran`);
  const failureReasons = [
    ...(interrupted ? ['interrupted'] : []),
    ...failed.map(({ id, reason }) => `test ${id}: ${reason}`),
    ...idle,
  ];
  const { workers, workerUsage, ...figures } = all;
  const usage = addUsage(usageSince(before, deployment.usage()), workerUsage);
  return {
    failure: interrupted ? 'interrupted' : GRAVITY.find((kind) => results.some(({ failure }) => failure === kind)),
    days: summaries,
    report: report.finish({
      ...figures,
      checks,
      ...(workers.length === 0 ? {} : { workers }),
      requests: { ...usage.store, dynamo: usage.tables, ...lambdaOf(usage) },
      // A partial run does not show what a run costs.
      ...(complete ? { operations: 1 } : {}),
      passed: failureReasons.length === 0,
      failureReasons,
    }),
  };
}

function isAskedFor(day: Day | undefined, { only }: VerifyOptions): boolean {
  return day !== undefined && (only === undefined || day.tests.some((id) => only.has(id)));
}

/** Returns the given options as a report has them. */
export function parametersOf({ only, failFast, noSkips }: VerifyOptions): Report['parameters'] {
  return {
    ...(only === undefined ? {} : { only: [...only].join(',') }),
    ...(failFast ? { failFast } : {}),
    ...(noSkips ? { noSkips } : {}),
  };
}
