import { describe, expect, test } from 'vitest';
import { formatAccounts, OBSERVER } from '../consistency/account-history.ts';
import { NAIVE_ACCOUNTS } from '../testing/account-simulation/naive-stacks.ts';
import { ACCOUNT_BOUNDS, ACCOUNT_PROFILES } from '../testing/account-simulation/profiles.ts';
import { type AccountSimulation, simulateAccounts } from '../testing/account-simulation/simulate.ts';
import { Tally } from '../testing/tally.ts';

/**
 * Clients work on accounts over a bad network, with the real repository and retries: each seed is another world. Every
 * report must be true (consistency/account-order.ts). `JAVUMBO_SEEDS=10000` runs more of them,
 * `JAVUMBO_SEED=17` that one with its whole history.
 */

const SEEDS = Number(process.env.JAVUMBO_SEEDS ?? 200);
const REPLAY = process.env.JAVUMBO_SEED === undefined ? undefined : Number(process.env.JAVUMBO_SEED);

// A seed takes some 10 ms; a machine thirty times as slow must still pass.
const TIMEOUT_MS = 120_000 + SEEDS * 300;

const SHOWN_MAX = 3;

const OUTCOMES = [
  'created',
  'updated',
  'deleted',
  'unknown',
  'found',
  'absent',
  'exists',
  'not-found',
  'conflict',
  'unavailable',
];

// A copy of an answered change: its condition never holds again.
const NEVER_LAND = ['lost-request', 'late-copy'];

describe.runIf(REPLAY === undefined)('what anybody was told of an account is true', () => {
  test(
    `over ${SEEDS} seeds`,
    async () => {
      const startedAt = performance.now();
      const [fired, landed, outcomes, profiles] = [new Tally(), new Tally(), new Tally(), new Tally()];
      const broken: string[] = [];
      for (let seed = 0; seed < SEEDS; seed++) {
        const simulation = await simulateAccounts(seed);
        for (const [name, counts] of simulation.faults) {
          fired.add(name, counts.fired);
          landed.add(name, counts.landed);
        }
        for (const { client, outcome } of simulation.operations) if (client !== OBSERVER) outcomes.add(outcome, 1);
        profiles.add(simulation.profile.name, 1);
        if (simulation.anomalies.length > 0) broken.push(reportOf(simulation));
      }
      print(
        `${SEEDS} seeds in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
        `faults fired: ${fired}`,
        `and landed: ${landed}`,
        `outcomes: ${outcomes}`,
      );
      expect(broken.slice(0, SHOWN_MAX).join('\n\n'), `${broken.length} of ${SEEDS} seeds`).toBe('');

      // The faults had effects, and every kind of outcome occurred. A few seeds cannot show that.
      if (SEEDS < 100) return;
      for (const [name, count] of fired.entries()) expect(count, `${name} fired`).toBeGreaterThan(SEEDS / 2);
      for (const [name, count] of landed.entries()) {
        if (NEVER_LAND.includes(name)) expect(count, `${name} landed`).toBe(0);
        else expect(count, `${name} landed`).toBeGreaterThan(SEEDS / 10);
      }
      for (const outcome of OUTCOMES) expect(outcomes.of(outcome), outcome).toBeGreaterThan(SEEDS / 10);
      expect(profiles.entries()).toHaveLength(ACCOUNT_PROFILES.length);
    },
    TIMEOUT_MS,
  );

  test.each(ACCOUNT_PROFILES.map(({ name }, seed) => ({ name, seed })))(
    'and one seed is one history: $name',
    async ({ seed }) => {
      const [once, again] = [await simulateAccounts(seed), await simulateAccounts(seed)];
      expect(formatAccounts(again.operations)).toBe(formatAccounts(once.operations));
      expect([...again.faults]).toEqual([...once.faults]);
    },
  );
});

describe.runIf(REPLAY !== undefined)('one seed', () => {
  test('is sound', async () => {
    const simulation = await simulateAccounts(REPLAY ?? 0);
    print(`seed ${simulation.seed}, ${simulation.profile.name}`, formatAccounts(simulation.operations));
    expect(reportOf(simulation)).toBe('');
  });
});

// Enough for each to be caught several times.
const NAIVE_RUNS = 100;

describe.runIf(REPLAY === undefined)('the check is checked: it catches', () => {
  test.each(NAIVE_ACCOUNTS)('$name ($caughtBy): $violates', async ({ name, stack, caughtBy, profile: weather }) => {
    const found = new Tally();
    const profile = ACCOUNT_PROFILES.find(({ name }) => name === weather);
    if (profile === undefined) throw new Error(`there is no profile ${weather}`);
    for (let seed = 0; seed < NAIVE_RUNS; seed++) {
      const { anomalies } = await simulateAccounts(seed, { stack, profile });
      for (const anomaly of new Set(anomalies.map((anomaly) => anomaly.name))) found.add(anomaly, 1);
    }
    print(`${name}: of ${NAIVE_RUNS} seeds, ${found}`);
    for (const anomaly of caughtBy) expect(found.of(anomaly), anomaly).toBeGreaterThan(0);
    // Every named anomaly is also impossible to order.
    expect(found.of('impossible')).toBeGreaterThan(0);
  });
});

// What is documented as undetectable is so; and faults that no profile has would be detected.
describe.runIf(REPLAY === undefined)('no answer of a table says that', () => {
  test.each(ACCOUNT_BOUNDS)('$name', async (profile) => {
    let broken = 0;
    for (let seed = 0; seed < NAIVE_RUNS; seed++) {
      if ((await simulateAccounts(seed, { profile })).anomalies.length > 0) broken++;
    }
    print(`${profile.name}: of ${NAIVE_RUNS} seeds, ${broken}`);
    expect(broken).toBeGreaterThan(0);
  });
});

function reportOf({ seed, profile, anomalies }: AccountSimulation): string {
  if (anomalies.length === 0) return '';
  return [
    `seed ${seed}, ${profile.name}`,
    ...anomalies.map(({ name, why }) => `${name}: ${why}`),
    `replay: JAVUMBO_SEED=${seed} npx vitest run src/users/account-simulation.test.ts`,
  ].join('\n');
}

function print(...lines: readonly string[]): void {
  process.stderr.write(`${lines.map((line) => `accounts: ${line}`).join('\n')}\n`);
}
