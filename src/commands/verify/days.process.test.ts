import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Metric } from '../../bench/stats.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { expectConsistent, garble, REPORT } from '../../testing/expected-report.ts';
import { asReport } from '../../testing/report-schema.ts';
import type { Json } from '../../testing/run-command.ts';

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
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });

  test('verify day2 shows people each test with what it measured, and with --verbose what it asserts', async () => {
    const { code, stdout } = await deployment.run(['verify', 'day2']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^passed {2}Test 2\.1: a new user gets a database/m);
    expect(stdout).toMatch(/^ {2}[\d.]+ ms a request on average: download [\d.]+ ms, upload [\d.]+ ms$/m);
    expect(stdout).toMatch(/^ {2}this run cost 0\.0\d+ US dollars \(/m);
    expect(stdout).not.toContain('✓');
    const verbose = await deployment.run(['verify', 'day2', '--verbose']);
    expect(verbose.stdout).toMatch(/^ {2}✓ it is cleaned up$/m);
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
    expect(stdout).toMatch(/^ {2}✗ database "javumbo-test-/m);
    expect(stdout).toMatch(/^ {2}try: {3}\S/m);
    expect(stdout).toMatch(/^0 of 3 tests passed/m);
    expect(deployment.server?.keys(BUCKET)).toEqual([]);
  });
});

// What `verify all` does on the local deployment. Day 4 does it in a pipeline of docs/ci.md.
test('verify day3 passes on S3, and leaves nothing behind', async () => {
  const deployment = await openOnS3();
  const { passed, failureReasons, checks } = asReport(await deployment.json('verify', 'day3', '--rtt', '80ms'));
  expect({ passed, failureReasons }).toEqual({ passed: true, failureReasons: [] });
  expect(checks.every(({ status, assertions }) => status === 'passed' && assertions.length > 3)).toBe(true);
  expect(deployment.server?.keys(BUCKET)).toEqual([]);
  await deployment.close();
});
