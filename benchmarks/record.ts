import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { systemClock } from '../src/core/clock.ts';
import { environmentOf } from '../src/report/environment.ts';
import type { Findings, MustHold } from './scenarios/scenario.ts';
import type { NamedLink } from './wire/links.ts';

/** One run of the benchmarks, as `results/<date>.json` holds it. Fields are added and never given another meaning. */
export interface RunRecord {
  readonly schemaVersion: 1;
  readonly kind: 'benchmarks';
  /** Of the last run that added to it, as is `durationMs`. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly quick: boolean;
  readonly environment: RunEnvironment;
  readonly links: readonly NamedLink[];
  /** Those that have ended; a run that was broken off has fewer. */
  readonly scenarios: readonly ScenarioRecord[];
  /** Whether every scenario ended and every promise held. */
  readonly pass: boolean;
  readonly failureReasons: readonly string[];
  /** What to know before believing the figures. */
  readonly doubts: readonly string[];
}

export interface ScenarioRecord extends Findings {
  readonly name: string;
  readonly question: string;
  readonly method: string;
  readonly startedAt: string;
  readonly durationMs: number;
  /** Of the minute before it, in which the scenario before was running. */
  readonly loadAverage: number;
  /** Of the processors, what others used in the second before it: 0 to 1. */
  readonly busyShare?: number;
  /** The working tree's; absent where there is none. */
  readonly commit?: string;
  /** What it ran on. */
  readonly engine?: string;
  /** Why it was not measured: what it needs is not here. Absent where it was. */
  readonly skipped?: string;
  /** Why it did not end; absent where it did. */
  readonly error?: string;
}

export type RunEnvironment = Awaited<ReturnType<typeof environmentOf>> & {
  readonly memoryBytes: number;
};

export async function runEnvironment(): Promise<RunEnvironment> {
  const environment = await environmentOf({}, 'loopback S3 server');
  return { ...environment, memoryBytes: totalmem() };
}

/** Of the last minute. */
export function loadAverage(): number {
  return loadavg()[0] ?? Number.NaN;
}

const WATCH_MS = 1_000;

/** How much of the processors is used while this process waits: 0 to 1. */
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

// Of two processors, one is the client's and one the server's: a tenth of both is a fifth of either.
const BUSY_MAX = 0.1;

/** What the record says of the run as a whole. `expected`: the names of the scenarios that were to run. */
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

/** Replaces the file whole, so that whoever reads it meanwhile reads a record. */
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
