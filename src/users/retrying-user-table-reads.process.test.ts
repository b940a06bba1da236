/** Reads with retries, of a real engine behind a proxy that loses and refuses them. */
import { CreateTableCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_RETRY_POLICY } from '../core/retry.ts';
import { type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { DynamoUserTable } from './dynamo-user-table.ts';
import { ALICE, type Machines, machinesOn, refuse } from './retrying-user-table-contract.ts';
import type { UserTable } from './user-table.ts';

let server: DynamoServer;
let users: UserTable;
let other: UserTable;
let counter: Machines['counter'];

beforeAll(async () => {
  server = await startDynamoServer();
});

afterAll(() => server.close());

beforeEach(async () => {
  ({ users, other, counter } = await machinesOn(server));
});

const FOREVER = DEFAULT_RETRY_POLICY.attemptsMax;

describe('reads', () => {
  test('of a table with another key are unavailable, and never a short list', async () => {
    const client = server.client();
    const table = 'foreign';
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
    expect(counter.usage().tables).toEqual({ read: 2, write: 0 });
  });

  test('are sent again', async () => {
    await other.putIfAbsent(ALICE);
    server.inject({ operation: 'GetItem', fault: { kind: 'lost-reply' }, times: 2 });
    server.inject({ operation: 'Scan', fault: refuse('ThrottlingException') });
    expect(await users.get('alice')).toEqual(ALICE);
    expect((await users.page({ limit: 5 })).users).toHaveLength(1);
    expect(counter.usage().tables).toEqual({ read: 5, write: 0 });
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
