import type { Metric } from '../bench/stats.ts';
import type { Clock } from '../core/clock.ts';
import { type FailureKind, JavumboError, messageOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { TestRun } from '../core/test-data.ts';
import { addUsage, NO_USAGE, type Usage } from '../core/usage.ts';
import type { Assertion, Check, WorkerReport } from '../report/document.ts';

/** What tests get beside the deployment. */
export interface TestInputs {
  readonly clock: Clock;
  readonly random: Random;
  readonly env: NodeJS.ProcessEnv;
  readonly run: TestRun;
  readonly signal?: AbortSignal | undefined;
  /** What Tests 1.3 and 1.4 look for in the answer of a function that is not javumbo's. */
  readonly expectBody?: string | undefined;
}

/** Records what a test claims, in order, whether or not it holds. */
export interface Assert {
  (name: string, passed: boolean, details?: Pick<Assertion, 'expected' | 'actual'>): void;
  /** Claims that two values are equal, and records both. */
  equal<T extends string | number | boolean>(name: string, actual: T, expected: T): void;
}

/** What tests add to the report beside their assertions. */
export interface Figures {
  metrics: Readonly<Record<string, Metric>>;
  derived: Readonly<Record<string, number>>;
  /** Week 1's marks beyond passing. */
  grades: Readonly<Record<string, string>>;
  workers: readonly WorkerReport[];
  /** Of worker processes, which the deployment does not count. */
  workerUsage: Usage;
  warnings: readonly string[];
}

export function newFigures(): Figures {
  return { metrics: {}, derived: {}, grades: {}, workers: [], workerUsage: NO_USAGE, warnings: [] };
}

/** Adds to figures. The prefix tells days and rounds apart that measure things of one name. */
export function addFigures(all: Figures, added: Partial<Figures>, prefix = ''): void {
  const { metrics = {}, derived = {}, grades = {}, workers = [], workerUsage = NO_USAGE, warnings = [] } = added;
  const named = <T>(values: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
  all.metrics = { ...all.metrics, ...named(metrics) };
  all.derived = { ...all.derived, ...named(derived) };
  all.grades = { ...all.grades, ...named(grades) };
  all.workers = [...all.workers, ...workers];
  all.workerUsage = addUsage(all.workerUsage, workerUsage);
  all.warnings = [...all.warnings, ...warnings];
}

/** One of week 1's tests. */
export interface Test {
  /** Week 1's number, such as `2.1`. */
  readonly id: string;
  readonly name: string;
  /** What to try when it fails. */
  readonly try: string;
  /** Why it cannot run on this deployment. */
  readonly skipReason?: string | undefined;
  readonly run: (assert: Assert) => Promise<void>;
}

export interface CheckResult {
  readonly check: Check;
  /** The kind of failure that ended the test early. */
  readonly failure: FailureKind | undefined;
}

/** Runs one test. An exception fails it and keeps its assertions so far. */
export async function runTest(test: Test, clock: Clock): Promise<CheckResult> {
  const assertions: Assertion[] = [];
  const record = (name: string, passed: boolean, details = {}): unknown =>
    assertions.push({ name, passed, ...details });
  const assert: Assert = Object.assign(record, {
    equal: <T>(name: string, actual: T, expected: T) => record(name, actual === expected, { expected, actual }),
  });
  const startedAt = clock.monotonic();
  let thrown: unknown;
  try {
    await test.run(assert);
  } catch (error) {
    thrown = error;
  }
  // The interruption may have caused what the test asserted.
  if (thrown instanceof JavumboError && thrown.kind === 'interrupted') {
    return { check: skipped(test, 'interrupted', false).check, failure: 'interrupted' };
  }
  const failed = assertions.filter((assertion) => !assertion.passed);
  const reason =
    thrown !== undefined
      ? messageOf(thrown)
      : assertions.length === 0
        ? 'nothing was asserted'
        : failed.map(({ name }) => name).join('; ');
  const passed = reason === '';
  const hint = (thrown instanceof JavumboError ? thrown.try : undefined) ?? test.try;
  return {
    check: {
      id: test.id,
      name: test.name,
      status: passed ? 'passed' : 'failed',
      durationMs: clock.monotonic() - startedAt,
      ...(passed ? {} : { reason, try: hint }),
      assertions,
    },
    failure: thrown === undefined ? undefined : thrown instanceof JavumboError ? thrown.kind : 'internal',
  };
}

/** Returns the result of a test that did not run: skipped or, if `failing`, failed. */
export function skipped(test: Test, reason: string, failing: boolean): CheckResult {
  const { id, name } = test;
  const ended = failing
    ? ({ status: 'failed', reason: `skipped: ${reason}`, try: 'the same command without --no-skips' } as const)
    : ({ status: 'skipped', reason } as const);
  return { check: { id, name, durationMs: 0, ...ended, assertions: [] }, failure: undefined };
}

/** Returns why tests cannot run without a part of the deployment. Rethrows any failure but `usage`. */
export function skipReasonOf(error: unknown): string {
  if (error instanceof JavumboError && error.kind === 'usage') return error.message;
  throw error;
}
