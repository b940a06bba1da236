import { deletionKindOf } from '../probes/deletion-probe.ts';
import type { Check, Report } from '../report/document.ts';
import { violationLines } from '../report/violation-words.ts';
import type { EngineAnswers } from './engine-answers.ts';
import type { RecordedHistory } from './history-file.ts';
import { type Verdict, verdictOn } from './verdict.ts';

/** What a run, or the file of one, proves. */
export interface ConsistencyFindings {
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
  readonly history: NonNullable<Report['history']>;
  readonly failureReasons: readonly string[];
  /** What makes the exit code; undefined if everything holds. */
  readonly failure: 'violation' | 'unknown' | undefined;
}

// So many say everything that the others would.
const SHOWN_MAX = 5;

/** Judges a history, and puts together what a report says of it. `answers`: of the engine, if it was asked. */
export function findingsOf(recorded: RecordedHistory, answers: EngineAnswers | undefined): ConsistencyFindings {
  const verdict = verdictOn(recorded);
  const { violations, undetermined, missing } = verdict;
  const { sabotage } = recorded.header;
  const failed = recorded.errors[0];
  const engine = answers === undefined ? [] : engineChecks(answers);
  const history = checkOf(
    'history',
    sabotage === undefined ? 'no history contradicts the promise' : `the wrong client (${sabotage}) is noticed`,
    sabotage === undefined ? violations.length === 0 : violations.length > 0,
    violations[0]?.sentence ?? (failed === undefined ? 'no violation was found' : failed),
    sabotage === undefined ? 'docs/verify-consistency.md, which says how to read a violation' : 'a longer --duration',
  );
  const searched = checkOf(
    'search',
    'each database and account is proven or refuted',
    undetermined === 0,
    `${undetermined} are undetermined`,
    'fewer --clients, or a shorter --duration',
  );
  const coverage = checkOf(
    'coverage',
    'every fault landed, and every outcome occurred',
    missing.length === 0,
    `never: ${missing.join(', ')}`,
    'a longer --duration, or more --clients: a run that met nothing proves nothing',
  );
  // A run that was killed has counted nothing; one with a wrong client is to show that alone.
  const isCounted = sabotage === undefined && recorded.faults !== undefined;
  const checks = [...engine, history, searched, ...(isCounted ? [coverage] : [])];
  const failures = checks.filter(({ status }) => status === 'failed');
  return {
    verdict,
    checks,
    history: {
      operations: recorded.operations,
      faults: recorded.faults ?? {},
      outcomes: recorded.outcomes,
      anomalies: violations.slice(0, SHOWN_MAX),
      undetermined,
    },
    failureReasons: [
      ...failures.map(({ name, reason }) => `not so: ${name}: ${reason}`),
      ...(sabotage !== undefined && violations.length > 0 ? [`caught the wrong client: ${sabotage}`] : []),
    ],
    failure: failureOf(verdict, sabotage !== undefined, failures),
  };
}

function failureOf(
  { violations, undetermined }: Verdict,
  isSabotaged: boolean,
  failures: readonly Check[],
): ConsistencyFindings['failure'] {
  if (violations.length > 0) return 'violation';
  // A wrong client that nobody notices leaves open what else nobody notices.
  if (isSabotaged || undetermined > 0) return 'unknown';
  return failures.length > 0 ? 'violation' : undefined;
}

function engineChecks({ brokenPuts, deletion, deletionUnclear, etagIsMd5 }: EngineAnswers): Check[] {
  const puts = checkOf(
    'engine.put',
    `the engine refuses each PUT whose condition does not hold${etagIsMd5 === undefined ? '' : `; its ETags are ${etagIsMd5 ? '' : 'not '}MD5`}`,
    brokenPuts.length === 0,
    brokenPuts.join('; '),
    'another store that compares, or on Ceph 16 a bucket without versioning',
  );
  const deletes =
    deletion === undefined
      ? deletionUnclear === undefined
        ? []
        : [checkOf('engine.delete', 'the engine says how it deletes', false, deletionUnclear, 'javumbo doctor')]
      : [
          checkOf(
            'engine.delete',
            deletionKindOf(deletion) === 'condition'
              ? 'the engine refuses a DELETE over another version, also in a race with a PUT'
              : `a DELETE ${deletion.condition} its condition (both accepted in ${deletion.bothAccepted} of ${deletion.races} races): tombstones take its place`,
            true,
          ),
        ];
  return [puts, ...deletes];
}

function checkOf(id: string, name: string, passed: boolean, reason = '', hint = ''): Check {
  return {
    id,
    name,
    status: passed ? 'passed' : 'failed',
    durationMs: 0,
    ...(passed ? {} : { reason, try: hint }),
    assertions: [],
  };
}

/** Says what a history shows: what it met, and each violation in words. */
export function historyLines({ operations, faults, outcomes, anomalies }: NonNullable<Report['history']>): string[] {
  const met = Object.entries(faults).map(([name, { fired, landed }]) => `${name} ${landed} of ${fired}`);
  const told = Object.entries(outcomes).map(([name, count]) => `${name} ${count}`);
  return [
    `${operations} operations: ${told.join(', ')}`,
    ...(met.length === 0 ? [] : [`faults that landed: ${met.join(', ')}`]),
    ...anomalies.flatMap((anomaly) => ['', ...violationLines(anomaly)]),
  ];
}
