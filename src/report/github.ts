import { visible } from '../core/format.ts';
import { failureTexts } from './assertion-text.ts';
import type { Report } from './document.ts';
import { reasonsOfItsOwn } from './junit.ts';
import { missedReason } from './threshold.ts';

/**
 * Returns the workflow commands by which GitHub Actions shows what failed, and what is doubted, beside the job. A line
 * each, for stdout or stderr.
 */
export function annotationsOf(report: Report): string[] {
  const title = `javumbo ${report.kind} ${report.name}`;
  const failed = report.checks.filter(({ status }) => status === 'failed');
  return [
    ...failed.map((check) => command('error', `Test ${check.id}: ${check.name}`, failureTexts(check).join('\n'))),
    ...report.thresholds.flatMap((threshold) =>
      threshold.passed ? [] : [command('error', title, missedReason(threshold))],
    ),
    ...reasonsOfItsOwn(report).map((reason) => command('error', title, reason)),
    ...report.warnings.map((warning) => command('warning', title, warning)),
  ];
}

function command(kind: 'error' | 'warning', title: string, message: string): string {
  const property = data(title).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return `::${kind} title=${property}::${data(message)}`;
}

/** Escapes as GitHub's own toolkit does (actions/toolkit), and what would drive a terminal. */
function data(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => visible(line).replaceAll('%', '%25'))
    .join('%0A');
}
