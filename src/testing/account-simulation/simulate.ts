import {
  AccountClient,
  type FoundAccount,
  type PlannedAccountOperation,
  stateOf,
} from '../../consistency/account-client.ts';
import { type AccountOperation, type AccountOperationKind, OBSERVER } from '../../consistency/account-history.ts';
import { type AccountAnomaly, anomaliesOf } from '../../consistency/account-rules.ts';
import { type AccountFaultName, type FaultCount, FaultyUserTable } from '../../consistency/faulty-user-table.ts';
import { type Random, seededRandom } from '../../core/random.ts';
import type { RetriesOptions } from '../../core/retry.ts';
import { MemoryUserTable } from '../../users/memory-user-table.ts';
import { RetryingUserTable } from '../../users/retrying-user-table.ts';
import type { UserTable } from '../../users/user-table.ts';
import { Scheduler } from '../simulation/scheduler.ts';
import { adapterWhere, engineThatSays } from './adapters.ts';
import { ACCOUNT_PROFILES, type AccountProfile } from './profiles.ts';

/** A client's stack for settling writes: the program's own, or one that must be caught. */
export type AccountStack = (network: UserTable, options: RetriesOptions) => UserTable;

export const SOUND_ACCOUNTS: AccountStack = (network, options) => new RetryingUserTable(network, options);

export interface AccountSimulation {
  readonly seed: number;
  readonly profile: AccountProfile;
  readonly operations: readonly AccountOperation[];
  readonly anomalies: readonly AccountAnomaly[];
  readonly faults: ReadonlyMap<AccountFaultName, FaultCount>;
}

const OPERATIONS_PER_CLIENT = 7;
const PAUSE_MS = 10;
const FOUNDER = 't0';

export function accountProfileOf(seed: number): AccountProfile {
  return ACCOUNT_PROFILES[seed % ACCOUNT_PROFILES.length] as AccountProfile;
}

/**
 * Runs clients on one or two accounts with the program's own repository and retries, while the network loses, repeats
 * and delays requests; then checks all reports. The seed decides everything.
 */
export async function simulateAccounts(
  seed: number,
  { stack = SOUND_ACCOUNTS, profile = accountProfileOf(seed) }: { stack?: AccountStack; profile?: AccountProfile } = {},
): Promise<AccountSimulation> {
  // Each part has its own randomness, so that one does not shift the others.
  const [forPlan, forTurns, forFaults] = [1, 2, 3].map((part) => seededRandom(seed * 8 + part)) as [
    Random,
    Random,
    Random,
  ];
  const { faults, users, startsWith, refusalSays, attemptsMax } = profile;
  const scheduler = new Scheduler(forTurns);
  const memory = new MemoryUserTable();
  const network = new FaultyUserTable(engineThatSays(refusalSays, memory), {
    faults,
    random: forFaults,
    clock: scheduler,
  });

  const operations: AccountOperation[] = [];
  for (const username of startsWith === 'nobody' ? [] : users) {
    const ids = startsWith === 'ids' ? { writes: ['founder', 'new'] } : {};
    await memory.putIfAbsent({ username, name: FOUNDER, passwordHash: FOUNDER, createdAt: 'then', ...ids });
    operations.push({
      client: 'founder',
      user: username,
      start: 0,
      end: 0,
      kind: 'create',
      token: FOUNDER,
      outcome: 'created',
    });
  }

  const clients = 3 + Math.floor(forPlan.fraction() * 2);
  let tokens = 0;
  for (let number = 1; number <= clients; number++) {
    const options = {
      clock: scheduler,
      random: seededRandom(seed * 8 + 4 + number * 1_000_003),
      policy: { attemptsMax, backoffMs: 20, backoffMaxMs: 60 },
    };
    const table = stack(adapterWhere(refusalSays, network), options);
    const client = new AccountClient({ table, memory, clock: scheduler });
    const plan = planOf(profile, forPlan, () => `t${++tokens}`);
    scheduler.spawn({
      work: async () => {
        for (const planned of plan) {
          await scheduler.sleep(PAUSE_MS);
          const [start, found]: [number, FoundAccount] = [scheduler.monotonic(), {}];
          const { outcome } = await client.run(planned, found);
          const { kind, user, token } = planned;
          const named = token === undefined ? {} : { token };
          const end = scheduler.monotonic();
          operations.push({ client: `m${number}`, user, start, end, kind, ...named, outcome, ...found });
        }
      },
    });
  }
  await scheduler.run();
  await network.settle();
  for (const user of users) {
    const item = await memory.get(user);
    const [moment, look] = [scheduler.monotonic() + 1, item && stateOf(item)];
    const at = { client: OBSERVER, user, start: moment, end: moment, kind: 'get' } as const;
    operations.push(look === undefined ? { ...at, outcome: 'absent' } : { ...at, outcome: 'found', saw: look });
  }
  return { seed, profile, operations, anomalies: anomaliesOf(operations), faults: network.counts() };
}

function planOf({ weights, users }: AccountProfile, random: Random, token: () => string): PlannedAccountOperation[] {
  const kinds = (Object.entries(weights) as [AccountOperationKind, number][]).flatMap(([kind, weight]) =>
    new Array<AccountOperationKind>(weight).fill(kind),
  );
  return Array.from({ length: OPERATIONS_PER_CLIENT }, () => {
    const [kind, user] = [pick(kinds, random), pick(users, random)];
    return { kind, user, token: kind === 'get' || kind === 'delete' ? undefined : token() };
  });
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random.fraction() * from.length)] as T;
}
