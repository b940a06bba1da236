import type { Command } from 'commander';
import { parsePositive } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import { histogramLines } from '../../cli/histogram.ts';
import type { Paint } from '../../cli/paint.ts';
import { printFailure, type View } from '../../cli/print.ts';
import { type Progress, withProgress } from '../../cli/progress.ts';
import { type FailureKind, JavumboError, messageOf } from '../../core/failure.ts';
import { formatMs } from '../../core/format.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { Report } from '../../report/document.ts';
import { percentileTexts } from '../../report/percentiles.ts';
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
  /** All test users of the run, that one first. */
  readonly usernames: readonly string[];
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
  /** How many test users it works with; default 1. */
  readonly users?: number;
  /** The round trip to simulate on the local deployment if --rtt names none. */
  readonly rttDefaultMs?: number;
}

/** Runs one benchmark for a new test user, and reports what it measured, however it ends. */
export async function runScenario(
  invocation: Invocation,
  { rttDefaultMs, users = 1, ...plan }: ScenarioPlan,
  { via, ...flags }: ReportFlags & ViaFlags,
  measure: (scenario: Scenario) => Promise<ReportParts>,
): Promise<BenchResult> {
  const { withTestUsers } = await import('../../bench/test-user.ts');
  const { context } = invocation;
  const opening = rttDefaultMs === undefined ? {} : { rttDefaultMs };
  const start = { kind: 'bench', ...planVia(plan, via) } as const;
  const purposes = Array.from({ length: users }, (_, index) => (users === 1 ? plan.name : `${plan.name}-${index + 1}`));
  return withReport(
    invocation,
    opening,
    flags,
    start,
    async (started, deployment) => {
      let parts: ReportParts | undefined;
      try {
        context.signal?.throwIfAborted();
        await withProgress(invocation, (progress) =>
          withTestUsers(
            deployment,
            invocation.run(),
            purposes,
            async (usernames) => {
              const [username = ''] = usernames;
              parts = await measure({ deployment, username, usernames, progress, measuring: started.measuring });
            },
            (looked) => progress.show(`finding what test users left: ${looked} of ${users}`),
          ),
        );
        return { report: started.finish(parts ?? {}), failure: undefined };
      } catch (error) {
        if (parts === undefined || kindOf(error) === 'interrupted') throw error;
        // The figures are sound: only the clean-up failed.
        const reason = `test data may be left, which javumbo clean all removes: ${messageOf(error)}`;
        const failureReasons = [...(parts.failureReasons ?? []), reason];
        return { report: started.finish({ ...parts, passed: false, failureReasons }), failure: kindOf(error) };
      }
    },
    (report, error) => {
      if (Object.keys(report.metrics).length === 0 || kindOf(error) !== 'interrupted') return undefined;
      // It is shown like any other, below what stopped it.
      printFailure(error, invocation.flags, context);
      return { report, failure: 'interrupted' };
    },
  );
}

function kindOf(thrown: unknown): FailureKind {
  return thrown instanceof JavumboError ? thrown.kind : 'internal';
}

/** Shows any benchmark: one that was cut short, or that only a newer javumbo knows. */
function plainLines({ name, metrics, derived }: Report, paint: Paint): string[] {
  const names = Object.keys(metrics).map((metric) => [metric, metric] as const);
  return [
    paint.strong(`bench ${name}`),
    ...metricLines('metric', names, metrics, paint),
    ...Object.entries(derived).map(([figure, value]) => `${figure} ${Number(value.toPrecision(6))}`),
  ];
}

/** Shows a report by `lines`, with its cost, warnings and failures below. */
export function reportView(lines: (report: Report, paint: Paint) => readonly string[] = plainLines): View<BenchResult> {
  return {
    json: ({ report }) => report,
    text: ({ report }, paint) =>
      [
        // A run that was cut short may have samples, and nothing derived from them.
        ...(Object.keys(report.derived).length > 0 ? lines : plainLines)(report, paint),
        ...distributionLines(report, paint),
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

/** Draws the distribution of each metric, on a terminal. */
function distributionLines({ metrics }: Report, { bars, faint }: Paint): string[] {
  if (bars === undefined) return [];
  const samples = Object.entries(metrics).map(([name, metric]) => [name, metric.samples]);
  const lines = histogramLines(Object.fromEntries(samples), bars);
  return lines.length === 0
    ? []
    : ['', faint('how the samples are distributed, from the least to the greatest'), ...lines, ''];
}

/** A table of metrics, with the number of samples of each, and no percentile that they cannot bear. */
export function metricLines(
  title: string,
  names: readonly (readonly [name: string, label: string])[],
  metrics: Report['metrics'],
  paint: Paint,
): string[] {
  const width = Math.max(title.length, ...names.map(([, label]) => label.length)) + 1;
  const row = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(width) : cell.padStart(index === 1 ? 7 : 9))).join('');
  return [
    paint.strong(row([title, 'samples', 'mean', 'min', 'median', 'p95', 'p99', 'max'])),
    ...names.flatMap(([name, label]) => {
      const metric = metrics[name];
      if (metric === undefined) return [];
      const { count, mean, min, max } = metric;
      return row([label, String(count), formatMs(mean), formatMs(min), ...percentileTexts(metric), formatMs(max)]);
    }),
  ];
}

function whereMeasured({ deployment, parameters }: Report): string {
  const where =
    deployment.kind === 'local'
      ? 'on the local deployment'
      : `on bucket ${deployment.bucket} at ${deployment.endpoint ?? 'AWS'}`;
  return `${parameters.loop === 'open' ? 'open' : 'closed'} loop, ${where}${deployment.rttMs === undefined ? '' : `, simulated round trip ${deployment.rttMs} ms`}`;
}

export function notesOption(command: Command, notes: number): Command {
  return command.option('--notes <n>', 'how many notes the database holds', parsePositive, notes);
}
