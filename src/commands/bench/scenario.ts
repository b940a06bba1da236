import type { Command } from 'commander';
import { parsePositive } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { Paint } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { type Progress, withProgress } from '../../cli/progress.ts';
import { type FailureKind, JavumboError, messageOf } from '../../core/failure.ts';
import { formatMs } from '../../core/format.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { Report } from '../../report/document.ts';
import type { MeasuredSoFar, ReportParts } from '../../report/start.ts';
import type { FigureNames } from '../../report/threshold.ts';
import { costLines } from '../cost-lines.ts';
import type { Invocation } from '../execute.ts';
import { type ReportFlags, withReport } from '../report-options.ts';
import { planVia, type ViaFlags } from './via.ts';

/** Week 1's round trip to S3, simulated on the local deployment by commands that measure time. */
export const DEFAULT_RTT_MS = 171;

/** What a benchmark works with. */
export interface Scenario {
  readonly deployment: Deployment;
  /** A new test user, removed afterwards. */
  readonly username: string;
  readonly progress: Progress;
  /** Takes a function that returns what to report if the run is cut short. */
  measuring(soFar: () => MeasuredSoFar): void;
}

export interface BenchResult {
  readonly report: Report;
  /** Why the clean-up after the measurement failed. */
  readonly failure: FailureKind | undefined;
}

/** What is known of a benchmark before it runs. */
export interface ScenarioPlan {
  readonly name: string;
  readonly parameters: Report['parameters'];
  /** Names one of the operations of which the report prices a million. */
  readonly operation: string;
  /** The default of the allowed staleness in seconds, if it caches. */
  readonly cacheTtlDefault?: number;
  /** Everything it may measure. A threshold on anything else is refused beforehand. */
  readonly figures: FigureNames;
  /** The round trip to simulate on the local deployment if --rtt names none. */
  readonly rttDefaultMs?: number;
}

/** Runs one benchmark for a new test user, and reports what it measured, however it ends. */
export async function runScenario(
  invocation: Invocation,
  { rttDefaultMs, ...plan }: ScenarioPlan,
  { via, ...flags }: ReportFlags & ViaFlags,
  measure: (scenario: Scenario) => Promise<ReportParts>,
): Promise<BenchResult> {
  const { withTestUser } = await import('../../bench/test-user.ts');
  const { context } = invocation;
  const opening = rttDefaultMs === undefined ? {} : { rttDefaultMs };
  const start = { kind: 'bench', ...planVia(plan, via) } as const;
  return withReport(invocation, opening, flags, start, async (started, deployment) => {
    let parts: ReportParts | undefined;
    try {
      context.signal?.throwIfAborted();
      await withProgress(invocation, (progress) =>
        withTestUser(deployment, invocation.run(), plan.name, async (username) => {
          parts = await measure({ deployment, username, progress, measuring: started.measuring });
        }),
      );
      return { report: started.finish(parts ?? {}), failure: undefined };
    } catch (error) {
      if (parts === undefined || kindOf(error) === 'interrupted') throw error;
      // The figures are sound: only the clean-up failed.
      const reason = `test data may be left, which javumbo clean all removes: ${messageOf(error)}`;
      const failureReasons = [...(parts.failureReasons ?? []), reason];
      return { report: started.finish({ ...parts, passed: false, failureReasons }), failure: kindOf(error) };
    }
  });
}

function kindOf(thrown: unknown): FailureKind {
  return thrown instanceof JavumboError ? thrown.kind : 'internal';
}

/** Shows a report by `lines`, with its cost, warnings and failures below. */
export function reportView(lines: (report: Report, paint: Paint) => readonly string[]): View<BenchResult> {
  return {
    json: ({ report }) => report,
    text: ({ report }, paint) =>
      [
        ...lines(report, paint),
        ...costLines(report),
        paint.faint(whereMeasured(report)),
        ...report.thresholds.flatMap(({ expression, passed, actual }) =>
          passed ? [paint.good(`met: ${expression} (it is ${Number(actual?.toPrecision(6))})`)] : [],
        ),
        ...report.warnings.map((warning) => paint.warn(`warning: ${warning}`)),
        ...report.failureReasons.map((reason) => paint.bad(`failed: ${reason}`)),
      ].join('\n'),
    exitCode: ({ report: { passed, derived }, failure }) => {
      if ((derived.unknown ?? 0) > 0) return EXIT_CODE.unknown;
      if (failure !== undefined) return EXIT_CODE[failure];
      return passed ? EXIT_CODE.ok : EXIT_CODE.violation;
    },
  };
}

export function metricLines(
  title: string,
  names: readonly (readonly [name: string, label: string])[],
  metrics: Report['metrics'],
  paint: Paint,
): string[] {
  const width = Math.max(title.length, ...names.map(([, label]) => label.length)) + 1;
  const row = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(width) : cell.padStart(10))).join('');
  return [
    paint.strong(row([title, 'average', 'min', 'p50', 'p95', 'p99', 'max'])),
    ...names.flatMap(([name, label]) => {
      const metric = metrics[name];
      if (metric === undefined) return [];
      const { mean, min, p50, p95, p99, max } = metric;
      return row([label, ...[mean, min, p50, p95, p99, max].map(formatMs)]);
    }),
  ];
}

function whereMeasured({ deployment }: Report): string {
  const where =
    deployment.kind === 'local'
      ? 'on the local deployment'
      : `on bucket ${deployment.bucket} at ${deployment.endpoint ?? 'AWS'}`;
  return `closed loop, ${where}${deployment.rttMs === undefined ? '' : `, simulated round trip ${deployment.rttMs} ms`}`;
}

export function notesOption(command: Command, notes: number): Command {
  return command.option('--notes <n>', 'how many notes the database holds', parsePositive, notes);
}
