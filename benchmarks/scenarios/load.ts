import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '../../src/report/document.ts';
import { runScript } from '../../src/testing/child-process.ts';
import { BUCKET } from '../wire/bucket.ts';
import type { QueueSettings } from '../wire/queue.ts';
import { atLeast, atMost, type Bench, type Figure, type MustHold, type Scenario } from './scenario.ts';

const JAVUMBO = fileURLToPath(new URL('../../../bin/javumbo.js', import.meta.url));

// Slow enough for a machine that others use: 50 requests a second take a quarter of a processor.
const SERVICE_MS = 20;
const CAPACITY = 1_000 / SERVICE_MS;
const STALL_MS = 2_000;
const USERS = 20;

/** Checks `bench load` on servers whose behaviour is known. */
export const load: Scenario = {
  name: 'load',
  question: 'Does `bench load` find what is there?',
  method:
    `The command, as its users run it, on a server that serves one request after the other, each for ${SERVICE_MS} ms: it can do ${CAPACITY} a second, ` +
    'whatever the client does. The knee is the highest rate of reads, each of which is one request, at which p99 stays below 1 s; 20 s of a queue that grows to 1 s hide up to 5 % too much. (Writes of one user that wait go out together: with them the same server takes more.) Then the server stands still once, for two seconds, ' +
    'and the open loop is compared with the closed one of `bench hit-rate`, which asks the store for each read. Last, without that queue, the client itself is the limit.',
  run: async (bench) => {
    const found = await knee(bench);
    const [open, closed] = await stalled(bench);
    // What is slow on a machine that is busy with tests is anybody's guess.
    const own = bench.quick ? { figures: [], mustHolds: [] } : await clientLimit(bench);
    return {
      figures: [...found.figures, ...open.figures, ...closed.figures, ...own.figures],
      mustHolds: [...found.mustHolds, ...open.mustHolds, ...closed.mustHolds, ...own.mustHolds],
    };
  },
};

interface Found {
  readonly figures: readonly Figure[];
  readonly mustHolds: readonly MustHold[];
}

async function knee(bench: Bench): Promise<Found> {
  bench.progress('the knee of a server of known capacity');
  const duration = bench.quick ? '1s' : '20s';
  // Forty samples bear no p99.
  const objective = bench.quick ? 'totalMs.max<1000' : 'totalMs.p99<1000';
  const argv = ['--rate', '40/s', '--duration', duration, '--find-limit', '--objective', objective, '--mix', 'read=1'];
  const { derived, steps = [], metrics } = await loaded(bench, { serviceMs: SERVICE_MS }, argv);
  const { kneePerSecond = Number.NaN } = derived;
  const broke = steps.findLast(({ ratePerSecond }) => ratePerSecond === derived.brokenPerSecond);
  const share = kneePerSecond / CAPACITY;
  const conditions = `${steps.length} rates of ${duration}, p99 below 1 s`;
  return {
    figures: [
      figure('requests a second at the knee', conditions, 'count', kneePerSecond),
      figure('p99 at the knee', conditions, 'ms', metrics.totalMs?.p99),
      figure(
        'how busy the client was beyond it, %',
        `limit: ${broke?.limit ?? 'none'}`,
        'count',
        broke?.clientBusyPercent,
      ),
    ],
    // In one second no queue gets long enough.
    mustHolds: bench.quick
      ? []
      : [
          atLeast('the knee by the known capacity', 0.95, share),
          atMost('the knee by the known capacity, at most', 1.05, share),
        ],
  };
}

async function stalled(bench: Bench): Promise<[Found, Found]> {
  bench.progress('a server that stands still for two seconds');
  const queue = { serviceMs: SERVICE_MS, stallMs: STALL_MS, stallAt: USERS + 40 };
  const open = await loaded(bench, queue, ['--rate', '20/s', '--duration', bench.quick ? '5s' : '30s']);
  const closed = await command(bench, queue, [
    'hit-rate',
    '--cache-ttl',
    '0',
    '--requests',
    bench.quick ? '100' : '600',
  ]);
  const [openP99, closedP99] = [open.metrics.totalMs?.p99, closed.metrics.requestMs?.p99];
  return [
    {
      figures: [figure('p99 in the open loop', 'a stall of 2 s', 'ms', openP99)],
      mustHolds: [atLeast('p99 of an open loop over a stall of 2 s, ms', 1_000, openP99 ?? Number.NaN)],
    },
    {
      figures: [
        figure('p99 in a closed loop', 'the same stall', 'ms', closedP99),
        figure('greatest in a closed loop', 'the same stall', 'ms', closed.metrics.requestMs?.max),
      ],
      mustHolds: bench.quick
        ? []
        : [atMost('p99 of a closed loop over the same stall, which hides it, ms', 500, closedP99 ?? Number.NaN)],
    },
  ];
}

async function clientLimit(bench: Bench): Promise<Found> {
  bench.progress('a client that is slower than its server');
  const argv = ['--rate', '200/s', '--duration', '5s', '--find-limit', '--objective', 'totalMs.p99<2000'];
  const { steps = [], derived } = await loaded(bench, undefined, argv);
  const lowest = steps.findLast(({ ratePerSecond }) => ratePerSecond === derived.brokenPerSecond);
  return {
    figures: [
      figure('requests a second that the client holds', 'no queue, one process', 'count', derived.kneePerSecond),
    ],
    mustHolds: [
      atLeast('the client is named as the limit where it is, 1 for yes', 1, lowest?.limit === 'client' ? 1 : 0),
    ],
  };
}

function figure(name: string, conditions: string, unit: Figure['unit'], value = Number.NaN): Figure {
  return { name, conditions, unit, javumbo: value };
}

function loaded(bench: Bench, queue: QueueSettings | undefined, argv: readonly string[]): Promise<Report> {
  return command(bench, queue, ['load', '--users', String(USERS), ...argv]);
}

/** Runs a benchmark of the command on a new queue, or without one. */
async function command(bench: Bench, queue: QueueSettings | undefined, argv: readonly string[]): Promise<Report> {
  const endpoint = queue === undefined ? bench.server.endpoint : await bench.server.openQueue(queue);
  const { accessKeyId, secretAccessKey } = bench.server.credentials;
  const env = {
    HOME: bench.directory,
    JAVUMBO_CACHE_DIR: join(bench.directory, 'cache'),
    S3_BUCKET: BUCKET,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const { code, stdout, stderr } = await runScript(JAVUMBO, ['bench', ...argv, '--json', '--quiet'], env);
  // 7 is a report too: of requests that failed.
  if (code !== 0 && code !== 7) throw new Error(`javumbo bench ${argv.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Report;
}
