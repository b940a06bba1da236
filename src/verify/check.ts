import type { Metric } from '../bench/stats.ts';
import type { Clock } from '../core/clock.ts';
import { type FailureKind, JavumboError, messageOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { TestRun } from '../core/test-data.ts';
import type { Usage } from '../core/usage.ts';
import type { Assertion, Check, WorkerReport } from '../report/document.ts';

/** What the tests of a day get beside the deployment. */
export interface TestInputs {
  readonly clock: Clock;
  readonly random: Random;
  readonly env: NodeJS.ProcessEnv;
  readonly run: TestRun;
  readonly signal?: AbortSignal | undefined;
  /** What a function that is not javumbo's answers with, of which Tests 1.3 and 1.4 look for this part. */
  readonly expectBody?: string | undefined;
}

/** Records what a test claims, in order, whether or not it holds. */
export interface Assert {
  (name: string, passed: boolean, details?: Pick<Assertion, 'expected' | 'actual'>): void;
  /** Claims that two values are equal, and records both. */
  equal<T extends string | number | boolean>(name: string, actual: T, expected: T): void;
}

/** What the tests of a day leave behind for the report, beside their assertions. */
export interface Figures {
  metrics: Readonly<Record<string, Metric>>;
  derived: Readonly<Record<string, number>>;
  /** Week 1's marks beyond passing, which nothing fails for. */
  grades: Readonly<Record<string, string>>;
  workers: readonly WorkerReport[];
  /** What workers in processes of their own asked of the store, which the deployment cannot count. */
  workerUsage: Usage;
  warnings: readonly string[];
}

/** One of week 1's tests. */
export interface Test {
  /** Week 1's number, such as `2.1`. */
  readonly id: string;
  readonly name: string;
  /** What to look at when it fails. */
  readonly try: string;
  /** Why it cannot run on this deployment; undefined: it can. */
  readonly skipReason?: string | undefined;
  readonly run: (assert: Assert) => Promise<void>;
}

export interface CheckResult {
  readonly check: Check;
  /** The kind of failure that ended the test early; undefined where it came to its end. */
  readonly failure: FailureKind | undefined;
}

/** Runs one test. An exception fails it with its message; what was asserted before stays listed. */
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
  // What an interrupted test has claimed by then may be the interruption's doing.
  if (thrown instanceof JavumboError && thrown.kind === 'interrupted') {
    return { check: skipped(test, 'interrupted', false).check, failure: 'interrupted' };
  }
  const failed = assertions.filter((assertion) => !assertion.passed);
  // A test that asserted nothing proved nothing.
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

/** A test that did not run: skipped, with the reason, or with `failing` failed for it. */
export function skipped(test: Test, reason: string, failing: boolean): CheckResult {
  const { id, name } = test;
  const ended = failing
    ? ({ status: 'failed', reason: `skipped: ${reason}`, try: 'the same command without --no-skips' } as const)
    : ({ status: 'skipped', reason } as const);
  return { check: { id, name, durationMs: 0, ...ended, assertions: [] }, failure: undefined };
}

/** Why tests cannot run where a part of the deployment is not meant to be there; throws any other failure again. */
export function skipReasonOf(error: unknown): string {
  if (error instanceof JavumboError && error.kind === 'usage') return error.message;
  throw error;
}
