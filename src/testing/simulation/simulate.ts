import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseCache } from '../../cache/cache.ts';
import { append, makeTables, type PlannedOperation, stateOf } from '../../consistency/database-client.ts';
import { type FaultName, FaultyDatabaseStore } from '../../consistency/faulty-store.ts';
import {
  type History,
  type MachineDescription,
  OBSERVER,
  type Operation,
  type OperationKind,
} from '../../consistency/history.ts';
import { judge } from '../../consistency/judge.ts';
import type { Anomaly } from '../../consistency/rules.ts';
import { type Random, seededRandom } from '../../core/random.ts';
import type { RetriesOptions } from '../../core/retry.ts';
import { delaying } from '../../core/round-trip.ts';
import { UserDatabases } from '../../databases/user-databases.ts';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import { openReadOnly } from '../../sqlite/engine.ts';
import { aroundStore } from '../../store/around-store.ts';
import type { DatabaseStore } from '../../store/database-store.ts';
import { MemoryDatabaseStore } from '../../store/memory-store.ts';
import { RetryingDatabaseStore } from '../../store/retrying-store.ts';
import { Machine, USER } from './machine.ts';
import { PROFILES, type Profile } from './profiles.ts';
import { Scheduler } from './scheduler.ts';
import { type SetClock, SettableClock } from './settable-clock.ts';
import { Successors } from './successors.ts';

/** The layers between a machine and the databases. The sound stack is the program's own; the others must be caught. */
export interface Stack {
  /** Directly above the databases, for all machines. */
  readonly engine?: ((memory: DatabaseStore) => DatabaseStore) | undefined;
  /** Above the network, for one machine. */
  readonly client: (network: DatabaseStore, options: RetriesOptions) => DatabaseStore;
  /** Wraps one machine's clock. */
  readonly clock?: ((clock: SetClock) => SetClock) | undefined;
  readonly random?: ((random: Random) => Random) | undefined;
}

export const SOUND_STACK: Stack = { client: (network, options) => new RetryingDatabaseStore(network, options) };

export interface Simulation {
  readonly seed: number;
  readonly profile: Profile;
  readonly history: History;
  readonly anomalies: readonly Anomaly[];
  /** Nothing contradicts itself, and the search for an order of everything was given up. */
  readonly undetermined: boolean;
  /** The errors of operations that `failed`. */
  readonly defects: readonly unknown[];
  readonly fired: Readonly<Record<FaultName, number>>;
  /** How often a request with a fault had its effect. */
  readonly landed: Readonly<Record<FaultName, number>>;
}

const ROUND_TRIP_MS = 10;
const OPERATIONS_PER_MACHINE = 8;
const STALENESS_MS = [0, 0, 60, 3_600_000];
const RETRIES = [0, 1, 20];

export function profileOf(seed: number): Profile {
  return PROFILES[seed % PROFILES.length] as Profile;
}

/**
 * Runs machines on one database with the program's own sessions, caches and retries, while the network loses and delays
 * requests; then checks all reports. The seed decides everything.
 */
export async function simulate(seed: number, stack: Stack = SOUND_STACK): Promise<Simulation> {
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-simulation-'));
  try {
    return await simulateIn(directory, seed, stack);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function simulateIn(directory: string, seed: number, stack: Stack): Promise<Simulation> {
  const profile = profileOf(seed);
  // Each part has its own randomness, so that one does not shift the others.
  const [forPlan, forTurns, forFaults, forCrashes, forMachines, forMishaps, forSessions] = [1, 2, 3, 4, 5, 6, 7].map(
    (part) => seededRandom(seed * 8 + part),
  ) as [Random, Random, Random, Random, Random, Random, Random];
  const random = stack.random?.(forMachines) ?? forMachines;
  const scheduler = new Scheduler(forTurns);
  const { faults, attemptsMax, crashProbability, deletion = 'condition' } = profile;
  const memory = new MemoryDatabaseStore(scheduler, { deletion });
  const faulty = new FaultyDatabaseStore(stack.engine?.(memory) ?? memory, {
    faults,
    random: forFaults,
    clock: scheduler,
    directory,
  });
  const network = aroundStore(faulty, delaying({ roundTripMs: ROUND_TRIP_MS, clock: scheduler }));

  const operations: Operation[] = [];
  const defects: unknown[] = [];
  const values = numbered('v');
  if (!profile.startsEmpty) operations.push(await makeDatabase(memory, directory, scheduler, values()));

  const machines = machinesOf(profile, forPlan);
  const clocks = new Map<string, SetClock>();
  const successors = new Successors();
  for (const description of machines) {
    const cacheRoot = join(directory, description.cache);
    mkdirSync(cacheRoot, { recursive: true, mode: 0o700 });
    const policy = { attemptsMax, backoffMs: 20, backoffMaxMs: 100 };
    const settable = new SettableClock(scheduler);
    const clock = clocks.get(description.cache) ?? stack.clock?.(settable) ?? settable;
    clocks.set(description.cache, clock);
    const client = stack.client(network, { clock: scheduler, random, policy });
    new Machine({
      description,
      cacheRoot,
      store: successors.watching(client, description.name),
      clock,
      network,
      scheduler,
      random,
      plan: planOf(profile, forPlan, values),
      pauseMs: profile.pauseMs,
      crashes: () => forCrashes.fraction() < crashProbability,
      // In the naive stacks nothing but the stack differs.
      asksAtOnce: () => stack === SOUND_STACK && forSessions.fraction() < 0.2,
      opensInMemory: () => forSessions.fraction() < 0.5,
      cacheIsDamaged: () => forMishaps.fraction() < (profile.cacheDamageProbability ?? 0),
      clockIsSet: () => forMishaps.fraction() < (profile.clockJumpProbability ?? 0),
      record: (operation) => operations.push(operation),
      onDefect: (error) => defects.push(error),
    }).start();
  }
  await scheduler.run();
  await faulty.disarm();
  operations.push(await observe(memory, directory, scheduler));

  const history = { machines, operations };
  const [fired, landed] = [faulty.fired(), faulty.landed()];
  const { anomalies, undetermined } = judge(history);
  return {
    seed,
    profile,
    history,
    anomalies: [...anomalies, ...successors.anomalies()],
    undetermined,
    defects,
    fired,
    landed,
  };
}

function machinesOf(
  { sharesCaches, stalenessMs: allowed = STALENESS_MS }: Profile,
  random: Random,
): MachineDescription[] {
  const descriptions: MachineDescription[] = [];
  const count = 3 + Math.floor(random.fraction() * 3);
  for (let number = 1; number <= count; number++) {
    const neighbour = sharesCaches && random.fraction() < 0.4 ? descriptions.at(-1)?.cache : undefined;
    const stalenessMs = pick(allowed, random);
    descriptions.push({ name: `m${number}`, cache: neighbour ?? `c${number}`, stalenessMs });
  }
  return descriptions;
}

function planOf({ weights }: Profile, random: Random, values: () => string): PlannedOperation[] {
  const kinds = (Object.entries(weights) as [OperationKind, number][]).flatMap(([kind, weight]) =>
    new Array<OperationKind>(weight).fill(kind),
  );
  return Array.from({ length: OPERATIONS_PER_MACHINE }, () => {
    const kind = pick(kinds, random);
    const value = ['increment', 'no-op', 'read', 'held-read', 'delete', 'restore'].includes(kind)
      ? undefined
      : values();
    return { kind, value, retries: pick(RETRIES, random) };
  });
}

function numbered(prefix: string): () => string {
  let last = 0;
  return () => `${prefix}${++last}`;
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random.fraction() * from.length)] as T;
}

/** Creates the initial database, before any fault. */
async function makeDatabase(
  store: DatabaseStore,
  directory: string,
  clock: Scheduler,
  value: string,
): Promise<Operation> {
  const root = join(directory, 'founder');
  mkdirSync(root, { mode: 0o700 });
  const random = seededRandom(0);
  const cache = new DatabaseCache({ root, deployment: 'simulation', clock, random });
  const founder = new UserDatabases({
    store,
    cache,
    sqlite: async () => betterSqlite,
    caching: false,
    clock,
    random,
    stalenessMaxMs: 0,
  });
  await founder.create(USER, (database) => {
    makeTables(database);
    append(database, value);
  });
  return { machine: 'founder', start: 0, end: 0, kind: 'create', value, outcome: 'committed' };
}

/** Reads the final state. */
async function observe(store: DatabaseStore, directory: string, clock: Scheduler): Promise<Operation> {
  const path = join(directory, 'final.anki2');
  const { kind } = await store.get(USER, path);
  const moment = clock.monotonic() + 1;
  const look = { machine: OBSERVER, start: moment, end: moment, kind: 'read' } as const;
  if (kind === 'absent') return { ...look, outcome: 'absent' };
  const database = openReadOnly(betterSqlite, path);
  try {
    return { ...look, outcome: 'read', saw: stateOf(database) };
  } finally {
    database.close();
  }
}
