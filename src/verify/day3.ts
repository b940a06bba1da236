import { rmSync } from 'node:fs';
import { CACHE } from '../bench/cache.ts';
import { HIT_RATE } from '../bench/hit-rate.ts';
import { ProcessRequester } from '../bench/requester.ts';
import { type MeasuredSequence, measureSequence, type Sequence } from '../bench/sequence.ts';
import { createWithNotes } from '../bench/test-user.ts';
import { countsSince } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { Deployment, Machine } from '../deployment/deployment.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { type Assert, addFigures, type Figures, type Test, type TestInputs } from './check.ts';
import { type TestEnvironment, withTestDatabase } from './test-data.ts';

// Week 1's marks for passing.
const SPEEDUP_MIN = 2;
const HIT_RATE_MIN_PERCENT = 70;
const WARM_REQUESTS = 6;
const HIT_RATE_REQUESTS = 50;
const FIVE_MINUTES_MS = 300_000;

/** Day 3: the cache works. Tests 3.1 to 3.3. */
export function day3(deployment: Deployment, inputs: TestInputs, figures: Figures): Test[] {
  return [
    {
      id: '3.1',
      name: 'a warm read is faster than a cold one',
      try: 'javumbo bench cache, which prints every kind of request',
      run: (assert) => speedup(assert, { deployment, inputs }, figures),
    },
    {
      id: '3.2',
      name: 'reads of one user hit the cache',
      try: 'javumbo cache stats, and look whether something else empties the cache directory',
      run: (assert) => hitRate(assert, { deployment, inputs }, figures),
    },
    {
      id: '3.3',
      name: 'each way in which a cached entry ends',
      try: 'javumbo cache clear, and check that no other program writes to the cache directory',
      run: (assert) => endings(assert, { deployment, inputs }),
    },
  ];
}

/** Runs `work` for a test user on a new machine with week 1's staleness of five minutes. */
async function onMachine(
  assert: Assert,
  { deployment, inputs }: TestEnvironment,
  purpose: string,
  work: (machine: Machine, username: string) => Promise<void>,
): Promise<void> {
  const machine = deployment.machine(FIVE_MINUTES_MS);
  try {
    await withTestDatabase(assert, { deployment, inputs }, purpose, (username) => work(machine, username));
  } finally {
    machine.remove();
  }
}

/** Runs a sequence on a machine, for a test user with that many notes. */
async function measure(
  { deployment, inputs }: TestEnvironment,
  { databases: cached, cache }: Machine,
  username: string,
  { sequence, count, notes }: { readonly sequence: Sequence; readonly count: number; readonly notes: number },
): Promise<MeasuredSequence & { readonly noteCount: number }> {
  const uncached = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const noteIds = await createWithNotes(uncached, username, notes, inputs);
  const measured = await measureSequence(sequence, {
    requester: new ProcessRequester({ cached, uncached, cache, clock: inputs.clock, noteIds }),
    username,
    count,
    databases: uncached,
    requests: () => deployment.usage().store,
  });
  return { ...measured, noteCount: noteIds.length };
}

async function speedup(assert: Assert, environment: TestEnvironment, figures: Figures): Promise<void> {
  await onMachine(assert, environment, '3-1', async (machine, username) => {
    const series = { sequence: CACHE, count: WARM_REQUESTS, notes: 20 };
    const { metrics, derived, noteCount } = await measure(environment, machine, username, series);
    assert.equal('the database has 20 notes', noteCount, 20);
    const { readSpeedup = 0, getsOnWarmReads = -1, getsOnWarmWrites = -1, putsOnWarmWrites = -1 } = derived;
    addFigures(figures, { metrics, derived, grades: { speedup: grade(readSpeedup >= 5, 'at least 5 times') } });
    assert(`a warm read is at least ${SPEEDUP_MIN} times faster than a cold one`, readSpeedup >= SPEEDUP_MIN, {
      expected: `at least ${SPEEDUP_MIN} times`,
      actual: `${readSpeedup.toFixed(2)} times`,
    });
    assert.equal('warm reads ask the store nothing', getsOnWarmReads, 0);
    assert.equal('warm writes fetch nothing', getsOnWarmWrites, 0);
    assert.equal('each warm write is one PUT', putsOnWarmWrites, WARM_REQUESTS);
    assert.equal('the cache holds one entry of the user', machine.cache.entries().length, 1);
  });
}

async function hitRate(assert: Assert, environment: TestEnvironment, figures: Figures): Promise<void> {
  await onMachine(assert, environment, '3-2', async (machine, username) => {
    const series = { sequence: HIT_RATE, count: HIT_RATE_REQUESTS, notes: 10 };
    const { metrics, derived } = await measure(environment, machine, username, series);
    const { hits = 0, misses = 0, hitRatePercent = 0, getsOnHits = -1, warmSpreadMs = Number.NaN } = derived;
    const grades = {
      hitRate: grade(hitRatePercent >= 95, 'at least 95 %'),
      warmAverage: grade((metrics.warmMs?.mean ?? Number.NaN) < 400, 'below 400 ms'),
      warmSpread: grade(warmSpreadMs < 50, 'below 50 ms'),
    };
    addFigures(figures, { metrics }, 'hitRate.');
    addFigures(figures, { derived: { hits, misses, hitRatePercent, getsOnHits }, grades });
    assert.equal('every request is a hit or a miss', hits + misses, HIT_RATE_REQUESTS);
    assert(`at least ${HIT_RATE_MIN_PERCENT} % of the requests are hits`, hitRatePercent >= HIT_RATE_MIN_PERCENT, {
      expected: `at least ${HIT_RATE_MIN_PERCENT} %`,
      actual: `${hitRatePercent.toFixed(1)} %`,
    });
    assert.equal('only the first request misses', misses, 1);
    assert.equal('a hit asks the store nothing', getsOnHits, 0);
  });
}

function grade(met: boolean, mark: string): string {
  return `${met ? 'excellent' : 'not met'}: ${mark}`;
}

/** Tries every way in which week 1's cache forgets an entry, and one that it missed: a conflict. */
async function endings(assert: Assert, environment: TestEnvironment): Promise<void> {
  const { deployment, inputs } = environment;
  const elsewhere = deployment.databases({ cacheTtlDefault: 0, caching: false });
  await onMachine(assert, environment, '3-3', async ({ databases, cache }, username) => {
    const gets = async (work: () => Promise<unknown>): Promise<number> => {
      const before = deployment.usage().store;
      await work();
      return countsSince(before, deployment.usage().store).get;
    };
    const read = (over: UserDatabases): Promise<number> => over.read(username, ({ database }) => countNotes(database));
    const change = (over: UserDatabases): Promise<unknown> =>
      over.update(username, (database) => database.exec('UPDATE notes SET mod = mod + 1'), { retries: 0 });

    await createWithNotes(elsewhere, username, 1, inputs);
    assert.equal('a first read fetches', await gets(() => read(databases)), 1);
    assert.equal('a second one does not', await gets(() => read(databases)), 0);

    // Backdated rather than waited for.
    const aged = cache.lookup(username);
    if (aged !== undefined) cache.backdate(aged, inputs.clock.now() - FIVE_MINUTES_MS - 1_000);
    assert.equal(
      'an entry older than the limit is not served unasked',
      databases.isCached(username) ? 'it is served' : 'the store is asked',
      'the store is asked',
    );
    assert.equal('it costs one conditional GET', await gets(() => read(databases)), 1);
    assert.equal('and is good for the next five minutes', await gets(() => read(databases)), 0);

    await change(elsewhere);
    const outdated = cache.lookup(username);
    if (outdated !== undefined) cache.backdate(outdated, inputs.clock.now() - FIVE_MINUTES_MS - 1_000);
    const current = await deployment.store.head(username);
    await read(databases);
    assert.equal(
      'an entry of another version is replaced when it is asked about',
      cache.lookup(username)?.version ?? 'none',
      current?.version ?? 'nothing stored',
    );

    const broken = cache.lookup(username);
    if (broken !== undefined) rmSync(broken.path);
    assert.equal('an entry whose file is missing is a miss', await gets(() => read(databases)), 1);

    const stranger = deployment.machine(FIVE_MINUTES_MS);
    try {
      assert.equal('a new container begins cold', await gets(() => read(stranger.databases)), 1);
    } finally {
      stranger.remove();
    }

    await change(elsewhere);
    const refused = await change(databases).then(
      () => 'committed',
      (error: { kind?: string }) => error.kind ?? 'internal',
    );
    assert.equal('a write on an outdated entry is a conflict', refused, 'conflict');
    assert.equal('a conflict ends the entry', cache.lookup(username)?.version ?? 'no entry', 'no entry');
    assert.equal('and the next read fetches the winner', await gets(() => read(databases)), 1);
  });
}

function countNotes(database: SqliteDatabase): number {
  return (database.prepare('SELECT count(*) AS n FROM notes').get() as { n: number }).n;
}
