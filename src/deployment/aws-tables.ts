import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { TableRequestCounter } from '../core/table-requests.ts';
import { CountingLockTable } from '../locks/counting-lock-table.ts';
import { CountingUserTable } from '../users/counting-user-table.ts';
import { once, type Tables } from './tables.ts';

/** The tables in DynamoDB: retrying(counting(dynamo)), so that every attempt is counted. */
export function awsTables(
  config: Config,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  counter: TableRequestCounter,
): Tables {
  const endpoint = config.dynamodbEndpointUrl.value;
  let close = (): void => {};
  const client = once(async () => {
    const { openDynamo } = await import('../aws/dynamo-client.ts');
    const dynamo = openDynamo(config);
    close = () => dynamo.destroy();
    return dynamo;
  });
  return {
    users: once(async () => {
      const { DynamoUserTable } = await import('../users/dynamo-user-table.ts');
      const { RetryingUserTable } = await import('../users/retrying-user-table.ts');
      const options = { table: config.usersTable.value, endpoint, onExtraRead: counter.countRead };
      const users = new DynamoUserTable(await client(), options);
      return new RetryingUserTable(new CountingUserTable(users, counter), { clock, random });
    }),
    locks: once(async () => {
      const { DynamoLockTable } = await import('../locks/dynamo-lock-table.ts');
      const { RetryingLockTable } = await import('../locks/retrying-lock-table.ts');
      const options = { table: config.locksTable.value, endpoint, clock, onExtraRead: counter.countRead };
      const locks = new DynamoLockTable(await client(), options);
      return new RetryingLockTable(new CountingLockTable(locks, counter), { clock, random });
    }),
    close: () => close(),
  };
}
