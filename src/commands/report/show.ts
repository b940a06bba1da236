import type { Command } from 'commander';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { visible } from '../../core/format.ts';
import type { Report } from '../../report/document.ts';
import { summariesOf } from '../../verify/days.ts';
import { cacheView } from '../bench/cache.ts';
import { concurrentView } from '../bench/concurrent.ts';
import { hitRateView } from '../bench/hit-rate.ts';
import { latencyView } from '../bench/latency.ts';
import { loadView } from '../bench/load.ts';
import { type BenchResult, reportView } from '../bench/scenario.ts';
import { type Execute, type Invocation, outputFlags } from '../execute.ts';
import { allWritten, type ReportFlags, reportOption } from '../report-options.ts';
import { verifyViewOf } from '../verify/view.ts';

export function registerReportShow(parent: Command, execute: Execute): void {
  const command = parent
    .command('show <report.json>')
    .description('show a report from its file, like the command that made it')
    .addHelpText('after', '\nExample:\n  $ javumbo report show before.json --report html=before.html');
  reportOption(command).action((file: string, options: Pick<ReportFlags, 'report'>) =>
    execute(command, (invocation) => reportShow(invocation, file, options), showViewOf(outputFlags(command).verbose)),
  );
}

async function reportShow(
  { context, flags }: Invocation,
  file: string,
  { report: targets = [] }: Pick<ReportFlags, 'report'>,
): Promise<Report> {
  const { openReportFiles } = await import('../../report/files.ts');
  const { readReport } = await import('../../report/read.ts');
  const report = await readReport(file);
  const files = await openReportFiles(targets, context, { ...flags, reads: [file] });
  await allWritten(files.write(report));
  return report;
}

const BENCH_VIEWS: Readonly<Record<string, View<BenchResult>>> = {
  latency: latencyView,
  cache: cacheView,
  'hit-rate': hitRateView,
  concurrent: concurrentView,
  load: loadView,
};

const plainView = reportView();

/** Exits with 0 whatever the report says: showing it worked. */
const showViewOf = (verbose: boolean): View<Report> => ({
  text: (read, paint) => {
    // The file may come from anywhere, and its texts must not control the terminal.
    const report: Report = JSON.parse(JSON.stringify(read), (_, value) =>
      typeof value === 'string' ? visible(value) : value,
    );
    if (report.kind === 'verify') {
      const days = report.name === 'all' ? summariesOf(report) : [];
      return verifyViewOf(verbose).text?.({ report, days, failure: undefined }, paint) ?? '';
    }
    const view = Object.hasOwn(BENCH_VIEWS, report.name) ? BENCH_VIEWS[report.name] : plainView;
    return view?.text?.({ report, failure: undefined }, paint) ?? '';
  },
  exitCode: () => EXIT_CODE.ok,
});
