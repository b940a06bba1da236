import type { Clock } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { costOf } from './cost.ts';
import type { Report } from './document.ts';
import { environmentOf, toolOf } from './environment.ts';
import type { Prices } from './prices.ts';
import { judgeThreshold, missedReason, type Threshold } from './threshold.ts';

/** What a run adds to the fields that every report has; all of it may stay empty. */
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
    | 'warnings'
    | 'passed'
    | 'failureReasons'
  >
> & {
  /** How many operations `requests` stands for; without any there is no cost. */
  readonly operations?: number;
};

/** What is known of a run before it begins. */
export interface ReportStart extends Pick<Report, 'kind' | 'name' | 'parameters'> {
  /** What one operation is, of which a million are priced. */
  readonly operation: string;
  /** Of a run that caches: the seconds of allowed staleness where nothing says any. `cacheTtlSeconds` has them. */
  readonly cacheTtlDefault?: number;
  readonly thresholds: readonly Threshold[];
  readonly prices: Prices;
}

/** What a run that did not come to its end has measured all the same. */
export type MeasuredSoFar = Pick<ReportParts, 'metrics' | 'hits' | 'requests'>;

/** A report that is being made. Each run ends in exactly one of the two. */
export interface StartedReport {
  /** Ends it with what was found; missed thresholds are added to the reasons. */
  finish(parts: ReportParts): Report;
  /** What it runs on, once that is known. */
  opened(deployment: Pick<Deployment, 'description' | 'engine' | 'config'>): void;
  /** From now on `fail` reports what this returns, too: samples took their time, and an interruption makes none false. */
  measuring(soFar: () => MeasuredSoFar): void;
  /** Ends it with what was thrown instead: a signal, a store that cannot be reached, a defect. */
  fail(thrown: unknown): Report;
}

/** Begins a report now, on a deployment of which only the kind is known so far. */
export async function startReport(
  { kind, name, parameters, operation, cacheTtlDefault, thresholds, prices }: ReportStart,
  deploymentKind: Report['deployment']['kind'],
  { clock, env }: { readonly clock: Clock; readonly env: NodeJS.ProcessEnv },
): Promise<StartedReport> {
  const startedAt = new Date(clock.now()).toISOString();
  const beganAt = clock.monotonic();
  const environment = await environmentOf(env, 'unknown');
  let deployment: Pick<Deployment, 'description' | 'engine' | 'config'> | undefined;
  const known = (): Pick<Report, 'deployment' | 'simulated' | 'environment' | 'parameters'> => {
    if (deployment === undefined) {
      return { deployment: { kind: deploymentKind }, simulated: false, environment, parameters };
    }
    const { description, config } = deployment;
    return {
      deployment: description,
      simulated: description.rttMs !== undefined,
      // Asked at the end: at a custom endpoint the first reply told what it is.
      environment: { ...environment, engine: deployment.engine() },
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
      return {
        ...complete({
          ...measuredSoFar(),
          passed: false,
          failureReasons: [interrupted ? 'interrupted' : messageOf(thrown)],
        }),
        thresholds: thresholds.map(({ expression }) => ({ expression, passed: false })),
      };
    },
  };
}

/** A quotient of nothing is no number, and JSON would make null of it. */
function finite(derived: Report['derived']): Report['derived'] {
  return Object.fromEntries(Object.entries(derived).filter(([, figure]) => Number.isFinite(figure)));
}
