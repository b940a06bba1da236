import type { Command } from 'commander';
import { repeated, reportTarget } from '../cli/arguments.ts';
import { message } from '../cli/prose.ts';
import { JavumboError } from '../core/failure.ts';
import { visible } from '../core/format.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { Report } from '../report/document.ts';
import type { ReportTarget } from '../report/files.ts';
import type { ReportStart, StartedReport } from '../report/start.ts';
import { type FigureNames, parseThreshold, refuseUnknownFigures, type Threshold } from '../report/threshold.ts';
import type { DeploymentOptions, Invocation } from './execute.ts';

/** The options of `bench` and `verify` about their reports. */
export interface ReportFlags {
  readonly report?: readonly ReportTarget[];
  readonly prices?: string;
  /** False with --no-github. */
  readonly github?: boolean;
  /** Only on `bench`. */
  readonly threshold?: readonly Threshold[];
}

/** Adds the option of every command that can write a report to files. */
export function reportOption(command: Command): Command {
  return command.option(
    '--report <format=file>',
    'also write json, junit, markdown or html to a file (repeatable)',
    repeated(reportTarget(['json', 'junit', 'markdown', 'html'])),
  );
}

/** Adds the options of every command that makes a report. */
export function reportOptions(command: Command): Command {
  return reportOption(command)
    .option('--prices <file>', 'prices to use instead of AWS’s, as JSON')
    .option('--no-github', 'in GitHub Actions, neither annotations nor a part of the job’s summary');
}

/** Adds the options of every benchmark. */
export function benchOptions(command: Command): Command {
  return reportOptions(command).option(
    '--threshold <comparison>',
    "fail unless it holds, such as 'totalMs.p50<400' (repeatable)",
    repeated(parseThreshold),
  );
}

/** Throws `unavailable` for reports that could not be written, where writing them is all that is left to do. */
export async function allWritten(writing: Promise<readonly string[]>): Promise<void> {
  const troubles = await writing;
  if (troubles.length > 0) throw new JavumboError('unavailable', troubles.join('; '), { try: 'another --report file' });
}

/**
 * Runs work that makes a report, and writes the report to every --report file, whether the work returns, throws or is
 * interrupted. Rethrows what it throws, unless `unfinished` makes a result of what was measured until then. Opens the files first: their report also says that the deployment cannot be
 * opened, or that a threshold names none of `figures`.
 */
export async function withReport<R extends { readonly report: Report }>(
  invocation: Invocation,
  options: DeploymentOptions,
  { report: targets = [], prices, github = true, threshold: thresholds = [] }: ReportFlags,
  { figures, ...start }: Omit<ReportStart, 'prices' | 'thresholds'> & { readonly figures?: FigureNames },
  work: (started: StartedReport, deployment: Deployment) => Promise<R>,
  unfinished: (report: Report, thrown: unknown) => R | undefined = () => undefined,
): Promise<R> {
  const { openReportFiles, openStepSummary } = await import('../report/files.ts');
  const { loadPrices } = await import('../report/prices.ts');
  const { startReport } = await import('../report/start.ts');
  const { context, flags } = invocation;
  const table = await loadPrices(prices);
  const files = await openReportFiles(targets, context, flags);
  const tell = (line: string): void => void context.stderr.write(`${message(visible(line), context.stderr)}\n`);
  const warn = (text: string): void => tell(`warning: ${text}`);
  const inActions = github && Boolean(context.env.GITHUB_ACTIONS);
  const summary = inActions ? await openStepSummary(targets, context, warn) : undefined;
  const written = async (report: Report): Promise<string[]> => {
    const troubles = await files.write(report);
    await summary?.write(report);
    if (inActions) {
      const { annotationsOf } = await import('../report/github.ts');
      for (const annotation of annotationsOf(report)) context.stderr.write(`${annotation}\n`);
    }
    return troubles;
  };
  const started = await startReport({ ...start, thresholds, prices: table }, invocation.deploymentKind, context);
  // Whatever stops the work, it removes its test data and is reported.
  return context.cleanUps.finish(reported());

  async function reported(): Promise<R> {
    let result: R;
    try {
      if (figures !== undefined) refuseUnknownFigures(thresholds, figures);
      const deployment = await invocation.deployment(options);
      started.opened(deployment);
      result = await work(started, deployment);
    } catch (error) {
      const report = started.fail(error);
      for (const trouble of await written(report)) tell(`error: ${trouble}`);
      const measured = unfinished(report, error);
      if (measured !== undefined) return measured;
      throw error;
    }
    const troubles = await written(result.report);
    if (troubles.length === 0) return result;
    // Show the result although a file could not be written, but do not call it a success.
    const failureReasons = [...result.report.failureReasons, ...troubles];
    return { ...result, report: { ...result.report, passed: false, failureReasons } };
  }
}
