import { formatBytes, formatDuration, formatMs } from '../../core/format.ts';
import { failureTexts } from '../assertion-text.ts';
import type { Check, Report } from '../document.ts';
import { reasonsOfItsOwn } from '../junit.ts';
import { figureOrReason } from '../threshold.ts';
import { floorChart, floorOf } from './floor.ts';
import { violations } from './lanes.ts';
import { type Content, html } from './markup.ts';
import { fewSamples, metricSection, STATISTICS, statistics } from './metrics.ts';
import { list, page, section, table, type Verdict } from './page.ts';
import { kneeText, rates } from './rates.ts';
import { dollars, figure, moment, number } from './text.ts';

/** Renders a report as one page that a browser shows without a network: the verdict first. */
export function htmlOf(report: Report): string {
  const { metrics, warnings, history, derived, grades, parameters } = report;
  const floor = floorOf(report);
  return page(`javumbo ${report.kind} ${report.name}`, verdictOf(report), [
    warnings.length === 0 ? undefined : html`<div class="warnings" role="note">${list(warnings)}</div>`,
    section('Contradictions', ...violations(history?.anomalies ?? [])),
    section('Thresholds', thresholds(report)),
    section('Rates that were tried', ...rates(report)),
    section('Checks', report.checks.map(checkBlock)),
    section(
      'Metrics',
      table(
        'metrics',
        [{ name: 'metric' }, ...STATISTICS],
        Object.entries(metrics).map(([name, metric]) => [name, ...statistics(metric)]),
      ),
      fewSamples(metrics),
      Object.entries(metrics).map(([name, metric]) => metricSection(name, metric)),
    ),
    section(
      'Distance to the floor',
      typeof floor === 'object'
        ? html`<div class="figures">${floorChart(floor)}</div>${bytesNote(report)}`
        : floor === undefined
          ? undefined
          : html`<p>${floor}</p>`,
    ),
    html`<div class="columns">${[
      section('Faults and outcomes', ...faults(history)),
      section('Workers', ...workers(report)),
      section(
        'Figures',
        pairs('figures', [
          ...Object.entries(derived).map(([name, value]): [string, string] => [name, figure(name, value)]),
          ...Object.entries(grades).map(([name, grade]): [string, string] => [`grade ${name}`, grade]),
        ]),
      ),
      section('Requests and cost', ...requestsAndCost(report)),
      section(
        'Parameters',
        pairs(
          'parameters',
          Object.entries(parameters).map(([name, value]) => [name, String(value)]),
        ),
      ),
      section('Environment', pairs('environment', environmentOf(report))),
    ]}</div>`,
  ]);
}

function verdictOf(report: Report): Verdict {
  const { passed, failureReasons, checks, thresholds: judged, kind } = report;
  const count = (wanted: Check['status']): number => checks.filter(({ status }) => status === wanted).length;
  const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
  const knee = kneeText(report);
  const claims = [
    ...(checks.length === 0 ? [] : [`${count('passed')} of ${checks.length} checks passed${skipped}`]),
    ...(judged.length === 0
      ? []
      : [`${judged.filter((each) => each.passed).length} of ${judged.length} thresholds met`]),
    ...(kind === 'bench' && judged.length === 0 && knee === undefined ? ['No threshold was set'] : []),
  ];
  const { deployment, environment } = report;
  const where =
    deployment.kind === 'local'
      ? 'the local deployment'
      : deployment.bucket === undefined
        ? 'a bucket that was not named'
        : `${deployment.bucket} (${environment.engine})`;
  const rtt = deployment.rttMs === undefined ? '' : `, with a simulated round trip of ${formatMs(deployment.rttMs)}`;
  // What nobody judged has not passed.
  const isJudged = checks.length + judged.length > 0;
  const interrupted = failureReasons.includes('interrupted');
  return {
    tone: !passed ? 'bad' : isJudged ? 'good' : 'plain',
    words: !passed ? (interrupted ? 'Interrupted' : 'Failed') : isJudged ? 'Passed' : 'Measured',
    lines: [
      ...(knee === undefined ? [] : [html`<strong>${knee}</strong>`]),
      `${claims.join('; ')}${claims.length === 0 ? '' : '. '}${formatDuration(report.durationMs)} on ${where}${rtt}, started ${moment(report.startedAt)}.`,
      ...reasonsOfItsOwn(report).map((reason) => html`<span class="failed">${reason}</span>`),
      ...checks
        .filter(({ status }) => status === 'failed')
        .map((check) => html`<span class="failed">${titleOf(check)}</span>: ${failureTexts(check).join('; ')}`),
      ...judged
        .filter((each) => !each.passed)
        .map(
          (each) =>
            html`<span class="failed">${each.expression}</span>: ${figureOrReason(each, (actual) => `it is ${number(actual)}`)}`,
        ),
    ],
  };
}

function thresholds({ thresholds: judged }: Report): Content {
  return table(
    'thresholds',
    [{ name: 'threshold' }, { name: 'result' }, { name: 'actual', isNumber: true }],
    judged.map((each) => [
      html`<code>${each.expression}</code>`,
      status(each.passed ? 'passed' : 'failed', each.passed ? 'met' : 'missed'),
      figureOrReason(each, number),
    ]),
  );
}

function status(kind: Check['status'], words: string = kind): Content {
  return html`<span class="${kind} status">${{ passed: '✓', failed: '✗', skipped: '–' }[kind]} ${words}</span>`;
}

/** Week 1's tests are known by their numbers; other checks have a name alone. */
function titleOf({ id, name }: Check): string {
  return /^\d/.test(id) ? `${id} ${name}` : name;
}

function checkBlock(check: Check): Content {
  const { name, status: kind, durationMs, reason, try: hint, assertions } = check;
  const isTold = assertions.some(({ expected, actual }) => expected !== undefined || actual !== undefined);
  const text = (value: string | number | boolean | undefined): Content => (value === undefined ? '' : String(value));
  return html`<article class="check"><h3>${status(kind)} ${titleOf(check)}${durationMs === 0 ? undefined : html` <span class="faint">${formatDuration(durationMs)}</span>`}</h3>
${reason === undefined ? undefined : html`<p class="${kind}">${reason}</p>`}${hint === undefined ? undefined : html`<p class="try">try: ${hint}</p>`}
${table(
  `what ${name} claims`,
  [{ name: 'claim' }, { name: 'result' }, ...(isTold ? [{ name: 'expected' }, { name: 'actual' }] : [])],
  assertions.map(({ name: claim, passed, expected, actual }) => [
    claim,
    status(passed ? 'passed' : 'failed', passed ? 'holds' : 'does not hold'),
    ...(isTold ? [text(expected), text(actual)] : []),
  ]),
)}</article>
`;
}

function faults(history: Report['history']): Content[] {
  if (history === undefined) return [];
  return [
    html`<p>${number(history.operations)} operations returned.${history.undetermined === 0 ? undefined : ` Undetermined databases and accounts: ${history.undetermined}.`}</p>`,
    table(
      'faults',
      [{ name: 'fault' }, { name: 'fired', isNumber: true }, { name: 'landed', isNumber: true }],
      Object.entries(history.faults).map(([name, { fired, landed }]) => [name, number(fired), number(landed)]),
    ),
    table(
      'outcomes',
      [{ name: 'outcome' }, { name: 'operations', isNumber: true }],
      Object.entries(history.outcomes).map(([name, count]) => [name, number(count)]),
    ),
  ];
}

function workers({ workers: all = [] }: Report): Content[] {
  const outcomes = [...new Set(all.map(({ outcome }) => outcome))];
  return [
    table(
      'outcomes of the changes',
      [{ name: 'outcome' }, ...['changes', 'attempts', 'fastest', 'slowest'].map((name) => ({ name, isNumber: true }))],
      outcomes.map((outcome) => {
        const those = all.filter((worker) => worker.outcome === outcome);
        const times = those.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
        const attempts = those.reduce((sum, worker) => sum + worker.attempts, 0);
        return [outcome, number(those.length), number(attempts), formatMs(times[0] ?? 0), formatMs(times.at(-1) ?? 0)];
      }),
    ),
    list([...new Set(all.flatMap(({ error }) => error ?? []))]),
  ];
}

function requestsAndCost({ requests, cost, costUsdPerMillion = 0 }: Report): Content[] {
  const { bytesUp, bytesDown, dynamo, lambda, ...store } = requests;
  const counts: [string, number][] = [
    ...Object.entries(store).map(([name, count]): [string, number] => [name.toUpperCase(), count]),
    ...(dynamo === undefined
      ? []
      : ([
          ['table reads', dynamo.read],
          ['table writes', dynamo.write],
        ] as [string, number][])),
    ...(lambda === undefined ? [] : ([['calls of the function', lambda.invocations]] as [string, number][])),
  ];
  const each = cost?.operations;
  const priced = { s3: 'S3', dynamo: 'DynamoDB', lambda: 'Lambda', dataOut: 'data out' } as const;
  return [
    table(
      'requests',
      [
        { name: 'requests' },
        { name: 'number', isNumber: true },
        ...(each === undefined ? [] : [{ name: 'per operation', isNumber: true }]),
      ],
      [
        ...counts
          .filter(([, count]) => count > 0)
          .map(([name, count]) => [name, number(count), ...(each === undefined ? [] : [number(count / each)])]),
        ...Object.entries({ 'bytes down': bytesDown, 'bytes up': bytesUp })
          .filter(([, bytes]) => bytes > 0)
          .map(([name, bytes]) => [
            name,
            formatBytes(bytes),
            ...(each === undefined ? [] : [formatBytes(Math.round(bytes / each))]),
          ]),
      ],
    ),
    cost === undefined
      ? undefined
      : html`${table(
          'cost',
          [{ name: 'a million operations on AWS' }, { name: 'US dollars', isNumber: true }],
          [
            ...(Object.keys(priced) as (keyof typeof priced)[])
              .filter((part) => cost.usdPerMillion[part] > 0)
              .map((part) => [priced[part], dollars(cost.usdPerMillion[part])]),
            ['together', html`<strong>${dollars(costUsdPerMillion)}</strong>`],
          ],
        )}<p class="faint">One operation is ${cost.operation}; ${number(cost.operations)} were measured. Prices of ${cost.prices.date}, ${cost.prices.region} (${cost.prices.source}). Storage is not in it.</p>`,
  ];
}

function bytesNote({ requests: { bytesUp, bytesDown }, cost }: Report): Content {
  const each = (bytes: number): string => formatBytes(Math.round(bytes / (cost?.operations ?? 1)));
  return html`<p class="faint">An operation moves ${each(bytesDown)} down and ${each(bytesUp)} up. They add nothing to this floor: the simulated link has a round trip and no limit of bandwidth.</p>`;
}

function pairs(caption: string, rows: readonly (readonly [name: string, value: string])[]): Content {
  return table(caption, [{ name: 'name' }, { name: 'value' }], rows);
}

function environmentOf({
  environment,
  deployment,
  tool,
  startedAt,
  schemaVersion,
  simulated,
}: Report): [string, string][] {
  const { cpuCount, cpuModel, ...machine } = environment;
  return Object.entries({
    javumbo: tool.version,
    started: moment(startedAt),
    ...machine,
    processors: `${cpuCount} × ${cpuModel}`,
    deployment: deployment.kind,
    bucket: deployment.bucket,
    region: deployment.region,
    endpoint: deployment.endpoint,
    'round trip': deployment.rttMs === undefined ? undefined : formatMs(deployment.rttMs),
    simulated: simulated ? 'yes: times hold for the design, not for a network' : 'no',
    'report schema': schemaVersion,
  }).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, String(value)]]));
}
