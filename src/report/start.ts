import type { Clock } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { costOf } from './cost.ts';
import type { Report } from './document.ts';
import { environmentOf, toolOf } from './environment.ts';
import type { Prices } from './prices.ts';
import { judgeThreshold, missedReason, type Threshold } from './threshold.ts';

/** A run's part of a report; every field is optional. */
export type ReportParts = Partial<
  Pick<
    Report,
    | 'checks'
    | 'metrics'
    | 'derived'
    | 'grades'
    | 'requests'
    | 'hits'
    | 'workers'
    | 'history'
    | 'steps'
    | 'warnings'
    | 'passed'
    | 'failureReasons'
  >
> & {
  /** The number of operations behind `requests`; without it there is no cost. */
  readonly operations?: number;
};

/** What is known before a run begins. */
export interface ReportStart extends Pick<Report, 'kind' | 'name' | 'parameters'> {
  /** Names one operation; the cost is for a million. */
  readonly operation: string;
  /** For a run that caches: the default staleness in seconds, reported as `cacheTtlSeconds`. */
  readonly cacheTtlDefault?: number;
  readonly thresholds: readonly Threshold[];
  readonly prices: Prices;
}

/** The measurements of an unfinished run. */
export type MeasuredSoFar = Pick<ReportParts, 'metrics' | 'derived' | 'steps' | 'hits' | 'requests'>;

/** A report in progress. Each run ends with exactly one of `finish` and `fail`. */
export interface StartedReport {
  /** Completes it with the findings; missed thresholds are added to the failure reasons. */
  finish(parts: ReportParts): Report;
  /** Sets the deployment once it is known. */
  opened(deployment: Pick<Deployment, 'description' | 'engine' | 'sqlite' | 'config'>): void;
  /** Makes `fail` report these measurements too: an interruption does not invalidate samples. */
  measuring(soFar: () => MeasuredSoFar): void;
  /** Completes it with what was thrown: a signal, an unreachable store, a defect. */
  fail(thrown: unknown): Report;
}

/** Begins a report, on a deployment of which only the kind is known yet. */
export async function startReport(
  { kind, name, parameters, operation, cacheTtlDefault, thresholds, prices }: ReportStart,
  deploymentKind: Report['deployment']['kind'],
  { clock, env }: { readonly clock: Clock; readonly env: NodeJS.ProcessEnv },
): Promise<StartedReport> {
  const startedAt = new Date(clock.now()).toISOString();
  const beganAt = clock.monotonic();
  const environment = await environmentOf(env, 'unknown');
  let deployment: Pick<Deployment, 'description' | 'engine' | 'sqlite' | 'config'> | undefined;
  const known = (): Pick<Report, 'deployment' | 'simulated' | 'environment' | 'parameters'> => {
    if (deployment === undefined) {
      return { deployment: { kind: deploymentKind }, simulated: false, environment, parameters };
    }
    const { description, config } = deployment;
    const sqlite = deployment.sqlite();
    return {
      deployment: description,
      simulated: description.rttMs !== undefined,
      // Asked at the end, because a custom endpoint's first reply says what it is.
      environment: { ...environment, engine: deployment.engine(), ...(sqlite === undefined ? {} : { sqlite }) },
      parameters: {
        ...parameters,
        ...(cacheTtlDefault === undefined ? {} : { cacheTtlSeconds: config.cacheTtl.value ?? cacheTtlDefault }),
      },
    };
  };
  const complete = (parts: Omit<ReportParts, 'operations'>): Report => ({
    schemaVersion: 1,
    kind,
    name,
    tool: toolOf(),
    startedAt,
    durationMs: clock.monotonic() - beganAt,
    ...known(),
    checks: [],
    metrics: {},
    derived: {},
    grades: {},
    thresholds: [],
    requests: NO_USAGE.store,
    warnings: [],
    passed: true,
    failureReasons: [],
    ...parts,
  });
  let measuredSoFar = (): MeasuredSoFar => ({});
  return {
    opened: (given) => {
      deployment = given;
    },
    measuring: (soFar) => {
      measuredSoFar = soFar;
    },
    finish: ({ operations = 0, ...parts }) => {
      const found = complete({ ...parts, derived: finite(parts.derived ?? {}) });
      const priced =
        operations === 0 ? found : { ...found, ...costOf(found.requests, { operation, operations }, prices) };
      const judged = thresholds.map((threshold) => judgeThreshold(threshold, priced));
      const missed = judged.filter(({ passed }) => !passed).map(missedReason);
      return {
        ...priced,
        thresholds: judged,
        passed: priced.passed && missed.length === 0,
        failureReasons: [...priced.failureReasons, ...missed],
      };
    },
    fail: (thrown) => {
      const interrupted = thrown instanceof JavumboError && thrown.kind === 'interrupted';
      const { derived = {}, ...measured } = measuredSoFar();
      return {
        ...complete({
          ...measured,
          derived: finite(derived),
          passed: false,
          failureReasons: [interrupted ? 'interrupted' : messageOf(thrown)],
        }),
        thresholds: thresholds.map(({ expression }) => ({ expression, passed: false })),
      };
    },
  };
}

/** Drops figures that are not finite, which JSON would turn into null. */
function finite(derived: Report['derived']): Report['derived'] {
  return Object.fromEntries(Object.entries(derived).filter(([, figure]) => Number.isFinite(figure)));
}
