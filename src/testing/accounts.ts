import { type AttributeValue, BatchWriteItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** Enough for several pages of the command, the repository and DynamoDB's megabyte. */
export const MANY_USERS = 5_000;

// As many as one request may write.
const BATCH = 25;

/** Puts items for so many users into a table. */
export async function putMany(client: DynamoDBClient, table: string, users = MANY_USERS): Promise<void> {
  for (let first = 0; first < users; first += BATCH) {
    const items = Array.from({ length: BATCH }, (_, index) => ({
      PutRequest: { Item: { username: { S: `user-${first + index}` }, name: { S: 'Somebody' } } },
    }));
    await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: items } }));
  }
}

/** An item as the Python repository, or week 1's Test 1.2, stores it. */
export interface PythonUser {
  readonly Item: Record<string, AttributeValue>;
  readonly password: string;
  readonly valid: boolean;
  /** The output of `user get`. */
  readonly user: { readonly username: string; readonly name: string; readonly createdAt?: string };
}

// Passwords and hashes: the test vectors of crypt_blowfish (Openwall), which every bcrypt must match.
const LONG = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored';

export const PYTHON_USERS: readonly PythonUser[] = [
  {
    Item: {
      username: { S: 'short' },
      name: { S: 'A password that may not be set any more' },
      password_hash: { S: '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' },
      created_at: { S: '2025-01-15T12:34:56.123456' },
    },
    password: 'U*U',
    valid: true,
    user: {
      username: 'short',
      name: 'A password that may not be set any more',
      createdAt: '2025-01-15T12:34:56.123456',
    },
  },
  {
    Item: {
      username: { S: 'long' },
      name: { S: 'A password that bcrypt cuts' },
      password_hash: { S: '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui' },
      created_at: { S: '2025-01-15T12:34:56' },
    },
    password: LONG,
    valid: false,
    user: { username: 'long', name: 'A password that bcrypt cuts', createdAt: '2025-01-15T12:34:56' },
  },
  {
    Item: {
      username: { S: 'wrong' },
      name: { S: 'Another password' },
      password_hash: { S: '$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK' },
      created_at: { S: '2025-01-15T12:34:56.123456' },
    },
    password: 'U*U',
    valid: false,
    user: { username: 'wrong', name: 'Another password', createdAt: '2025-01-15T12:34:56.123456' },
  },
  {
    Item: { username: { S: 'testuser' }, user_id: { N: '999' }, name: { S: 'Test User' } },
    password: 'anything',
    valid: false,
    user: { username: 'testuser', name: 'Test User' },
  },
];
