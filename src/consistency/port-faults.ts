import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import type { UserTable } from '../users/user-table.ts';
import { type Fault, FaultyDatabaseStore, type StoreOperation } from './faulty-store.ts';
import { type AccountFault, FaultyUserTable } from './faulty-user-table.ts';
import type { Counts } from './protocol.ts';
import { WithPut } from './sabotage.ts';

const ALL: readonly StoreOperation[] = ['get', 'head', 'put', 'delete', 'list'];
const WRITES: readonly StoreOperation[] = ['put', 'delete'];
const DELAY_MS = 30;

// Between the look of its sender and the next attempt, or soon after.
const LATENESS_MAX = 4;

/** The faults that are made at the ports, where a deployment has no requests, in the order in which they are tried. */
const STORE_FAULTS: readonly Fault[] = [
  { name: 'delay', direction: 'upstream', operations: ALL, probability: 0.05, longestMs: DELAY_MS },
  { name: 'lost-request', direction: 'upstream', operations: ALL, probability: 0.02 },
  { name: 'contended', direction: 'upstream', operations: WRITES, probability: 0.03 },
  { name: 'throttled', direction: 'upstream', operations: ALL, probability: 0.03 },
  // A create that arrives after a delete brings the database back, on S3 as here.
  { name: 'late-request', direction: 'upstream', operations: WRITES, probability: 0.08, creates: false },
  { name: 'lost-reply', direction: 'downstream', operations: ALL, probability: 0.05 },
  { name: 'damaged-reply', direction: 'downstream', operations: ['get'], probability: 0.05 },
  // Last, so that little time passes between two copies.
  { name: 'repeated-request', direction: 'upstream', operations: WRITES, probability: 0.05 },
  { name: 'throttled-repeat', direction: 'upstream', operations: WRITES, probability: 0.03 },
];

const ACCOUNT_FAULTS: readonly AccountFault[] = [
  { name: 'lost-request', probability: 0.03 },
  { name: 'lost-reply', probability: 0.05 },
  { name: 'late-request', probability: 0.05, creates: false },
  { name: 'repeated-request', probability: 0.05, creates: false },
];

export const PORT_FAULTS: readonly string[] = STORE_FAULTS.map(({ name }) => name);

/** Faults that reach nothing but their sender: what they do is done when they fire. */
const LANDS_AT_ONCE: readonly string[] = ['delay', 'lost-request', 'contended', 'throttled'];

export interface PortFaults {
  store(inner: DatabaseStore): DatabaseStore;
  users(inner: UserTable): UserTable;
  counts(): Counts;
  /** Makes no more faults, and delivers what is late. */
  disarm(): Promise<void>;
}

/**
 * Leaves out what a refusal saw. The local store can say it, since nothing repeats a request to it; here something does,
 * so the client must look.
 */
function withoutLooks(inner: DatabaseStore): DatabaseStore {
  return new WithPut(inner, async (request) => {
    const outcome = await inner.put(...request);
    return outcome.kind === 'conflict' ? { kind: 'conflict', reason: outcome.reason } : outcome;
  });
}

export interface PortFaultsOptions {
  readonly random: Random;
  readonly clock: Clock;
  /** For what is late. */
  readonly directory: string;
  /** Loses and repeats more: a client that is wrong about that is to be found soon. */
  readonly isHarsh: boolean;
}

const HARSH: readonly string[] = ['lost-reply', 'repeated-request'];

/** Makes the named faults at the ports of one client. */
export function portFaults(
  names: readonly string[],
  { random, clock, directory, isHarsh }: PortFaultsOptions,
): PortFaults {
  const stores: FaultyDatabaseStore[] = [];
  const tables: FaultyUserTable[] = [];
  return {
    store: (inner) => {
      const faults = STORE_FAULTS.filter(({ name }) => names.includes(name)).map((fault) =>
        isHarsh && HARSH.includes(fault.name) ? { ...fault, probability: 5 * fault.probability } : fault,
      );
      const options = {
        faults,
        random,
        clock,
        directory,
        damagesAll: false,
        copiesCreates: false,
        latenessMax: LATENESS_MAX,
      };
      const faulty = new FaultyDatabaseStore(withoutLooks(inner), options);
      stores.push(faulty);
      return faulty;
    },
    users: (inner) => {
      const faults = ACCOUNT_FAULTS.filter(({ name }) => names.includes(name));
      const faulty = new FaultyUserTable(inner, { faults, random, clock });
      tables.push(faulty);
      return faulty;
    },
    counts: () =>
      Object.fromEntries(
        names.map((name) => {
          let [fired, landed] = [0, 0];
          for (const store of stores) {
            const firedHere = store.fired()[name as Fault['name']];
            fired += firedHere;
            landed += LANDS_AT_ONCE.includes(name) ? firedHere : store.landed()[name as Fault['name']];
          }
          for (const table of tables) {
            const counted = table.counts().get(name as AccountFault['name']);
            fired += counted?.fired ?? 0;
            landed += (LANDS_AT_ONCE.includes(name) ? counted?.fired : counted?.landed) ?? 0;
          }
          return [name, { fired, landed }];
        }),
      ),
    disarm: async () => {
      for (const store of stores) await store.disarm();
      for (const table of tables) await table.settle();
    },
  };
}
