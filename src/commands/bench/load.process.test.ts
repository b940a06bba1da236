import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Metric } from '../../bench/stats.ts';
import { interrupted } from '../../core/interruptible.ts';
import { COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { expectConsistent, FINITE } from '../../testing/expected-report.ts';
import { asReport } from '../../testing/report-schema.ts';
import { runCommand, temporaryDirectory } from '../../testing/run-command.ts';

const SMALL = ['--users', '3', '--notes', '1', '--rtt', '2ms'];

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  test('bench load makes exactly the requests of its rate, reports what they cost, and leaves nothing behind', async () => {
    const load = asReport(await deployment.json('bench', 'load', ...SMALL, '--rate', '20/s', '--duration', '1s'));
    expect(load).toMatchObject({
      kind: 'bench',
      name: 'load',
      passed: true,
      parameters: {
        users: 3,
        ratePerSecond: 20,
        durationMs: 1000,
        mixReads: 70,
        mixWrites: 30,
        skew: 1,
        seed: 1,
        loop: 'open',
        arrivals: 'poisson',
        cacheTtlSeconds: 0,
      },
      derived: { offered: 20, completed: 20, failed: 0, unknown: 0, notStarted: 0, ratePerSecond: 20 },
    });
    const { totalMs, readMs, writeMs, startDelayMs } = load.metrics;
    expectConsistent(totalMs as Metric, 20);
    expect((readMs?.count ?? 0) + (writeMs?.count ?? 0)).toBe(20);
    expect(startDelayMs?.count).toBe(20);
    // Each read asks the store, and each write is one PUT, unless those of one user went out together.
    expect(load.requests).toMatchObject({ get: readMs?.count, head: 0, list: 0 });
    expect(load.requests.put).toBeLessThanOrEqual(writeMs?.count ?? 0);
    expect(load.requests.put).toBeGreaterThan(0);
    expect(load.derived.floorMs).toBeCloseTo((load.derived.requestsPerOperation ?? 0) * 2);
    expect(load.derived.meanToFloor).toEqual(FINITE);
    expect(load.cost).toMatchObject({ operation: 'one read or write of the mix', operations: 20 });
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });

  test('the same seed brings the same users for the same, and a mix without writes writes nothing', async () => {
    const counts = async (...argv: string[]) =>
      asReport(await deployment.json('bench', 'load', ...SMALL, '--rate', '30/s', '--duration', '1s', ...argv)).metrics;
    const [once, again] = [await counts('--seed', '5'), await counts('--seed', '5')];
    expect(again.readMs?.count).toBe(once.readMs?.count);
    expect((await counts('--mix', 'read=1')).writeMs).toBeUndefined();
  });
});

describe('on an S3 server', () => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await openOnS3();
  });

  afterEach(() => deployment.close());

  test('requests that fail are counted, have no time, and fail the run', async () => {
    deployment.server?.inject({ fault: 'refuse-before', operation: 'GetObject', status: 403, times: 1_000 });
    const argv = ['bench', 'load', ...SMALL, '--rate', '20/s', '--duration', '1s', '--mix', 'read=1', '--json'];
    const { code, ...result } = await deployment.run(argv);
    const report = asReport(result.json());
    const { failed, completed } = report.derived;
    expect({ code, failed, completed, metrics: report.metrics }).toEqual({
      code: 7,
      failed: 20,
      completed: 0,
      metrics: {},
    });
    expect(report.failureReasons).toEqual([
      expect.stringMatching(/^20 of the requests failed, such as: unavailable: /),
    ]);
  });

  test('requests that could not be started fail the run: percentiles without them would be too good', async () => {
    const argv = ['bench', 'load', ...SMALL, '--rate', '100000/s', '--duration', '100ms', '--mix', 'read=1', '--json'];
    const { code, ...result } = await deployment.run(argv);
    const { derived, failureReasons, warnings } = asReport(result.json());
    expect(code).toBe(7);
    expect(failureReasons).toEqual([`${derived.notStarted} of 10000 requests could not be started in time`]);
    expect(warnings).toEqual([expect.stringMatching(/^the client was the limit: /)]);
  });

  test('an objective without a search is a threshold', async () => {
    const argv = ['bench', 'load', ...SMALL, '--rate', '5/s', '--duration', '1s', '--objective', 'totalMs.max<0.001'];
    const { code, ...result } = await deployment.run([...argv, '--json']);
    expect({ code, thresholds: asReport(result.json()).thresholds }).toEqual({
      code: 7,
      thresholds: [{ expression: 'totalMs.max<0.001', passed: false, actual: FINITE }],
    });
  });

  test('--find-limit names the last rate that holds, the first that does not, and every rate that was tried', async () => {
    // What decides is how many come, and not how fast this machine is.
    const search = ['--rate', '8/s', '--duration', '500ms', '--find-limit', '--objective', 'totalMs.count<=9'];
    const file = join(temporaryDirectory(), 'report.json');
    const report = asReport(await deployment.json('bench', 'load', ...SMALL, ...search, '--report', `json=${file}`));
    const { kneePerSecond = 0, brokenPerSecond = 0, completed } = report.derived;
    expect(kneePerSecond).toBeGreaterThan(18);
    expect(brokenPerSecond).toBeLessThan(20);
    expect(completed).toBe(9);
    expect(report.steps?.slice(0, 4)).toEqual([
      expect.objectContaining({ ratePerSecond: 8, held: true, actual: 4 }),
      expect.objectContaining({ ratePerSecond: 16, held: true, actual: 8 }),
      expect.objectContaining({ ratePerSecond: 32, held: false, actual: 16, limit: 'deployment' }),
      expect.objectContaining({ ratePerSecond: 32, held: false, reason: 'totalMs.count is 16' }),
    ]);
    const { stdout } = await runCommand(['report', 'show', file]);
    expect(stdout).toMatch(/^ {7}8\/s {2}holds {3}totalMs\.count {8}4 {2}client busy +\d+ %$/m);
    expect(stdout).toContain(
      `\nthe knee: ${Number(kneePerSecond.toPrecision(3))}/s holds totalMs.count<=9; ${Number(brokenPerSecond.toPrecision(3))}/s does not: totalMs.count is 10\n`,
    );
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });

  test('an objective that holds at no rate fails, and says so', async () => {
    const search = ['--rate', '2/s', '--duration', '1s', '--find-limit', '--objective', 'totalMs.count>1000'];
    const { code, ...result } = await deployment.run(['bench', 'load', ...SMALL, ...search, '--json']);
    const { failureReasons, steps } = asReport(result.json());
    expect({ code, failureReasons }).toEqual({
      code: 7,
      failureReasons: [expect.stringMatching(/^totalMs\.count>1000 holds at no rate, down to /)],
    });
    expect(steps?.every(({ held }) => !held)).toBe(true);
  }, 60_000);

  test('interrupted, it reports what it has, and removes its users', async () => {
    const stopping = new AbortController();
    let requests = 0;
    if (deployment.server !== undefined) {
      deployment.server.beforeWork = ({ operation }) => {
        if (operation === 'GetObject' && ++requests === 5) stopping.abort(interrupted());
      };
    }
    const argv = ['bench', 'load', ...SMALL, '--rate', '20/s', '--duration', '60s', '--mix', 'read=1'];
    const file = join(temporaryDirectory(), 'report.json');
    const { code, stdout } = await deployment.run([...argv, '--report', `json=${file}`], { signal: stopping.signal });
    expect(code).toBe(130);
    const report = asReport(JSON.parse(readFileSync(file, 'utf8')));
    expect(report).toMatchObject({ passed: false, failureReasons: ['interrupted'], derived: { offered: 1200 } });
    expect(report.metrics.readMs?.count).toBe(report.derived.completed);
    expect(stdout).toMatch(/^all +\d /m);
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });
});

test.each([
  { argv: ['--find-limit'], message: /needs an objective/, hint: /--objective/ },
  { argv: ['--objective', 'totalMs.p99<'], message: /--objective .* is no comparison/, hint: /--objective 'totalMs/ },
  { argv: ['--objective', 'wallMs.p99<5'], message: /--objective .*there is no figure "wallMs.p99"/, hint: /totalMs/ },
  {
    argv: ['--find-limit', '--rate', '1/s', '--objective', 'totalMs.p99<500'],
    message: /60 samples at 1\/s cannot bear p99/,
    hint: /longer --duration/,
  },
  { argv: ['--rate', '1/s', '--duration', '999ms'], message: /is not one request/, hint: /longer --duration/ },
  {
    argv: ['--duration', '99999d'],
    message: /20\/s for so long are more than 1,000,000 requests/,
    hint: /shorter --duration/,
  },
  { argv: ['--rate', '20'], message: /It must be a rate such as 20\/s/, hint: /--help/ },
  { argv: ['--rate', '0/s'], message: /It must be a rate/, hint: /--help/ },
  { argv: ['--mix', 'read=0,write=0'], message: /It must be a mix/, hint: /--help/ },
  { argv: ['--mix', 'reads=1'], message: /It must be a mix/, hint: /--help/ },
  { argv: ['--users', '1000000'], message: /It must be a whole number from 1 to 10,000/, hint: /--help/ },
  { argv: ['--skew', '-1'], message: /It must be a number from 0 to 10/, hint: /--help/ },
  { argv: ['--duration', '60'], message: /It needs a unit: 60ms or 60s/, hint: /--help/ },
])('bench load $argv is refused before anything is made', async ({ argv, message, hint }) => {
  const { code, stdout, failure } = await runCommand(['bench', 'load', ...argv, '--json']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(failure()).toMatchObject({ message: expect.stringMatching(message), try: expect.stringMatching(hint) });
});
