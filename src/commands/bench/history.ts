import { join } from 'node:path';
import type { Command } from 'commander';
import { type ChangePoint, changePoints, SIDE_MIN } from '../../bench/change-points.ts';
import { parseTexts } from '../../cli/arguments.ts';
import type { Paint } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { JavumboError, messageOf } from '../../core/failure.ts';
import { formatCount, formatMs } from '../../core/format.ts';
import { seededRandom } from '../../core/random.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import type { Report } from '../../report/document.ts';
import type { Execute, Invocation } from '../execute.ts';

interface Run {
  readonly file: string;
  readonly startedAt: string;
  readonly commit?: string | undefined;
}

/** A change of level, and the first run that shows it. */
interface Change extends Omit<ChangePoint, 'index'> {
  readonly run: Run;
  /** Above 1 is slower. */
  readonly ratio: number;
}

interface Series {
  readonly unit: 'ms';
  /** The median of each run, in the order of the runs; null where a run has not measured it. */
  readonly p50: readonly (number | null)[];
  readonly changes: readonly Change[];
}

/** The runs of one benchmark with the same parameters, oldest first. */
interface BenchmarkHistory {
  readonly name: string;
  readonly parameters: Report['parameters'];
  readonly runs: readonly Run[];
  readonly metrics: Readonly<Record<string, Series>>;
}

interface History {
  readonly schemaVersion: 1;
  readonly kind: 'history';
  readonly benchmarks: readonly BenchmarkHistory[];
  /** Files that are no report of a benchmark that measured something. */
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
}

export function registerBenchHistory(parent: Command, execute: Execute): void {
  const command = parent
    .command('history')
    .argument('<dir>', 'the folder of the reports')
    .description('the medians of many reports over time, and where they changed')
    .option('--metric <name>', 'only this one (repeatable)', parseTexts)
    .addHelpText('after', '\nExample:\n  $ javumbo bench history reports --metric totalMs');
  command.action((directory: string, { metric }: { metric?: readonly string[] }) =>
    execute(command, (invocation) => benchHistory(directory, metric, invocation), historyView),
  );
}

async function benchHistory(
  directory: string,
  wanted: readonly string[] | undefined,
  { context, note }: Pick<Invocation, 'context' | 'note'>,
): Promise<History> {
  const { readdir } = await import('node:fs/promises');
  const { likenessOf } = await import('../../bench/compare.ts');
  const { readReport } = await import('../../report/read.ts');
  const names = await readdir(directory).catch((error: unknown) => {
    throw new JavumboError('usage', `${directory} cannot be read: ${messageOf(error)}`, {
      try: 'a folder of files that --report json=<file> wrote',
      cause: error,
    });
  });
  const skipped: { file: string; reason: string }[] = [];
  const groups = new Map<string, { readonly file: string; readonly report: Report }[]>();
  for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
    const file = join(directory, name);
    try {
      const report = await readReport(file);
      if (report.kind !== 'bench') skipped.push({ file, reason: 'it is no report of a benchmark' });
      else if (Object.keys(report.metrics).length === 0) skipped.push({ file, reason: 'it measured nothing' });
      else {
        const likeness = JSON.stringify(likenessOf(report));
        groups.set(likeness, [...(groups.get(likeness) ?? []), { file, report }]);
      }
    } catch (error) {
      if (!(error instanceof JavumboError) || error.kind !== 'usage') throw error;
      skipped.push({ file, reason: error.message.replace(`${file} `, 'it ') });
    }
  }
  for (const { file, reason } of skipped) note(`warning: ${file} is left out: ${reason}`);
  const benchmarks: BenchmarkHistory[] = [];
  for (const group of groups.values()) {
    benchmarks.push(await runBlockingIn(context)(() => historyOf(group, wanted)));
  }
  if (benchmarks.every(({ metrics }) => Object.keys(metrics).length === 0)) {
    const what = wanted === undefined || groups.size === 0 ? 'report of a benchmark' : `metric ${wanted.join(' or ')}`;
    throw new JavumboError('usage', `there is no ${what} in ${directory}`, {
      try: 'a folder of files that --report json=<file> wrote',
    });
  }
  return { schemaVersion: 1, kind: 'history', benchmarks, skipped };
}

function historyOf(
  group: readonly { readonly file: string; readonly report: Report }[],
  wanted: readonly string[] | undefined,
): BenchmarkHistory {
  const sorted = [...group].sort((a, b) => a.report.startedAt.localeCompare(b.report.startedAt));
  const runs = sorted.map(({ file, report: { startedAt, environment } }) => ({
    file,
    startedAt,
    ...(environment.commit === undefined ? {} : { commit: environment.commit }),
  }));
  const names = [...new Set(sorted.flatMap(({ report }) => Object.keys(report.metrics)))].filter(
    (name) => wanted?.includes(name) !== false,
  );
  const seriesOf = (metric: string): Series => {
    const p50 = sorted.map(({ report }) => report.metrics[metric]?.p50 ?? null);
    const measured = p50.flatMap((value, index) => (value === null ? [] : [{ value, run: runs[index] as Run }]));
    const values = measured.map(({ value }) => value);
    // A fixed seed: a folder always gets the same answer.
    const changes = changePoints(values, seededRandom(1), names.length).map(({ index, ...change }) => ({
      ...change,
      ratio: change.after / change.before,
      run: measured[index]?.run as Run,
    }));
    return { unit: 'ms', p50, changes };
  };
  const { name, parameters } = (sorted[0] as (typeof sorted)[number]).report;
  return { name, parameters, runs, metrics: Object.fromEntries(names.map((metric) => [metric, seriesOf(metric)])) };
}

const historyView: View<History> = {
  text: ({ benchmarks }, paint) =>
    [
      ...benchmarks.flatMap((benchmark) => [...benchmarkLines(benchmark, paint), '']),
      paint.faint('each point is a run’s median; a change takes four runs on either side and 5 %'),
    ].join('\n'),
};

// A time, a commit and so many medians fit 80 columns.
const COLUMNS_MAX = 4;
// Of a time in ISO 8601, which is the longer form.
const TIME_WIDTH = 24;

function benchmarkLines({ name, parameters, runs, metrics }: BenchmarkHistory, paint: Paint): string[] {
  const shown = Object.entries(metrics).slice(0, COLUMNS_MAX);
  const hidden = Object.keys(metrics).length - shown.length;
  const told = Object.entries(parameters).map(([parameter, value]) => `${parameter} ${value}`);
  const row = (time: string, commit: string, cells: readonly string[]): string =>
    `${time.padEnd(TIME_WIDTH)}  ${commit.padEnd(8)}${cells.map((cell) => cell.padStart(11)).join('')}`.trimEnd();
  return [
    paint.strong(`bench ${name}, ${formatCount(runs.length, 'run')}`),
    paint.faint(told.join(', ')),
    '',
    paint.strong(
      row(
        'run',
        'commit',
        shown.map(([metric]) => metric.slice(0, 10)),
      ),
    ),
    ...runs.map(({ startedAt, commit = '' }, index) =>
      row(
        paint.times(startedAt),
        commit.slice(0, 8),
        shown.map(([, { p50 }]) => medianText(p50[index])),
      ),
    ),
    ...(hidden === 0 ? [] : [paint.faint(`and ${formatCount(hidden, 'more metric')}: --metric <name>`)]),
    '',
    ...Object.entries(metrics).flatMap(([metric, series]) => seriesLines(metric, series, paint)),
  ];
}

function medianText(value: number | null | undefined): string {
  return typeof value === 'number' ? formatMs(value) : '-';
}

/** Draws a metric over time, on a terminal, and names its changes. */
function seriesLines(metric: string, { p50, changes }: Series, paint: Paint): string[] {
  const values = p50.filter((value) => value !== null);
  const least = values.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
  const greatest = values.reduce((one, other) => Math.max(one, other), 0);
  return [
    `${paint.strong(metric)}  ${formatMs(least)} to ${formatMs(greatest)}${changes.length > 0 ? '' : values.length < 2 * SIDE_MIN ? ', too few runs to judge' : ', no change'}`,
    ...(paint.bars === undefined ? [] : [`  ${plotOf(p50, { least, greatest }, paint.bars)}`]),
    ...changes.map(({ run, before, after, ratio }) => {
      const percent = Math.abs((ratio - 1) * 100).toFixed(0);
      const verdict = ratio > 1 ? paint.bad(`slower by ${percent} %`) : paint.good(`faster by ${percent} %`);
      const from = run.commit === undefined ? run.file : `${run.commit.slice(0, 8)} (${run.file})`;
      return `  ${verdict} from ${paint.times(run.startedAt)} on: ${formatMs(before)} → ${formatMs(after)}\n    ${from}`;
    }),
  ];
}

const PLOT_COLUMNS = 78;

/** Draws a column for each run; of more runs than fit, the last. */
function plotOf(
  p50: readonly (number | null)[],
  { least, greatest }: { readonly least: number; readonly greatest: number },
  bars: string,
): string {
  const [nothing = ' ', ...levels] = [...bars];
  return p50
    .slice(-PLOT_COLUMNS)
    .map((value) => {
      if (value === null) return nothing;
      const height = greatest === least ? 0 : (value - least) / (greatest - least);
      return levels[Math.round(height * (levels.length - 1))] ?? nothing;
    })
    .join('');
}
