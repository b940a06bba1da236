/** `clean s3` on an engine that does not compare on DELETE: what deletes have left goes once it is old, and nothing else. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { keyOf } from '../../core/username.ts';
import { BUCKET, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { CEPH_16 } from '../../testing/s3-server/server.ts';

const DAY_MS = 24 * 3_600_000;

let deployment: CommandDeployment;
/** How far the store's clock is behind: what it stores is that old at once. */
let behindMs: number;

beforeEach(async () => {
  behindMs = 0;
  const clock = { ...systemClock, now: () => Date.now() - behindMs };
  deployment = await openOnS3({ ...CEPH_16, clock });
  // Tries how the engine deletes, too.
  await deployment.json('db', 'create', 'first');
  await deployment.json('db', 'delete', '--yes', 'first');
  deployment.server?.deleteObject(BUCKET, keyOf('first'));
});

afterEach(() => deployment.close());

const keys = (): readonly string[] => deployment.server?.keys(BUCKET) ?? [];
const usernames = async (): Promise<string[]> => {
  const { databases } = await deployment.json<{ databases: { username: string }[] }>('db', 'list');
  return databases.map(({ username }) => username);
};

async function deleted(username: string): Promise<void> {
  await deployment.json('db', 'create', username);
  await deployment.json('db', 'delete', '--yes', username);
}

describe('a delete', () => {
  test('leaves a tombstone that no command takes for a database', async () => {
    await deleted('alice');
    expect(keys()).toEqual([keyOf('alice')]);
    expect(await usernames()).toEqual([]);
    for (const argv of [
      ['info', 'alice'],
      ['query', 'alice', 'SELECT 1'],
      ['delete', 'alice'],
      ['push', 'alice', '/dev/null', '--if-version', 'v'],
    ]) {
      const { code } = await deployment.run(['db', ...argv]);
      expect({ argv, code }).toEqual({ argv, code: argv[0] === 'push' ? 4 : 3 });
    }
  });

  test('is undone by a create, which goes over it', async () => {
    await deleted('alice');
    expect(await deployment.json('db', 'create', 'alice')).toMatchObject({ outcome: 'committed' });
    expect(await usernames()).toEqual(['alice']);
    expect(await deployment.json('db', 'info', 'alice')).toMatchObject({ integrity: 'ok' });
  });
});

describe('clean s3', () => {
  test('leaves a tombstone that is younger than a day', async () => {
    await deleted('alice');
    expect(await deployment.json('clean', 's3', '--tombstones')).toMatchObject({ plan: [], deletedCount: 0 });
    expect(keys()).toEqual([keyOf('alice')]);
  });

  test('removes one that is older, in two steps, and no database', async () => {
    behindMs = DAY_MS + 60_000;
    await deleted('alice');
    await deployment.json('db', 'create', 'bob');
    behindMs = 0;
    const plan = [
      { kind: 'tombstone', name: keyOf('alice'), sizeBytes: 64, ageSeconds: expect.closeTo(DAY_MS / 1000 + 60, -2) },
    ];
    expect(await deployment.json('clean', 's3', '--tombstones', '--dry-run')).toMatchObject({
      plan,
      deletedCount: 0,
      dryRun: true,
    });
    expect(keys()).toHaveLength(2);
    deployment.server?.resetCounts();
    expect(await deployment.json('clean', 's3', '--tombstones')).toMatchObject({
      plan,
      deletedCount: 1,
      deletedBytes: 64,
    });
    expect(deployment.server?.counts.operations).toMatchObject({ PutObject: 1, DeleteObject: 1 });
    expect(keys()).toEqual([keyOf('bob')]);
    expect(await usernames()).toEqual(['bob']);
  });

  test('leaves what somebody creates between its steps, and that create waits for nothing that is lost', async () => {
    behindMs = DAY_MS + 60_000;
    await deleted('alice');
    behindMs = 0;
    const { server } = deployment;
    let create: Promise<{ code: number }> | undefined;
    if (server !== undefined) {
      server.beforeWork = ({ operation }) => {
        if (operation !== 'DeleteObject') return;
        server.beforeWork = undefined;
        // It is sent while the tombstone is closing, and its answer comes before the DELETE.
        create = deployment.run(['db', 'create', 'alice']);
        return create.then(() => undefined);
      };
    }
    await deployment.json('clean', 's3', '--tombstones');
    expect((await create)?.code).toBe(5);
    expect(keys()).toEqual([]);
    expect(await deployment.json('db', 'create', 'alice')).toMatchObject({ outcome: 'committed' });
  });

  test.each([
    { name: 'unasked', argv: ['s3'], code: 0 },
    { name: 'of everything', argv: ['all'], code: 0 },
    { name: 'of a prefix', argv: ['s3', '--prefix', 'user_dbs/', '--yes'], code: 0 },
    { name: 'of a prefix, when it is asked for both', argv: ['s3', '--tombstones', '--prefix', 'test/'], code: 2 },
  ])('removes none $name', async ({ argv, code }) => {
    behindMs = DAY_MS + 60_000;
    await deleted('alice');
    behindMs = 0;
    expect((await deployment.run(['clean', ...argv])).code).toBe(code);
    expect(keys()).toEqual([keyOf('alice')]);
  });
});
