import type { Command } from 'commander';
import { parseReportTarget, repeated } from '../cli/arguments.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { Report } from '../report/document.ts';
import type { ReportTarget } from '../report/files.ts';
import type { ReportStart, StartedReport } from '../report/start.ts';
import { type FigureNames, parseThreshold, refuseUnknownFigures, type Threshold } from '../report/threshold.ts';
import type { DeploymentOptions, Invocation } from './execute.ts';

/** What `bench` and `verify` commands are told about their reports. */
export interface ReportFlags {
  readonly report?: readonly ReportTarget[];
  readonly prices?: string;
  /** Only on `bench`. */
  readonly threshold?: readonly Threshold[];
}

/** The options of every command that makes a report. */
export function reportOptions(command: Command): Command {
  return command
    .option(
      '--report <format=file>',
      'also write json, junit or markdown to a file (repeatable)',
      repeated(parseReportTarget),
    )
    .option('--prices <file>', 'prices to use instead of AWS’s, as JSON');
}

/** The options of every benchmark. */
export function benchOptions(command: Command): Command {
  return reportOptions(command).option(
    '--threshold <comparison>',
    "fail unless it holds, such as 'totalMs.p95<400' (repeatable)",
    repeated(parseThreshold),
  );
}

/**
 * Runs work that makes a report, and writes it to every file that was asked for, however the work ends: by returning, by
 * throwing, or by a signal that it throws `interrupted` for. What it throws is thrown again. The files come first, so that
 * they tell also of a deployment that cannot be opened, and of a threshold on none of `figures`.
 */
export async function withReport<R extends { readonly report: Report }>(
  invocation: Invocation,
  options: DeploymentOptions,
  { report: targets = [], prices, threshold: thresholds = [] }: ReportFlags,
  { figures, ...start }: Omit<ReportStart, 'prices' | 'thresholds'> & { readonly figures?: FigureNames },
  work: (started: StartedReport, deployment: Deployment) => Promise<R>,
): Promise<R> {
  const { openReportFiles } = await import('../report/files.ts');
  const { loadPrices } = await import('../report/prices.ts');
  const { startReport } = await import('../report/start.ts');
  const { context, flags } = invocation;
  const table = await loadPrices(prices);
  const files = await openReportFiles(targets, context, flags);
  const started = await startReport({ ...start, thresholds, prices: table }, invocation.deploymentKind, context);
  // What is measured removes its test data and is reported, whatever stops it.
  return context.cleanUps.finish(reported());

  async function reported(): Promise<R> {
    let result: R;
    try {
      if (figures !== undefined) refuseUnknownFigures(thresholds, figures);
      const deployment = await invocation.deployment(options);
      started.opened(deployment);
      result = await work(started, deployment);
    } catch (error) {
      for (const trouble of await files.write(started.fail(error))) context.stderr.write(`error: ${trouble}\n`);
      throw error;
    }
    const troubles = await files.write(result.report);
    if (troubles.length === 0) return result;
    // The work is done and its result is worth more than a full disk: it is shown, and it is not called a success.
    const failureReasons = [...result.report.failureReasons, ...troubles];
    return { ...result, report: { ...result.report, passed: false, failureReasons } };
  }
}
