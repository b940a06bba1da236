/** `--via function`: the scenarios in containers that `npm test` has built. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Report } from '../../report/document.ts';
import { ACCOUNT_DEPLOYMENTS, type CommandDeployment, runOn } from '../../testing/command-deployments.ts';
import { asReport } from '../../testing/report-schema.ts';

let deployment: CommandDeployment;

async function bench(...argv: string[]): Promise<Report> {
  const result = await runOn(deployment, ['bench', ...argv, '--via', 'function', '--json']);
  if (result.code !== 0) throw new Error(`${argv.join(' ')} ended with ${result.code}: ${result.stderr}`);
  expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  return asReport(result.json());
}

describe.each(ACCOUNT_DEPLOYMENTS)('on $name', ({ open }) => {
  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  test('bench hit-rate: one cold container, and 49 warm hits of 50', async () => {
    const report = await bench('hit-rate', '--rtt', '2ms');
    expect(report.derived).toMatchObject({ containers: 1, coldStarts: 1, warmCalls: 49, hits: 49, misses: 1 });
    expect(report.hits).toEqual([false, ...Array(49).fill(true)]);
    expect(report.requests).toMatchObject({ get: 1, put: 0, head: 0, lambda: { invocations: 50 } });
    expect(report.metrics.invocationMs?.count).toBe(50);
    expect(report.metrics.initMs?.count).toBe(1);
    expect(report.parameters).toMatchObject({ via: 'function' });
  });

  test('bench hit-rate with --cache-ttl 0: the function asks the store at each call', async () => {
    const report = await bench('hit-rate', '--rtt', '0', '--requests', '4', '--cache-ttl', '0');
    expect(report.derived).toMatchObject({ containers: 1, hits: 0, misses: 4 });
    expect(report.requests).toMatchObject({ get: 4 });
  });

  test('bench concurrent: four workers use four containers, and nothing is lost', async () => {
    const report = await bench('concurrent', '--workers', '4', '--rtt', '5ms');
    expect(report.passed).toBe(true);
    expect(report.derived).toMatchObject({ containers: 4, coldStarts: 4, committed: 4, lost: 0, notesAtEnd: 9 });
    expect(report.workers).toHaveLength(4);
    // Of the race: what started the containers before it is no part of what a change costs.
    expect(report.requests.lambda?.invocations).toBe(4);
    expect(report.derived).toMatchObject({ warmCalls: 4 });
  });

  test('bench concurrent without retries: each change is committed or a conflict, and the store agrees', async () => {
    const report = await bench('concurrent', '--workers', '3', '--requests', '2', '--retries', '0', '--rtt', '5ms');
    const { committed = 0, conflicts = 0, ...others } = report.derived;
    expect(committed + conflicts).toBe(6);
    expect(committed).toBeGreaterThan(0);
    expect(others).toMatchObject({ unknown: 0, other: 0, lost: 0, unexpected: 0, notesAtEnd: 5 + committed });
  });

  test('bench latency: one GET and one PUT a call, and its phases as the container saw them', async () => {
    const report = await bench('latency', '--requests', '5');
    expect(report.derived).toMatchObject({ getPerRequest: 1, putPerRequest: 1, distinctVersions: 5, containers: 1 });
    for (const phase of ['downloadMs', 'queryMs', 'uploadMs', 'totalMs', 'invocationMs']) {
      expect(report.metrics[phase]?.count).toBe(5);
    }
    expect(report.requests.lambda).toMatchObject({ invocations: 5, gbSeconds: expect.any(Number) });
    expect(report.cost?.usdPerMillion.lambda).toBeGreaterThan(0);
  });

  test('bench cache: warm reads ask nothing, warm writes are one PUT each', async () => {
    const report = await bench('cache', '--requests', '3', '--rtt', '2ms');
    expect(report.derived).toMatchObject({
      getsOnWarmReads: 0,
      getsOnWarmWrites: 0,
      putsOnWarmWrites: 3,
      containers: 1,
    });
  });

  test('a threshold on what only the function measures can be set with it, and not without', async () => {
    const argv = ['bench', 'hit-rate', '--requests', '2', '--rtt', '0', '--threshold', 'derived.containers<=1'];
    expect((await runOn(deployment, [...argv, '--via', 'function'])).code).toBe(0);
    expect((await runOn(deployment, argv)).code).toBe(2);
  });

  test('people see how many containers there were', async () => {
    const { stdout } = await runOn(deployment, [
      'bench',
      'hit-rate',
      '--requests',
      '3',
      '--rtt',
      '0',
      '--via',
      'function',
    ]);
    expect(stdout).toMatch(/^1 container: 1 cold start, 2 warm calls$/m);
    expect(stdout).toMatch(/3 calls of the function/);
  });
});

test('the function takes no lease', async () => {
  deployment = await (ACCOUNT_DEPLOYMENTS[0] as (typeof ACCOUNT_DEPLOYMENTS)[number]).open();
  const result = await runOn(deployment, ['bench', 'concurrent', '--via', 'function', '--lease', '--json']);
  expect(result.code).toBe(2);
  expect(result.failure().message).toMatch(/the function takes no lease/);
});
