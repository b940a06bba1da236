import { metricOf } from '../bench/stats.ts';
import { seededRandom } from '../core/random.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { Report } from '../report/document.ts';

/** A report of a benchmark that measured little. */
export const PLAIN_REPORT: Report = {
  schemaVersion: 1,
  kind: 'bench',
  name: 'latency',
  tool: { name: 'javumbo', version: '0.1.0' },
  startedAt: '2026-11-24T12:00:00.000Z',
  durationMs: 1234.5,
  deployment: { kind: 'local' },
  simulated: false,
  environment: {
    node: '20.20.2',
    platform: 'linux',
    arch: 'x64',
    cpuCount: 2,
    cpuModel: 'a | b',
    sdk: '3.1',
    engine: 'local files',
  },
  parameters: { requests: 3 },
  checks: [],
  metrics: { totalMs: metricOf([1, 2, 3]) },
  derived: { putPerRequest: 1 },
  grades: {},
  thresholds: [],
  requests: { ...NO_USAGE.store, get: 3, put: 3 },
  warnings: [],
  passed: true,
  failureReasons: [],
};

/** Returns so many samples of a round trip and its noise; one in fifty takes up to forty times as long. */
export function noisySamples(count: number, seed = 1): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const noise = 20 + 8 * random.fraction() ** 3;
    return random.fraction() < 0.02 ? noise * (2 + 38 * random.fraction()) : noise;
  });
}

const OPERATION = { kind: 'append', outcome: 'committed', saw: ['v0.1'] } as const;

/** A report that has every part a report can have, and failed in every way. */
export const FULL_REPORT: Report = {
  ...PLAIN_REPORT,
  deployment: { kind: 'aws', bucket: 'bucket', region: 'eu-central-1', endpoint: 'http://localhost:9', rttMs: 20 },
  simulated: true,
  parameters: { findLimit: true, objective: 'totalMs.p95<150' },
  metrics: { totalMs: metricOf(noisySamples(150)), 'withRetries.downloadMs': metricOf(noisySamples(150, 2)) },
  checks: [
    { id: '2.1', name: 'a new user gets a database', status: 'passed', durationMs: 12, assertions: [] },
    {
      id: '2.2',
      name: 'what is written is read again',
      status: 'failed',
      durationMs: 130_000,
      reason: 'it counts two notes',
      try: 'javumbo doctor',
      assertions: [
        { name: 'it counts two notes', passed: false, expected: 2, actual: 1 },
        { name: 'it is cleaned up', passed: true },
      ],
    },
    { id: '2.3', name: 'latency', status: 'skipped', durationMs: 0, reason: 'no function', assertions: [] },
  ],
  derived: { savedMs: 171.2, sizeAfterBytes: 53_248, hitRatePercent: 98.04, speedup: 12.345 },
  grades: { speedup: 'excellent' },
  thresholds: [
    { expression: 'totalMs.p95<60', passed: true, actual: 31.2 },
    { expression: 'coldMs.p95<1', passed: false },
  ],
  workers: [
    { outcome: 'committed', noteId: 1, attempts: 1, durationMs: 40 },
    { outcome: 'other', noteId: 2, attempts: 3, durationMs: 90, error: 'the worker ended with 1' },
  ],
  history: {
    operations: 3,
    faults: { 'lost-reply': { fired: 4, landed: 3 } },
    outcomes: { committed: 2, read: 1 },
    anomalies: [
      {
        kind: 'overwritten',
        about: 'database',
        users: ['javumbo-test-1'],
        sentence: 'v8.1 and v1.1 were both committed over the same state',
        operations: [
          { ...OPERATION, client: 'c8', value: 'v8.1', calledAt: 38, returnedAt: 64 },
          { ...OPERATION, client: 'c1', value: 'v1.1', calledAt: 40, returnedAt: 90 },
          { ...OPERATION, client: 'c1', value: 'v1.2', calledAt: 60, returnedAt: 91, outcome: 'unknown' },
          { client: 'final', kind: 'read', outcome: 'read', saw: ['v0.1'], calledAt: 9_000, returnedAt: 90_000 },
        ],
      },
    ],
    undetermined: 1,
  },
  steps: [
    { ratePerSecond: 40, held: true, actual: 21, completedPerSecond: 40, clientBusyPercent: 10 },
    { ratePerSecond: 80, held: false, completedPerSecond: 70, clientBusyPercent: 99, limit: 'client', reason: 'busy' },
    { ratePerSecond: 60, held: false, actual: 900, completedPerSecond: 55, clientBusyPercent: 15, limit: 'deployment' },
  ],
  requests: {
    ...PLAIN_REPORT.requests,
    get: 150,
    put: 151,
    bytesDown: 8e6,
    dynamo: { read: 2, write: 3 },
    lambda: { invocations: 4, gbSeconds: 0.5 },
  },
  costUsdPerMillion: 5.43,
  cost: {
    operation: 'one request',
    operations: 150,
    usdPerMillion: { s3: 5.4, dynamo: 0.03, lambda: 0, dataOut: 0 },
    prices: { date: '2025-06-01', region: 'us-east-1', source: 'a list' },
  },
  warnings: ['the machine was busy: measure again'],
  passed: false,
  failureReasons: ['the disk was full'],
};

/** What would act if a page took it for HTML, an attribute or an order of letters. */
export const HOSTILE = `"'><script>document.title='owned'</script><img src=x onerror=alert(1)></svg>&amp;\u202e\ud800`;

// What these say is chosen from a list, or is a time.
const CHOSEN = new Set(['kind', 'status', 'unit', 'startedAt', 'outcome', 'about', 'limit']);

/** The same, with every text in it hostile. */
export const HOSTILE_REPORT: Report = JSON.parse(JSON.stringify(FULL_REPORT), (key, value) =>
  typeof value === 'string' && !CHOSEN.has(key) ? HOSTILE : value,
);
