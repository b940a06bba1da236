import pLimit from 'p-limit';
import { JavumboError, messageOf } from '../core/failure.ts';
import { type UserPage, type UserTable, userPages } from '../users/user-table.ts';
import { ageSecondsOf, type FailedDeletion, type PlannedDeletion } from './plan.ts';

type Account = UserPage['users'][number];

type OnProgress = (text: string) => void;

// Each account is its own request; this many keep a table busy without throttling.
const PARALLEL = 8;
const PAGE_SIZE = 1_000;

/** Returns the accounts whose usernames begin with `prefix`, in the table's order. Must read the whole table. */
export async function accountsUnder(
  table: UserTable,
  prefix: string,
  onProgress: OnProgress = () => {},
): Promise<Account[]> {
  const found: Account[] = [];
  let seen = 0;
  for await (const { users } of userPages(table, PAGE_SIZE)) {
    found.push(...users.filter(({ username }) => username.startsWith(prefix)));
    seen += users.length;
    onProgress(`accounts: ${seen} looked at, ${found.length} to delete`);
  }
  return found;
}

interface DeleteOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Deletes accounts that are unchanged since they were listed. Continues after failures and returns them with their
 * reasons. Throws `interrupted` at the end if it was.
 */
export async function deleteAccountsThatCan(
  table: UserTable,
  accounts: readonly Account[],
  { onProgress = () => {}, signal }: DeleteOptions = {},
): Promise<FailedDeletion[]> {
  const limit = pLimit(PARALLEL);
  const failures: FailedDeletion[] = [];
  let deleted = 0;
  await Promise.all(
    accounts.map((account) =>
      limit(async () => {
        if (signal?.aborted) return;
        const reason = await deleteAccount(table, account);
        if (reason === undefined) onProgress(`deleted ${++deleted} of ${accounts.length} accounts`);
        else failures.push({ name: account.username, reason });
      }),
    ),
  );
  if (signal?.aborted) {
    // An account whose deletion was not awaited may be gone too.
    const least = failures.length > 0 ? 'at least ' : '';
    throw new JavumboError(
      'interrupted',
      `interrupted: of accounts, ${least}${deleted} of ${accounts.length} were deleted`,
    );
  }
  return failures;
}

/** Returns undefined, or why it may still exist. */
async function deleteAccount(table: UserTable, listed: Account): Promise<string | undefined> {
  try {
    const account = await table.get(listed.username);
    if (account === undefined) return undefined;
    // Lists have no hashes, but each change moves `updatedAt`.
    if (account.createdAt !== listed.createdAt || account.updatedAt !== listed.updatedAt) return CHANGED;
    const { kind } = await table.delete(account);
    switch (kind) {
      case 'deleted':
      case 'absent':
        return undefined;
      case 'conflict':
        return CHANGED;
      case 'unknown':
        return 'it is not known whether it was deleted';
    }
  } catch (error) {
    return messageOf(error);
  }
}

const CHANGED = 'it was changed after it was listed';

export function plannedAccount({ username, createdAt }: Account, now: number): PlannedDeletion {
  // The Python repository's times have no zone and are UTC, like Lambda's clock.
  const created = Date.parse(/[Z+]|-\d\d:\d\d$/.test(createdAt ?? '') ? (createdAt ?? '') : `${createdAt}Z`);
  return { kind: 'user', name: username, ...(Number.isNaN(created) ? {} : { ageSeconds: ageSecondsOf(created, now) }) };
}
