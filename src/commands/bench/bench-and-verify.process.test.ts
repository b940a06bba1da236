import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Metric } from '../../bench/stats.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { asReport } from '../../testing/report-schema.ts';
import type { Json } from '../../testing/run-command.ts';

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const FINITE = expect.toSatisfy((value) => Number.isFinite(value), 'a finite number');

/** What every report has, beside what its command puts in. */
const REPORT = {
  schemaVersion: 1,
  tool: { name: 'javumbo', version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
  startedAt: expect.stringMatching(ISO_TIME),
  durationMs: FINITE,
  environment: {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpuCount: expect.any(Number),
    cpuModel: expect.any(String),
  },
  grades: {},
  warnings: expect.any(Array),
  failureReasons: [],
};

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ name, open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  const here = (): Json =>
    name === 'an S3 server'
      ? { kind: 'aws', bucket: BUCKET, region: 'us-east-1', endpoint: deployment.server?.endpoint }
      : { kind: 'local' };

  test('bench latency reports what ten requests cost, and leaves nothing behind', async () => {
    const report = asReport(await deployment.json('bench', 'latency', '--requests', '10', '--notes', '10'));
    const phases = ['downloadMs', 'queryMs', 'uploadMs', 'totalMs'];
    // Fields may be added, so they may be more.
    expect(report).toMatchObject({
      ...REPORT,
      kind: 'bench',
      name: 'latency',
      deployment: here(),
      simulated: false,
      parameters: { requests: 10, notes: 10, loop: 'closed', cache: 'off' },
      checks: [],
      metrics: Object.fromEntries(phases.map((phase) => [phase, METRIC])),
      derived: {
        storeSharePercent: FINITE,
        uploadToDownloadRatio: FINITE,
        distinctVersions: 10,
        sizeBeforeBytes: expect.any(Number),
        sizeAfterBytes: expect.any(Number),
        projectedHitRatePercent: 75,
        projectedDownloadMs: FINITE,
        projectedTotalMs: FINITE,
        projectedSavingMs: FINITE,
        projectedSavingPercent: FINITE,
        projectedCachedRequestMs: FINITE,
        getPerRequest: 1,
        putPerRequest: 1,
        bytesDownPerRequest: FINITE,
        bytesUpPerRequest: FINITE,
      },
      requests: {
        get: 10,
        put: 10,
        head: 0,
        delete: 0,
        list: 0,
        bytesUp: expect.any(Number),
        bytesDown: expect.any(Number),
      },
      passed: true,
    });
    // Each request fetches and stores the whole file, which stays as large as it was.
    const { sizeBeforeBytes, sizeAfterBytes } = report.derived;
    expect(sizeAfterBytes).toBe(sizeBeforeBytes);
    expect(report.requests).toMatchObject({
      bytesDown: 10 * (sizeBeforeBytes ?? 0),
      bytesUp: 10 * (sizeBeforeBytes ?? 0),
    });
    for (const phase of phases) expectConsistent(report.metrics[phase] as Metric, 10);
    expect(await deployment.json('db', 'list')).toEqual({ databases: [] });
  });

  test('bench latency says that a round trip is simulated', async () => {
    const report = asReport(
      await deployment.json('bench', 'latency', '--requests', '2', '--notes', '1', '--rtt', '5ms'),
    );
    expect(report).toMatchObject({ simulated: true, deployment: { ...here(), rttMs: 5 } });
    // A timer may be late and never early: what a request takes is at least what it waits. No upper limit is claimed.
    for (const phase of ['downloadMs', 'uploadMs']) expect(report.metrics[phase]?.min).toBeGreaterThan(4);
  });

  test('bench latency shows people a line for each request, and the cost of each phase', async () => {
    const { code, stdout } = await deployment.run(['bench', 'latency', '--requests', '3', '--notes', '1']);
    expect(code).toBe(0);
    for (const line of [
      /^request {2}1 {2}download .* ms {2}query .* ms {2}upload .* ms {2}total .* ms$/m,
      /^request {2}3 /m,
      /^phase +average +min +p50 +p95 +p99 +max$/m,
      /^total( +[\d.]+ ms){6}$/m,
      /^3 GET, 3 PUT; /m,
      /^3 distinct versions; /m,
    ]) {
      expect(stdout).toMatch(line);
    }
  });

  test('verify day2 passes every test of the day, and leaves nothing behind', async () => {
    const report = asReport(await deployment.json('verify', 'day2'));
    expect(report).toMatchObject({
      ...REPORT,
      kind: 'verify',
      name: 'day2',
      deployment: here(),
      simulated: false,
      passed: true,
    });
    expect(report.checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
      '2.1 passed',
      '2.2 passed',
      '2.3 passed',
    ]);
    for (const check of report.checks) {
      expect(check.assertions.length).toBeGreaterThan(5);
      expect(check.assertions.filter(({ passed }) => !passed)).toEqual([]);
      expect(check.assertions.at(-1)?.name).toBe('it is cleaned up');
      expect(new Set(check.assertions.map(({ name }) => name)).size).toBe(check.assertions.length);
    }
    expectConsistent(report.metrics.totalMs as Metric, 10);
    expect(await deployment.json('db', 'list')).toEqual({ databases: [] });
  });

  test('verify day2 shows people each test with what it asserts', async () => {
    const { code, stdout } = await deployment.run(['verify', 'day2']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^passed {2}Test 2\.1: a new user gets a database/m);
    expect(stdout).toMatch(/^ {2}✓ it is cleaned up$/m);
    expect(stdout).toMatch(/^3 of 3 tests passed in /m);
  });
});

describe('verify day2 finds out a store that', () => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await openOnS3();
  });

  afterEach(() => deployment.close());

  interface Lie {
    readonly name: string;
    readonly tell: (deployment: CommandDeployment) => void;
    /** Those that fail, of the three. */
    readonly failed: string[];
    readonly code: number;
    readonly reason: RegExp;
    /** How many objects no clean-up can remove. */
    readonly undead?: number;
  }

  test.each<Lie>([
    {
      name: 'garbles what it stores',
      tell: garble,
      failed: ['2.1', '2.2', '2.3'],
      code: 7,
      reason: /^test 2\.1: database "javumbo-test-[0-9a-f]+-2-1": /,
    },
    {
      name: 'loses what it acknowledged',
      tell: ({ server }) => {
        if (server === undefined) return;
        server.beforeReply = ({ operation, bucket, key }) => {
          if (operation === 'PutObject') server.deleteObject(bucket, key);
        };
      },
      failed: ['2.1', '2.2', '2.3'],
      code: 7,
      reason: /^test 2\.1: /,
    },
    {
      name: 'serves an old version for a new one',
      tell: ({ server }) => {
        if (server === undefined) return;
        const first = new Map<string, Buffer>();
        server.beforeReply = ({ operation, bucket, key }) => {
          if (operation !== 'PutObject') return;
          const bytes = first.get(key) ?? server.object(bucket, key)?.body ?? Buffer.alloc(0);
          first.set(key, bytes);
          server.putObject(bucket, key, bytes);
        };
      },
      failed: ['2.2'],
      code: 7,
      reason: /^test 2\.2: /,
    },
    {
      name: 'keeps what is deleted',
      tell: ({ server }) => {
        if (server === undefined) return;
        const made = new Set<string>();
        server.beforeReply = ({ operation, bucket, key }) => {
          if (operation === 'PutObject') made.add(key);
          if (operation === 'DeleteObjects') for (const each of made) server.putObject(bucket, each, 'undead');
        };
      },
      failed: ['2.1', '2.2', '2.3'],
      code: 7,
      reason: /^test 2\.1: it is cleaned up$/,
      undead: 3,
    },
    {
      name: 'refuses every write',
      tell: ({ server }) =>
        void server?.inject({ fault: 'refuse-before', operation: 'PutObject', status: 403, times: 1_000 }),
      failed: ['2.1', '2.2', '2.3'],
      code: 5,
      reason: /^test 2\.1: put .*refuses it/,
    },
    {
      name: 'never says whether it stored',
      tell: ({ server }) => {
        server?.inject({ fault: 'reset-after', operation: 'PutObject', times: 1_000 });
        server?.inject({ fault: 'refuse-before', operation: 'HeadObject', status: 403, times: 1_000 });
      },
      failed: ['2.1', '2.2', '2.3'],
      code: 6,
      reason: /^test 2\.1: /,
    },
  ])('$name', async ({ tell, failed, code, reason, undead = 0 }) => {
    tell(deployment);
    const result = await deployment.run(['verify', 'day2', '--json']);
    const report = asReport(result.json());
    expect({ code: result.code, passed: report.passed }).toEqual({ code, passed: false });
    expect(report.checks.filter(({ status }) => status === 'failed').map(({ id }) => id)).toEqual(failed);
    expect(report.failureReasons).toHaveLength(failed.length);
    expect(report.failureReasons[0]).toMatch(reason);
    for (const check of report.checks) {
      expect(check.try === undefined).toBe(check.status === 'passed');
    }
    // Whatever went wrong, each test took away what it made.
    expect(deployment.server?.keys(BUCKET)).toHaveLength(undead);
  });

  test('garbles what it stores, and shows people why', async () => {
    garble(deployment);
    const { code, stdout } = await deployment.run(['verify', 'day2']);
    expect(code).toBe(7);
    expect(stdout).toMatch(/^failed {2}Test 2\.2/m);
    expect(stdout).toMatch(/^ {2}error: database "javumbo-test-/m);
    expect(stdout).toMatch(/^ {2}try: {3}\S/m);
    expect(stdout).toMatch(/^0 of 3 tests passed/m);
    expect(deployment.server?.keys(BUCKET)).toEqual([]);
  });

  test('garbles what it stores, and bench latency ends with it and cleans up', async () => {
    garble(deployment);
    const result = await deployment.run(['bench', 'latency', '--json']);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 8, stdout: '' });
    expect(result.failure()).toMatchObject({ kind: 'corrupt', username: expect.stringMatching(/^javumbo-test-/) });
    expect(deployment.server?.keys(BUCKET)).toEqual([]);
  });
});

/** The first page stays as it was: what is no SQLite file at all would be too easy. */
function garble({ server }: CommandDeployment): void {
  if (server === undefined) return;
  server.beforeReply = ({ operation, bucket, key }) => {
    const object = server.object(bucket, key);
    if (operation === 'PutObject' && object !== undefined)
      server.putObject(bucket, key, Buffer.from(object.body).fill(0xee, 4096));
  };
}

const METRIC = {
  unit: 'ms',
  count: 10,
  min: FINITE,
  mean: FINITE,
  p50: FINITE,
  p95: FINITE,
  p99: FINITE,
  max: FINITE,
  stddev: FINITE,
  samples: expect.any(Array),
};

function expectConsistent({ samples, count, min, mean, p50, p95, p99, max }: Metric, expected: number): void {
  expect({ count, length: samples.length }).toEqual({ count: expected, length: expected });
  const ordered = [0, min, p50, p95, p99, max];
  expect(ordered).toEqual([...ordered].sort((a, b) => a - b));
  expect(mean).toBeGreaterThanOrEqual(min);
  expect(mean).toBeLessThanOrEqual(max);
}
