import type { Clock } from '../clock.ts';
import { NO_REQUESTS } from '../databases/request-counts.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { environmentOf, type Report, toolOf } from './document.ts';

/** What a run adds to the fields that every report has; all but the parameters may stay empty. */
export type ReportParts = Pick<Report, 'parameters'> &
  Partial<
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
  >;

/** Begins a report now; `finish` ends it with what was found. */
export function startReport(
  kind: Report['kind'],
  name: string,
  deployment: Deployment,
  clock: Clock,
): { finish(parts: ReportParts): Report } {
  const startedAt = new Date(clock.now()).toISOString();
  const beganAt = clock.monotonic();
  return {
    finish: (parts) => ({
      schemaVersion: 1,
      kind,
      name,
      tool: toolOf(),
      startedAt,
      durationMs: clock.monotonic() - beganAt,
      deployment: deployment.description,
      simulated: deployment.description.rttMs !== undefined,
      environment: environmentOf(),
      checks: [],
      metrics: {},
      derived: {},
      grades: {},
      requests: NO_REQUESTS,
      warnings: [],
      passed: true,
      failureReasons: [],
      ...parts,
    }),
  };
}
