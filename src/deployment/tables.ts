import type { Context } from '../cli/context.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { CountingLockTable } from '../locks/counting-lock-table.ts';
import type { LockTable } from '../locks/lock-table.ts';
import type { TableRequestCounter } from '../table-requests.ts';
import { CountingUserTable } from '../users/counting-user-table.ts';
import { InterruptibleUserTable } from '../users/interruptible-user-table.ts';
import type { UserTable } from '../users/user-table.ts';

/** The user and lock tables of a deployment, opened at the first call: most commands need neither. */
export interface Tables {
  users(): Promise<UserTable>;
  locks(): Promise<LockTable>;
  close(): void;
}

/** The tables of the deployment that the configuration names. Makes no request. */
export function openTables(config: Config, context: Context, counter: TableRequestCounter): Tables {
  return config.deployment.value === 'local'
    ? localTables(config, context.clock, counter)
    : dynamoTables(config, context, counter);
}

/** The accounts, as work sees them that a signal may stop. */
export async function interruptibleUsers(tables: Tables, { signal, announcements }: Context): Promise<UserTable> {
  const users = await tables.users();
  return signal === undefined ? users : new InterruptibleUserTable(users, { signal, announcements });
}

/** The tables of the local deployment. Nothing is in doubt on this machine, so nothing is sent again. */
function localTables({ home }: Config, clock: Clock, counter: TableRequestCounter): Tables {
  const opened: { close(): void }[] = [];
  return {
    users: once(async () => {
      const { LocalUserTable } = await import('../users/local-user-table.ts');
      const users = new LocalUserTable(home.value);
      opened.push(users);
      return new CountingUserTable(users, counter);
    }),
    locks: once(async () => {
      const { LocalLockTable } = await import('../locks/local-lock-table.ts');
      const locks = new LocalLockTable(home.value, { clock });
      opened.push(locks);
      return new CountingLockTable(locks, counter);
    }),
    close: () => {
      for (const table of opened) table.close();
    },
  };
}

/** The tables in DynamoDB: retrying(counting(dynamo)), so that every attempt is counted. */
function dynamoTables(config: Config, { clock, random }: Context, counter: TableRequestCounter): Tables {
  const endpoint = config.dynamodbEndpointUrl.value;
  let close = (): void => {};
  const client = once(async () => {
    const { openDynamo } = await import('./dynamo-client.ts');
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

function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}
