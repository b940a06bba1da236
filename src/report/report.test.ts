/** Tests the computed and rendered parts of a report, on reports made by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SaxesParser } from 'saxes';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { metricOf } from '../bench/stats.ts';
import { NO_USAGE } from '../core/usage.ts';
import { PLAIN_REPORT } from '../testing/hand-made-report.ts';
import { reportFindings } from '../testing/report-schema.ts';
import { costOf, runCostText } from './cost.ts';
import type { Check, Report } from './document.ts';
import { annotationsOf } from './github.ts';
import { htmlOf } from './html/report-page.ts';
import { junitOf } from './junit.ts';
import { markdownOf } from './markdown.ts';
import { AWS_PRICES, loadPrices } from './prices.ts';
import { judgeThreshold, missedReason, parseThreshold, refuseUnknownFigures } from './threshold.ts';

describe('the schema', () => {
  const first = { totalMs: { ...metricOf([1]), samples: [] } };
  test.each<{ name: string; document: unknown; finding: RegExp | undefined }>([
    { name: 'takes a report', document: PLAIN_REPORT, finding: undefined },
    { name: 'refuses a field that it does not name', document: { ...PLAIN_REPORT, extra: 1 }, finding: /extra/ },
    { name: 'refuses a missing field', document: { ...PLAIN_REPORT, passed: undefined }, finding: /passed/ },
    {
      name: 'refuses no number',
      document: JSON.parse(JSON.stringify({ ...PLAIN_REPORT, durationMs: Number.NaN })),
      finding: /durationMs/,
    },
    { name: 'refuses another version', document: { ...PLAIN_REPORT, schemaVersion: 2 }, finding: /schemaVersion/ },
    { name: 'refuses a metric without samples', document: { ...PLAIN_REPORT, metrics: first }, finding: /samples/ },
    { name: 'refuses a time that is no time', document: { ...PLAIN_REPORT, startedAt: 'today' }, finding: /startedAt/ },
    {
      name: 'is told of a figure that is not declared',
      document: { ...PLAIN_REPORT, derived: { x: 1 } },
      finding: /^x is/,
    },
  ])('$name', ({ document, finding }) => {
    const findings = reportFindings(JSON.parse(JSON.stringify(document))).join('\n');
    if (finding === undefined) expect(findings).toBe('');
    else expect(findings).toMatch(finding);
  });
});

describe('a threshold', () => {
  const measured = { ...PLAIN_REPORT, costUsdPerMillion: 5.4 };
  test.each([
    { expression: 'totalMs.p50<2.5', passed: true, actual: 2 },
    { expression: 'totalMs.p50<2', passed: false, actual: 2 },
    { expression: 'totalMs.p50 <= 2', passed: true, actual: 2 },
    { expression: 'totalMs.max>2', passed: true, actual: 3 },
    { expression: 'totalMs.count>=4', passed: false, actual: 3 },
    { expression: 'totalMs.count==3', passed: true, actual: 3 },
    { expression: 'derived.putPerRequest<=1', passed: true, actual: 1 },
    { expression: 'requests.put<=1e0', passed: false, actual: 3 },
    { expression: 'requests.bytesUp == 0', passed: true, actual: 0 },
    { expression: 'costUsdPerMillion<6', passed: true, actual: 5.4 },
    { expression: 'downloadMs.p95<100', passed: false, actual: undefined },
  ])('$expression is judged by what was measured', ({ expression, passed, actual }) => {
    const judged = judgeThreshold(parseThreshold(expression), measured);
    expect(judged).toEqual({ expression, passed, ...(actual === undefined ? {} : { actual }) });
    expect(missedReason(judged)).toContain(actual === undefined ? 'not measured' : `it is ${actual}`);
  });

  test.each([
    { figure: 'p50', count: 1, takes: 2 },
    { figure: 'p95', count: 19, takes: 20 },
    { figure: 'p99', count: 99, takes: 100 },
  ])('on $figure of $count samples is missed, however small they are: it takes $takes', ({ figure, count, takes }) => {
    const threshold = parseThreshold(`totalMs.${figure}<1000`);
    const metricsOf = (samples: number) => ({ totalMs: metricOf(Array(samples).fill(1)) });
    const reason = `${count} sample${count === 1 ? '' : 's'} cannot bear ${figure}, which takes ${takes}`;
    const judged = judgeThreshold(threshold, { ...PLAIN_REPORT, metrics: metricsOf(count) });
    expect(judged).toEqual({ expression: threshold.expression, passed: false, reason });
    expect(missedReason(judged)).toBe(`threshold totalMs.${figure}<1000: ${reason}`);
    expect(judgeThreshold(threshold, { ...PLAIN_REPORT, metrics: metricsOf(takes) }).passed).toBe(true);
  });

  test('that could not be judged says so in every form of the report', () => {
    const [reason, expression] = ['3 samples cannot bear p99, which takes 100', 'totalMs.p99<9'];
    const failureReasons = [`threshold ${expression}: ${reason}`];
    const thresholds = [{ expression, passed: false, reason }];
    const report = { ...PLAIN_REPORT, thresholds, passed: false, failureReasons };
    expect(reportFindings(JSON.parse(JSON.stringify(report)))).toEqual([]);
    expect(markdownOf(report)).toContain(`| totalMs.p99&lt;9 | missed | ${reason} |`);
    expect(junitOf(report)).toContain(`<failure message="threshold totalMs.p99&lt;9: ${reason}"`);
    expect(annotationsOf(report).join('\n')).toContain(reason);
    expect(htmlOf(report).split(reason)).toHaveLength(3);
  });

  test.each([
    'totalMs.p95',
    'totalMs.p95<',
    '<400',
    'totalMs.p95=400',
    'totalMs.p95!=4',
    'totalMs.p95<4ms',
    'totalMs.p95<1e999',
    'totalMs.p95>-1e999',
    'a b<1',
    '',
  ])('%j is no comparison', (expression) => {
    expect(() => parseThreshold(expression)).toThrow(expect.objectContaining({ kind: 'usage' }));
  });

  test.each([
    'totalms.p95<4',
    'totalMs.p90<4',
    'totalMs<4',
    'derived.x<4',
    'requests.post<4',
    'requests.dynamo<4',
    'passed<4',
  ])('%s is on nothing that is measured, and what is measured is named', (expression) => {
    const names = { metrics: ['totalMs'], derived: ['putPerRequest'] };
    expect(() => refuseUnknownFigures([parseThreshold(expression)], names)).toThrow(
      expect.objectContaining({
        kind: 'usage',
        message: expect.stringContaining('there is no figure'),
        try: expect.stringMatching(/totalMs.*\.p95.*derived\.putPerRequest.*requests\.get.*costUsdPerMillion/),
      }),
    );
  });
});

describe('what a million operations cost', () => {
  test('of which people are told the cost of those that were made', () => {
    const priced = costOf(
      { ...NO_USAGE.store, get: 20, put: 10 },
      { operation: 'one run', operations: 10 },
      AWS_PRICES,
    );
    expect(runCostText(priced)).toBe('0.000058');
    expect(markdownOf({ ...PLAIN_REPORT, ...priced })).toContain('| US dollars for this run | 0.000058 |');
  });

  const one = { operation: 'one', operations: 1 };
  // Computed by hand from the list prices of June 2025.
  test.each<{ name: string; requests: Partial<Report['requests']>; operations?: number; usd: number }>([
    { name: 'a GET each', requests: { get: 1 }, usd: 0.4 },
    { name: 'a HEAD each', requests: { head: 1 }, usd: 0.4 },
    { name: 'a PUT each', requests: { put: 1 }, usd: 5 },
    { name: 'a LIST each', requests: { list: 1 }, usd: 5 },
    { name: 'a DELETE each', requests: { delete: 7 }, usd: 0 },
    { name: 'ten GETs and ten PUTs for ten', requests: { get: 10, put: 10 }, operations: 10, usd: 5.4 },
    { name: 'one GET for fifty', requests: { get: 1 }, operations: 50, usd: 0.008 },
    { name: 'two reads and a write of DynamoDB each', requests: { dynamo: { read: 2, write: 1 } }, usd: 0.875 },
    {
      name: 'a call of 0.125 GB for 0.1 s each',
      requests: { lambda: { invocations: 1, gbSeconds: 0.0125 } },
      usd: 0.40833375,
    },
    { name: 'bytes within the region', requests: { bytesUp: 1e9, bytesDown: 1e9 }, usd: 0 },
  ])('$name', ({ requests, operations = 1, usd }) => {
    const { costUsdPerMillion, cost } = costOf({ ...NO_USAGE.store, ...requests }, { ...one, operations }, AWS_PRICES);
    expect(costUsdPerMillion).toBeCloseTo(usd, 9);
    const { s3, dynamo, lambda, dataOut } = cost?.usdPerMillion ?? { s3: 0, dynamo: 0, lambda: 0, dataOut: 0 };
    expect(s3 + dynamo + lambda + dataOut).toBeCloseTo(usd, 9);
    expect(cost?.prices.date).toMatch(/^\d{4}-\d\d-\d\d$/);
  });

  test('bytes that leave the region, at a price', () => {
    const prices = { ...AWS_PRICES, usdPerGbOut: 0.09 };
    const { costUsdPerMillion } = costOf({ ...NO_USAGE.store, bytesDown: 53_248 }, one, prices);
    expect(costUsdPerMillion).toBeCloseTo(4.79232, 9);
  });
});

describe('a table of prices', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'javumbo-prices-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('replaces what it names, is dated, and is AWS’s where there is none', async () => {
    const file = join(directory, 'prices.json');
    writeFileSync(file, JSON.stringify({ date: '2026-01-02', usdPerMillionPut: 6 }));
    expect(await loadPrices(file)).toEqual({ ...AWS_PRICES, date: '2026-01-02', source: file, usdPerMillionPut: 6 });
    expect(await loadPrices(undefined)).toBe(AWS_PRICES);
  });

  test.each([
    { name: 'no date', text: '{"usdPerMillionPut":6}', reason: /date/ },
    { name: 'an unknown name', text: '{"date":"x","usdPerPut":6}', reason: /usdPerPut/ },
    { name: 'a negative price', text: '{"date":"x","usdPerMillionPut":-1}', reason: /usdPerMillionPut/ },
    { name: 'no JSON', text: 'PUT 6', reason: /JSON/ },
    { name: 'no file', text: undefined, reason: /ENOENT/ },
  ])('with $name is refused', async ({ text, reason }) => {
    const file = join(directory, 'prices.json');
    if (text !== undefined) writeFileSync(file, text);
    await expect(loadPrices(file)).rejects.toMatchObject({ kind: 'usage', message: expect.stringMatching(reason) });
  });
});

/** Text that is special in every format: markup, quotes, control characters, half a surrogate pair, a non-character. */
const NASTY = 'a|b <c> & "d" \'e\' ]]> \u0000\u001b[31m\u0007 \ud800 \uffff `f` *g* [h](i) @all\r\n| x |';

const CHECKS: Check[] = [
  { id: '4.1', name: NASTY, status: 'passed', durationMs: 10, assertions: [{ name: NASTY, passed: true }] },
  {
    id: '4.2',
    name: 'ten writers',
    status: 'failed',
    durationMs: 1500,
    reason: NASTY,
    try: NASTY,
    assertions: [{ name: NASTY, passed: false, expected: NASTY, actual: 3 }],
  },
  { id: '4.3', name: 'not run', status: 'skipped', durationMs: 0, reason: NASTY, assertions: [] },
];

const FAILED: Report = {
  ...PLAIN_REPORT,
  kind: 'verify',
  name: 'day4',
  checks: CHECKS,
  thresholds: [
    { expression: 'totalMs.p95<4', passed: true, actual: 3 },
    { expression: 'totalMs.max<3', passed: false, actual: 3 },
  ],
  parameters: { nasty: NASTY },
  warnings: [NASTY],
  passed: false,
  failureReasons: [`test 4.2: ${NASTY}`, 'threshold totalMs.max<3: it is 3'],
};

interface Element {
  readonly name: string;
  readonly attributes: Record<string, string>;
  text: string;
}

/** Parses with a parser that refuses what is not well-formed, including characters. */
function elementsOf(xml: string): Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes: attributes as Record<string, string>, text: '' };
    elements.push(element);
    open.push(element);
  });
  parser.on('text', (text) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += text;
  });
  parser.on('closetag', () => void open.pop());
  parser.write(xml).close();
  return elements;
}

describe('JUnit', () => {
  test('is well-formed whatever the texts hold, and has a case for each check and threshold', () => {
    const elements = elementsOf(junitOf(FAILED));
    const cases = elements.filter(({ name }) => name === 'testcase');
    expect(cases.map(({ attributes }) => attributes.name?.slice(0, 12))).toEqual([
      'Test 4.1: a|',
      'Test 4.2: te',
      'Test 4.3: no',
      'threshold to',
      'threshold to',
    ]);
    const suite = elements.find(({ name }) => name === 'testsuite');
    expect(suite?.attributes).toMatchObject({ tests: '5', failures: '2', errors: '0', skipped: '1', time: '1.234' });
    expect(elements.filter(({ name }) => name === 'failure')).toHaveLength(2);
    const [failure] = elements.filter(({ name }) => name === 'failure');
    // Only what XML cannot represent is lost.
    const impossible = ['\u0000', '\u001b', '\u0007', '\ud800', '\uffff'];
    const told = impossible.reduce((text, it) => text.replaceAll(it, '\ufffd'), NASTY);
    expect(failure?.attributes.message).toBe(`${told}: expected ${told}, got 3`);
    expect(failure?.text).toContain('\ntry: a|b <c> & "d"');
  });

  test.each<{ name: string; report: Report; cases: string[]; failures: number }>([
    {
      name: 'a benchmark that passed is one case',
      report: PLAIN_REPORT,
      cases: ['javumbo bench latency'],
      failures: 0,
    },
    {
      name: 'what was thrown fails the run itself',
      report: {
        ...PLAIN_REPORT,
        passed: false,
        failureReasons: ['interrupted'],
        thresholds: [{ expression: 'a.p50<1', passed: false }],
      },
      cases: ['javumbo bench latency', 'threshold a.p50<1'],
      failures: 2,
    },
    {
      name: 'a day of which nothing ran fails',
      report: { ...PLAIN_REPORT, kind: 'verify', name: 'day5', passed: false, failureReasons: ['no test ran'] },
      cases: ['javumbo verify day5'],
      failures: 1,
    },
  ])('$name', ({ report, cases, failures }) => {
    const elements = elementsOf(junitOf(report));
    expect(elements.filter(({ name }) => name === 'testcase').map(({ attributes }) => attributes.name)).toEqual(cases);
    expect(elements.filter(({ name }) => name === 'failure')).toHaveLength(failures);
  });
});

describe('Markdown', () => {
  test('keeps every row on its line and every cell in its column, whatever the texts hold', () => {
    const lines = markdownOf(FAILED).split('\n');
    const rows = lines.filter((line) => line.startsWith('| 4.'));
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(6);
    const text = lines.join('\n');
    expect(text).not.toMatch(/<c>|@all|(?!\n)\p{Cc}/u);
    expect(text).toContain('❌ javumbo verify day4');
    expect(text).toContain('| totalMs.max&lt;3 | missed | 3 |');
  });

  test('says what passed, and why a run without checks failed', () => {
    expect(markdownOf(PLAIN_REPORT)).toContain('✅ javumbo bench latency');
    expect(markdownOf({ ...PLAIN_REPORT, passed: false, failureReasons: ['interrupted'] })).toContain(
      '\n- interrupted\n',
    );
  });
});
