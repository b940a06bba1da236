import { JavumboError } from '../core/failure.ts';
import { testUser } from '../core/test-data.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { UserRepository } from '../users/repository.ts';
import type { UserTable } from '../users/user-table.ts';
import type { TestInputs } from './check.ts';
import { type Assert, assertEqual } from './check.ts';

export interface TestAccountsEnvironment {
  readonly deployment: Deployment;
  readonly inputs: TestInputs;
}

/** Accounts of one test, and the repository that keeps them. */
export interface TestAccounts {
  readonly usernames: readonly string[];
  readonly repository: UserRepository;
  readonly table: UserTable;
}

/** Runs `work` for accounts of its own, removes what it left of them, and asserts that they are gone. */
export async function withTestAccounts(
  assert: Assert,
  { deployment, inputs }: TestAccountsEnvironment,
  purposes: readonly string[],
  work: (accounts: TestAccounts) => Promise<void>,
): Promise<void> {
  const table = await deployment.users();
  const repository = new UserRepository(table, inputs);
  const { run } = inputs;
  const usernames = purposes.map((purpose) => testUser(run, purpose));
  // Not through `table`, which asks nothing any more once the work is interrupted.
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
    // What the work threw matters more than what its clean-up may throw, which is told all the same.
    await remove().catch((left) => run.onLeft?.(left));
    throw error;
  }
  await remove();
  if (run.keep) return;
  const left = await Promise.all(usernames.map((username) => accounts.get(username)));
  assertEqual(assert, 'it is cleaned up', left.filter((item) => item !== undefined).length, 0);
}

function unlessAbsent(error: unknown): void {
  if (!(error instanceof JavumboError && error.kind === 'not-found')) throw error;
}
