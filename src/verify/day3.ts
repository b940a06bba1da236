import { rmSync } from 'node:fs';
import { cacheFigures, measureCache } from '../bench/cache.ts';
import { hitRateFigures, measureHitRate } from '../bench/hit-rate.ts';
import { createWithNotes } from '../bench/latency.ts';
import { ProcessRequester } from '../bench/requester.ts';
import { withTestUser } from '../bench/test-user.ts';
import { countsSince } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { Deployment, Machine } from '../deployment/deployment.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { TestInputs } from './check.ts';
import { type Assert, assertEqual, type Figures, type Test } from './check.ts';
import { assertCleanedUp } from './cleaned-up.ts';

// Week 1's marks. Passing is asserted; the rest is graded.
const SPEEDUP_MIN = 2;
const HIT_RATE_MIN_PERCENT = 70;
const WARM_REQUESTS = 6;
const HIT_RATE_REQUESTS = 50;
const FIVE_MINUTES_MS = 300_000;

/** Day 3: the cache works. Tests 3.1 and 3.2, and 3.3 for each way in which a cached entry ends. */
export function day3(deployment: Deployment, inputs: TestInputs, figures: Figures): Test[] {
  return [
    {
      id: '3.1',
      name: 'a warm read is faster than a cold one',
      try: 'javumbo bench cache, which prints every kind of request',
      run: (assert) => speedup(assert, deployment, inputs, figures),
    },
    {
      id: '3.2',
      name: 'reads of one user hit the cache',
      try: 'javumbo cache stats, and look whether something else empties the cache directory',
      run: (assert) => hitRate(assert, deployment, inputs, figures),
    },
    {
      id: '3.3',
      name: 'each way in which a cached entry ends',
      try: 'javumbo cache clear, and check that no other program writes to the cache directory',
      run: (assert) => endings(assert, deployment, inputs),
    },
  ];
}

/** Runs `work` for a test user on a machine of its own, whose staleness is week 1's five minutes. */
async function onMachine(
  deployment: Deployment,
  inputs: TestInputs,
  purpose: string,
  work: (machine: Machine, username: string) => Promise<void>,
): Promise<string> {
  const machine = deployment.machine(FIVE_MINUTES_MS);
  try {
    return await withTestUser(deployment, inputs.run, purpose, async (username) => {
      await work(machine, username);
      return username;
    });
  } finally {
    machine.remove();
  }
}

async function speedup(assert: Assert, deployment: Deployment, inputs: TestInputs, figures: Figures): Promise<void> {
  const uncached = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const removed = await onMachine(deployment, inputs, '3-1', async ({ databases, cache }, username) => {
    const noteIds = await createWithNotes(uncached, username, 20, inputs);
    assertEqual(assert, 'the database has 20 notes', noteIds.length, 20);
    const result = await measureCache({
      requester: new ProcessRequester({ cached: databases, uncached, cache, clock: inputs.clock, noteIds }),
      username,
      warmCount: WARM_REQUESTS,
      requests: () => deployment.usage().store,
    });
    const { metrics, derived } = cacheFigures(result);
    figures.metrics = { ...figures.metrics, ...metrics };
    figures.derived = { ...figures.derived, ...derived };
    figures.grades = { ...figures.grades, speedup: grade((derived.readSpeedup ?? 0) >= 5, 'at least 5 times') };
    const { readSpeedup = 0, getsOnWarmReads, getsOnWarmWrites, putsOnWarmWrites } = derived;
    assert(`a warm read is at least ${SPEEDUP_MIN} times faster than a cold one`, readSpeedup >= SPEEDUP_MIN, {
      expected: SPEEDUP_MIN,
      actual: readSpeedup,
    });
    assertEqual(assert, 'warm reads ask the store nothing', getsOnWarmReads ?? -1, 0);
    assertEqual(assert, 'warm writes fetch nothing', getsOnWarmWrites ?? -1, 0);
    assertEqual(assert, 'each warm write is one PUT', putsOnWarmWrites ?? -1, WARM_REQUESTS);
    assertEqual(assert, 'the cache holds one entry of the user', cache.entries().length, 1);
  });
  await assertCleanedUp(assert, deployment, inputs.run, removed);
}

async function hitRate(assert: Assert, deployment: Deployment, inputs: TestInputs, figures: Figures): Promise<void> {
  const uncached = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const removed = await onMachine(deployment, inputs, '3-2', async ({ databases, cache }, username) => {
    const noteIds = await createWithNotes(uncached, username, 10, inputs);
    const made = await measureHitRate({
      requester: new ProcessRequester({ cached: databases, uncached, cache, clock: inputs.clock, noteIds }),
      username,
      requests: HIT_RATE_REQUESTS,
      counts: () => deployment.usage().store,
    });
    const { metrics, derived } = hitRateFigures(made);
    const { hits = 0, misses = 0, hitRatePercent = 0, getsOnHits = -1, warmSpreadMs } = derived;
    const prefixed = Object.entries(metrics).map(([name, metric]) => [`hitRate.${name}`, metric] as const);
    figures.metrics = { ...figures.metrics, ...Object.fromEntries(prefixed) };
    figures.derived = { ...figures.derived, hits, misses, hitRatePercent, getsOnHits };
    figures.grades = {
      ...figures.grades,
      hitRate: grade(hitRatePercent >= 95, 'at least 95 %'),
      warmAverage: grade((metrics.warmMs?.mean ?? Number.NaN) < 400, 'below 400 ms'),
      warmSpread: grade((warmSpreadMs ?? Number.NaN) < 50, 'below 50 ms'),
    };
    assertEqual(assert, 'every request is a hit or a miss', hits + misses, HIT_RATE_REQUESTS);
    assert(`at least ${HIT_RATE_MIN_PERCENT} % of the requests are hits`, hitRatePercent >= HIT_RATE_MIN_PERCENT, {
      expected: HIT_RATE_MIN_PERCENT,
      actual: hitRatePercent,
    });
    assertEqual(assert, 'only the first request misses', misses, 1);
    assertEqual(assert, 'a hit asks the store nothing', getsOnHits, 0);
  });
  await assertCleanedUp(assert, deployment, inputs.run, removed);
}

function grade(met: boolean, mark: string): string {
  return `${met ? 'excellent' : 'not met'}: ${mark}`;
}

/** Every way in which week 1's cache forgets an entry, and one that it missed: somebody else's conflict. */
async function endings(assert: Assert, deployment: Deployment, inputs: TestInputs): Promise<void> {
  const elsewhere = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const removed = await onMachine(deployment, inputs, '3-3', async ({ databases, cache }, username) => {
    const gets = async (work: () => Promise<unknown>): Promise<number> => {
      const before = deployment.usage().store;
      await work();
      return countsSince(before, deployment.usage().store).get;
    };
    const read = (over: UserDatabases): Promise<number> => over.read(username, ({ database }) => countNotes(database));
    const change = (over: UserDatabases): Promise<unknown> =>
      over.update(username, (database) => database.exec('UPDATE notes SET mod = mod + 1'), { retries: 0 });

    await createWithNotes(elsewhere, username, 1, inputs);
    assertEqual(assert, 'a first read fetches', await gets(() => read(databases)), 1);
    assertEqual(assert, 'a second one does not', await gets(() => read(databases)), 0);

    // Aged by hand rather than by waiting: what is tested is what an old entry leads to.
    const aged = cache.lookup(username);
    if (aged !== undefined) cache.backdate(aged, inputs.clock.now() - FIVE_MINUTES_MS - 1_000);
    assertEqual(assert, 'an entry older than the limit is not served unasked', databases.isCached(username), false);
    assertEqual(assert, 'it costs one conditional GET', await gets(() => read(databases)), 1);
    assertEqual(assert, 'and is good for the next five minutes', await gets(() => read(databases)), 0);

    await change(elsewhere);
    const outdated = cache.lookup(username);
    if (outdated !== undefined) cache.backdate(outdated, inputs.clock.now() - FIVE_MINUTES_MS - 1_000);
    const current = await deployment.store.head(username);
    await read(databases);
    assertEqual(
      assert,
      'an entry of another version is replaced when it is asked about',
      cache.lookup(username)?.version ?? 'none',
      current?.version ?? 'nothing stored',
    );

    const broken = cache.lookup(username);
    if (broken !== undefined) rmSync(broken.path);
    assertEqual(assert, 'an entry whose file is missing is a miss', await gets(() => read(databases)), 1);

    const stranger = deployment.machine(FIVE_MINUTES_MS);
    try {
      assertEqual(assert, 'a new container begins cold', await gets(() => read(stranger.databases)), 1);
    } finally {
      stranger.remove();
    }

    await change(elsewhere);
    const refused = await change(databases).then(
      () => 'committed',
      (error: { kind?: string }) => error.kind ?? 'internal',
    );
    assertEqual(assert, 'a write on an outdated entry is a conflict', refused, 'conflict');
    assertEqual(assert, 'a conflict ends the entry', cache.lookup(username) === undefined, true);
    assertEqual(assert, 'and the next read fetches the winner', await gets(() => read(databases)), 1);
  });
  await assertCleanedUp(assert, deployment, inputs.run, removed);
}

function countNotes(database: SqliteDatabase): number {
  return (database.prepare('SELECT count(*) AS n FROM notes').get() as { n: number }).n;
}
