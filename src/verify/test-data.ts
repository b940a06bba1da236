import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withTestUser } from '../bench/test-user.ts';
import { JavumboError } from '../core/failure.ts';
import { testUser } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { listAll } from '../history/object-versions.ts';
import { UserRepository } from '../users/repository.ts';
import type { UserTable } from '../users/user-table.ts';
import type { Assert, TestInputs } from './check.ts';

export interface TestEnvironment {
  readonly deployment: Deployment;
  readonly inputs: Pick<TestInputs, 'run' | 'clock' | 'random'>;
}

/** Runs `work` for a new test user, then asserts that no object, version, marker or cached file of that user is left. */
export async function withTestDatabase(
  assert: Assert,
  { deployment, inputs: { run } }: TestEnvironment,
  purpose: string,
  work: (username: string) => Promise<void>,
  claim: (name: string) => string = (name) => name,
): Promise<void> {
  const username = testUser(run, purpose);
  await withTestUser(deployment, run, purpose, work);
  if (run.keep) return;
  const left = await listAll(await deployment.objects(), keyOf(username), true);
  const cached = existsSync(join(deployment.cache.directory, 'entries', username));
  assert(claim('it is cleaned up'), left.length === 0 && !cached, {
    expected: 'no object, version, marker or cached file',
    actual: [...left.map(({ kind }) => kind), ...(cached ? ['cached file'] : [])].join(', ') || 'none',
  });
}

/** The accounts of one test, and the repository that keeps them. */
export interface TestAccounts {
  readonly usernames: readonly string[];
  readonly repository: UserRepository;
  readonly table: UserTable;
}

/** Runs `work` for new test accounts, removes those that it leaves, and asserts that they are gone. */
export async function withTestAccounts(
  assert: Assert,
  { deployment, inputs }: TestEnvironment,
  purposes: readonly string[],
  work: (accounts: TestAccounts) => Promise<void>,
): Promise<void> {
  const table = await deployment.users();
  const repository = new UserRepository(table, inputs);
  const { run } = inputs;
  const usernames = purposes.map((purpose) => testUser(run, purpose));
  // Unlike `table`, this still answers after an interruption.
  const accounts = await deployment.accounts();
  const removal = new UserRepository(accounts, inputs);
  const remove = run.cleanUps.add(async () => {
    for (const username of usernames) {
      if (run.keep) run.onKept?.('account', username);
      else await removal.delete(username).catch(unlessAbsent);
    }
  });
  try {
    await work({ usernames, repository, table });
  } catch (error) {
    // The error of the work matters more than that of its clean-up, which is only reported.
    await remove().catch((left) => run.onLeft?.(left));
    throw error;
  }
  await remove();
  if (run.keep) return;
  const left = await Promise.all(usernames.map((username) => accounts.get(username)));
  assert.equal('it is cleaned up', left.filter((item) => item !== undefined).length, 0);
}

function unlessAbsent(error: unknown): void {
  if (!(error instanceof JavumboError && error.kind === 'not-found')) throw error;
}
