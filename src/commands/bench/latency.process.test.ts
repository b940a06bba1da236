import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Metric } from '../../bench/stats.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { expectConsistent, FINITE, garble, METRIC, REPORT } from '../../testing/expected-report.ts';
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
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
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
      /^phase +samples +mean +min +median +p95 +p99 +max$/m,
      // Three samples bear neither p95 nor p99.
      /^total +3( +[\d.]+ ms){3} +- +-( +[\d.]+ ms)$/m,
      /^3 GET, 3 PUT; /m,
      /^3 distinct versions; /m,
    ]) {
      expect(stdout).toMatch(line);
    }
  });

  test('a threshold where the table shows a dash fails, and says how many samples it takes', async () => {
    const argv = ['bench', 'latency', '--requests', '3', '--notes', '1'];
    const { code, stdout } = await deployment.run([...argv, '--threshold', 'totalMs.p95<1e9']);
    expect(code).toBe(7);
    expect(stdout).toMatch(/^failed: threshold totalMs\.p95<1e9: 3 samples cannot bear p95, which takes 20$/m);
  });
});

test('bench latency on a store that garbles what it stores ends with it and cleans up', async () => {
  const deployment = await openOnS3();
  garble(deployment);
  const result = await deployment.run(['bench', 'latency', '--json']);
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 8, stdout: '' });
  expect(result.failure()).toMatchObject({ kind: 'corrupt', username: expect.stringMatching(/^javumbo-test-/) });
  expect(deployment.server?.keys(BUCKET)).toEqual([]);
  await deployment.close();
});
