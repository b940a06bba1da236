import { describe, expect, test } from 'vitest';
import { formatHistory, OBSERVER } from '../consistency/history.ts';
import { formatAnomalies } from '../consistency/rules.ts';
import { NAIVE_STACKS } from '../testing/simulation/naive-stacks.ts';
import { PROFILES } from '../testing/simulation/profiles.ts';
import { profileOf, type Simulation, simulate } from '../testing/simulation/simulate.ts';
import { Tally } from '../testing/tally.ts';

/**
 * Machines work on one database over a bad network, with the real sessions, caches and retries, on real files: each
 * seed is another world. Every report must be true (consistency/judge.ts). `JAVUMBO_SEEDS=10000` runs more of
 * them, `JAVUMBO_SEED=17` that one with its whole history.
 */

const SEEDS = Number(process.env.JAVUMBO_SEEDS ?? 60);
const REPLAY = process.env.JAVUMBO_SEED === undefined ? undefined : Number(process.env.JAVUMBO_SEED);

// A seed takes some 30 ms; a machine thirty times as slow must still pass.
const TIMEOUT_MS = 120_000 + SEEDS * 1_000;

const SHOWN_MAX = 3;

describe.runIf(REPLAY === undefined)('what anybody was told is true', () => {
  test(
    `over ${SEEDS} seeds`,
    async () => {
      const startedAt = performance.now();
      const [faults, outcomes, profiles] = [new Tally(), new Tally(), new Tally()];
      const broken: string[] = [];
      let undetermined = 0;
      for (let seed = 0; seed < SEEDS; seed++) {
        const simulation = await simulate(seed);
        for (const [name, count] of Object.entries(simulation.fired)) faults.add(name, count);
        for (const name of LANDING) faults.add(`${name}, landed`, simulation.landed[name]);
        for (const { machine, outcome } of simulation.history.operations) {
          if (machine !== OBSERVER) outcomes.add(outcome, 1);
        }
        profiles.add(simulation.profile.name, 1);
        if (simulation.undetermined) undetermined++;
        if (simulation.anomalies.length > 0) broken.push(reportOf(simulation));
      }
      print(
        `${SEEDS} seeds in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s, ${undetermined} undetermined`,
        `faults: ${faults}`,
        `outcomes: ${outcomes}`,
      );
      expect(broken.slice(0, SHOWN_MAX).join('\n\n'), `${broken.length} of ${SEEDS} seeds`).toBe('');
      expect(undetermined).toBe(0);

      // The faults had effects, and every kind of outcome occurred. A few seeds cannot show that.
      if (SEEDS < 60) return;
      const loud = faults.entries().filter(([name]) => name !== 'delay');
      expect(loud.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(5 * SEEDS);
      for (const [name, count] of faults.entries()) expect(count, name).toBeGreaterThan(SEEDS / 10);
      for (const outcome of OUTCOMES) expect(outcomes.of(outcome), outcome).toBeGreaterThan(SEEDS / 20);
      expect(profiles.entries()).toHaveLength(PROFILES.length);
    },
    TIMEOUT_MS,
  );

  test.each(PROFILES.map(({ name }, seed) => ({ name, seed })))(
    'and one seed is one history: $name',
    async ({ seed }) => {
      const [once, again] = [await simulate(seed), await simulate(seed)];
      expect(formatHistory(again.history)).toBe(formatHistory(once.history));
      expect(again.fired).toEqual(once.fired);
    },
  );
});

/** Faults after which a request may have its effect. */
const LANDING = ['lost-reply', 'late-request', 'repeated-request', 'throttled-repeat', 'damaged-reply'] as const;

const OUTCOMES = [
  'committed',
  'unchanged',
  'conflict',
  'unknown',
  'unavailable',
  'threw',
  'crashed',
  'absent',
  'read',
  'deleted',
] as const;

describe.runIf(REPLAY !== undefined)('one seed', () => {
  test('is sound', async () => {
    const simulation = await simulate(REPLAY ?? 0);
    print(`seed ${simulation.seed}, ${simulation.profile.name}`, formatHistory(simulation.history));
    expect(reportOf(simulation)).toBe('');
  });
});

// Enough for each to be caught.
const NAIVE_RUNS = 150;

describe.runIf(REPLAY === undefined)('the check is checked: it catches', () => {
  test.each(NAIVE_STACKS)('$name ($caughtBy)', async ({ name, stack, caughtBy, profile }) => {
    const found = new Tally();
    let runs = 0;
    for (let seed = 0; runs < NAIVE_RUNS && found.of(caughtBy) === 0; seed++) {
      if (profile !== undefined && profileOf(seed).name !== profile) continue;
      runs++;
      const { anomalies } = await simulate(seed, stack);
      for (const anomaly of new Set(anomalies.map((anomaly) => anomaly.name))) found.add(anomaly, 1);
    }
    print(`${name}: of ${runs} seeds, ${found}`);
    expect(found.of(caughtBy)).toBeGreaterThan(0);
  });
});

function reportOf({ seed, profile, anomalies, defects }: Simulation): string {
  if (anomalies.length === 0) return '';
  return [
    `seed ${seed}, ${profile.name}: ${profile.faults.map(({ name, direction, probability }) => `${name} ${direction} ${probability}`).join(', ')}`,
    formatAnomalies(anomalies),
    ...defects.map((defect) => (defect instanceof Error ? (defect.stack ?? defect.message) : String(defect))),
    `replay: JAVUMBO_SEED=${seed} npx vitest run src/databases/simulation.test.ts`,
  ].join('\n');
}

function print(...lines: readonly string[]): void {
  process.stderr.write(`${lines.map((line) => `simulation: ${line}`).join('\n')}\n`);
}
