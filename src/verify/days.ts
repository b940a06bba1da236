import type { Deployment } from '../deployment/deployment.ts';
import type { Check, Report } from '../report/document.ts';
import { type Figures, skipReasonOf, type Test, type TestInputs } from './check.ts';

/** One day of week 1. */
export interface Day {
  readonly name: string;
  readonly description: string;
  /** Week 1's numbers of its tests, in order. */
  readonly tests: readonly string[];
  /** Whether it measures time, so that the local deployment simulates a round trip. */
  readonly timed: boolean;
  /** Loads its tests, in that order, without a request to the deployment. */
  prepare(deployment: Deployment, inputs: TestInputs, figures: Figures): Promise<readonly Test[]>;
}

export const DAYS = [
  {
    name: 'day1',
    description: 'Tests 1.1 to 1.5: bucket, tables, function and HTTP API are there and talk to each other',
    tests: ['1.1', '1.2', '1.3', '1.4', '1.5'],
    timed: false,
    prepare: async (deployment, inputs) => (await import('./day1.ts')).day1(deployment, inputs),
  },
  {
    name: 'day2',
    description: 'Tests 2.1 to 2.3: databases are created, read back and measured',
    tests: ['2.1', '2.2', '2.3'],
    timed: false,
    prepare: async (...given) => (await import('./day2.ts')).day2(...given),
  },
  {
    name: 'day3',
    description: 'Tests 3.1 to 3.3: the cache is fast, is hit, and never outlives its version',
    tests: ['3.1', '3.2', '3.3'],
    timed: true,
    prepare: async (...given) => (await import('./day3.ts')).day3(...given),
  },
  {
    name: 'day4',
    description: 'Tests 4.1 and 4.2: conflicts are detected, and nothing is lost',
    tests: ['4.1', '4.2'],
    timed: true,
    prepare: async (...given) => (await import('./day4.ts')).day4(...given),
  },
  {
    name: 'day5',
    description:
      'Tests 5.1 to 5.3: accounts are created, authenticated, changed, deleted, and found in a list of the whole table',
    tests: ['5.1', '5.2', '5.3'],
    timed: false,
    prepare: async (deployment, ...given) => {
      const tests = (await import('./day5.ts')).day5(deployment, ...given);
      const skipReason = await deployment.accounts().then(() => undefined, skipReasonOf);
      return tests.map((test) => ({ ...test, skipReason }));
    },
  },
] as const satisfies readonly Day[];

export interface DaySummary {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
}

export function summaryOf(name: string, checks: readonly Check[]): DaySummary {
  const count = (wanted: Check['status']): number => checks.filter(({ status }) => status === wanted).length;
  const durationMs = checks.reduce((sum, check) => sum + check.durationMs, 0);
  return { name, passed: count('passed'), failed: count('failed'), skipped: count('skipped'), durationMs };
}

/** Returns the summaries of a report on `verify all`. The numbers of its tests name the days. */
export function summariesOf({ checks }: Pick<Report, 'checks'>): DaySummary[] {
  return DAYS.map(({ name, tests }) =>
    summaryOf(
      name,
      checks.filter(({ id }) => tests.some((test) => test === id)),
    ),
  );
}
