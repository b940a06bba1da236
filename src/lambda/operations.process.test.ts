import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ACCOUNT_DEPLOYMENTS, BUCKET, type CommandDeployment, openOnAws } from '../testing/command-deployments.ts';
import type { DynamoServer } from '../testing/dynamo-server.ts';
import { type FunctionRig, plantEntry, startFunction, startWithAlice } from '../testing/function-rig.ts';
import type { Json } from '../testing/run-command.ts';
import type { S3Operation, S3Server } from '../testing/s3-server/server.ts';
import { CACHE_TTL_SECONDS } from './operations.ts';

const READ = { operation: 'read', username: 'alice' };
const write = (guid: string, more: object = {}) => ({
  operation: 'write',
  username: 'alice',
  fields: ['front', 'back'],
  guid,
  ...more,
});

describe.each(ACCOUNT_DEPLOYMENTS)('the operations on $name', ({ open }) => {
  let deployment: CommandDeployment;
  let rig: FunctionRig;
  let close: () => Promise<void>;

  beforeEach(async () => {
    ({ deployment, rig, close } = await startWithAlice(open));
  });

  afterEach(() => close());

  test('write adds a note that read and the command return', async () => {
    const { result } = await rig.invoke(write('g1', { tags: ['one', 'two'], deck: 'Deck::Sub' }));
    expect(result).toMatchObject({ outcome: 'committed', attempts: 1, guid: 'g1', fromCache: false });
    const note = { noteId: result.noteId, guid: 'g1', fields: ['front', 'back'], tags: ['one', 'two'] };
    for (const by of [{ guid: 'g1' }, { noteId: result.noteId }, { guid: 'g1', noteId: result.noteId }]) {
      const read = await rig.invoke({ ...READ, ...by });
      expect(read.result).toMatchObject({ version: result.version, sizeBytes: result.sizeBeforeBytes, note });
    }
    const sql = 'SELECT count(*) AS notes FROM notes WHERE guid = ?';
    const { rows } = await deployment.json<Json>('db', 'query', 'alice', sql.replace('?', "'g1'"));
    expect(rows).toEqual([{ notes: 1 }]);
    expect(await deployment.json<Json>('db', 'check', 'alice')).toMatchObject({ findings: [] });
  });

  test('read counts the rows of every table, and returns no note that it was not asked for', async () => {
    await rig.invoke(write('g1'));
    const { result } = await rig.invoke(READ);
    expect(result.tables).toMatchObject({ notes: 1, cards: 1, col: 1 });
    expect(result).not.toHaveProperty('note');
    const other = await rig.invoke({ ...READ, guid: 'g2' });
    expect(other.result.note).toBeNull();
    const both = await rig.invoke({ ...READ, guid: 'g2', noteId: 1 });
    expect(both.result.note).toBeNull();
  });

  test('write adds a note once, however often it is sent', async () => {
    const { result: first } = await rig.invoke(write('g1', { noteId: 1_700_000_000_000 }));
    const again = await rig.invoke(write('g1', { noteId: 1_700_000_000_000 }));
    expect(again.error).toMatchObject({ kind: 'conflict', attempts: 1 });
    const { result } = await rig.invoke({ ...READ, stalenessSeconds: 0 });
    expect(result).toMatchObject({ version: first.version, tables: { notes: 1 } });
  });

  test.each([READ, write('g1')])('$operation fails for a user without a database', async (event) => {
    const { error, requests } = await rig.invoke({ ...event, username: 'bob' });
    expect(error).toMatchObject({ kind: 'not-found', username: 'bob', message: expect.stringContaining('"bob"') });
    expect(requests).toMatchObject({ put: 0 });
  });

  test('cacheStats counts what is cached, and cleanup removes what is too old, or all of it', async () => {
    await rig.invoke(READ);
    plantEntry(rig, 'old', { ageSeconds: 3_000, sizeBytes: 5_000 });
    const { result: before } = await rig.invoke({ operation: 'cacheStats' });
    expect(before).toMatchObject({
      entryCount: 2,
      workingCopyCount: 0,
      sizeBytes: expect.any(Number),
      oldestAgeSeconds: 3_000,
      limits: { maxAgeSeconds: 3_600, maxBytes: 1_500_000_000 },
    });
    expect((await rig.invoke({ operation: 'cleanup' })).result).toEqual({ deletedCount: 0, deletedBytes: 0 });
    rig.clock.advance(601_000);
    expect((await rig.invoke({ operation: 'cleanup' })).result).toEqual({ deletedCount: 1, deletedBytes: 5_000 });
    const all = await rig.invoke({ operation: 'cleanup', everything: true });
    expect(all.result).toEqual({ deletedCount: 1, deletedBytes: before.sizeBytes - 5_000 });
    const { result: after } = await rig.invoke({ operation: 'cacheStats' });
    expect(after).toMatchObject({ entryCount: 0, workingCopyCount: 0, sizeBytes: 0, oldestAgeSeconds: null });
    expect((await rig.invoke(READ)).result).toMatchObject({ fromCache: false });
  });
});

describe('the operations on S3 and DynamoDB', () => {
  let deployment: CommandDeployment;
  let dynamo: DynamoServer;
  let s3: S3Server;
  let rig: FunctionRig;
  let close: () => Promise<void>;

  beforeEach(async () => {
    const opened = await openOnAws();
    dynamo = opened.dynamo;
    ({ deployment, rig, close } = await startWithAlice(async () => opened.deployment));
    s3 = deployment.server as S3Server;
  });

  afterEach(() => close());

  const requests: readonly {
    name: string;
    before?: readonly object[];
    later?: number;
    event: object;
    asks: object;
    tables?: object;
    result?: object;
  }[] = [
    { name: 'ping', event: { operation: 'ping' }, asks: {} },
    { name: 'a cold read', event: READ, asks: { get: 1 }, result: { fromCache: false } },
    { name: 'a warm read', before: [READ], event: READ, asks: {}, result: { fromCache: true } },
    {
      name: 'a warm read at the end of its staleness',
      before: [READ],
      later: CACHE_TTL_SECONDS,
      event: READ,
      asks: {},
      result: { fromCache: true },
    },
    {
      name: 'a read that asks whether its copy is current',
      before: [READ],
      later: CACHE_TTL_SECONDS + 1,
      event: READ,
      asks: { get: 1 },
      result: { fromCache: false },
    },
    {
      name: 'a read that allows no staleness',
      before: [READ],
      event: { ...READ, stalenessSeconds: 0 },
      asks: { get: 1 },
    },
    {
      name: 'a read past the cache',
      before: [READ],
      event: { ...READ, cache: 'bypass' },
      asks: { get: 1 },
      result: { fromCache: false },
    },
    { name: 'a read after one past the cache', before: [{ ...READ, cache: 'bypass' }], event: READ, asks: { get: 1 } },
    {
      name: 'a read that drops its copy',
      before: [READ],
      event: { ...READ, cache: 'drop' },
      asks: { get: 1 },
      result: { fromCache: false },
    },
    { name: 'a cold write', event: write('g'), asks: { get: 1, put: 1 }, result: { fromCache: false } },
    { name: 'a warm write', before: [READ], event: write('g'), asks: { put: 1 }, result: { fromCache: true } },
    { name: 'a write after a write', before: [write('f')], event: write('g'), asks: { put: 1 } },
    { name: 'a read after a write', before: [write('f')], event: READ, asks: {}, result: { fromCache: true } },
    {
      name: 'a write past the cache',
      before: [READ],
      event: write('g', { cache: 'bypass' }),
      asks: { get: 1, put: 1 },
    },
    {
      name: 'a write that drops its copy',
      before: [READ],
      event: write('g', { cache: 'drop' }),
      asks: { get: 1, put: 1 },
    },
    { name: 'cacheStats', before: [READ], event: { operation: 'cacheStats' }, asks: {} },
    { name: 'cleanup', before: [READ], event: { operation: 'cleanup', everything: true }, asks: {} },
    {
      name: 'selfcheck',
      event: { operation: 'selfcheck', run: '00c0ffee' },
      asks: { put: 1, get: 1, delete: 1 },
      tables: { read: 1, write: 2 },
    },
  ];

  test.each(requests)('$name asks for what it must, and says so', async (each) => {
    const { before = [], later = 0, event, asks, tables = { read: 0, write: 0 }, result = {} } = each;
    for (const earlier of before) expect((await rig.invoke(earlier)).error).toBeUndefined();
    rig.clock.advance(later * 1_000);
    s3.resetCounts();
    const answer = await rig.invoke(event);
    const { PutObject, GetObject, DeleteObject, HeadObject, ListObjectsV2 } = s3.counts.operations;
    const seen = { put: PutObject, get: GetObject, delete: DeleteObject, head: HeadObject, list: ListObjectsV2 };
    const { bytesUp: _, bytesDown: __, ...said } = answer.requests;
    expect({ seen, said, tables: answer.tableRequests }).toEqual({
      seen: { put: 0, get: 0, delete: 0, head: 0, list: 0, ...asks },
      said: seen,
      tables,
    });
    expect(answer.result).toMatchObject(result);
  });

  test('write begins anew after each conflict, and says how often when it gives up', async () => {
    const other = startFunction(deployment);
    let conflicts = 3;
    let others = 0;
    // Another writer comes before each put.
    s3.beforeWork = async ({ operation }) => {
      if (operation !== 'PutObject' || conflicts === 0) return;
      const rest = conflicts - 1;
      conflicts = 0;
      await other.invoke(write(`other-${++others}`));
      conflicts = rest;
    };
    const { error, requests: asked } = await rig.invoke(write('g', { retries: 2 }));
    expect({ error, put: asked.put }).toMatchObject({
      error: { kind: 'conflict', username: 'alice', attempts: 3 },
      put: 3,
    });
    conflicts = 1;
    const { result } = await rig.invoke(write('g', { retries: 2 }));
    expect(result).toMatchObject({ outcome: 'committed', attempts: 2 });
    expect((await rig.invoke(READ)).result.tables).toMatchObject({ notes: 5 });
    other.close();
  });

  test('write whose reply gets lost has written, once', async () => {
    s3.inject({ fault: 'reset-after', operation: 'PutObject' });
    const { result } = await rig.invoke(write('g'));
    expect(result).toMatchObject({ outcome: 'committed', attempts: 1 });
    const read = await rig.invoke({ ...READ, stalenessSeconds: 0 });
    expect(read.result).toMatchObject({ version: result.version, tables: { notes: 1 } });
  });

  describe('selfcheck', () => {
    const SELFCHECK = { operation: 'selfcheck', run: '00c0ffee' };
    const left = () => s3.keys(BUCKET).filter((key) => key.includes('00c0ffee'));
    const accounts = async () => (await deployment.json<{ users: unknown[] }>('user', 'list')).users;
    const outcomes = (answer: Json): unknown[] =>
      answer.result.checks.map(({ name, passed }: Json) => `${passed ? '+' : '-'} ${name}`);

    test('passes where everything is allowed, and leaves nothing', async () => {
      const answer = await rig.invoke(SELFCHECK);
      expect(answer.result.passed).toBe(true);
      expect(outcomes(answer)).toEqual([
        '+ S3 put_object',
        '+ S3 get_object',
        '+ S3 delete_object',
        '+ DynamoDB put_item',
        '+ DynamoDB get_item',
        '+ DynamoDB delete_item',
      ]);
      expect({ left: left(), accounts: await accounts() }).toEqual({ left: [], accounts: [] });
      const { result: stats } = await rig.invoke({ operation: 'cacheStats' });
      expect(stats).toMatchObject({ entryCount: 0, workingCopyCount: 0 });
    });

    const S3_PASSES = ['+ S3 put_object', '+ S3 get_object', '+ S3 delete_object'];
    const DYNAMO_PASSES = ['+ DynamoDB put_item', '+ DynamoDB get_item', '+ DynamoDB delete_item'];
    const missing: readonly { right: string; operation: string; checks: readonly string[]; stays: object }[] = [
      { right: 's3:PutObject', operation: 'PutObject', checks: ['- S3 put_object', ...DYNAMO_PASSES], stays: {} },
      {
        right: 's3:GetObject',
        operation: 'GetObject',
        checks: ['+ S3 put_object', '- S3 get_object', '+ S3 delete_object', ...DYNAMO_PASSES],
        stays: {},
      },
      {
        right: 's3:DeleteObject',
        operation: 'DeleteObject',
        checks: ['+ S3 put_object', '+ S3 get_object', '- S3 delete_object', ...DYNAMO_PASSES],
        stays: { objects: 1 },
      },
      { right: 'dynamodb:PutItem', operation: 'PutItem', checks: [...S3_PASSES, '- DynamoDB put_item'], stays: {} },
      {
        right: 'dynamodb:GetItem',
        operation: 'GetItem',
        checks: [...S3_PASSES, '+ DynamoDB put_item', '- DynamoDB get_item', '+ DynamoDB delete_item'],
        stays: {},
      },
      {
        right: 'dynamodb:DeleteItem',
        operation: 'DeleteItem',
        checks: [...S3_PASSES, '+ DynamoDB put_item', '+ DynamoDB get_item', '- DynamoDB delete_item'],
        stays: { accounts: 1 },
      },
    ];

    test.each(missing)(
      'reports that $right is missing, and tries the rest',
      async ({ right, operation, checks, stays }) => {
        if (right.startsWith('s3:')) {
          s3.inject({
            fault: 'refuse-before',
            operation: operation as S3Operation,
            status: 403,
            code: 'AccessDenied',
            times: 100,
          });
        } else {
          const fault = { kind: 'refuse', status: 400, code: 'AccessDeniedException', message: `no ${right}` } as const;
          dynamo.inject({ operation, times: 100, fault });
        }
        const answer = await rig.invoke(SELFCHECK);
        expect(answer.error).toBeUndefined();
        expect({ passed: answer.result.passed, checks: outcomes(answer) }).toEqual({ passed: false, checks });
        const failed = answer.result.checks.filter((check: Json) => !check.passed);
        expect(failed).toEqual([
          {
            name: expect.any(String),
            passed: false,
            durationMs: expect.any(Number),
            reason: expect.stringMatching(/\S/),
          },
        ]);
        // What cannot be deleted stays, under a name by which a clean-up finds it.
        dynamo.clearFaults();
        expect({ objects: left().length, accounts: (await accounts()).length }).toEqual({
          objects: 0,
          accounts: 0,
          ...stays,
        });
      },
    );

    test('removes also what it put when only the reply was lost', async () => {
      s3.inject({ fault: 'reset-after', operation: 'PutObject' });
      dynamo.inject({ operation: 'PutItem', fault: { kind: 'lost-reply' } });
      const answer = await rig.invoke(SELFCHECK);
      expect({ passed: answer.result.passed, left: left(), accounts: await accounts() }).toEqual({
        passed: true,
        left: [],
        accounts: [],
      });
    });

    test('removes also what may have landed when nobody can tell', async () => {
      s3.inject({ fault: 'error-after', operation: 'PutObject', times: 100 });
      s3.inject({ fault: 'refuse-before', operation: ['GetObject', 'HeadObject'], times: 100 });
      dynamo.inject({ operation: 'PutItem', times: 100, fault: { kind: 'error-after' } });
      dynamo.inject({
        operation: 'GetItem',
        times: 100,
        fault: { kind: 'refuse', status: 500, code: 'InternalServerError' },
      });
      const answer = await rig.invoke(SELFCHECK);
      expect(outcomes(answer)).toEqual(['- S3 put_object', '- DynamoDB put_item']);
      dynamo.clearFaults();
      expect({ left: left(), accounts: await accounts() }).toEqual({ left: [], accounts: [] });
    });

    test('says that nothing names the tables of an engine, and checks S3 all the same', async () => {
      const { AWS_ENDPOINT_URL_DYNAMODB: _, ...env } = deployment.env;
      const lonely = startFunction({ ...deployment, env });
      const answer = await lonely.invoke(SELFCHECK);
      expect({ passed: answer.result.passed, checks: outcomes(answer) }).toEqual({
        passed: false,
        checks: [...S3_PASSES, '- users table'],
      });
      expect(answer.result.checks.at(-1).reason).toMatch(/nothing says where the DynamoDB tables/);
      lonely.close();
    });
  });
});
