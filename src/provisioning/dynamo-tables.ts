import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type TableDescription,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { asDynamoFailure, type DynamoSubject } from '../aws/dynamo-failure.ts';
import { errorNameOf } from '../aws/errors.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { type IsOn, type Resource, type Service, settingOf } from './provision.ts';

export interface DynamoTableOptions {
  readonly table: string;
  readonly flag: DynamoSubject['flag'];
  readonly endpoint: string | undefined;
  readonly clock: Clock;
}

/** The users table: on demand, with point-in-time recovery, since lost accounts cannot be restored otherwise. */
export function usersTableResource(client: DynamoDBClient, options: Omit<DynamoTableOptions, 'flag'>): Resource {
  const TableName = options.table;
  return tableResource(
    client,
    { ...options, flag: '--users-table' },
    {
      name: 'point-in-time recovery',
      isOn: async () => {
        const { ContinuousBackupsDescription: found } = await client.send(
          new DescribeContinuousBackupsCommand({ TableName }),
        );
        return found?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED';
      },
      // For some minutes after a table was created, DynamoDB says that its backups are not available yet.
      switchOn: () =>
        polling(options.clock, 'ContinuousBackupsUnavailableException', () =>
          client.send(
            new UpdateContinuousBackupsCommand({
              TableName,
              PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
            }),
          ),
        ),
    },
  );
}

/** The locks table: on demand; `ttl` removes abandoned leases. */
export function locksTableResource(client: DynamoDBClient, options: Omit<DynamoTableOptions, 'flag'>): Resource {
  const TableName = options.table;
  return tableResource(
    client,
    { ...options, flag: '--locks-table' },
    {
      name: 'time to live on ttl',
      isOn: async () => {
        const { TimeToLiveDescription: found } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
        // DynamoDB takes up to an hour to switch this on or off, and refuses a second request meanwhile.
        const { AttributeName: attribute, TimeToLiveStatus: status = 'DISABLED' } = found ?? {};
        if (/^ENABL/.test(status)) return attribute === 'ttl' ? true : `it is on attribute "${attribute}"`;
        return status === 'DISABLING' ? 'it is being switched off' : false;
      },
      switchOn: () =>
        client.send(
          new UpdateTimeToLiveCommand({
            TableName,
            TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
          }),
        ),
    },
  );
}

interface TableSetting {
  readonly name: string;
  readonly isOn: IsOn;
  readonly switchOn: () => Promise<unknown>;
}

function tableResource(
  client: DynamoDBClient,
  { table, flag, endpoint, clock }: DynamoTableOptions,
  { name, isOn, switchOn }: TableSetting,
): Resource {
  const subject = `table "${table}"`;
  const service: Service = {
    isUnsupported: (error) => errorNameOf(error) === 'UnknownOperationException',
    failure: (error, what) => asDynamoFailure(error, { what, table, flag, endpoint, username: undefined }),
  };
  const describe = async (): Promise<TableDescription | undefined> => {
    try {
      return (await client.send(new DescribeTableCommand({ TableName: table }))).Table;
    } catch (error) {
      if (errorNameOf(error) === 'ResourceNotFoundException') return undefined;
      throw service.failure(error, `describe ${subject}`);
    }
  };
  return {
    kind: 'table',
    name: table,
    exists: async () => {
      const found = await describe();
      if (found === undefined || found.TableStatus === 'DELETING') return false;
      refuseOtherKey(found, table, flag);
      return true;
    },
    ready: () => untilActive(describe, table, clock),
    make: async () => {
      // It is being deleted: its name is free once it is gone.
      for (let poll = 0; poll < POLLS_MAX && (await describe())?.TableStatus === 'DELETING'; poll++) {
        await clock.sleep(POLL_MS);
      }
      let made = true;
      try {
        await client.send(
          new CreateTableCommand({
            TableName: table,
            BillingMode: 'PAY_PER_REQUEST',
            AttributeDefinitions: [{ AttributeName: 'username', AttributeType: 'S' }],
            KeySchema: [{ AttributeName: 'username', KeyType: 'HASH' }],
          }),
        );
      } catch (error) {
        if (errorNameOf(error) !== 'ResourceInUseException') throw service.failure(error, `make ${subject}`);
        made = false;
      }
      await untilActive(describe, table, clock);
      return made;
    },
    settings: [
      {
        name: 'on demand',
        read: async () => ((await describe())?.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' ? 'on' : 'off'),
      },
      settingOf(service, subject, name, isOn, switchOn),
    ],
  };
}

function refuseOtherKey(
  { KeySchema = [], AttributeDefinitions = [] }: TableDescription,
  table: string,
  flag: string,
): void {
  const [key, ...more] = KeySchema;
  const type = AttributeDefinitions.find(({ AttributeName }) => AttributeName === 'username')?.AttributeType;
  if (more.length === 0 && key?.AttributeName === 'username' && type === 'S') return;
  throw new JavumboError('conflict', `table "${table}" exists, and its key is not "username" alone`, {
    try: `another name with ${flag}`,
  });
}

const POLL_MS = 500;
// DynamoDB creates a table in about ten seconds.
const POLLS_MAX = 240;

async function untilActive(
  describe: () => Promise<TableDescription | undefined>,
  table: string,
  clock: Clock,
): Promise<void> {
  let status: string | undefined;
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    status = (await describe())?.TableStatus;
    if (status === 'ACTIVE' || status === 'UPDATING') return;
    await clock.sleep(POLL_MS);
  }
  throw new JavumboError('unavailable', `table "${table}" is ${status ?? 'gone'} after two minutes of waiting`, {
    try: 'javumbo deployment describe',
  });
}

/** Repeats a request while it fails with that error, for two minutes. */
async function polling<T>(clock: Clock, error: string, request: () => Promise<T>): Promise<T> {
  for (let poll = 1; ; poll++) {
    try {
      return await request();
    } catch (thrown) {
      if (errorNameOf(thrown) !== error || poll >= POLLS_MAX) throw thrown;
    }
    await clock.sleep(POLL_MS);
  }
}
