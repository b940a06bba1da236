import { withTestUser } from '../bench/test-user.ts';
import type { Context } from '../cli/context.ts';
import { PROBE_PURPOSES, probeConditionalWrites } from '../databases/conditional-write-probe.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { UnsafeStores } from '../deployment/unsafe-stores.ts';
import { type TestRun, testUser } from '../test-data.ts';
import { type Finding, ok, unsafe } from './finding.ts';

const ID = 'conditional-writes';

/**
 * Whether the real store compares as it must, tried on two test databases that are removed. The verdict is recorded on
 * this machine: from then on nothing is written to a store that lost updates, until it is found sound.
 */
export async function examineStore(
  deployment: Deployment,
  { clock, random }: Pick<Context, 'clock' | 'random'>,
  run: TestRun,
): Promise<Finding[]> {
  const { store, cache, config, identity } = deployment;
  const [first, second] = PROBE_PURPOSES;
  // A store that is not there, or may not be read, is said before any data is made.
  await store.head(testUser(run, first));
  const work = cache.workDirectory();
  const findings = await withTestUser(deployment, run, first, () =>
    withTestUser(deployment, run, second, () => probeConditionalWrites(store, work.path, random, run)),
  ).finally(work.release);
  const records = new UnsafeStores(config.home.value);
  if (findings.length === 0) {
    records.forget(identity);
    return [ok(ID, 'a create over what exists and an update over an old version are refused, also in a race')];
  }
  const foundAt = new Date(clock.now()).toISOString();
  records.record(identity, { store: identity, foundAt, findings }, random);
  return [
    unsafe(
      ID,
      `updates get lost here: ${findings.join('; ')}; from now on this machine writes nothing there`,
      'another store, or on Ceph 16 a bucket without versioning; then javumbo doctor again',
    ),
  ];
}
