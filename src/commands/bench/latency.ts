import { type Command, InvalidArgumentError } from 'commander';
import type { Execute, Invocation } from '../../cli/execute.ts';
import { formatBytes, formatMs } from '../../cli/format.ts';
import type { Paint, View } from '../../cli/print.ts';
import { progressOn } from '../../cli/progress.ts';
import type { Report } from '../../report/document.ts';

interface LatencyOptions {
  readonly requests: number;
  readonly notes: number;
}

export function registerBenchLatency(parent: Command, execute: Execute): void {
  const command = parent
    .command('latency')
    .description('Test 2.3: what one uncached request costs, phase by phase')
    .option('--requests <n>', 'how many requests, one after the other', parsePositive, 10)
    .option('--notes <n>', 'how many notes the database holds', parsePositive, 10)
    .addHelpText('after', '\nExample:\n  $ javumbo bench latency --rtt 171ms');
  command.action((options: LatencyOptions) =>
    execute(command, (invocation) => benchLatency(invocation, options), latencyView),
  );
}

export async function benchLatency(invocation: Invocation, { requests, notes }: LatencyOptions): Promise<Report> {
  const { createWithNotes, latencyFigures, measureLatency } = await import('../../bench/latency.ts');
  const { withTestUser } = await import('../../bench/test-user.ts');
  const { environmentOf, toolOf } = await import('../../report/document.ts');
  const { requestsSince } = await import('../../databases/request-counts.ts');
  const { context } = invocation;
  const { clock } = context;
  const progress = progressOn(context, invocation.flags.quiet);
  const deployment = await invocation.deployment();
  const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const startedAt = clock.now();
  const beganAt = clock.monotonic();

  return withTestUser(deployment, context.random, 'latency', async (username) => {
    progress.show(`creating a database of ${notes} notes`);
    const noteIds = await createWithNotes(databases, username, notes, context);
    const before = deployment.requests();
    let after = before;
    const result = await measureLatency(databases, username, noteIds, {
      requests,
      clock,
      onRequest: (_, index) => {
        after = deployment.requests();
        progress.show(`request ${index + 1} of ${requests}`);
      },
    });
    progress.done();
    const { metrics, derived } = latencyFigures(result);
    const counts = requestsSince(before, after);
    return {
      schemaVersion: 1,
      kind: 'bench',
      name: 'latency',
      tool: toolOf(),
      startedAt: new Date(startedAt).toISOString(),
      durationMs: clock.monotonic() - beganAt,
      deployment: deployment.description,
      simulated: deployment.description.rttMs !== undefined,
      environment: environmentOf(),
      parameters: { requests, notes, loop: 'closed', cache: 'off' },
      checks: [],
      metrics,
      derived: {
        ...derived,
        getPerRequest: counts.get / requests,
        putPerRequest: counts.put / requests,
        bytesDownPerRequest: counts.bytesDown / requests,
        bytesUpPerRequest: counts.bytesUp / requests,
      },
      grades: {},
      requests: counts,
      warnings: doubts(metrics.totalMs.samples),
      passed: true,
      failureReasons: [],
    };
  });
}

/** A first request that is far off says more about the connection than about the store. */
function doubts([first = 0, ...others]: readonly number[]): string[] {
  const median = [...others].sort((a, b) => a - b)[Math.floor(others.length / 2)];
  if (median === undefined || first < 3 * median) return [];
  return [
    `the first request took ${(first / median).toFixed(1)} times the median: something was cold; try more --requests`,
  ];
}

const PHASES = [
  ['downloadMs', 'download'],
  ['queryMs', 'query'],
  ['uploadMs', 'upload'],
  ['totalMs', 'total'],
] as const;

export const latencyView: View<Report> = {
  text: (report, paint) => [...requestLines(report), '', ...summaryLines(report, paint)].join('\n'),
};

function requestLines({ metrics }: Report): string[] {
  const samples = PHASES.map(([name, label]) => ({ label, values: metrics[name]?.samples ?? [] }));
  const width = Math.max(...samples.flatMap(({ values }) => values.map((value) => formatMs(value).length)));
  return (samples[0]?.values ?? []).map(
    (_, index) =>
      `request ${String(index + 1).padStart(2)}  ${samples.map(({ label, values }) => `${label} ${formatMs(values[index] ?? 0).padStart(width)}`).join('  ')}`,
  );
}

function summaryLines({ metrics, derived, requests, deployment, warnings }: Report, paint: Paint): string[] {
  const of = (name: string): number => derived[name] ?? Number.NaN;
  const row = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(9) : cell.padStart(10))).join('');
  const where =
    deployment.kind === 'local'
      ? 'the local deployment'
      : `bucket ${deployment.bucket} at ${deployment.endpoint ?? 'AWS'}`;
  return [
    paint.strong(row(['phase', 'average', 'min', 'p50', 'p95', 'p99', 'max'])),
    ...PHASES.flatMap(([name, label]) => {
      const metric = metrics[name];
      return metric === undefined
        ? []
        : row([label, ...[metric.mean, metric.min, metric.p50, metric.p95, metric.p99, metric.max].map(formatMs)]);
    }),
    '',
    `${of('storeSharePercent').toFixed(1)} % of the time is the store; upload is ${of('uploadToDownloadRatio').toFixed(2)} times download`,
    `${requests.get} GET, ${requests.put} PUT; ${formatBytes(requests.bytesDown)} down, ${formatBytes(requests.bytesUp)} up`,
    `${of('distinctVersions')} distinct versions; size ${formatBytes(of('sizeBeforeBytes'))} before, ${formatBytes(of('sizeAfterBytes'))} after`,
    `with a cache that hits ${of('projectedHitRatePercent')} %: download ${formatMs(of('projectedDownloadMs'))}, total ${formatMs(of('projectedTotalMs'))},`,
    `  ${formatMs(of('projectedSavingMs'))} (${of('projectedSavingPercent').toFixed(1)} %) saved; a cached request ${formatMs(of('projectedCachedRequestMs'))}`,
    paint.faint(
      `closed loop, cache off, on ${where}${deployment.rttMs === undefined ? '' : `, simulated round trip ${deployment.rttMs} ms`}`,
    ),
    ...warnings.map((warning) => paint.warn(`warning: ${warning}`)),
  ];
}

/** A whole number from 1, as an option's argument. */
export function parsePositive(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}
