/** What a write is told whose request or reply was lost, on a real engine behind a proxy that loses them. */
import { CreateTableCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { DEFAULT_RETRY_POLICY } from '../retry.ts';
import { TableRequestCounter, type TableRequests } from '../table-requests.ts';
import { type DynamoFault, type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { ManualClock } from '../testing/workbench.ts';
import { CountingUserTable } from './counting-user-table.ts';
import { DynamoUserTable } from './dynamo-user-table.ts';
import { RetryingUserTable } from './retrying-user-table.ts';
import type { UserItem, UserTable } from './user-table.ts';

let server: DynamoServer;
let tables = 0;
let counter: TableRequestCounter;
let users: UserTable;
/** Another machine on the same table. */
let other: UserTable;

beforeAll(async () => {
  server = await startDynamoServer();
});

afterAll(() => server.close());

beforeEach(async () => {
  server.clearFaults();
  const table = await server.createTable(`users-${tables++}`);
  counter = new TableRequestCounter();
  const open = (): DynamoUserTable =>
    new DynamoUserTable(server.client(), { table, endpoint: server.endpoint, onExtraRead: counter.countRead });
  users = new RetryingUserTable(new CountingUserTable(open(), counter), {
    clock: new ManualClock(),
    random: seededRandom(1),
  });
  other = open();
});

const ATTEMPTS = DEFAULT_RETRY_POLICY.attemptsMax;
const ALICE: UserItem = { username: 'alice', name: 'Alice', passwordHash: 'salt-a', createdAt: '2026-11-24T00:00' };
const RENAMED = { name: 'Renamed', updatedAt: '2026-11-24T01:00' };
const refuse = (code: string, status = 400): DynamoFault['fault'] => ({ kind: 'refuse', status, code });

interface Case {
  readonly name: string;
  /** Of the operation that `write` makes. */
  readonly faults: readonly Pick<DynamoFault, 'fault' | 'times' | 'after' | 'meanwhile'>[];
  /** Faults of the read that settles. */
  readonly reads?: readonly Pick<DynamoFault, 'fault' | 'times'>[];
  readonly ends: string;
  readonly requests: TableRequests;
  /** What is stored in the end. */
  readonly leaves: UserItem | undefined;
}

async function endingOf(call: () => Promise<{ readonly kind: string }>): Promise<string> {
  try {
    return (await call()).kind;
  } catch (error) {
    return (error as { kind: string }).kind;
  }
}

function table(
  operation: string,
  before: UserItem | undefined,
  write: () => Promise<{ readonly kind: string }>,
  cases: readonly Case[],
): void {
  test.each(cases)('$name: $ends', async ({ faults, reads = [], ends, requests, leaves }) => {
    if (before !== undefined) await other.putIfAbsent(before);
    for (const fault of faults) server.inject({ operation, ...fault });
    for (const fault of reads) server.inject({ operation: 'GetItem', ...fault });
    const earlier = counter.counts();
    const ending = await endingOf(write);
    const { read, write: written } = counter.counts();
    expect({ ending, requests: { read: read - earlier.read, write: written - earlier.write } }).toEqual({
      ending: ends,
      requests,
    });
    expect(await other.get('alice')).toEqual(leaves);
  });
}

const FOREVER = ATTEMPTS;

describe('a create', () => {
  table('PutItem', undefined, () => users.putIfAbsent(ALICE), [
    { name: 'without faults', faults: [], ends: 'created', requests: { read: 0, write: 1 }, leaves: ALICE },
    {
      // It may have landed and been deleted since: sending it again could bring somebody back.
      name: 'whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost, and somebody deleted the user meanwhile: nobody is brought back',
      faults: [{ fault: { kind: 'lost-reply' }, meanwhile: async () => void (await other.delete(ALICE)) }],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: ALICE,
    },
    {
      name: 'that landed and was answered with 500',
      faults: [{ fault: { kind: 'error-after' } }],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: ALICE,
    },
    {
      name: 'whose reply was lost, and somebody renamed the user meanwhile',
      faults: [{ fault: { kind: 'lost-reply' }, meanwhile: async () => void (await other.replace(ALICE, RENAMED)) }],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: { ...ALICE, ...RENAMED },
    },
    {
      name: 'whose reply was lost, and the user set another password meanwhile',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () => void (await other.replace(ALICE, { passwordHash: 'salt-b', updatedAt: 'u' })),
        },
      ],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: { ...ALICE, passwordHash: 'salt-b', updatedAt: 'u' },
    },
    {
      name: 'throttled twice',
      faults: [{ fault: refuse('ThrottlingException'), times: 2 }],
      ends: 'created',
      requests: { read: 0, write: 3 },
      leaves: ALICE,
    },
    {
      name: 'throttled without end',
      faults: [{ fault: refuse('ProvisionedThroughputExceededException'), times: FOREVER }],
      ends: 'unavailable',
      requests: { read: 0, write: ATTEMPTS },
      leaves: undefined,
    },
    {
      name: 'in a table that is not there',
      faults: [{ fault: refuse('ResourceNotFoundException') }],
      ends: 'unavailable',
      requests: { read: 0, write: 1 },
      leaves: undefined,
    },
    {
      name: 'without the right to write',
      faults: [{ fault: refuse('AccessDeniedException') }],
      ends: 'unavailable',
      requests: { read: 0, write: 1 },
      leaves: undefined,
    },
    {
      name: 'throttled, then lost',
      faults: [{ fault: refuse('ThrottlingException') }, { fault: { kind: 'lost-request' } }],
      ends: 'unknown',
      requests: { read: 1, write: 2 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost, and nobody answers afterwards',
      faults: [{ fault: { kind: 'lost-reply' } }],
      reads: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      ends: 'unknown',
      requests: { read: ATTEMPTS, write: 1 },
      leaves: ALICE,
    },
  ]);

  test('of a user that there is, is told so after one request', async () => {
    await other.putIfAbsent({ ...ALICE, passwordHash: 'salt-b' });
    expect(await users.putIfAbsent(ALICE)).toEqual({ kind: 'exists' });
    expect(counter.counts()).toEqual({ read: 0, write: 1 });
  });

  test('of a user that somebody else made while the request was lost, exists', async () => {
    const bob = { ...ALICE, passwordHash: 'salt-b', createdAt: '2026-11-24T00:01' };
    server.inject({ operation: 'PutItem', fault: { kind: 'lost-request' } });
    server.inject({
      operation: 'GetItem',
      fault: { kind: 'error-after' },
      meanwhile: async () => void (await other.putIfAbsent(bob)),
    });
    expect(await users.putIfAbsent(ALICE)).toEqual({ kind: 'exists' });
    expect(await other.get('alice')).toEqual(bob);
  });
});

describe('an update', () => {
  table('UpdateItem', ALICE, () => users.replace(ALICE, RENAMED), [
    {
      name: 'without faults',
      faults: [],
      ends: 'replaced',
      requests: { read: 0, write: 1 },
      leaves: { ...ALICE, ...RENAMED },
    },
    {
      name: 'whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'replaced',
      requests: { read: 1, write: 2 },
      leaves: { ...ALICE, ...RENAMED },
    },
    {
      name: 'whose reply was lost',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'replaced',
      requests: { read: 1, write: 1 },
      leaves: { ...ALICE, ...RENAMED },
    },
    {
      name: 'whose reply was lost, and somebody wrote on top',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () =>
            void (await other.replace({ ...ALICE, ...RENAMED }, { name: 'On top', updatedAt: 'later' })),
        },
      ],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: { ...ALICE, name: 'On top', updatedAt: 'later' },
    },
    {
      name: 'whose reply was lost, and the user was deleted meanwhile: nobody is brought back',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () => void (await other.delete({ ...ALICE, ...RENAMED })),
        },
      ],
      ends: 'absent',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'throttled without end',
      faults: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      ends: 'unavailable',
      requests: { read: 0, write: ATTEMPTS },
      leaves: ALICE,
    },
    {
      name: 'whose requests are lost without end',
      faults: [{ fault: { kind: 'lost-request' }, times: FOREVER }],
      ends: 'unknown',
      requests: { read: ATTEMPTS, write: ATTEMPTS },
      leaves: ALICE,
    },
    {
      name: 'whose request was lost, and then access is denied',
      faults: [{ fault: { kind: 'lost-request' } }, { fault: refuse('AccessDeniedException') }],
      ends: 'unknown',
      requests: { read: 1, write: 2 },
      leaves: ALICE,
    },
  ]);

  test('that lost to somebody else is told so, after a read that tells a change from a deletion', async () => {
    await other.putIfAbsent(ALICE);
    await other.replace(ALICE, { name: 'First', updatedAt: 'u' });
    expect(await users.replace(ALICE, RENAMED)).toEqual({ kind: 'conflict' });
    expect(counter.counts()).toEqual({ read: 1, write: 1 });
  });
});

describe('a delete', () => {
  table('DeleteItem', ALICE, () => users.delete(ALICE), [
    { name: 'without faults', faults: [], ends: 'deleted', requests: { read: 0, write: 1 }, leaves: undefined },
    {
      name: 'whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'deleted',
      requests: { read: 1, write: 2 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'deleted',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost, and the account was made anew: the new one stays',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () => void (await other.putIfAbsent({ ...ALICE, createdAt: 'anew' })),
        },
      ],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: { ...ALICE, createdAt: 'anew' },
    },
  ]);
});

test('two who import one row at once are told apart: one made the account', async () => {
  // The same hash, and another moment: as admin.db has it, so that the hash alone says nothing.
  const theirs = { ...ALICE, createdAt: '2026-11-24T00:02' };
  server.inject({ operation: 'PutItem', fault: { kind: 'lost-request' } });
  server.inject({
    operation: 'GetItem',
    fault: { kind: 'error-after' },
    meanwhile: async () => void (await other.putIfAbsent(theirs)),
  });
  expect(await users.putIfAbsent(ALICE)).toEqual({ kind: 'exists' });
});

describe('reads', () => {
  test('of a table with another key are unavailable, and never a short list', async () => {
    const client = server.client();
    const table = `other-${tables++}`;
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
    await client.send(new PutItemCommand({ TableName: table, Item: { id: { S: 'a' } } }));
    const foreign = new DynamoUserTable(client, { table });
    for (const call of [() => foreign.page({ limit: 1 }), () => foreign.get('alice')]) {
      await expect(call()).rejects.toMatchObject({
        kind: 'unavailable',
        message: expect.stringContaining(`table "${table}" at AWS has another key than "username"`),
        try: 'another table with --users-table',
      });
    }
  });

  test('are sent again when the clocks were apart, for the SDK has corrected its own', async () => {
    server.inject({
      operation: 'GetItem',
      fault: { kind: 'refuse', status: 400, code: 'InvalidSignatureException', message: 'Signature expired: 1 < 2' },
    });
    expect(await users.get('alice')).toBeUndefined();
    expect(counter.counts()).toEqual({ read: 2, write: 0 });
  });

  test('are sent again', async () => {
    await other.putIfAbsent(ALICE);
    server.inject({ operation: 'GetItem', fault: { kind: 'lost-reply' }, times: 2 });
    server.inject({ operation: 'Scan', fault: refuse('ThrottlingException') });
    expect(await users.get('alice')).toEqual(ALICE);
    expect((await users.page({ limit: 5 })).users).toHaveLength(1);
    expect(counter.counts()).toEqual({ read: 5, write: 0 });
  });

  test.each([
    { name: 'a missing table', code: 'ResourceNotFoundException', hint: /deployment create/, message: /no table/ },
    { name: 'throttling', code: 'ThrottlingException', hint: /in a minute/, message: /ThrottlingException/ },
    { name: 'no rights', code: 'AccessDeniedException', hint: /credentials/, message: /refuses it/ },
    { name: 'a wrong key', code: 'UnrecognizedClientException', hint: /credentials/, message: /refuses it/ },
  ])('$name is unavailable, and says what to do', async ({ code, hint, message }) => {
    server.inject({ operation: 'Scan', fault: refuse(code), times: FOREVER });
    const failure = await users.page({ limit: 5 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(message),
      try: expect.stringMatching(hint),
    });
  });
});
