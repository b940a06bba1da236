/**
 * Tests what `kill -9` leaves behind. The commit point is one step in the store (the index's COMMIT, or S3's answer to
 * a PUT): before it everyone reads the old version, after it the new one, and leftovers are never read or kept for
 * long.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import { STARTING_BYTES_MIN } from '../store/digest-thread.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

let directory: string;
let server: S3Server | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-crash-'));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(directory, { recursive: true, force: true });
});

function environment(): Record<string, string> {
  const local = {
    HOME: directory,
    JAVUMBO_HOME: join(directory, 'home'),
    JAVUMBO_CACHE_DIR: join(directory, 'cache'),
  };
  if (server === undefined) return local;
  return {
    ...local,
    S3_BUCKET: 'b',
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
}

/** Only what is killed is a process of its own. */
async function javumbo(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand([...argv, '--quiet'], { env: environment() });
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

async function counted(): Promise<number> {
  return Number((await javumbo('db', 'query', 'alice', 'SELECT n FROM counter')).trim());
}

const COUNT_UP = ['db', 'exec', 'alice', 'UPDATE counter SET n = n + 1', '--quiet'];

async function createCounter(): Promise<void> {
  await javumbo('db', 'create', 'alice');
  await javumbo('db', 'exec', 'alice', 'CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0)');
}

/** Names below a directory, recursively, without the directories. */
function filesUnder(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

function workDirectories(): string[] {
  const cache = join(directory, 'cache');
  return readdirSync(cache).flatMap((deployment) => readdirSync(join(cache, deployment, 'work')));
}

// What a reader finds after a crash at each step: the old version up to the commit point, then the new one.
const LOCAL_STEPS = [
  { step: 'copied', after: 0 },
  { step: 'edited', after: 0 },
  { step: 'closed', after: 0 },
  { step: 'checked', after: 0 },
  { step: 'locked', after: 0 },
  { step: 'file-copied', after: 0 },
  { step: 'file-synced', after: 0 },
  { step: 'index-written', after: 0 },
  { step: 'index-committed', after: 1 },
  { step: 'old-file-removed', after: 1 },
  { step: 'stored', after: 1 },
  { step: 'entry-written', after: 1 },
  { step: 'entry-renamed', after: 1 },
  { step: 'cached', after: 1 },
] as const;

/** The versions of all databases in the history of the local deployment. */
function versionCount(): number {
  const index = new Database(join(directory, 'home', 'index.sqlite'), { readonly: true });
  try {
    return (index.prepare('SELECT count(*) AS n FROM history WHERE file IS NOT NULL').get() as { n: number }).n;
  } finally {
    index.close();
  }
}

describe('db exec on the local deployment, killed', () => {
  test.each(LOCAL_STEPS)(
    'at "$step": $after of 1 change is there, and the next command works',
    async ({ step, after }) => {
      await createCounter();
      const crashed = await runScript(SCRIPTS.crashAt, [step, ...COUNT_UP], environment());
      expect(crashed.signal).toBe('SIGKILL');

      expect(await counted()).toBe(after);
      await javumbo('db', 'check', 'alice');
      await javumbo(...COUNT_UP);
      expect(await counted()).toBe(after + 1);
      // The crash's orphans are gone: one file for each version in the store, no working copy.
      expect(filesUnder(join(directory, 'home', 'databases'))).toHaveLength(versionCount());
      expect(workDirectories()).toEqual([]);
    },
  );
});

// The store is another process here, so a crash cannot happen at its steps.
const S3_STEPS = LOCAL_STEPS.filter(({ step }) =>
  ['copied', 'edited', 'closed', 'checked', 'stored', 'entry-written', 'entry-renamed', 'cached'].includes(step),
);

// Only these differ for a large database, whose digests a thread takes.
const LARGE_STEPS = LOCAL_STEPS.filter(({ step }) => ['copied', 'closed', 'checked', 'stored'].includes(step));

describe('db exec of a large database, killed', () => {
  test.each(LARGE_STEPS)(
    'at "$step": $after of 1 change is there, and the next command works',
    async ({ step, after }) => {
      server = await startS3Server({ buckets: ['b'] });
      await createCounter();
      await javumbo('db', 'exec', 'alice', `CREATE TABLE large AS SELECT zeroblob(${STARTING_BYTES_MIN}) AS x`);
      const crashed = await runScript(SCRIPTS.crashAt, [step, ...COUNT_UP], environment());
      expect(crashed.signal).toBe('SIGKILL');

      expect(await counted()).toBe(after);
      await javumbo(...COUNT_UP);
      expect(await counted()).toBe(after + 1);
      expect(workDirectories()).toEqual([]);
    },
  );
});

describe('db exec on an S3 endpoint, killed', () => {
  test.each(S3_STEPS)(
    'at "$step": $after of 1 change is there, and the next command works',
    async ({ step, after }) => {
      server = await startS3Server({ buckets: ['b'] });
      await createCounter();
      const crashed = await runScript(SCRIPTS.crashAt, [step, ...COUNT_UP], environment());
      expect(crashed.signal).toBe('SIGKILL');

      expect(await counted()).toBe(after);
      await javumbo(...COUNT_UP);
      expect(await counted()).toBe(after + 1);
      expect(workDirectories()).toEqual([]);
    },
  );
});

const BATCHES = [
  ...LOCAL_STEPS.map((row) => ({ ...row, place: 'the local deployment' })),
  ...S3_STEPS.map((row) => ({ ...row, place: 'an S3 endpoint' })),
];

describe('three updates that go out together, killed', () => {
  test.each(BATCHES)(
    'at "$step" on $place are all there or not at all ($after), and what was acknowledged is',
    async ({ step, after, place }) => {
      if (place === 'an S3 endpoint') server = await startS3Server({ buckets: ['b'] });
      await javumbo('db', 'create', 'alice');
      await javumbo('db', 'exec', 'alice', 'CREATE TABLE updates (n INTEGER)');
      const crashed = await runScript(SCRIPTS.crashBatch, [step, 'alice'], environment());
      expect(crashed).toMatchObject({ signal: 'SIGKILL', stdout: '0\n', stderr: '' });

      const found = await javumbo('db', 'query', 'alice', 'SELECT n FROM updates ORDER BY n');
      expect(found.trim().split(/\s+/).join()).toBe(after === 0 ? '0' : '0,1,2,3');
      await javumbo('db', 'exec', 'alice', 'INSERT INTO updates VALUES (4)');
      expect(workDirectories()).toEqual([]);
    },
  );
});

// As the simulation, more in CI: 25 by default.
const ROUNDS = Math.ceil(Number(process.env.JAVUMBO_SEEDS ?? 200) / 8);
const SEED = Number(process.env.JAVUMBO_SEED ?? 20_261_122);

test(`db exec killed ${ROUNDS} times at a random moment (seed ${SEED}) never loses or doubles a change`, async () => {
  await createCounter();
  const random = seededRandom(SEED);
  // A run's length depends on the load, so each complete one is the next measure.
  let { durationMs } = await runScript(SCRIPTS.javumbo, COUNT_UP, environment());
  let before = await counted();
  let killed = 0;
  let landed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // The first half of a run is Node's start: aim at the work in the second.
    const killAfterMs = durationMs * (0.4 + 0.6 * random.fraction());
    const run = await runScript(SCRIPTS.javumbo, COUNT_UP, environment(), { killAfterMs });
    const { code, signal, stderr } = run;
    const now = await counted();
    if (signal === 'SIGKILL') {
      killed++;
      expect([before, before + 1]).toContain(now);
      if (now > before) landed++;
    } else {
      durationMs = run.durationMs;
      expect({ round, code, stderr, now }).toEqual({ round, code: 0, stderr: '', now: before + 1 });
    }
    before = now;
  }
  await javumbo('db', 'check', 'alice');
  await javumbo(...COUNT_UP);
  expect(await counted()).toBe(before + 1);
  expect(filesUnder(join(directory, 'home', 'databases'))).toHaveLength(versionCount());
  expect(workDirectories()).toEqual([]);
  // Without kills, or kills before the commit, nothing would be tested.
  expect(killed).toBeGreaterThan(ROUNDS / 10);
  expect(killed - landed).toBeGreaterThan(ROUNDS / 20);
}, 600_000);
