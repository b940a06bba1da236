import type { Command } from 'commander';
import type { MetricComparison } from '../../bench/compare.ts';
import { parsePercentage, parseTexts, repeated, reportTarget } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatMs } from '../../core/format.ts';
import { seededRandom } from '../../core/random.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import type { Report } from '../../report/document.ts';
import type { ReportTarget } from '../../report/files.ts';
import type { Execute, Invocation } from '../execute.ts';
import { allWritten } from '../report-options.ts';

interface CompareOptions {
  readonly failOnRegression?: number;
  readonly metric?: readonly string[];
  readonly report?: readonly ReportTarget[];
}

/** What `bench compare` found. Fields may be added but never repurposed, as in a report. */
export interface Comparison {
  readonly schemaVersion: 1;
  readonly kind: 'comparison';
  readonly name: string;
  readonly before: Run;
  readonly after: Run;
  readonly metrics: Readonly<Record<string, MetricComparison>>;
  readonly failOnRegressionPercent?: number;
  readonly warnings: readonly string[];
  readonly passed: boolean;
  readonly failureReasons: readonly string[];
}

interface Run {
  readonly file: string;
  readonly startedAt: string;
  readonly commit?: string | undefined;
}

export function registerBenchCompare(parent: Command, execute: Execute): void {
  const command = parent
    .command('compare <before.json> <after.json>')
    .description('compare two reports of one benchmark, metric by metric')
    .option('--metric <name>', 'compare only this one (repeatable)', parseTexts)
    .option(
      '--fail-on-regression <percent>',
      'exit code 7 for a metric that is certainly slower by more',
      parsePercentage,
    )
    .option('--report <format=file>', 'also draw both runs as html to a file', repeated(reportTarget(['html'])))
    .addHelpText('after', '\nExample:\n  $ javumbo bench compare before.json after.json --fail-on-regression 10%');
  command.action((before: string, after: string, options: CompareOptions) =>
    execute(command, (invocation) => benchCompare(before, after, options, invocation), compareView),
  );
}

export async function benchCompare(
  beforeFile: string,
  afterFile: string,
  { failOnRegression, metric: wanted, report: targets = [] }: CompareOptions,
  { context, flags }: Pick<Invocation, 'context' | 'flags'>,
): Promise<Comparison> {
  const { compareMetrics, doubtsAboutPair, refuseUnlike, regressionsBeyond } = await import('../../bench/compare.ts');
  const { openFiles } = await import('../../report/files.ts');
  const { comparisonHtml } = await import('../../report/html/comparison-page.ts');
  const { readReport } = await import('../../report/read.ts');
  const files = await openFiles(targets, context, { ...flags, reads: [beforeFile, afterFile] }, (draw: () => string) =>
    draw(),
  );
  const [before, after] = [await readReport(beforeFile), await readReport(afterFile)];
  refuseUnlike(before, after);
  refuseMissing(wanted ?? [], { [beforeFile]: before, [afterFile]: after });
  const only = ({ metrics }: Report): Report['metrics'] =>
    wanted === undefined
      ? metrics
      : Object.fromEntries(Object.entries(metrics).filter(([name]) => wanted.includes(name)));
  // A fixed seed: two files always get the same verdict.
  const metrics = await runBlockingIn(context)(() => compareMetrics(only(before), only(after), seededRandom(1)));
  const lone = inOneOnly({ [beforeFile]: only(before), [afterFile]: only(after) });
  if (Object.keys(metrics).length === 0) {
    throw new JavumboError('usage', `the two runs have no metric in common: ${lone.join('; ')}`, {
      try: 'two runs of one benchmark that came to their end',
    });
  }
  // A metric that vanished may be the one that got slower, so a gate fails for it.
  const failureReasons =
    failOnRegression === undefined ? [] : [...regressionsBeyond(metrics, failOnRegression), ...lone];
  const run = (file: string, { startedAt, environment: { commit } }: Report): Run => ({ file, startedAt, commit });
  const comparison: Comparison = {
    schemaVersion: 1,
    kind: 'comparison',
    name: before.name,
    before: run(beforeFile, before),
    after: run(afterFile, after),
    metrics,
    ...(failOnRegression === undefined ? {} : { failOnRegressionPercent: failOnRegression }),
    warnings: [...(failOnRegression === undefined ? lone : []), ...doubtsAboutPair(before, after)],
    passed: failureReasons.length === 0,
    failureReasons,
  };
  await allWritten(files.write(() => comparisonHtml(comparison, before.metrics, after.metrics)));
  return comparison;
}

/** Names the metrics that only one of the runs has. */
function inOneOnly(files: Readonly<Record<string, Report['metrics']>>): string[] {
  return Object.entries(files).flatMap(([file, metrics]) =>
    Object.keys(metrics)
      .filter((name) => Object.values(files).some((other) => !Object.hasOwn(other, name)))
      .map((name) => `${name} is only in ${file}, and was not compared`),
  );
}

/** Throws `usage` for runs without metrics and for unknown ones: a gate on nothing would always pass. */
function refuseMissing(wanted: readonly string[], files: Readonly<Record<string, Report>>): void {
  for (const [file, { metrics, failureReasons }] of Object.entries(files)) {
    const there = Object.keys(metrics);
    if (there.length === 0) {
      throw new JavumboError('usage', `${file} measured nothing: ${failureReasons.join('; ') || 'it has no metrics'}`, {
        try: 'a report of a run that came to its end',
      });
    }
    const missing = wanted.find((name) => !there.includes(name));
    if (missing !== undefined) {
      throw new JavumboError('usage', `${file} has no metric "${missing}"`, { try: `--metric ${there.join('|')}` });
    }
  }
}

export const compareView: View<Comparison> = {
  text: ({ name, before, after, metrics, warnings, failureReasons }, paint) => {
    const paints = { better: paint.good, worse: paint.bad, inconclusive: paint.faint };
    const width = Math.max(6, ...Object.keys(metrics).map((metric) => metric.length));
    const line = (cells: readonly string[]): string =>
      cells.map((cell, index) => (index === 0 ? cell.padEnd(width) : cell.padStart(COLUMNS[index] ?? 0))).join('');
    return [
      ...[before, after].map(
        ({ file, startedAt, commit }, index) =>
          `${index === 0 ? 'before' : 'after '}  ${file}, ${paint.times(startedAt)}${commit === undefined ? '' : `, commit ${commit.slice(0, 12)}`}`,
      ),
      '',
      paint.strong(`${line(['median', 'before', 'after', 'change', '95 % interval'])}  verdict`),
      ...Object.entries(metrics).map(([metric, { before, after, ratio, ratioLow, ratioHigh, verdict, reason }]) => {
        const interval = ratio === undefined ? '' : `${change(ratioLow)} to ${change(ratioHigh)} %`;
        const cells = line([
          metric,
          formatMs(before.p50),
          formatMs(after.p50),
          ratio === undefined ? '-' : `${change(ratio)} %`,
          interval,
        ]);
        return `${cells}  ${paints[verdict](reason === undefined ? verdict : reason)}`;
      }),
      paint.faint(samplesText(metrics)),
      paint.faint(`bench ${name}: a verdict takes a rank test, the interval and 5 %`),
      ...warnings.map((warning) => paint.warn(`warning: ${paint.times(warning)}`)),
      ...failureReasons.map((reason) => paint.bad(`failed: ${reason}`)),
    ].join('\n');
  },
  exitCode: ({ passed }) => (passed ? EXIT_CODE.ok : EXIT_CODE.violation),
};

const COLUMNS = [0, 10, 10, 9, 19];

/** Returns how many samples the medians are of, together for the metrics that have as many. */
function samplesText(metrics: Comparison['metrics']): string {
  const names = new Map<string, string[]>();
  for (const [name, { before, after }] of Object.entries(metrics)) {
    const counts = `${before.count} and ${after.count}`;
    names.set(counts, [...(names.get(counts) ?? []), name]);
  }
  const texts = [...names].map(([counts, of]) => (names.size === 1 ? counts : `${counts} (${of.join(', ')})`));
  return `samples before and after: ${texts.join('; ')}`;
}

function change(ratio = 1): string {
  const percent = (ratio - 1) * 100;
  return `${percent >= 0 ? '+' : ''}${percent.toFixed(1)}`;
}
