import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { Paint } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { historyLines } from '../../consistency/report.ts';
import { formatMs, visible } from '../../core/format.ts';
import type { Assertion, Check } from '../../report/document.ts';
import type { DaySummary } from '../../verify/days.ts';
import type { VerifyResult } from '../../verify/run.ts';
import { costLines } from '../cost-lines.ts';

export const verifyView: View<VerifyResult> = {
  json: ({ report }) => report,
  text: ({ report, days }, paint) => {
    const count = (wanted: Check['status']): number => report.checks.filter(({ status }) => status === wanted).length;
    const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped,`;
    const total = report.checks.length;
    const summary = `${count('passed')} of ${total} tests passed${skipped} in ${formatMs(report.durationMs)}`;
    return [
      ...report.checks.flatMap((check) => checkLines(check, paint)),
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
};

function summaryLines(days: readonly DaySummary[], paint: Paint): string[] {
  const row = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(8) : cell.padStart(9))).join('');
  return [
    paint.strong(row(['day', 'passed', 'failed', 'skipped', 'time'])),
    ...days.map(({ name, passed, failed, skipped, durationMs }) =>
      row([name, String(passed), String(failed), String(skipped), formatMs(durationMs)]),
    ),
  ];
}

function checkLines({ id, name, status, durationMs, reason, try: hint, assertions }: Check, paint: Paint): string[] {
  const mark = { passed: paint.good('passed'), failed: paint.bad('failed'), skipped: paint.warn('skipped') }[status];
  const title = /^\d/.test(id) ? `Test ${id}: ${name}` : name;
  return [
    `${mark}  ${paint.strong(title)}  ${paint.faint(formatMs(durationMs))}`,
    ...assertions.map((assertion) => assertionLine(assertion, paint)),
    ...(reason === undefined ? [] : [`  ${status === 'failed' ? 'error' : 'skip'}: ${visible(reason)}`]),
    ...(hint === undefined ? [] : [`  try:   ${visible(hint)}`]),
  ];
}

function assertionLine({ name, passed, expected, actual }: Assertion, paint: Paint): string {
  if (passed) return `  ${paint.good('✓')} ${name}`;
  const difference =
    expected === undefined ? '' : `: expected ${visible(String(expected))}, got ${visible(String(actual))}`;
  return `  ${paint.bad('✗')} ${name}${difference}`;
}
