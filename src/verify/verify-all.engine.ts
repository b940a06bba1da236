/** The whole of week 1 on engines that others built: Ceph RGW and DynamoDB Local, the function in local containers. */
import { describe, expect, inject, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { newDeployment } from '../testing/engines/deployment.ts';
import { asReport } from '../testing/report-schema.ts';
import { DAYS } from './days.ts';

const s3 = inject('cephRgw');
const dynamo = inject('dynamoDbLocal');

describe.runIf(s3 !== undefined && dynamo !== undefined)('on Ceph RGW and DynamoDB Local', () => {
  const env = newDeployment(s3, dynamo);
  const javumbo = (...argv: string[]) => runScript(SCRIPTS.javumbo, [...argv, '--json', '--quiet'], env);

  test('deployment create makes it, and verify all passes every test of every day', async () => {
    expect((await javumbo('deployment', 'create')).code).toBe(0);
    const { code, stdout, stderr } = await javumbo('verify', 'all', '--no-skips', '--rtt', '50ms');
    const report = asReport(JSON.parse(stdout));
    expect({ code, failed: report.failureReasons, stderr }).toEqual({ code: 0, failed: [], stderr: '' });
    expect(report.checks.map(({ id, status }) => `${id} ${status}`)).toEqual(
      DAYS.flatMap(({ tests }) => tests.map((id) => `${id} passed`)),
    );
  });

  test('bench --via function: one cold container and 49 warm hits; ten containers race and lose nothing', async () => {
    const hitRate = asReport(JSON.parse((await javumbo('bench', 'hit-rate', '--via', 'function')).stdout));
    expect(hitRate.derived).toMatchObject({ containers: 1, coldStarts: 1, warmCalls: 49, hits: 49, misses: 1 });
    expect(hitRate.requests).toMatchObject({ get: 1, put: 0, head: 0 });
    const race = asReport(JSON.parse((await javumbo('bench', 'concurrent', '--via', 'function')).stdout));
    expect(race.derived).toMatchObject({ containers: 10, committed: 10, lost: 0, unexpected: 0, notesAtEnd: 15 });
  });
});
