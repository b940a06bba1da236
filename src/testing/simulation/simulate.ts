import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { betterSqlite } from '../../databases/better-sqlite.ts';
import { DatabaseCache } from '../../databases/cache.ts';
import { DelayedDatabaseStore } from '../../databases/delayed-store.ts';
import { type FaultName, FaultyDatabaseStore } from '../../databases/faulty-store.ts';
import { MemoryDatabaseStore } from '../../databases/memory-store.ts';
import { RetryingDatabaseStore } from '../../databases/retrying-store.ts';
import { openReadOnly } from '../../databases/sqlite.ts';
import type { DatabaseStore } from '../../databases/store.ts';
import { UserDatabases } from '../../databases/user-databases.ts';
import { type Random, seededRandom } from '../../random.ts';
import type { RetriesOptions } from '../../retry.ts';
import { type Anomaly, check } from './checker.ts';
import { type History, type MachineDescription, OBSERVER, type Operation, type OperationKind } from './history.ts';
import { append, Machine, makeTables, type PlannedOperation, stateOf, USER } from './machine.ts';
import { PROFILES, type Profile } from './profiles.ts';
import { Scheduler } from './scheduler.ts';

/** What stands between a machine and the databases. The sound one is the program's own; the others must be caught. */
export interface Stack {
  /** Directly over the databases, for all machines. */
  readonly engine?: ((memory: DatabaseStore) => DatabaseStore) | undefined;
  /** Over the network, for one machine. */
  readonly client: (network: DatabaseStore, options: RetriesOptions) => DatabaseStore;
}

export const SOUND_STACK: Stack = { client: (network, options) => new RetryingDatabaseStore(network, options) };

export interface Simulation {
  readonly seed: number;
  readonly profile: Profile;
  readonly history: History;
  readonly anomalies: readonly Anomaly[];
  /** What was thrown by operations that `failed`. */
  readonly defects: readonly unknown[];
  readonly fired: Readonly<Record<FaultName, number>>;
  readonly landedLate: number;
}

const ROUND_TRIP_MS = 10;
const OPERATIONS_PER_MACHINE = 8;
const STALENESS_MS = [0, 0, 60, 3_600_000];
const RETRIES = [0, 1, 20];

/** The profile that a seed stands for. */
export function profileOf(seed: number): Profile {
  return PROFILES[seed % PROFILES.length] as Profile;
}

/**
 * Some machines work on one database through the program's own sessions, caches and retries, while the network loses
 * and delays what it likes; then everything is checked that anybody was told. The seed decides all of it.
 */
export async function simulate(seed: number, stack: Stack = SOUND_STACK): Promise<Simulation> {
  const directory = mkdtempSync(join(temporaryRoot(), 'javumbo-simulation-'));
  try {
    return await simulateIn(directory, seed, stack);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function simulateIn(directory: string, seed: number, stack: Stack): Promise<Simulation> {
  const profile = profileOf(seed);
  // Each part has its own chance: what one of them asks for does not shift the others.
  const [forPlan, forTurns, forFaults, forCrashes, forMachines] = [1, 2, 3, 4, 5].map((part) =>
    seededRandom(seed * 8 + part),
  ) as [Random, Random, Random, Random, Random];
  const scheduler = new Scheduler(forTurns);
  const memory = new MemoryDatabaseStore(scheduler);
  const { faults, attemptsMax, crashProbability } = profile;
  const faulty = new FaultyDatabaseStore(stack.engine?.(memory) ?? memory, {
    faults,
    random: forFaults,
    clock: scheduler,
    directory,
  });
  const network = new DelayedDatabaseStore(faulty, { roundTripMs: ROUND_TRIP_MS, clock: scheduler });

  const operations: Operation[] = [];
  const defects: unknown[] = [];
  const values = numbered('v');
  if (!profile.startsEmpty) operations.push(await makeDatabase(memory, directory, scheduler, values()));

  const machines = machinesOf(profile, forPlan);
  for (const description of machines) {
    const cacheRoot = join(directory, description.cache);
    mkdirSync(cacheRoot, { recursive: true, mode: 0o700 });
    const policy = { attemptsMax, backoffMs: 20, backoffMaxMs: 100 };
    new Machine({
      description,
      cacheRoot,
      store: stack.client(network, { clock: scheduler, random: forMachines, policy }),
      network,
      scheduler,
      random: forMachines,
      plan: planOf(profile, forPlan, values),
      crashes: () => forCrashes.fraction() < crashProbability,
      record: (operation) => operations.push(operation),
      onDefect: (error) => defects.push(error),
    }).start();
  }
  await scheduler.run();
  await faulty.disarm();
  operations.push(await observe(memory, directory, scheduler));

  const history = { machines, operations };
  const [fired, landedLate] = [faulty.fired(), faulty.landedLate()];
  return { seed, profile, history, anomalies: check(history), defects, fired, landedLate };
}

function machinesOf({ sharesCaches }: Profile, random: Random): MachineDescription[] {
  const descriptions: MachineDescription[] = [];
  const count = 3 + Math.floor(random.fraction() * 3);
  for (let number = 1; number <= count; number++) {
    const neighbour = sharesCaches && random.fraction() < 0.4 ? descriptions.at(-1)?.cache : undefined;
    const stalenessMs = pick(STALENESS_MS, random);
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
    const value = ['increment', 'no-op', 'read', 'held-read', 'delete'].includes(kind) ? undefined : values();
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

/** The database that is there before anything goes wrong. */
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
    sqlite: betterSqlite,
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

/** What is stored when everything is over. */
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

/** Files in memory where there are any: nobody waits for the disk then, and a power cut is not simulated. */
function temporaryRoot(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}
