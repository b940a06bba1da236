/** Whatever moment `kill -9` comes at, a verification leaves only test data, and `clean all` finds and removes all of it. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { seededRandom } from '../../core/random.ts';
import { isTestKey, TEST_USER_PREFIX } from '../../core/test-data.ts';
import { usernameOf } from '../../core/username.ts';
import { listAll } from '../../history/object-versions.ts';
import { S3ObjectVersions } from '../../history/s3-object-versions.ts';
import { runScript, SCRIPTS } from '../../testing/child-process.ts';
import { startDynamoServer } from '../../testing/dynamo-server.ts';
import { freshMachine, runCommand } from '../../testing/run-command.ts';
import { type S3Server, startS3Server } from '../../testing/s3-server/server.ts';
import { DAYS } from '../../verify/days.ts';

const BUCKET = 'bucket';
const SEED = Number(process.env.JAVUMBO_SEED ?? 20_261_124);
// As the simulation, more in CI: there each day is killed in both places, by default in one of them.
const IS_THOROUGH = Number(process.env.JAVUMBO_SEEDS ?? 200) >= 500;
const KILLS = 2;
const ROUNDS_MAX = 40;

interface Place {
  readonly env: Record<string, string>;
  /** Keys of everything that is stored, old versions, delete markers and orphaned files too. */
  stored(): Promise<string[]>;
  close(): Promise<void>;
}

function machine(): Record<string, string> {
  const env = freshMachine();
  const TMPDIR = join(env.HOME, 'tmp');
  mkdirSync(TMPDIR);
  return { ...env, TMPDIR };
}

async function onLocal(): Promise<Place> {
  const env = machine();
  return {
    env,
    stored: async () => {
      const databases = join(env.JAVUMBO_HOME ?? '', 'databases');
      if (!existsSync(databases)) return [];
      return readdirSync(databases).flatMap((user) =>
        readdirSync(join(databases, user)).map(() => `user_dbs/${user}.anki2`),
      );
    },
    close: async () => {},
  };
}

async function onVersionedBucket(): Promise<Place> {
  const server: S3Server = await startS3Server({ buckets: [BUCKET] });
  const dynamo = await startDynamoServer();
  const client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  });
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
  const objects = new S3ObjectVersions(client, { bucket: BUCKET, endpoint: server.endpoint, clock: systemClock });
  return {
    env: {
      ...machine(),
      S3_BUCKET: BUCKET,
      AWS_ENDPOINT_URL_S3: server.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      DYNAMODB_USERS_TABLE: await dynamo.createTable('users'),
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    },
    stored: async () => (await listAll(objects, '', true)).map(({ key }) => key),
    close: async () => {
      client.destroy();
      await Promise.all([server.close(), dynamo.close()]);
    },
  };
}

/**
 * Returns when no container of the function works there any more. The kill reaches the command's process group, and a
 * container is in a session of its own: it ends when it finds itself alone, which on a busy machine takes a moment.
 */
async function containersEnded({ env }: Place): Promise<void> {
  const here = `JAVUMBO_HOME=${env.JAVUMBO_HOME}`;
  const worksHere = (pid: string): boolean => {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('local-container')) return false;
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(here);
    } catch {
      // It has ended between the two looks.
      return false;
    }
  };
  while (readdirSync('/proc').some(worksHere)) await sleep(10);
}

/** Files below the cache and wherever else temporary ones go, marks that say nothing but a name left out. */
function filesLeft({ env }: Place): string[] {
  return [env.JAVUMBO_CACHE_DIR ?? '', env.TMPDIR ?? ''].flatMap((root) =>
    existsSync(root)
      ? readdirSync(root, { recursive: true, withFileTypes: true })
          .filter((item) => item.isFile() && readFileSync(join(item.parentPath, item.name)).length > 0)
          .map((item) => join(item.parentPath, item.name))
          // A mark says when, and holds nothing of anybody's.
          .filter((path) => !path.includes('/invalidations/'))
      : [],
  );
}

describe.each([
  { name: 'the local deployment', open: onLocal },
  { name: 'a versioned bucket', open: onVersionedBucket },
])('on $name', ({ name: placeName, open }) => {
  let place: Place;

  beforeEach(async () => {
    place = await open();
    expect((await runCommand(['db', 'create', 'alice', '--quiet'], { env: place.env })).code).toBe(0);
    expect((await runCommand(['cache', 'clear', '--quiet'], { env: place.env })).code).toBe(0);
  });

  afterEach(() => place.close());

  const clean = async (): Promise<{ deletedCount: number }> => {
    const { code, stdout } = await runCommand(['clean', 'all', '--json'], { env: place.env });
    expect(code).toBe(0);
    return JSON.parse(stdout);
  };

  const days = DAYS.map(({ name }) => name).filter(
    (_, index) => IS_THOROUGH || (index % 2 === 0) === (placeName === 'a versioned bucket'),
  );

  test.each(days)(`verify %s, killed ${KILLS} times (seed ${SEED})`, async (day) => {
    const random = seededRandom(SEED);
    const argv = ['verify', day, '--rtt', '10ms', '--quiet'];
    const whole = await runScript(SCRIPTS.quickCommand, argv, place.env);
    expect(whole.code).toBe(0);
    let { durationMs } = whole;
    expect(await place.stored()).toEqual(['user_dbs/alice.anki2']);
    let killed = 0;
    let found = 0;
    // Kills that come too late, or find nothing to leave behind, test nothing: others are made instead of them.
    for (let round = 0; killed < KILLS || found === 0; round++) {
      expect(round, 'rounds').toBeLessThan(ROUNDS_MAX);
      // Before that nothing but Node has started.
      const killAfterMs = durationMs * (0.25 + 0.7 * random.fraction());
      const run = await runScript(SCRIPTS.quickCommand, argv, place.env, { killAfterMs });
      await containersEnded(place);
      if (run.signal === 'SIGKILL') killed++;
      // The machine was slower before.
      else durationMs = Math.min(durationMs, run.durationMs);
      const left = (await place.stored()).filter((key) => key !== 'user_dbs/alice.anki2');
      expect(left.filter((key) => !isTestKey(key) || usernameOf(key)?.startsWith(TEST_USER_PREFIX) !== true)).toEqual(
        [],
      );
      const { deletedCount } = await clean();
      found += deletedCount;
      expect({ round, deletedCount }).toEqual({
        round,
        deletedCount: expect.toSatisfy((count) => count >= left.length),
      });
      expect({ round, stored: await place.stored() }).toEqual({ round, stored: ['user_dbs/alice.anki2'] });
      const users = await runCommand(['user', 'list', '--json', '--quiet'], { env: place.env });
      expect({ round, users: users.json().users }).toEqual({ round, users: [] });
      expect({ round, files: filesLeft(place) }).toEqual({ round, files: [] });
      expect({ round, ...(await clean()) }).toMatchObject({ round, deletedCount: 0, plan: [] });
    }
  });
});
