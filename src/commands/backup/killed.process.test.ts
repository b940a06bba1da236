/**
 * Kills `backup create` and `backup restore` (kill -9) at seeded requests, again and again, with the same command after each.
 * A request, not a time, says when: so the moment is the same on every machine.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../../core/random.ts';
import { openUserDatabases } from '../../library/open.ts';
import { killGroup, SCRIPTS, startScript } from '../../testing/child-process.ts';
import { BUCKET, type CommandDeployment, openOnAws } from '../../testing/command-deployments.ts';
import { populate } from '../../testing/populated.ts';
import { type Json, temporaryDirectory } from '../../testing/run-command.ts';

// A run after that many kills is expected to end; more only on demand (contributing.md).
const KILLS = Number(process.env.JAVUMBO_KILLS ?? 4);

const USERS = 24;

let source: CommandDeployment;
let folder: string;

beforeEach(async () => {
  ({ deployment: source } = await openOnAws());
  folder = join(temporaryDirectory(), 'backup');
  // The SDK takes its credentials from what the last command was given.
  await source.run(['db', 'list']);
  const databases = await openUserDatabases({
    bucket: BUCKET,
    endpointUrl: source.server?.endpoint ?? '',
    dynamodbEndpointUrl: source.env.AWS_ENDPOINT_URL_DYNAMODB ?? '',
    cacheDirectory: source.env.JAVUMBO_CACHE_DIR ?? '',
  });
  await populate(databases, USERS, { bytesMax: 100_000 });
  databases.close();
});

afterEach(() => source.close());

/** Runs a command in a process that is killed at its n-th request to S3, before or after it has its effect. */
async function killedAt(
  { server, env, flags }: CommandDeployment,
  argv: readonly string[],
  { request, moment }: { readonly request: number; readonly moment: 'beforeWork' | 'beforeReply' },
): Promise<boolean> {
  if (server === undefined) throw new Error('there is no server');
  const running = startScript(SCRIPTS.javumbo, [...argv, ...flags, '--quiet'], env as Record<string, string>);
  let requests = 0;
  server[moment] = () => {
    if (++requests === request) killGroup(running);
  };
  const { signal } = await running.ended;
  server[moment] = undefined;
  return signal === 'SIGKILL';
}

const random = seededRandom(41);

/** Moments among the first `requests`, of either kind. */
function moments(requests: number): { readonly request: number; readonly moment: 'beforeWork' | 'beforeReply' }[] {
  return Array.from({ length: KILLS }, () => ({
    request: 1 + Math.floor(random.fraction() * requests),
    moment: random.fraction() < 0.5 ? 'beforeWork' : 'beforeReply',
  }));
}

const filesIn = (name: string): string[] => readdirSync(join(folder, name));

test('a backup that is killed goes on with the same command: complete, and nothing is there twice', async () => {
  let killed = 0;
  for (const moment of moments(10)) {
    if (await killedAt(source, ['backup', 'create', folder], moment)) killed++;
    // At its first request it may have made nothing yet.
    const listed = await source.run(['backup', 'list', folder, '--json']);
    if (listed.code === 0 && killed > 0) {
      const { runs } = listed.json();
      expect(runs.filter(({ error }: Json) => error !== undefined)).toEqual([]);
    }
  }
  expect(killed).toBeGreaterThan(0);
  expect((await source.json<Json>('backup', 'create', folder)).run).toMatchObject({ complete: true, databases: USERS });
  const { counts, stoppedRuns } = await source.json<Json>('backup', 'verify', folder);
  expect({ counts, stoppedRuns }).toEqual({ counts: { sound: USERS }, stoppedRuns: 0 });
  expect(filesIn('databases')).toHaveLength(USERS);
  const [newest = ''] = filesIn('runs').sort().reverse();
  const lines = readFileSync(join(folder, 'runs', newest), 'utf8')
    .trimEnd()
    .split('\n');
  const usernames = lines.slice(1, -1).map((line) => JSON.parse(line).username);
  expect(new Set(usernames).size).toBe(usernames.length);
  // Stopped runs are gone with the complete one.
  expect(
    filesIn('runs').every((name) => readFileSync(join(folder, 'runs', name), 'utf8').includes('"kind":"end"')),
  ).toBe(true);
});

test('a restore that is killed goes on with the same command: complete, and nothing is there twice', async () => {
  expect((await source.json<Json>('backup', 'create', folder)).run.complete).toBe(true);
  const before = await source.json<Json>('user', 'list');
  const { deployment: empty } = await openOnAws();
  try {
    let killed = 0;
    for (const moment of moments(3 * USERS)) if (await killedAt(empty, ['backup', 'restore', folder], moment)) killed++;
    expect(killed).toBeGreaterThan(0);
    const restored = await empty.json<Json>('backup', 'restore', folder);
    expect(restored.equal).toBe(USERS);
    expect(Object.keys(restored.counts).filter((outcome) => !['committed', 'unchanged'].includes(outcome))).toEqual([]);
    // Each PUT creates, so that none goes over what an earlier one stored.
    const puts = empty.server?.log.filter(({ operation }) => operation === 'PutObject') ?? [];
    expect(puts.filter(({ ifNoneMatch }) => ifNoneMatch !== '*')).toEqual([]);
    expect(empty.server?.keys(BUCKET)).toHaveLength(USERS);
    const sorted = ({ users }: Json): Json => users.sort((a: Json, b: Json) => (a.username < b.username ? -1 : 1));
    expect(sorted(await empty.json<Json>('user', 'list'))).toEqual(sorted(before));
    expect((await empty.json<Json>('backup', 'restore', folder)).counts).toEqual({ unchanged: USERS });
  } finally {
    await empty.close();
  }
});
