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
const KILLS = Number(process.env.JAVUMBO_KILLS ?? 3);

const USERS = 16;

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

/**
 * Runs `attempt` with seeded moments until so many were killed. One that is not killed has done its work: `whole` then
 * judges it, and makes a fresh start for the next ones; and so at the end.
 */
async function killing(
  requests: number,
  attempt: (moment: Parameters<typeof killedAt>[2]) => Promise<boolean>,
  whole: () => Promise<void>,
): Promise<void> {
  const random = seededRandom(41);
  for (let kills = 0; kills < KILLS; ) {
    const killed = await attempt({
      request: 1 + Math.floor(random.fraction() * requests),
      moment: random.fraction() < 0.5 ? 'beforeWork' : 'beforeReply',
    });
    if (killed) kills++;
    else await whole();
  }
  await whole();
}

const filesIn = (name: string): string[] => readdirSync(join(folder, name));

test('a backup that is killed goes on with the same command: complete, and nothing is there twice', async () => {
  const whole = async (): Promise<void> => {
    const created = await source.json<Json>('backup', 'create', folder);
    expect(created.run).toMatchObject({ complete: true, databases: USERS });
    const { counts, stoppedRuns } = await source.json<Json>('backup', 'verify', folder);
    expect({ counts, stoppedRuns }).toEqual({ counts: { sound: USERS }, stoppedRuns: 0 });
    expect(filesIn('databases')).toHaveLength(USERS);
    // Stopped runs are gone with the complete one.
    const runs = filesIn('runs').map((name) =>
      readFileSync(join(folder, 'runs', name), 'utf8')
        .trimEnd()
        .split('\n'),
    );
    expect(runs.filter((lines) => !lines.at(-1)?.startsWith('{"kind":"end"'))).toEqual([]);
    for (const lines of runs) {
      const usernames = lines.slice(1, -1).map((line) => JSON.parse(line).username);
      expect(new Set(usernames).size).toBe(usernames.length);
    }
    folder = join(temporaryDirectory(), 'backup');
  };
  await killing(
    USERS,
    async (moment) => {
      const killed = await killedAt(source, ['backup', 'create', folder], moment);
      const { runs } = await source.json<Json>('backup', 'list', folder);
      expect(runs.filter(({ complete, error }: Json) => complete === killed || error !== undefined)).toEqual([]);
      return killed;
    },
    whole,
  );
});

test('a restore that is killed goes on with the same command: complete, and nothing is there twice', async () => {
  expect((await source.json<Json>('backup', 'create', folder)).run.complete).toBe(true);
  const sorted = ({ users }: Json): Json => users.sort((a: Json, b: Json) => (a.username < b.username ? -1 : 1));
  const accounts = sorted(await source.json<Json>('user', 'list'));
  let { deployment: target } = await openOnAws();
  const whole = async (): Promise<void> => {
    const restored = await target.json<Json>('backup', 'restore', folder);
    expect(restored.equal).toBe(USERS);
    expect(Object.keys(restored.counts).filter((outcome) => !['committed', 'unchanged'].includes(outcome))).toEqual([]);
    // Each PUT creates, so that none goes over what an earlier one stored.
    const puts = target.server?.log.filter(({ operation }) => operation === 'PutObject') ?? [];
    expect(puts.filter(({ ifNoneMatch }) => ifNoneMatch !== '*')).toEqual([]);
    expect(target.server?.keys(BUCKET)).toHaveLength(USERS);
    expect(sorted(await target.json<Json>('user', 'list'))).toEqual(accounts);
    expect((await target.json<Json>('backup', 'restore', folder)).counts).toEqual({ unchanged: USERS });
    await target.close();
    ({ deployment: target } = await openOnAws());
  };
  try {
    await killing(3 * USERS, (moment) => killedAt(target, ['backup', 'restore', folder], moment), whole);
  } finally {
    await target.close();
  }
});
