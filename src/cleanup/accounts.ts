import pLimit from 'p-limit';
import { JavumboError, messageOf } from '../failure.ts';
import { type UserPage, type UserTable, userPages } from '../users/user-table.ts';
import { ageSecondsOf, type PlannedDeletion } from './plan.ts';

type Account = UserPage['users'][number];

type OnProgress = (text: string) => void;

// Each of these is a request of its own; so many under way at once keep a table busy without throttling it.
const PARALLEL = 8;
const PAGE_SIZE = 1_000;

/** The accounts whose usernames begin with `prefix`, in the table's order. The table has to be read whole for that. */
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
    onProgress(`looked at ${seen} accounts, ${found.length} to delete`);
  }
  return found;
}

/**
 * Deletes accounts; one that cannot be deleted does not keep the rest from going. Throws `unavailable` in the end with
 * the first of what is left and why, or `interrupted`.
 */
export async function deleteAccounts(
  table: UserTable,
  accounts: readonly Account[],
  {
    onProgress = () => {},
    signal,
  }: { readonly onProgress?: OnProgress; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const limit = pLimit(PARALLEL);
  const failures: string[] = [];
  let deleted = 0;
  await Promise.all(
    accounts.map(({ username }) =>
      limit(async () => {
        if (signal?.aborted) return;
        const failure = await deleteAccount(table, username);
        if (failure === undefined) onProgress(`deleted ${++deleted} of ${accounts.length} accounts`);
        else failures.push(`${username}: ${failure}`);
      }),
    ),
  );
  if (signal?.aborted) {
    throw new JavumboError('interrupted', `interrupted: ${deleted} of ${accounts.length} accounts were deleted`);
  }
  if (failures.length === 0) return;
  throw new JavumboError(
    'unavailable',
    `${failures.length} of ${accounts.length} accounts could not be deleted, such as ${failures[0]}`,
    { try: 'the same command again' },
  );
}

/** Undefined, or why it is still there, as far as anybody can tell. */
async function deleteAccount(table: UserTable, username: string): Promise<string | undefined> {
  try {
    const account = await table.get(username);
    if (account === undefined) return undefined;
    const { kind } = await table.delete(account);
    switch (kind) {
      case 'deleted':
      case 'absent':
        return undefined;
      case 'conflict':
        return 'it was changed meanwhile';
      case 'unknown':
        return 'nobody can tell whether it was deleted';
    }
  } catch (error) {
    return messageOf(error);
  }
}

export function plannedAccount({ username, createdAt }: Account, now: number): PlannedDeletion {
  // The Python repository's times have no zone, and are UTC as Lambda's clock is.
  const created = Date.parse(/[Z+]|-\d\d:\d\d$/.test(createdAt ?? '') ? (createdAt ?? '') : `${createdAt}Z`);
  return { kind: 'user', name: username, ...(Number.isNaN(created) ? {} : { ageSeconds: ageSecondsOf(created, now) }) };
}
