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
import { nameOf } from '../aws-errors.ts';
import type { Clock } from '../clock.ts';
import { JavumboError } from '../failure.ts';
import { asDynamoFailure, type DynamoSubject } from './dynamo-failure.ts';
import { type Resource, type Service, settingOf } from './provision.ts';

export interface DynamoTableOptions {
  readonly table: string;
  readonly flag: DynamoSubject['flag'];
  readonly endpoint: string | undefined;
  readonly clock: Clock;
}

/** The table of the accounts: on demand, and with point-in-time recovery, for what is lost there is lost for good. */
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
      switchOn: () =>
        client.send(
          new UpdateContinuousBackupsCommand({
            TableName,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          }),
        ),
    },
  );
}

/** The table of the leases: on demand, and what nobody released is removed by its `ttl`. */
export function locksTableResource(client: DynamoDBClient, options: Omit<DynamoTableOptions, 'flag'>): Resource {
  const TableName = options.table;
  return tableResource(
    client,
    { ...options, flag: '--locks-table' },
    {
      name: 'time to live on ttl',
      isOn: async () => {
        const { TimeToLiveDescription: found } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
        // DynamoDB takes up to an hour to switch it on, and refuses a second request meanwhile.
        return found?.AttributeName === 'ttl' && /^ENABL/.test(found.TimeToLiveStatus ?? '');
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
  readonly isOn: () => Promise<boolean>;
  readonly switchOn: () => Promise<unknown>;
}

function tableResource(
  client: DynamoDBClient,
  { table, flag, endpoint, clock }: DynamoTableOptions,
  { name, isOn, switchOn }: TableSetting,
): Resource {
  const subject = `table "${table}"`;
  const service: Service = {
    isUnsupported: (error) => nameOf(error) === 'UnknownOperationException',
    failure: (error, what) => asDynamoFailure(error, { what, table, flag, endpoint, username: undefined }),
  };
  const describe = async (): Promise<TableDescription | undefined> => {
    try {
      return (await client.send(new DescribeTableCommand({ TableName: table }))).Table;
    } catch (error) {
      if (nameOf(error) === 'ResourceNotFoundException') return undefined;
      throw service.failure(error, `describe ${subject}`);
    }
  };
  return {
    kind: 'table',
    name: table,
    exists: async () => {
      const found = await describe();
      if (found === undefined) return false;
      refuseOtherKey(found, table, flag);
      return true;
    },
    make: async () => {
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
        if (nameOf(error) !== 'ResourceInUseException') throw service.failure(error, `make ${subject}`);
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
// DynamoDB makes a table in about ten seconds.
const POLLS_MAX = 240;

async function untilActive(
  describe: () => Promise<TableDescription | undefined>,
  table: string,
  clock: Clock,
): Promise<void> {
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    if ((await describe())?.TableStatus === 'ACTIVE') return;
    await clock.sleep(POLL_MS);
  }
  throw new JavumboError('unavailable', `table "${table}" was made, and is not active after two minutes`, {
    try: 'javumbo deployment describe',
  });
}
