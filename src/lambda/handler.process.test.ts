import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { OPERATIONS } from '../function/protocol.ts';
import { ACCOUNT_DEPLOYMENTS, type CommandDeployment } from '../testing/command-deployments.ts';
import { DESCRIPTION, type FunctionRig, plantEntry, startFunction, startWithAlice } from '../testing/function-rig.ts';

const HEALTH = {
  statusCode: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: '{"service":"javumbo","status":"ok","version":"1.2.3"}',
};

describe.each(ACCOUNT_DEPLOYMENTS)('the handler on $name', ({ open }) => {
  let deployment: CommandDeployment;
  let rig: FunctionRig;
  let close: () => Promise<void>;

  beforeEach(async () => {
    ({ deployment, rig, close } = await startWithAlice(open));
  });

  afterEach(() => close());

  const write = (guid: string) => ({ operation: 'write', username: 'alice', fields: ['front', 'back'], guid });

  test('says which container answered, whether it was warm, and how long it took', async () => {
    const first = await rig.invoke({ operation: 'ping', holdMs: 250 });
    expect(first).toMatchObject({ service: 'javumbo', version: '1.2.3', operation: 'ping', result: DESCRIPTION });
    expect(first.container).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      warm: false,
      invocations: 1,
      initMs: 0,
    });
    expect(first.timings).toEqual({ totalMs: 250, cleanupMs: 0 });
    const { container } = await rig.invoke({ operation: 'ping' });
    expect(container).toEqual({ ...first.container, warm: true, invocations: 2 });
    const other = startFunction(deployment);
    expect((await other.invoke({ operation: 'ping' })).container.id).not.toBe(container.id);
    other.close();
  });

  test('says how long the phases of a read and a write took', async () => {
    const phases = { downloadMs: expect.any(Number), queryMs: expect.any(Number), uploadMs: expect.any(Number) };
    const whole = { totalMs: expect.any(Number), cleanupMs: expect.any(Number) };
    for (const event of [write('a'), { operation: 'read', username: 'alice' }]) {
      expect((await rig.invoke(event)).timings).toEqual({ ...phases, ...whole });
    }
  });

  describe('of a request that came through the API', () => {
    const v1 = { version: '1.0', resource: '/', path: '/', httpMethod: 'GET', requestContext: { stage: '$default' } };
    const v2 = {
      version: '2.0',
      routeKey: 'ANY /{proxy+}',
      rawPath: '/x',
      requestContext: { http: { method: 'POST' } },
    };

    test.each([
      { name: 'format 1.0', event: v1 },
      { name: 'format 2.0', event: v2 },
      { name: 'format 1.0 with an operation in its body', event: { ...v1, body: '{"operation":"cleanup"}' } },
      { name: 'format 2.0 with an operation beside it', event: { ...v2, ...write('smuggled') } },
      { name: 'a context alone', event: { requestContext: undefined, operation: 'selfcheck', run: '00c0ffee' } },
    ])('answers its health to $name', async ({ event }) => {
      expect(await rig.invoke(event)).toEqual(HEALTH);
    });

    test('runs nothing, whatever it carries', async () => {
      const { result } = await rig.invoke(write('kept'));
      const before = rig.deployment().usage();
      const requests = fc.oneof(
        fc.constantFrom(
          write('smuggled'),
          { operation: 'cleanup', everything: true },
          { operation: 'selfcheck', run: '00c0ffee' },
          { operation: 'read', username: 'alice', cache: 'drop' },
        ),
        fc.record({ operation: fc.constantFrom(...OPERATIONS), username: fc.string() }),
        fc.dictionary(fc.string(), fc.jsonValue()),
      );
      const names = fc.constantFrom('requestContext', 'routeKey', 'httpMethod');
      const marks = fc.dictionary(names, fc.jsonValue(), { minKeys: 1 });
      await fc.assert(
        fc.asyncProperty(requests, marks, async (request, mark) => {
          expect(await rig.invoke({ ...request, ...mark })).toEqual(HEALTH);
        }),
        { numRuns: 200 },
      );
      expect(rig.deployment().usage()).toEqual(before);
      const read = await rig.invoke({ operation: 'read', username: 'alice', guid: 'smuggled' });
      expect(read.result).toMatchObject({ version: result.version, fromCache: true, note: null });
    });
  });

  describe('refuses', () => {
    const cases: readonly { name: string; event: unknown; message?: RegExp }[] = [
      { name: 'nothing', event: undefined },
      { name: 'null', event: null },
      { name: 'a number', event: 5 },
      { name: 'a text', event: 'ping' },
      { name: 'a list', event: [{ operation: 'ping' }] },
      { name: 'an empty object', event: {} },
      { name: 'an operation that is none', event: { operation: 'drop' } },
      { name: 'what every object has', event: { operation: 'constructor' } },
      { name: 'SQL as an operation', event: { operation: 'query', username: 'alice', sql: 'DROP TABLE notes' } },
      {
        name: 'SQL beside an operation',
        event: { operation: 'read', username: 'alice', sql: 'DROP TABLE notes' },
        message: /^read: .*sql/i,
      },
      { name: 'a read of nobody', event: { operation: 'read' }, message: /^read: username/ },
      { name: 'a path as a user', event: { operation: 'read', username: '../alice' }, message: /^read: username/ },
      { name: 'a write without a guid', event: { ...write('x'), guid: undefined }, message: /^write: guid/ },
      { name: 'a long ping', event: { operation: 'ping', holdMs: 1e9 }, message: /^ping: holdMs/ },
    ];

    test.each(cases)('$name', async ({ event, message = /names no operation/ }) => {
      const answer = await rig.invoke(event);
      expect(answer.error).toEqual({ kind: 'usage', message: expect.stringMatching(message), try: expect.any(String) });
      expect(answer).toMatchObject({ service: 'javumbo', container: { invocations: 1 }, cleaned: { deletedCount: 0 } });
    });

    test('anything else that is no call, and says so', async () => {
      await fc.assert(
        fc.asyncProperty(fc.anything({ withBigInt: true, withNullPrototype: true }), async (event) => {
          expect(await rig.invoke(event)).toMatchObject({ service: 'javumbo', error: { kind: 'usage' } });
        }),
      );
    });
  });

  test('takes what looks like SQL as text', async () => {
    const fields = ["'; DROP TABLE notes; --", '" OR 1=1'];
    await rig.invoke({ ...write("' OR '1'='1"), fields, deck: "x'); DELETE FROM col; --" });
    const found = await rig.invoke({ operation: 'read', username: 'alice', guid: "' OR '1'='1" });
    expect(found.result).toMatchObject({ tables: { notes: 1, col: 1 }, note: { fields } });
    const none = await rig.invoke({ operation: 'read', username: 'alice', guid: "x' OR '1'='1" });
    expect(none.result.note).toBeNull();
  });

  describe('cleans up', () => {
    test.each([
      { name: 'one that worked', event: { operation: 'ping' } },
      { name: 'one that failed', event: { operation: 'read', username: 'nobody' } },
      { name: 'one that made no sense', event: null },
      { name: 'one through the API', event: { requestContext: {} } },
    ])('after a call: $name', async ({ event }) => {
      const [old, fresh] = [3_601, 3_599].map((ageSeconds) => plantEntry(rig, `u${ageSeconds}`, { ageSeconds }));
      await rig.invoke(event);
      expect([old, fresh].map((path = '') => existsSync(path))).toEqual([false, true]);
      // And again, when the next one has become too old.
      rig.clock.advance(2_000);
      await rig.invoke(event);
      expect(existsSync(fresh ?? '')).toBe(false);
    });

    test('after a call that could not put the deployment together, once it can', async () => {
      let failures = 2;
      const broken = startFunction(deployment, () => {
        if (failures-- > 0) throw new Error('no');
      });
      const old = plantEntry(broken, 'old', { ageSeconds: 4_000 });
      // The call itself tried once, and the clean-up after it once.
      expect(await broken.invoke({ operation: 'ping' })).not.toHaveProperty('cleaned');
      const { cleaned } = await broken.invoke({ operation: 'ping' });
      expect({ cleaned, old: existsSync(old) }).toEqual({
        cleaned: { deletedCount: 1, deletedBytes: 4096 },
        old: false,
      });
      broken.close();
    });

    test('and where it cannot, the answer stands and the next call tries again', async () => {
      await rig.invoke({ operation: 'ping' });
      const old = plantEntry(rig, 'old', { ageSeconds: 3_000 });
      rig.clock.advance(4_000_000);
      renameSync(rig.cacheDir, `${rig.cacheDir}-away`);
      writeFileSync(rig.cacheDir, 'no directory');
      const answer = await rig.invoke({ operation: 'ping' });
      expect(answer).toMatchObject({ result: DESCRIPTION });
      expect(answer).not.toHaveProperty('cleaned');
      rmSync(rig.cacheDir);
      renameSync(`${rig.cacheDir}-away`, rig.cacheDir);
      const { cleaned } = await rig.invoke({ operation: 'ping' });
      expect({ cleaned, old: existsSync(old) }).toMatchObject({ cleaned: { deletedCount: 1 }, old: false });
    });
  });

  test.each([
    {
      name: 'a failure of the configuration',
      thrown: new JavumboError('usage', 'the function has no bucket', { try: 'S3_BUCKET' }),
      error: { kind: 'usage', message: 'the function has no bucket', try: 'S3_BUCKET' },
    },
    {
      name: 'a defect',
      thrown: new TypeError('x is no y'),
      error: { kind: 'internal', message: 'TypeError: x is no y' },
    },
    { name: 'what is no error', thrown: 'text', error: { kind: 'internal', message: 'text' } },
  ])('answers with $name that keeps the deployment from opening, and tries again', async ({ thrown, error }) => {
    let attempts = 0;
    const broken = startFunction(deployment, () => {
      if (++attempts <= 4) throw thrown;
    });
    const calls = [1, 2, 3, 4].map(() => ({ operation: 'read', username: 'alice' }));
    const answers = [];
    for (const call of calls) answers.push(await broken.invoke(call));
    expect(answers.map((answer) => answer.error)).toEqual([error, error, undefined, undefined]);
    expect({ attempts, last: answers[3] }).toMatchObject({ attempts: 5, last: { result: { fromCache: true } } });
    broken.close();
  });
});
