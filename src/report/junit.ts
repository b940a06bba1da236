import { visible } from '../core/format.ts';
import { failureTexts } from './assertion-text.ts';
import type { Check, Report } from './document.ts';
import { missedReason } from './threshold.ts';

/**
 * Renders a report as JUnit XML for Jenkins, GitLab and GitHub Actions. No library: it would still leave us the
 * characters that XML 1.0 cannot represent even escaped.
 */
export function junitOf(report: Report): string {
  const suite = `javumbo ${report.kind} ${report.name}`;
  const cases = [
    ...report.checks.map((check) => checkCase(suite, check)),
    ...report.thresholds.map((threshold) => {
      const reason = threshold.passed ? undefined : missedReason(threshold);
      return testCase(suite, `threshold ${threshold.expression}`, 0, reason === undefined ? '' : failure(reason));
    }),
  ];
  // A failure of no check or threshold is the run's own, and a run with neither is its own test.
  const own = reasonsOfItsOwn(report);
  if (cases.length === 0 || own.length > 0) {
    const content = own.length === 0 ? '' : failure(own.join('; '), own.join('\n'));
    cases.unshift(testCase(suite, suite, report.durationMs, content));
  }
  const count = (element: string): number => cases.filter((text) => text.includes(`<${element}`)).length;
  const counts = `tests="${cases.length}" failures="${count('failure')}" errors="0" skipped="${count('skipped')}"`;
  const { startedAt, durationMs, environment, deployment, parameters, tool, warnings } = report;
  const properties = Object.entries({ ...environment, ...deployment, ...parameters, javumbo: tool.version });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="javumbo" ${counts} time="${seconds(durationMs)}">`,
    `<testsuite name="${escaped(suite)}" ${counts} time="${seconds(durationMs)}" timestamp="${startedAt.slice(0, 19)}">`,
    '<properties>',
    ...properties.map(([name, value]) => `<property name="${escaped(name)}" value="${escaped(String(value))}"/>`),
    '</properties>',
    ...cases,
    ...(warnings.length === 0 ? [] : [`<system-err>${escaped(warnings.join('\n'))}</system-err>`]),
    '</testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** Returns the failure reasons that no check or threshold already states. */
export function reasonsOfItsOwn({ checks, thresholds, failureReasons }: Report): string[] {
  const told = new Set([...checks.map(({ id, reason }) => `test ${id}: ${reason}`), ...thresholds.map(missedReason)]);
  return failureReasons.filter((reason) => !told.has(reason));
}

function checkCase(suite: string, check: Check): string {
  const { id, name, status, durationMs, reason = '', try: hint } = check;
  const texts = failureTexts(check);
  const lines = [...texts, ...(hint === undefined ? [] : [`try: ${hint}`])];
  const content = {
    passed: () => '',
    skipped: () => `<skipped message="${escaped(reason)}"/>`,
    failed: () => failure(texts.join('; '), lines.join('\n')),
  }[status]();
  return testCase(suite, `Test ${id}: ${name}`, durationMs, content);
}

function testCase(suite: string, name: string, durationMs: number, content: string): string {
  const attributes = `classname="${escaped(suite)}" name="${escaped(name)}" time="${seconds(durationMs)}"`;
  return content === '' ? `<testcase ${attributes}/>` : `<testcase ${attributes}>${content}</testcase>`;
}

function failure(message: string, text = message): string {
  return `<failure message="${escaped(message)}" type="failed">${escaped(text)}</failure>`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Escapes text for an element or attribute. Characters outside XML 1.0 (production 2, Char) become U+FFFD. */
function escaped(text: string): string {
  return (
    text
      .replace(/[\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
      .replace(/[^\t\n\r]+/g, (part) => visible(part).replace(/[\u2400-\u241f]|␡/g, '\ufffd'))
      .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
      // Otherwise a line break in an attribute would be read as a space.
      .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`)
  );
}
