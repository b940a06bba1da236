import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { systemClock } from '../src/core/clock.ts';
import { environmentOf } from '../src/report/environment.ts';
import type { Findings, MustHold } from './scenarios/scenario.ts';
import type { NamedLink } from './wire/links.ts';

/** One benchmark run, stored in `results/<date>.json`. Fields are added and never change their meaning. */
export interface RunRecord {
  readonly schemaVersion: 1;
  readonly kind: 'benchmarks';
  /** The start of the last run that added to it; so is `durationMs`. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly quick: boolean;
  readonly environment: RunEnvironment;
  readonly links: readonly NamedLink[];
  /** The finished scenarios; an interrupted run has fewer. */
  readonly scenarios: readonly ScenarioRecord[];
  /** True if every scenario ended and every promise held. */
  readonly pass: boolean;
  readonly failureReasons: readonly string[];
  /** Reasons to doubt the figures. */
  readonly doubts: readonly string[];
}

export interface ScenarioRecord extends Findings {
  readonly name: string;
  readonly question: string;
  readonly method: string;
  readonly startedAt: string;
  readonly durationMs: number;
  /** In the minute before it, during the previous scenario. */
  readonly loadAverage: number;
  /** The share of the processors that others used in the second before it: 0 to 1. */
  readonly busyShare?: number;
  /** The working tree's commit, if any. */
  readonly commit?: string;
  readonly engine?: string;
  /** Why it was not measured, such as a missing engine. Absent if it was. */
  readonly skipped?: string;
  /** Why it did not end; absent if it did. */
  readonly error?: string;
}

export type RunEnvironment = Awaited<ReturnType<typeof environmentOf>> & {
  readonly memoryBytes: number;
};

export async function runEnvironment(): Promise<RunEnvironment> {
  const environment = await environmentOf({}, 'loopback S3 server');
  return { ...environment, memoryBytes: totalmem() };
}

export function loadAverage(): number {
  return loadavg()[0] ?? Number.NaN;
}

const WATCH_MS = 1_000;

/** Returns the share of the processors in use while this process waits: 0 to 1. */
export async function busyShare(): Promise<number> {
  const before = processorTimes();
  await systemClock.sleep(WATCH_MS);
  const after = processorTimes();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function processorTimes(): { readonly idle: number; readonly all: number } {
  const times = cpus().map(({ times: { idle, ...worked } }) => ({
    idle,
    all: Object.values(worked).reduce((sum, ms) => sum + ms, idle),
  }));
  const sum = (of: 'idle' | 'all'): number => times.reduce((total, each) => total + each[of], 0);
  return { idle: sum('idle'), all: sum('all') };
}

// With two processors, client and server use one each: a tenth of both is a fifth of either.
const BUSY_MAX = 0.1;

/** Returns the record's conclusions on the whole run. `expected`: the names of the scenarios to run. */
export function concluded(
  run: Omit<RunRecord, 'pass' | 'failureReasons' | 'doubts' | 'schemaVersion' | 'kind'>,
  expected: readonly string[],
): RunRecord {
  const ended = new Set(run.scenarios.filter(({ error }) => error === undefined).map(({ name }) => name));
  const failureReasons = [
    ...run.scenarios.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`])),
    ...expected
      .filter((name) => !run.scenarios.some((scenario) => scenario.name === name))
      .map((name) => `${name} has not run`),
    ...mustHoldsOf(run.scenarios)
      .filter(({ passed }) => !passed)
      .map(({ name, expected: limit, actual }) => `${name}: ${actual.toFixed(2)}, must be ${limit}`),
  ];
  return {
    schemaVersion: 1,
    kind: 'benchmarks',
    ...run,
    pass: failureReasons.length === 0 && expected.every((name) => ended.has(name)),
    failureReasons,
    doubts: doubtsOf(run),
  };
}

export function mustHoldsOf(scenarios: readonly ScenarioRecord[]): MustHold[] {
  return scenarios.flatMap(({ mustHolds = [] }) => mustHolds);
}

function doubtsOf({ quick, scenarios }: Pick<RunRecord, 'quick' | 'scenarios'>): string[] {
  const busy = scenarios.filter(({ busyShare: share = 0 }) => share > BUSY_MAX);
  const opened = scenarios.flatMap(({ name, measurements = [] }) =>
    measurements
      .filter(({ javumbo, weekOne }) => javumbo.connections > 0 || weekOne.connections > 0)
      .map(
        ({ operation, link }) => `${name}: ${operation} over ${link} opened connections, which costs a round trip each`,
      ),
  );
  return [
    ...(quick ? ['a quick run: few samples; leave --quick away'] : []),
    ...busy.map(
      ({ name, busyShare: share = 0 }) =>
        `${name}: others used ${Math.round(share * 100)} % of the processors when it began: measure it again, with --only ${name}, on an idle one`,
    ),
    ...new Set(opened),
  ];
}

/** Replaces the file atomically, so that a concurrent reader finds a complete record. */
export function writeRecord(path: string, record: RunRecord): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(record, rounded, 1)}\n`);
  renameSync(`${path}.new`, path);
}

export function readRecord(path: string): RunRecord {
  return JSON.parse(readFileSync(path, 'utf8')) as RunRecord;
}

/** Microseconds are enough. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;
}
