import type { Config } from '../config/config.ts';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { once } from '../core/once.ts';
import { requestTeller, telling } from '../core/requests.ts';
import { counting, type UsageMeter } from '../core/usage.ts';
import type { ObjectVersions } from '../history/object-versions.ts';
import { countingLockTable, retryingLockTable } from '../locks/lock-table.ts';
import type { LoadSqlite } from '../sqlite/engine.ts';
import { aroundUserTable } from '../users/user-table.ts';
import type { Backend, OpenBackend, Tables } from './deployment.ts';

// Requests of clean-up are idempotent, so the SDK may retry them.
const CLEANUP_ATTEMPTS = 5;

/** Opens a bucket and tables on AWS or another engine. `sqlite` opens the databases. Makes no request. */
export function awsBackend(sqlite: LoadSqlite): OpenBackend {
  return async (config, context, meter) => {
    const { close, ...bucket } = await openBucket(config, context, meter);
    const tables = awsTables(config, context, meter);
    return {
      ...bucket,
      tables,
      sqlite,
      close: () => {
        close();
        tables.close();
      },
    };
  };
}

/** Opens the bucket that the configuration names, as a store and as clean-up sees it. */
export async function openBucket(
  config: Config,
  { clock, random, onTransfer }: Pick<Context, 'clock' | 'random' | 'onTransfer'>,
  meter: UsageMeter,
): Promise<Omit<Backend, 'tables' | 'sqlite'>> {
  const bucket = config.bucket.value;
  if (bucket === undefined) throw new JavumboError('internal', 'an S3 store was opened without a bucket');
  const [{ openS3 }, { S3DatabaseStore }] = await Promise.all([
    import('../aws/s3-client.ts'),
    import('../store/s3-store.ts'),
  ]);
  const endpoint = config.endpointUrl.value;
  const client = openS3(config);
  let engine = endpoint === undefined ? 'AWS' : 'unknown';
  client.middlewareStack.add(
    (next) => async (request) => {
      const result = await next(request);
      const { headers } = result.response as { headers?: Record<string, string> };
      if (endpoint !== undefined && headers?.server !== undefined) engine = headers.server;
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'nameOfTheEngine' },
  );
  const clients = [client];
  const objects = once(async (): Promise<ObjectVersions> => {
    const { S3ObjectVersions } = await import('../history/s3-object-versions.ts');
    const retrying = openS3(config, CLEANUP_ATTEMPTS);
    clients.push(retrying);
    return new S3ObjectVersions(retrying, { bucket, endpoint, clock });
  });
  const identity = `s3 ${endpoint ?? 'aws'} ${bucket}`;
  const asked = {
    identity,
    store: new S3DatabaseStore(client, { bucket, endpoint }),
    objects,
    home: config.home.value,
  };
  const deletionKind = once(async () => (await import('../probes/deletion.ts')).deletionKind(asked, { clock, random }));
  const store = new S3DatabaseStore(client, {
    bucket,
    endpoint,
    onExtraRequest: meter.countExtra,
    deletion: { kind: deletionKind, random },
    onTransfer,
  });
  return {
    store,
    identity,
    engine: () => engine,
    objects,
    tryDeletion: async () => (await import('../probes/deletion.ts')).askAboutDeletion(asked, { clock, random }),
    removeTombstone: (username, olderThan) => store.removeTombstone(username, olderThan),
    close: () => {
      for (const each of clients) each.destroy();
    },
  };
}

/** Opens the tables in DynamoDB: retrying(counting(dynamo)), so that every attempt is counted. */
export function awsTables(config: Config, context: Context, meter: UsageMeter): Tables {
  const endpoint = config.dynamodbEndpointUrl.value;
  const onExtraRead = (): void => meter.countTables({ read: 1 });
  let close = (): void => {};
  const client = once(async () => {
    const { openDynamo } = await import('../aws/dynamo-client.ts');
    const dynamo = openDynamo(config);
    close = () => dynamo.destroy();
    return dynamo;
  });
  return {
    users: once(async () => {
      const [{ DynamoUserTable }, { RetryingUserTable }] = await Promise.all([
        import('../users/dynamo-user-table.ts'),
        import('../users/retrying-user-table.ts'),
      ]);
      const users = new DynamoUserTable(await client(), { table: config.usersTable.value, endpoint, onExtraRead });
      const { clock, onRequest } = context;
      const told =
        onRequest === undefined
          ? users
          : aroundUserTable(users, telling(requestTeller(clock, onRequest), config.usersTable.value));
      return new RetryingUserTable(aroundUserTable(told, counting(meter)), context);
    }),
    locks: once(async () => {
      const { DynamoLockTable } = await import('../locks/dynamo-lock-table.ts');
      const options = { table: config.locksTable.value, endpoint, clock: context.clock, onExtraRead };
      return retryingLockTable(countingLockTable(new DynamoLockTable(await client(), options), meter), context);
    }),
    close: () => close(),
  };
}
