import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  asDynamoFailure,
  type DynamoSubject,
  isConditionFailed,
  otherKey,
  writeOutcomeOf,
} from '../aws/dynamo-failure.ts';
import { decodeWrites, encodeWrites } from '../store/write-ids.ts';
import type { ChangeOutcome, PutUserOutcome, UserChanges, UserItem, UserPage, UserTable } from './user-table.ts';

export interface DynamoUserTableOptions {
  readonly table: string;
  /** Set for any engine but AWS; for messages. */
  readonly endpoint?: string | undefined;
  /** Called for each read beyond a call's own request. */
  readonly onExtraRead?: (() => void) | undefined;
}

type Item = Record<string, AttributeValue>;

// Makes a refusal return the item that caused it, as of that moment.
const SAY_WHY = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

// `name` is a reserved word of DynamoDB's expressions; the others are not.
const NAMES = { '#name': 'name' };
const PLACE = {
  name: '#name',
  passwordHash: 'password_hash',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  writes: 'javumbo_writes',
} as const;
const PROPERTIES = Object.keys(PLACE) as (keyof typeof PLACE)[];

/**
 * Accounts as items of one DynamoDB table. The client must not retry (`maxAttempts: 1`): the SDK's retry can be refused
 * because its own first attempt landed, and no one could tell.
 */
export class DynamoUserTable implements UserTable {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #endpoint: string | undefined;
  readonly #onExtraRead: () => void;

  constructor(client: DynamoDBClient, { table, endpoint, onExtraRead = () => {} }: DynamoUserTableOptions) {
    this.#client = client;
    this.#table = table;
    this.#endpoint = endpoint;
    this.#onExtraRead = onExtraRead;
  }

  async get(username: string): Promise<UserItem | undefined> {
    try {
      const { Item } = await this.#client.send(
        new GetItemCommand({ TableName: this.#table, Key: keyOf(username), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : fromItem(Item);
    } catch (error) {
      throw asDynamoFailure(error, this.#subject('get', username));
    }
  }

  async putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    try {
      await this.#client.send(
        new PutItemCommand({
          TableName: this.#table,
          Item: toItem(item),
          ConditionExpression: 'attribute_not_exists(username)',
          ...SAY_WHY,
        }),
      );
      return { kind: 'created' };
    } catch (error) {
      if (isConditionFailed(error)) return { kind: 'exists', current: refusedBy(error) };
      return writeOutcomeOf(error, this.#subject('create', item.username));
    }
  }

  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    const { writes, ...named } = changes;
    const wanted = { ...named, createdAt: undefined, writes: writes && encodeWrites(writes) };
    const set = PROPERTIES.flatMap((property) => {
      const value = wanted[property];
      return value === undefined ? [] : { property, value };
    });
    const { condition, values } = sameAs(base);
    return this.#change('update', base, 'replaced', () =>
      this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: keyOf(base.username),
          UpdateExpression: `SET ${set.map(({ property }) => `${PLACE[property]} = :new_${property}`).join(', ')}`,
          ConditionExpression: condition,
          ...SAY_WHY,
          ExpressionAttributeNames: NAMES,
          ExpressionAttributeValues: {
            ...values,
            ...Object.fromEntries(set.map(({ property, value }) => [`:new_${property}`, { S: value }])),
          },
        }),
      ),
    );
  }

  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    const { condition, values } = sameAs(base);
    return this.#change('delete', base, 'deleted', () =>
      this.#client.send(
        new DeleteItemCommand({
          TableName: this.#table,
          Key: keyOf(base.username),
          ConditionExpression: condition,
          ...SAY_WHY,
          ExpressionAttributeNames: NAMES,
          ExpressionAttributeValues: values,
        }),
      ),
    );
  }

  async page({ limit, after }: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    try {
      const { Items = [], LastEvaluatedKey } = await this.#client.send(
        new ScanCommand({
          TableName: this.#table,
          Limit: limit,
          ConsistentRead: true,
          ProjectionExpression: 'username, #name, created_at, updated_at',
          ExpressionAttributeNames: NAMES,
          ...(after === undefined ? {} : { ExclusiveStartKey: keyOf(after) }),
        }),
      );
      for (const item of [...Items, ...(LastEvaluatedKey === undefined ? [] : [LastEvaluatedKey])]) {
        if (item.username?.S === undefined) throw otherKey(this.#subject('list', undefined));
      }
      return { users: Items.map(fromItem), next: LastEvaluatedKey?.username?.S };
    } catch (error) {
      throw asDynamoFailure(error, this.#subject('list', undefined));
    }
  }

  async #change<Done extends string>(
    verb: string,
    { username }: UserItem,
    done: Done,
    send: () => Promise<unknown>,
  ): Promise<ChangeOutcome<Done>> {
    try {
      await send();
      return { kind: done };
    } catch (error) {
      if (!isConditionFailed(error)) return writeOutcomeOf(error, this.#subject(verb, username));
      const current = refusedBy(error);
      if (current !== undefined) return { kind: 'conflict', current };
    }
    // There is no item, or the engine does not return it (dynalite).
    this.#onExtraRead();
    let current: UserItem | undefined;
    try {
      current = await this.get(username);
    } catch {
      // All that is known is the refusal: the caller must look again.
      return { kind: 'conflict' };
    }
    return current === undefined ? { kind: 'absent' } : { kind: 'conflict', current };
  }

  #subject(verb: string, username: string | undefined): DynamoSubject {
    return {
      what: username === undefined ? `${verb} users` : `${verb} user "${username}"`,
      table: this.#table,
      flag: '--users-table',
      endpoint: this.#endpoint,
      username,
    };
  }
}

/** Returns the item that a condition failed on, as of that moment, if the engine returns it. */
function refusedBy(error: unknown): UserItem | undefined {
  const { Item } = error as { Item?: Item };
  return Item?.username?.S === undefined ? undefined : fromItem(Item);
}

/** Returns the condition that an item is still what was read. A non-string attribute was read as absent. */
function sameAs(base: UserItem): { readonly condition: string; readonly values: Item } {
  const values: Item = {};
  const terms = PROPERTIES.map((property) => {
    const value = property === 'writes' ? base.writes && encodeWrites(base.writes) : base[property];
    if (value === undefined) {
      values[':string'] = { S: 'S' };
      return `NOT attribute_type(${PLACE[property]}, :string)`;
    }
    values[`:old_${property}`] = { S: value };
    return `${PLACE[property]} = :old_${property}`;
  });
  return { condition: ['attribute_exists(username)', ...terms].join(' AND '), values };
}

function keyOf(username: string): Item {
  return { username: { S: username } };
}

function toItem({ username, name, passwordHash, createdAt, updatedAt, writes }: UserItem): Item {
  const attributes = {
    username,
    name,
    password_hash: passwordHash,
    created_at: createdAt,
    updated_at: updatedAt,
    javumbo_writes: writes && encodeWrites(writes),
  };
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, { S: value }]])),
  );
}

function fromItem(item: Item): UserItem {
  const [name, passwordHash, createdAt, updatedAt, writes] = [
    item.name?.S,
    item.password_hash?.S,
    item.created_at?.S,
    item.updated_at?.S,
    item.javumbo_writes?.S,
  ];
  return {
    username: item.username?.S ?? '',
    ...(name === undefined ? {} : { name }),
    ...(passwordHash === undefined ? {} : { passwordHash }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(updatedAt === undefined ? {} : { updatedAt }),
    ...(writes === undefined ? {} : { writes: decodeWrites(writes) }),
  };
}
