/** `clean s3`: test data goes, everything else stays unless somebody says so. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { LocalDatabaseStore } from '../databases/local-store.ts';
import { keyOf, usernameOf } from '../databases/username.ts';
import { systemRandom } from '../random.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../testing/command-deployments.ts';
import { type Json, temporaryDirectory } from '../testing/run-command.ts';

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
  const store = new LocalDatabaseStore(env.JAVUMBO_HOME ?? '', { clock: systemClock, random: systemRandom });
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
      expect(refused.stderr).toContain('nobody is there to give it');
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
    const { code, stderr } = await deployment.run(['clean', 's3', '--json'], { signal: AbortSignal.abort() });
    expect({ code, left: (await usernames()).length }).toEqual({ code: 130, left: 3 });
    expect(stderr).toContain('0 of 2 were deleted');
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
    expect(result.failure().message).toMatch(/^1 of 3 could not be deleted, such as test\/b: AccessDenied/);
    expect(deployment.server?.keys(BUCKET)).toEqual(['test/b']);
  });
});
