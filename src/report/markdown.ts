import { formatDuration, formatMs, visible } from '../core/format.ts';
import { failureTexts } from './assertion-text.ts';
import { runCostText } from './cost.ts';
import type { Report } from './document.ts';
import { reasonsOfItsOwn } from './junit.ts';
import { percentileTexts } from './percentiles.ts';
import { figureOrReason } from './threshold.ts';

/** Renders a report as GitHub Markdown, for a job summary or a comment. */
export function markdownOf(report: Report): string {
  const { checks, metrics, derived, grades, thresholds, requests, cost, environment, deployment, warnings } = report;
  const where = deployment.kind === 'local' ? 'the local deployment' : `${deployment.bucket} (${environment.engine})`;
  const rtt = deployment.rttMs === undefined ? '' : `, simulated round trip ${deployment.rttMs} ms`;
  const commit = environment.commit === undefined ? '' : `, commit ${environment.commit.slice(0, 12)}`;
  const parameters = Object.entries(report.parameters).map(([name, value]) => `${name} ${value}`);
  return [
    `## ${report.passed ? '✅' : '❌'} javumbo ${report.kind} ${inline(report.name)}`,
    inline(`${report.passed ? 'passed' : 'failed'} in ${formatDuration(report.durationMs)} on ${where}${rtt}${commit}`),
    ...list('Failed', reasonsOfItsOwn(report)),
    ...table(
      ['test', 'result', 'time', 'why'],
      checks.map((check) => [
        `${check.id} ${check.name}`,
        check.status,
        check.durationMs === 0 ? '' : formatDuration(check.durationMs),
        [
          ...(check.status === 'failed' ? failureTexts(check) : [check.reason ?? '']),
          ...(check.try === undefined ? [] : [`try: ${check.try}`]),
        ].join('; '),
      ]),
    ),
    ...table(
      ['threshold', 'result', 'actual'],
      thresholds.map((threshold) => [
        threshold.expression,
        threshold.passed ? 'passed' : 'missed',
        figureOrReason(threshold, number),
      ]),
    ),
    ...table(
      ['metric', 'samples', 'mean', 'median', 'p95', 'p99', 'max'],
      Object.entries(metrics).map(([name, metric]) => [
        name,
        String(metric.count),
        formatMs(metric.mean),
        ...percentileTexts(metric),
        formatMs(metric.max),
      ]),
    ),
    ...table(
      ['figure', 'value'],
      [
        ...Object.entries(derived).map(([name, figure]) => [name, number(figure)]),
        ...Object.entries(grades).map(([name, grade]) => [`grade ${name}`, grade]),
        ...Object.entries(requests).flatMap(([name, count]) =>
          typeof count === 'number' ? [[`requests.${name}`, number(count)]] : [],
        ),
        ...(cost === undefined ? [] : [['US dollars for this run', runCostText(report)]]),
      ],
    ),
    ...list('Warnings', warnings),
    ...(parameters.length === 0 ? [] : [inline(`Parameters: ${parameters.join(', ')}.`)]),
    inline(
      `javumbo ${report.tool.version}, Node ${environment.node}, ${environment.platform} ${environment.arch}, ${environment.cpuCount} × ${environment.cpuModel}, ${report.startedAt}.`,
    ),
    '',
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.map(inline).join(' | ')} |`;
  return [[line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')];
}

function list(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`**${title}**`, items.map((item) => `- ${inline(item)}`).join('\n')];
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

/** Escapes text for one line: nothing in it acts as Markdown, HTML, the end of a cell or a mention. */
function inline(text: string): string {
  return visible(text.replace(/\s+/g, ' '))
    .replace(/[\\`*_[\]|~#]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/@/g, '&#64;');
}
