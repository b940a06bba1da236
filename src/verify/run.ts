import type { Context } from '../core/context.ts';
import type { FailureKind } from '../core/failure.ts';
import { addUsage, lambdaOf, NO_USAGE, usageSince } from '../core/usage.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { Check, Report } from '../report/document.ts';
import type { StartedReport } from '../report/start.ts';
import type { TestInputs } from './check.ts';
import { type CheckResult, type Figures, runTest, skipped, type Test } from './check.ts';
import { type Day, type DaySummary, summaryOf } from './days.ts';

export interface VerifyResult {
  readonly report: Report;
  /** Of each day that was asked for. */
  readonly days: readonly DaySummary[];
  /** The gravest kind of failure that ended a test early. */
  readonly failure: FailureKind | undefined;
}

export interface VerifyOptions {
  /** Numbers of tests; undefined: all. */
  readonly only?: ReadonlySet<string> | undefined;
  /** The first test that fails is the last one that runs. */
  readonly failFast: boolean;
  /** A test that cannot run here fails. */
  readonly noSkips: boolean;
}

/** Told when a test begins and how it ended. */
export interface TestListener {
  started(test: Test): void;
  ended(check: Check): void;
}

// Interruption first, then "may have happened", then "could not be reached": whoever reads one code learns the worst.
const GRAVITY: readonly FailureKind[] = ['interrupted', 'unknown', 'unavailable'];

/** Runs the tests of these days one after the other and ends the report. A signal ends the run between two requests. */
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
  // A day of which nothing ran proved nothing. With --only, what was asked for is what must run.
  const idle = summaries
    .filter(({ passed, failed }, index) => passed + failed === 0 && isAskedFor(days[index], options))
    .map(({ name }) => `no test of ${name} ran`);
  const failureReasons = [
    ...(interrupted ? ['interrupted'] : []),
    ...failed.map(({ id, reason }) => `test ${id}: ${reason}`),
    ...idle,
  ];
  const usage = addUsage(usageSince(before, deployment.usage()), all.workerUsage);
  return {
    failure: interrupted ? 'interrupted' : GRAVITY.find((kind) => results.some(({ failure }) => failure === kind)),
    days: summaries,
    report: report.finish({
      checks,
      metrics: all.metrics,
      derived: all.derived,
      grades: all.grades,
      ...(all.workers.length === 0 ? {} : { workers: all.workers }),
      requests: { ...usage.store, dynamo: usage.tables, ...lambdaOf(usage) },
      // A part of a run, or a test that broke off, says nothing of what a run costs.
      ...(complete ? { operations: 1 } : {}),
      warnings: all.warnings,
      passed: failureReasons.length === 0,
      failureReasons,
    }),
  };
}

function newFigures(): Figures {
  return { metrics: {}, derived: {}, grades: {}, workers: [], workerUsage: NO_USAGE, warnings: [] };
}

/** Days measure things of one name: in a report on several, the day stands before it. */
function addFigures(all: Figures, figures: Figures, prefix: string): void {
  const named = <T>(values: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
  all.metrics = { ...all.metrics, ...named(figures.metrics) };
  all.derived = { ...all.derived, ...named(figures.derived) };
  all.grades = { ...all.grades, ...named(figures.grades) };
  all.workers = [...all.workers, ...figures.workers];
  all.workerUsage = addUsage(all.workerUsage, figures.workerUsage);
  all.warnings = [...all.warnings, ...figures.warnings];
}

function isAskedFor(day: Day | undefined, { only }: VerifyOptions): boolean {
  return day !== undefined && (only === undefined || day.tests.some((id) => only.has(id)));
}

/** The options as a report has them; what was not given is not there. */
export function parametersOf({ only, failFast, noSkips }: VerifyOptions): Report['parameters'] {
  return {
    ...(only === undefined ? {} : { only: [...only].join(',') }),
    ...(failFast ? { failFast } : {}),
    ...(noSkips ? { noSkips } : {}),
  };
}
