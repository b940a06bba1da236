import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COMMAND_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { asReport } from '../../testing/report-schema.ts';

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  test('bench hit-rate: one miss, then hits that ask nothing', async () => {
    const hitRate = asReport(await deployment.json('bench', 'hit-rate', '--requests', '20', '--rtt', '2ms'));
    expect(hitRate.derived).toMatchObject({ hits: 19, misses: 1, hitRatePercent: 95, getsOnHits: 0 });
    expect(hitRate.hits).toEqual([false, ...Array(19).fill(true)]);
    expect(hitRate.requests).toMatchObject({ get: 1, put: 0, head: 0 });
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });

  test('bench hit-rate of writes alone says nothing of hits', async () => {
    const { stdout } = await deployment.run([
      'bench',
      'hit-rate',
      '--mix',
      'read=0,write=1',
      '--requests',
      '2',
      '--rtt',
      '0',
    ]);
    expect(stdout).toMatch(/^write +2 /m);
    expect(stdout).not.toMatch(/NaN|hits/);
  });

  test('bench hit-rate with a cache that may never be stale: no hits, and a conditional GET each', async () => {
    const hitRate = asReport(
      await deployment.json('bench', 'hit-rate', '--requests', '5', '--rtt', '0', '--cache-ttl', '0'),
    );
    expect(hitRate.derived).toMatchObject({ hits: 0, misses: 5 });
    expect(hitRate.warnings).toHaveLength(1);
  });
});
