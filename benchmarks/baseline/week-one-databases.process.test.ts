import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openS3 } from '../../src/aws/s3-client.ts';
import { resolveConfig } from '../../src/config/config.ts';
import { temporaryDirectory } from '../../src/testing/run-command.ts';
import { type S3Server, startS3Server } from '../../src/testing/s3-server/server.ts';
import { ManualClock } from '../../src/testing/workbench.ts';
import { WeekOneConflict, WeekOneDatabases } from './week-one-databases.ts';

const TTL_MS = 300_000;
const KEY = 'user_dbs/alice.anki2';

let server: S3Server;
let client: ReturnType<typeof openS3>;
const clock = new ManualClock();

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'key';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret';
  server = await startS3Server({ buckets: ['b'] });
  client = openS3(resolveConfig({ bucket: 'b', endpointUrl: server.endpoint }, {}));
});

afterAll(async () => {
  client.destroy();
  await server.close();
});

beforeEach(() => server.reset());

function machine(): WeekOneDatabases {
  return new WeekOneDatabases({
    client,
    bucket: 'b',
    directory: join(temporaryDirectory(), 'tmp'),
    ttlMs: TTL_MS,
    clock,
    createDatabase: (database) => database.exec('CREATE TABLE t (x); PRAGMA user_version = 1'),
  });
}

const add = (value: number) => (databases: WeekOneDatabases) =>
  databases.withConnection('alice', (database) => database.prepare('INSERT INTO t VALUES (?)').run(value));
const values = (databases: WeekOneDatabases): Promise<unknown[]> =>
  databases.withConnection('alice', (database) =>
    (database.prepare('SELECT x FROM t ORDER BY x').all() as { x: unknown }[]).map(({ x }) => x),
  );

/** The requests that `work` makes, in order, as the server saw them. */
async function requestsOf(work: () => Promise<unknown>): Promise<string[]> {
  server.resetCounts();
  await work();
  return server.log.map(({ operation }) => operation.replace('Object', '').toUpperCase());
}

describe('requests of an operation, by the server’s counts', () => {
  test.each([
    { name: 'create', before: 'nothing', requests: ['HEAD', 'PUT'], work: add(1) },
    { name: 'read, cold', before: 'stored', requests: ['HEAD', 'GET', 'HEAD', 'PUT'], work: values },
    { name: 'read, cached', before: 'cached', requests: ['HEAD', 'PUT'], work: values },
    { name: 'read, past its TTL and current', before: 'expired', requests: ['HEAD', 'HEAD', 'PUT'], work: values },
    {
      name: 'read, past its TTL and changed',
      before: 'changed',
      requests: ['HEAD', 'GET', 'HEAD', 'PUT'],
      work: values,
    },
    { name: 'write, cached', before: 'cached', requests: ['HEAD', 'PUT'], work: add(2) },
    { name: 'write, cold', before: 'stored', requests: ['HEAD', 'GET', 'HEAD', 'PUT'], work: add(2) },
  ])('$name: $requests', async ({ before, requests, work }) => {
    const measured = machine();
    if (before !== 'nothing') await add(1)(before === 'stored' ? machine() : measured);
    if (before === 'changed') await add(3)(machine());
    if (before === 'expired' || before === 'changed') clock.advance(TTL_MS + 1);
    expect(await requestsOf(() => work(measured))).toEqual(requests);
  });
});

test('it works on one connection', async () => {
  await add(1)(machine());
  const databases = machine();
  server.resetCounts();
  await databases.withConnection('bob', () => {});
  await add(2)(databases);
  await values(databases);
  expect(server.counts.connections).toBe(0);
});

test('what one machine stores another reads', async () => {
  await add(1)(machine());
  const other = machine();
  await add(2)(other);
  expect(await values(machine())).toEqual([1, 2]);
});

test('an exception stores nothing and asks for nothing', async () => {
  const databases = machine();
  await add(1)(databases);
  const failing = () =>
    databases.withConnection('alice', (database) => {
      database.exec('INSERT INTO t VALUES (2)');
      throw new Error('the request failed');
    });
  expect(await requestsOf(() => expect(failing()).rejects.toThrow('the request failed'))).toEqual([]);
  expect(await values(databases)).toEqual([1]);
});

test('a conflict that HEAD sees is reported, and the refused file is not read again', async () => {
  const [one, other] = [machine(), machine()];
  await add(1)(one);
  await add(2)(other);
  await expect(add(3)(one)).rejects.toThrow(WeekOneConflict);
  expect(await values(one)).toEqual([1, 2]);
});

test('a write between its HEAD and its PUT is lost, though both were acknowledged', async () => {
  const [one, other] = [machine(), machine()];
  await add(1)(one);
  await values(other);
  let raced = false;
  server.beforeWork = async ({ operation }) => {
    if (operation !== 'PutObject' || raced) return;
    raced = true;
    await add(2)(other);
  };
  await add(3)(one);
  expect(await values(machine())).toEqual([1, 3]);
});

test('clean-up removes the files that were opened longest ago', async () => {
  const databases = machine();
  const open = (username: string) => databases.withConnection(username, () => {});
  for (const username of ['a', 'b', 'c']) await open(username);
  await open('a');
  const each = databases.cachedBytes() / 3;
  databases.cleanUp(each);
  expect(databases.cachedBytes()).toBe(each);
  expect(await requestsOf(() => open('a'))).toEqual(['HEAD', 'PUT']);
  expect(await requestsOf(() => open('c'))).toEqual(['HEAD', 'GET', 'HEAD', 'PUT']);
});

test('the store keeps a SQLite file under week 1’s key', async () => {
  await add(1)(machine());
  expect(server.keys('b')).toEqual([KEY]);
  expect(server.object('b', KEY)?.body.subarray(0, 15).toString()).toBe('SQLite format 3');
});
