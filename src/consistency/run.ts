import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTestUser } from '../bench/test-user.ts';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { seededRandom } from '../core/random.ts';
import { type TestRun, testUser } from '../core/test-data.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { DeletionProbe } from '../probes/deletion-probe.ts';
import { UserRepository } from '../users/repository.ts';
import type { UserTable } from '../users/user-table.ts';
import { Crowd } from './crowd.ts';
import { type Faults, type HistoryHeader, HistoryWriter, type RecordedHistory, readHistory } from './history-file.ts';
import { missingIn } from './missing.ts';
import { Observer } from './observer.ts';
import { addCounts, openReach, type Reach } from './reach.ts';
import type { SabotageName } from './sabotage.ts';

export interface ConsistencyOptions {
  readonly clients: number;
  readonly users: number;
  readonly seed: number;
  /** Undefined: all that can be made. */
  readonly faults: readonly string[] | undefined;
  readonly sabotage: SabotageName | undefined;
  /** Where the history is kept. */
  readonly history: string;
  /** How long the clients work at least. */
  readonly durationMs: number;
  /** How many operations they do at least. */
  readonly operationsMin?: number;
  /** How much longer they work for what has not occurred yet. Default: as long again; with a wrong client not at all. */
  readonly patienceMs?: number;
}

/** What a run has met so far. */
export interface Progress {
  readonly elapsedMs: number;
  readonly operations: number;
  readonly kills: number;
  /** Faults and outcomes that are still to come. */
  readonly missing: readonly string[];
}

/** The fault that no network makes: the process of a client ends in the middle of an operation. */
export const KILLED = 'killed';

const POLL_MS = 25;
const GRACE_MS = 20_000;

/** One kill costs about as much as that many operations. */
const KILL_EVERY = { local: 130, aws: 55 } as const;

/**
 * Lets clients work on test users over a bad network, and kills some of them, until they have worked for as long as asked
 * and met everything. Returns the history of all that they did; the test users are removed.
 */
export async function runClients(
  deployment: Deployment,
  context: Context,
  run: TestRun,
  options: ConsistencyOptions,
  deletion: DeletionProbe | undefined,
  onProgress: (progress: Progress) => void,
): Promise<RecordedHistory> {
  const usernames = Array.from({ length: options.users }, (_, number) => testUser(run, `user-${number + 1}`));
  const writer = new HistoryWriter(options.history);
  const work = deployment.cache.workDirectory();
  try {
    const accounts = await accountsOf(deployment);
    const random = seededRandom(options.seed);
    const home = join(work.path, 'home');
    mkdirSync(home, { mode: 0o700 });
    const { clock } = context;
    const { config, identity } = deployment;
    const reach = await openReach({ config, identity, only: options.faults, random, clock, home, deletion });
    try {
      writer.append(headerOf(deployment, context, run, usernames, options, [...reach.faults, KILLED]));
      const observer = new Observer(deployment, accounts, writer);
      const worked = async (): Promise<void> => {
        await observer.found(usernames);
        const crowd = new Crowd({
          common: {
            users: usernames,
            accounts: accounts !== undefined,
            history: options.history,
            faults: reach.clientFaults,
          },
          configOf: (cacheDir) => reach.configOf(cacheDir),
          count: options.clients,
          sabotage: options.sabotage,
          env: context.env,
          directory: work.path,
          writer,
          seed: options.seed,
          random,
          killEvery: KILL_EVERY[deployment.description.kind],
        });
        await letWork(crowd, reach, context, options, onProgress);
        await reach.settle();
        await observer.look(usernames);
        writer.append({ faults: faultsOf(crowd, reach) });
      };
      await withAccounts(deployment, accounts, run, usernames, context, () =>
        usernames.reduce<() => Promise<void>>(
          (inner, _, number) => () => withTestUser(deployment, run, `user-${number + 1}`, inner),
          worked,
        )(),
      );
    } finally {
      await reach.close();
    }
    return readHistory(readFileSync(options.history, 'utf8'), options.history);
  } finally {
    writer.close();
    work.release();
  }
}

async function letWork(
  crowd: Crowd,
  reach: Reach,
  { clock, signal }: Context,
  { durationMs, sabotage, operationsMin = 0, patienceMs = sabotage === undefined ? durationMs : 0 }: ConsistencyOptions,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  // A timer that is left would keep the command alive.
  const ended = new AbortController();
  try {
    await crowd.start();
    const beganAt = clock.monotonic();
    for (;;) {
      await clock.sleep(POLL_MS, signal);
      crowd.tick();
      const elapsedMs = clock.monotonic() - beganAt;
      const missing = missingIn(faultsOf(crowd, reach), crowd.outcomes());
      onProgress({ elapsedMs, operations: crowd.operations, kills: crowd.kills, missing });
      if (elapsedMs < durationMs || crowd.operations < operationsMin) continue;
      if (missing.length === 0 || elapsedMs >= durationMs + patienceMs) break;
    }
    await crowd.stop(clock.sleep(GRACE_MS, ended.signal).catch(() => {}));
    crowd.throwIfFailed();
  } finally {
    ended.abort();
    await crowd.kill();
  }
}

function faultsOf(crowd: Crowd, reach: Reach): Faults {
  const killed = { fired: crowd.kills, landed: crowd.kills };
  const counted = addCounts(crowd.faults(), reach.counts());
  const none = { fired: 0, landed: 0 };
  return { ...Object.fromEntries(reach.faults.map((name) => [name, counted[name] ?? none])), [KILLED]: killed };
}

function headerOf(
  { description }: Deployment,
  { clock }: Context,
  run: TestRun,
  users: readonly string[],
  { seed, sabotage }: ConsistencyOptions,
  faults: readonly string[],
): HistoryHeader {
  return {
    kind: 'consistency',
    schemaVersion: 1,
    run: run.id,
    startedAt: new Date(clock.now()).toISOString(),
    deployment: { ...description },
    seed,
    users,
    faults,
    ...(sabotage === undefined ? {} : { sabotage }),
  };
}

/** Returns the accounts, or undefined where nothing says where they are. */
async function accountsOf(deployment: Deployment): Promise<UserTable | undefined> {
  try {
    return await deployment.accounts();
  } catch (error) {
    if (error instanceof JavumboError && error.kind === 'usage') return undefined;
    throw error;
  }
}

async function withAccounts(
  deployment: Deployment,
  accounts: UserTable | undefined,
  run: TestRun,
  usernames: readonly string[],
  { clock }: Context,
  work: () => Promise<void>,
): Promise<void> {
  if (accounts === undefined) return work();
  const removal = new UserRepository(await deployment.accounts(), { clock });
  const remove = run.cleanUps.add(async () => {
    for (const username of usernames) {
      if (run.keep) run.onKept?.('account', username);
      else await removal.delete(username).catch(unlessAbsent);
    }
  });
  try {
    await work();
  } catch (error) {
    await remove().catch((left) => run.onLeft?.(left));
    throw error;
  }
  await remove();
}

function unlessAbsent(error: unknown): void {
  if (!(error instanceof JavumboError && error.kind === 'not-found')) throw error;
}
