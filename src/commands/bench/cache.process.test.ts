import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COMMAND_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { asReport } from '../../testing/report-schema.ts';

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  test('bench cache: warm reads ask nothing, warm writes are one PUT each', async () => {
    const cache = asReport(await deployment.json('bench', 'cache', '--requests', '3', '--notes', '2', '--rtt', '2ms'));
    expect(cache).toMatchObject({ kind: 'bench', name: 'cache', simulated: true, passed: true });
    expect(cache.derived).toMatchObject({ getsOnWarmReads: 0, getsOnWarmWrites: 0, putsOnWarmWrites: 3 });
    expect(cache.metrics.warmReadMs?.count).toBe(3);
    // As many of each kind: one cold request would say nothing of the next.
    for (const kind of ['uncached', 'cold', 'warm']) {
      expect(cache.metrics[`${kind}ReadMs`]?.count).toBe(3);
      expect(cache.metrics[`${kind}WriteMs`]?.count).toBe(3);
    }
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });
});
