/** `clean s3`: test data goes, everything else stays unless somebody says so. */
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deleteWhatCan } from '../../cleanup/stored-objects.ts';
import { systemClock } from '../../core/clock.ts';
import { interrupted } from '../../core/interruptible.ts';
import { systemRandom } from '../../core/random.ts';
import { keyOf, usernameOf } from '../../core/username.ts';
import type { ObjectVersion } from '../../history/object-versions.ts';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import { LocalDatabaseStore } from '../../store/local-store.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { type Json, runCommand, temporaryDirectory } from '../../testing/run-command.ts';
import type { S3Server } from '../../testing/s3-server/server.ts';

const TEST_KEYS = [keyOf('javumbo-test-aa-2-1'), keyOf('javumbo-test-bb-concurrent')];

let deployment: CommandDeployment;

afterEach(() => deployment.close());

/** Stores something small past the commands, as a killed verification leaves it. */
async function put(key: string): Promise<void> {
  const { server, env } = deployment;
  if (server !== undefined) {
    server.putObject(BUCKET, key, 'bytes');
    return;
  }
  const source = join(temporaryDirectory(), 'source');
  writeFileSync(source, 'bytes');
  const store = new LocalDatabaseStore(env.JAVUMBO_HOME ?? '', {
    clock: systemClock,
    random: systemRandom,
    sqlite: betterSqlite,
  });
  const outcome = await store.put(usernameOf(key) ?? '', source, { condition: { kind: 'absent' }, writes: ['w'] });
  expect(outcome.kind).toBe('committed');
  store.close();
}

async function usernames(): Promise<string[]> {
  const { databases } = await deployment.json<Json>('db', 'list');
  return databases.map(({ username }: Json) => username);
}

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ open }) => {
  beforeEach(async () => {
    deployment = await open();
    for (const key of TEST_KEYS) await put(key);
    await deployment.json('db', 'create', 'alice');
  });

  test('removes test data and nothing else, without asking, and then has nothing to do', async () => {
    const plan = TEST_KEYS.map((name) => ({ kind: 'object', name, sizeBytes: 5, ageSeconds: expect.any(Number) }));
    expect(await deployment.json('clean', 's3', '--dry-run')).toEqual({
      plan,
      deletedCount: 0,
      deletedBytes: 0,
      dryRun: true,
    });
    expect(await usernames()).toHaveLength(3);
    expect(await deployment.json('clean', 's3')).toEqual({ plan, deletedCount: 2, deletedBytes: 10, dryRun: false });
    expect(await usernames()).toEqual(['alice']);
    const again = await deployment.run(['clean', 's3'], { tty: true });
    expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 0, stdout: 'nothing to do\n' });
  });

  test('what is not test data needs --yes where nobody can be asked', async () => {
    for (const json of [[], ['--json']]) {
      const refused = await deployment.run(['clean', 's3', '--prefix', 'user_dbs/', ...json]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('there is no terminal to ask');
      expect(refused.stderr).toContain('--dry-run');
    }
    expect(await usernames()).toHaveLength(3);
    const done = await deployment.json<Json>('clean', 's3', '--prefix', 'user_dbs/', '--yes');
    expect(done.deletedCount).toBe(3);
    expect(await usernames()).toEqual([]);
  });

  test.each([
    { typed: 'no\n', code: 2, left: 1 },
    { typed: '\n', code: 2, left: 1 },
    { typed: '', code: 2, left: 1 },
    { typed: 'the name', code: 0, left: 0 },
  ])('somebody who types $typed leaves $left', async ({ typed, code, left }) => {
    await deployment.json('clean', 's3');
    const word = deployment.server === undefined ? 'local' : BUCKET;
    const argv = ['clean', 's3', '--prefix', 'user_dbs/a'];
    const result = await deployment.run(argv, { typed: typed === 'the name' ? `${word}\n` : typed });
    expect(result.stderr).toContain(`Type ${word} to go on: `);
    expect(result.stderr).toMatch(/This deletes 1 objects? \(.+B\) from /);
    expect({ code: result.code, left: (await usernames()).length }).toEqual({ code, left });
  });

  test('a deleted database is not read from the cache any more', async () => {
    await deployment.json('db', 'query', 'alice', 'SELECT 1', '--cache-ttl', '300');
    await deployment.json('clean', 's3', '--prefix', keyOf('alice'), '--yes');
    const { code } = await deployment.run(['db', 'query', 'alice', 'SELECT 1', '--cache-ttl', '300']);
    expect(code).toBe(3);
  });

  test('an empty prefix is refused, for that is everything', async () => {
    const { code } = await deployment.run(['clean', 's3', '--prefix', '', '--yes']);
    expect({ code, left: (await usernames()).length }).toEqual({ code: 2, left: 3 });
  });

  test('interrupted, it stops before it deletes more', async () => {
    const signal = AbortSignal.abort(interrupted());
    const { code } = await deployment.run(['clean', 's3', '--json'], { signal });
    expect({ code, left: (await usernames()).length }).toEqual({ code: 130, left: 3 });
    const listed = TEST_KEYS.map((key): ObjectVersion => {
      return { key, kind: 'object', versionId: undefined, etag: undefined, sizeBytes: 5, lastModified: 0 };
    });
    const objects = { list: () => expect.fail('it lists'), delete: () => expect.fail('it deletes') };
    await expect(deleteWhatCan(objects, listed, { signal })).rejects.toMatchObject({
      kind: 'interrupted',
      message: 'interrupted: 0 of 2 were deleted',
    });
  });
});

describe('on an S3 server', () => {
  beforeEach(async () => {
    deployment = await openOnS3();
  });

  test("week 1's test/ keys are test data", async () => {
    for (const key of ['test/permissions.txt', 'tests/mine.txt', 'test']) await put(key);
    await deployment.json('clean', 's3');
    expect(deployment.server?.keys(BUCKET)).toEqual(['test', 'tests/mine.txt']);
  });

  test('a key that cannot be deleted is an error that names it, and the others go', async () => {
    await deployment.close();
    const refuseDelete = (key: string) => (key === 'test/b' ? ('AccessDenied' as const) : undefined);
    deployment = await openOnS3({ refuseDelete });
    for (const key of ['test/a', 'test/b', 'test/c']) await put(key);
    const result = await deployment.run(['clean', 's3', '--json']);
    expect(result.code).toBe(5);
    expect(result.json()).toMatchObject({
      deletedCount: 2,
      deletedBytes: 10,
      failed: [{ name: 'test/b', reason: expect.stringMatching(/^AccessDenied/) }],
    });
    expect(deployment.server?.keys(BUCKET)).toEqual(['test/b']);
  });

  test.each([[], ['--versions']])(
    'what is written after it was listed stays, for nobody has confirmed it %j',
    async (...more) => {
      const server = deployment.server as S3Server;
      for (const key of ['real/a', 'real/b']) await put(key);
      let lists = 0;
      server.beforeWork = ({ operation }) => {
        // The second time is after the confirmation.
        if (/^ListObject/.test(operation) && ++lists === 2) server.putObject(BUCKET, 'real/b', 'written meanwhile');
      };
      const result = await deployment.run(['clean', 's3', '--prefix', 'real/', '--yes', '--json', ...more]);
      expect(result.code).toBe(5);
      expect(result.json()).toMatchObject({
        deletedCount: 1,
        failed: [{ name: 'real/b', reason: 'it was changed or removed after it was listed' }],
      });
      expect(server.object(BUCKET, 'real/b')?.body.toString()).toBe('written meanwhile');
    },
  );

  test('a run that is under way keeps its data with --min-age, and an older one does not', async () => {
    await put(TEST_KEYS[0] ?? '');
    expect(await deployment.json('clean', 'all', '--min-age', '1h')).toMatchObject({ plan: [] });
    expect(await deployment.json('clean', 's3', '--min-age', '0')).toMatchObject({ deletedCount: 1 });
  });

  test('an engine that lists more than it was asked for loses nothing, not even to a benchmark that cleans up', async () => {
    await deployment.json('db', 'create', 'alice');
    const { server } = deployment;
    const proxy = createServer((incoming, outgoing) => {
      // Drops the prefix from every question.
      const path = (incoming.url ?? '').replace(/([?&])prefix=[^&]*&?/, '$1');
      const onward = request(
        { port: server?.port, path, method: incoming.method, headers: incoming.headers },
        (reply) => {
          outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(outgoing);
        },
      );
      incoming.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      for (const argv of [
        ['bench', 'latency', '--requests', '1'],
        ['clean', 's3', '--prefix', 'user_dbs/x', '--yes'],
      ]) {
        const { code } = await runCommand([...argv, '--quiet', '--bucket', BUCKET, '--endpoint-url', endpoint], {
          env: deployment.env,
        });
        expect({ argv, code }).toEqual({ argv, code: 5 });
      }
      expect(server?.keys(BUCKET)).toContain(keyOf('alice'));
    } finally {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    }
  });
});
