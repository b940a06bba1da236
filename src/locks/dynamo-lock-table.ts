import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { asDynamoFailure, type DynamoSubject, isConditionFailed } from '../aws/dynamo-failure.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { type AcquireResult, type Lease, type LockTable, latestExpiry, leaseOf, lockItem } from './lock-table.ts';

export interface DynamoLockTableOptions {
  readonly table: string;
  /** Set for any engine but AWS; for messages. */
  readonly endpoint?: string | undefined;
  readonly clock: Clock;
  /** Called for each read beyond a call's own request. */
  readonly onExtraRead?: (() => void) | undefined;
}

/**
 * Leases as items of one DynamoDB table: `owner`, `expiry` in milliseconds, and `ttl` in seconds, by which DynamoDB
 * removes abandoned ones. That may take days, so a lease ends at its `expiry`, not with its item.
 */
export class DynamoLockTable implements LockTable {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #endpoint: string | undefined;
  readonly #clock: Clock;
  readonly #onExtraRead: () => void;

  constructor(client: DynamoDBClient, { table, endpoint, clock, onExtraRead = () => {} }: DynamoLockTableOptions) {
    this.#client = client;
    this.#table = table;
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#onExtraRead = onExtraRead;
  }

  async acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    for (let attempt = 1; ; attempt++) {
      const now = this.#clock.now();
      const item = lockItem(username, owner, ttlMs, now);
      try {
        await this.#client.send(
          new PutItemCommand({
            TableName: this.#table,
            Item: {
              username: { S: username },
              owner: { S: owner },
              expiry: { N: String(item.expiry) },
              ttl: { N: String(item.ttl) },
            },
            // No item, or one whose expiry is not a number, which is no one's lease: every participant writes one.
            ConditionExpression:
              'NOT attribute_type(expiry, :number) OR #owner = :owner OR expiry <= :now OR expiry > :latest',
            ExpressionAttributeNames: OWNER,
            ExpressionAttributeValues: {
              ':owner': { S: owner },
              ':number': { S: 'N' },
              ':now': { N: String(now) },
              ':latest': { N: String(latestExpiry(now)) },
            },
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        );
        return { kind: 'acquired', lease: leaseOf(item) };
      } catch (error) {
        if (!isConditionFailed(error)) throw asDynamoFailure(error, this.#subject('acquire', username));
        const holder = holderOf((error as { Item?: Item }).Item ?? (await this.#read(username)));
        if (holder !== undefined) return { kind: 'held', ...holder };
        // Released between refusal and read, on an engine that does not return the item with its refusal.
        if (attempt < ATTEMPTS_MAX) continue;
        throw new JavumboError('unavailable', `acquire the lease on "${username}": it is free but cannot be acquired`, {
          try: `a look at the item "${username}" of table "${this.#table}"`,
          username,
        });
      }
    }
  }

  async renew({ username, owner }: Lease, ttlMs: number): Promise<Lease | undefined> {
    const item = lockItem(username, owner, ttlMs, this.#clock.now());
    const renewed = await this.#ifOwner('renew', username, () =>
      this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: { username: { S: username } },
          UpdateExpression: 'SET expiry = :expiry, #ttl = :ttl',
          ConditionExpression: '#owner = :owner',
          ExpressionAttributeNames: { ...OWNER, '#ttl': 'ttl' },
          ExpressionAttributeValues: {
            ':owner': { S: owner },
            ':expiry': { N: String(item.expiry) },
            ':ttl': { N: String(item.ttl) },
          },
        }),
      ),
    );
    return renewed ? leaseOf(item) : undefined;
  }

  release({ username, owner }: Lease): Promise<boolean> {
    return this.#ifOwner('release', username, () =>
      this.#client.send(
        new DeleteItemCommand({
          TableName: this.#table,
          Key: { username: { S: username } },
          ConditionExpression: '#owner = :owner',
          ExpressionAttributeNames: OWNER,
          ExpressionAttributeValues: { ':owner': { S: owner } },
        }),
      ),
    );
  }

  /** Sends a request conditional on the owner. Returns whether the lease was the owner's. */
  async #ifOwner(verb: string, username: string, send: () => Promise<unknown>): Promise<boolean> {
    try {
      await send();
      return true;
    } catch (error) {
      if (isConditionFailed(error)) return false;
      throw asDynamoFailure(error, this.#subject(verb, username));
    }
  }

  async #read(username: string): Promise<Item | undefined> {
    this.#onExtraRead();
    try {
      const { Item } = await this.#client.send(
        new GetItemCommand({ TableName: this.#table, Key: { username: { S: username } }, ConsistentRead: true }),
      );
      return Item;
    } catch (error) {
      throw asDynamoFailure(error, this.#subject('acquire', username));
    }
  }

  #subject(verb: string, username: string): DynamoSubject {
    return {
      what: `${verb} the lease on "${username}"`,
      table: this.#table,
      flag: '--locks-table',
      endpoint: this.#endpoint,
      username,
    };
  }
}

// Each attempt needs a holder that releases between two requests.
const ATTEMPTS_MAX = 5;

type Item = Record<string, AttributeValue>;

// `owner` is a reserved word of DynamoDB's expressions.
const OWNER = { '#owner': 'owner' };

function holderOf(item: Item | undefined): { readonly owner: string; readonly expiresAt: number } | undefined {
  const expiresAt = Number(item?.expiry?.N);
  return item === undefined || Number.isNaN(expiresAt) ? undefined : { owner: item.owner?.S ?? '', expiresAt };
}
