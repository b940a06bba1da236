import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { Paint } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { historyLines } from '../../consistency/report.ts';
import { formatCount, formatDuration, formatMs, visible } from '../../core/format.ts';
import { failureTexts } from '../../report/assertion-text.ts';
import type { Check, Report } from '../../report/document.ts';
import type { DaySummary } from '../../verify/days.ts';
import type { VerifyResult } from '../../verify/run.ts';
import { costLines } from '../cost-lines.ts';

/** Shows a line for each test, with what it measured, and its assertions if it failed or with `verbose`. */
export const verifyViewOf = (verbose: boolean): View<VerifyResult> => ({
  json: ({ report }) => report,
  text: ({ report, days }, paint) => {
    const count = (wanted: Check['status']): number => report.checks.filter(({ status }) => status === wanted).length;
    const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped,`;
    const total = report.checks.length;
    const summary = `${count('passed')} of ${total} tests passed${skipped} in ${formatDuration(report.durationMs)}`;
    return [
      ...report.checks.flatMap((check) => checkLines(check, report, verbose, paint)),
      ...(report.history === undefined ? [] : historyLines(report.history).map((line) => visible(line))),
      ...Object.entries(report.grades).map(([name, grade]) => `  ${paint.faint(`grade ${name}: ${grade}`)}`),
      ...costLines(report).map((line) => `  ${paint.faint(line)}`),
      ...report.warnings.map((warning) => paint.warn(`warning: ${warning}`)),
      '',
      ...(days.length > 1 ? [...summaryLines(days, paint), ''] : []),
      // Other reasons than tests: an interruption, a day without a test that ran.
      ...report.failureReasons.filter((reason) => !reason.startsWith('test ')).map((reason) => paint.bad(reason)),
      report.passed ? paint.good(summary) : paint.bad(summary),
    ].join('\n');
  },
  exitCode: ({ report, failure }) =>
    failure !== undefined ? EXIT_CODE[failure] : report.passed ? EXIT_CODE.ok : EXIT_CODE.violation,
});

function summaryLines(days: readonly DaySummary[], paint: Paint): string[] {
  const row = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(8) : cell.padStart(index === 4 ? 12 : 9))).join('');
  return [
    paint.strong(row(['day', 'passed', 'failed', 'skipped', 'time'])),
    ...days.map(({ name, passed, failed, skipped, durationMs }) =>
      row([name, String(passed), String(failed), String(skipped), formatDuration(durationMs)]),
    ),
  ];
}

function checkLines(check: Check, report: Report, verbose: boolean, paint: Paint): string[] {
  const { id, name, status, durationMs, reason, try: hint, assertions } = check;
  const mark = { passed: paint.good('passed'), failed: paint.bad('failed'), skipped: paint.warn('skipped') }[status];
  const title = /^\d/.test(id) ? `Test ${id}: ${name}` : name;
  const figures = figuresOf(id, report);
  // What only judges takes no time of its own.
  const time = durationMs === 0 ? '' : `  ${paint.faint(formatDuration(durationMs))}`;
  return [
    `${mark}  ${paint.strong(title)}${time}`,
    ...(figures === undefined ? [] : [`  ${figures}`]),
    ...(verbose ? assertions.filter(({ passed }) => passed) : []).map(({ name }) => `  ${paint.good('✓')} ${name}`),
    ...(status === 'failed' ? failureTexts(check) : []).map((text) => `  ${paint.bad('✗')} ${visible(text)}`),
    ...(status === 'skipped' && reason !== undefined ? [`  skip: ${visible(reason)}`] : []),
    ...(hint === undefined ? [] : [`  try:   ${visible(hint)}`]),
  ];
}

/** Returns what a test has measured, if it has. */
function figuresOf(id: string, { name, metrics, derived }: Report): string | undefined {
  const prefix = name === 'all' ? `day${id[0]}.` : '';
  const ms = (figure: string): string => formatMs(metrics[`${prefix}${figure}`]?.mean ?? Number.NaN);
  const of = (figure: string): number => derived[`${prefix}${figure}`] ?? Number.NaN;
  const both = (figure: string): number => of(`withoutRetries.${figure}`) + of(`withRetries.${figure}`);
  const texts: Readonly<Record<string, string>> = {
    '2.3': `${ms('totalMs')} a request on average: download ${ms('downloadMs')}, upload ${ms('uploadMs')}`,
    '3.1': `a warm read is ${of('readSpeedup').toFixed(1)} times faster, a warm write ${of('writeSpeedup').toFixed(1)} times`,
    '3.2': `hit rate ${of('hitRatePercent').toFixed(1)} %: ${formatCount(of('hits'), 'hit')}, ${formatCount(of('misses'), 'miss', 'misses')}`,
    '4.2': `${both('committed')} committed, ${both('conflicts')} conflicts, ${both('lost')} lost`,
    '5.1': `a hash takes ${ms('hashMs')} on average, a read of the item ${ms('readItemMs')}`,
  };
  const text = texts[id];
  // A test that failed early has not measured everything.
  return text?.includes('NaN') ? undefined : text;
}
