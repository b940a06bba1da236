import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import { counting, type TableRequests, UsageMeter } from '../core/usage.ts';
import { type DynamoFault, type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { ManualClock } from '../testing/workbench.ts';
import { DynamoUserTable } from './dynamo-user-table.ts';
import { RetryingUserTable } from './retrying-user-table.ts';
import { aroundUserTable, type UserItem, type UserTable } from './user-table.ts';

/** What the tests of account retries share: two machines, the accounts, and a table of cases. */

export interface Machines {
  /** Settles its writes, and counts its requests. */
  readonly users: UserTable;
  /** Another machine on the same table, which does neither. */
  readonly other: UserTable;
  readonly counter: UsageMeter;
  readonly table: string;
  /** Makes the next writes of `users` arrive twice and return the second answer. */
  repeatWrites(times: number): void;
}

let tables = 0;

/** Creates a table on the server, without faults, and two machines that use it. */
export async function machinesOn(server: DynamoServer): Promise<Machines> {
  server.clearFaults();
  const table = await server.createTable(`users-${tables++}`);
  const counter = new UsageMeter();
  const client = server.client();
  let repeats = 0;
  // Below everything of this program, like a proxy: the same bytes, including the signature.
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (request) => {
        if (repeats > 0 && /^(Put|Update|Delete)/.test(commandName ?? '')) {
          repeats--;
          await next(request).catch(() => {});
        }
        return next(request);
      },
    { step: 'finalizeRequest', priority: 'low' },
  );
  const inner = new DynamoUserTable(client, {
    table,
    endpoint: server.endpoint,
    onExtraRead: () => counter.countTables({ read: 1 }),
  });
  return {
    users: new RetryingUserTable(aroundUserTable(inner, counting(counter)), {
      clock: new ManualClock(),
      random: seededRandom(1),
    }),
    other: new DynamoUserTable(server.client(), { table, endpoint: server.endpoint }),
    counter,
    table,
    repeatWrites: (times) => {
      repeats = times;
    },
  };
}

/** What somebody else did first. */
export const FIRST = { name: 'First', updatedAt: 'u', writes: ['second', 'first', 'new'] };

export const ALICE: UserItem = {
  username: 'alice',
  name: 'Alice',
  passwordHash: 'salt-a',
  createdAt: '2026-11-24T00:00',
};

/** The write id of the first write of `users`. */
export const OWN = seededRandom(1).hex(16);
export const MADE: UserItem = { ...ALICE, writes: [OWN, 'new'] };

/** An existing account with write ids. */
export const BASE: UserItem = { ...ALICE, writes: ['first', 'new'] };
export const RENAMED = { name: 'Renamed', updatedAt: '2026-11-24T01:00' };
export const CHANGED: UserItem = { ...BASE, ...RENAMED, writes: [OWN, 'first', 'new'] };

export const refuse = (code: string, status = 400): DynamoFault['fault'] => ({ kind: 'refuse', status, code });

export interface Case {
  readonly name: string;
  /** Faults of the operation of `write`. */
  readonly faults: readonly Pick<DynamoFault, 'fault' | 'times' | 'after' | 'meanwhile'>[];
  readonly reads?: readonly Pick<DynamoFault, 'fault' | 'times' | 'meanwhile'>[];
  /** How many of its requests arrive twice. */
  readonly repeats?: number;
  readonly ends: string;
  readonly requests: TableRequests;
  readonly leaves: UserItem | undefined;
}

/** Runs each case on fresh machines, and checks the outcome, the number of requests and what is stored. */
export function describeCases(
  rig: () => Machines & { readonly server: DynamoServer },
  operation: string,
  before: UserItem | undefined,
  write: (users: UserTable) => Promise<{ readonly kind: string }>,
  cases: readonly Case[],
): void {
  test.each(cases)('$name: $ends', async ({ faults, reads = [], repeats = 0, ends, requests, leaves }) => {
    const { users, other, counter, server, repeatWrites } = rig();
    if (before !== undefined) await other.putIfAbsent(before);
    for (const fault of faults) server.inject({ operation, ...fault });
    for (const fault of reads) server.inject({ operation: 'GetItem', ...fault });
    repeatWrites(repeats);
    const ending = await endingOf(() => write(users));
    expect({ ending, requests: counter.usage().tables }).toEqual({ ending: ends, requests });
    server.clearFaults();
    expect(await other.get('alice')).toEqual(leaves);
  });
}

async function endingOf(call: () => Promise<{ readonly kind: string }>): Promise<string> {
  try {
    return (await call()).kind;
  } catch (error) {
    return (error as { kind: string }).kind;
  }
}

/** An engine for the tests of a file, with a table and two machines of its own for each test. */
export interface Engine {
  readonly other: UserTable;
  table(
    operation: string,
    before: UserItem | undefined,
    write: (users: UserTable) => Promise<{ readonly kind: string }>,
    cases: readonly Case[],
  ): void;
}

export function onEngine(): Engine {
  let server: DynamoServer;
  let machines: Machines;

  beforeAll(async () => {
    server = await startDynamoServer();
  });

  afterAll(() => server.close());

  beforeEach(async () => {
    machines = await machinesOn(server);
  });

  return {
    get other() {
      return machines.other;
    },
    table: (operation, before, write, cases) =>
      describeCases(() => ({ ...machines, server }), operation, before, write, cases),
  };
}
