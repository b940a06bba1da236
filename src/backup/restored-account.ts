import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { UserItem, UserTable } from '../users/user-table.ts';
import type { BackedUpAccount } from './manifest.ts';

/** What is there in the place of an account: nothing, the same, or another one, which `base` is. */
export interface AccountThere {
  readonly state: 'absent' | 'equal' | 'different';
  readonly base?: UserItem | undefined;
}

/** Compares an account with what is there: its name, and the hash of its password. */
export async function accountThere(
  users: UserTable,
  username: string,
  { name, passwordHash }: BackedUpAccount,
): Promise<AccountThere> {
  const base = await users.get(username);
  if (base === undefined) return { state: 'absent' };
  return { state: base.name === name && base.passwordHash === passwordHash ? 'equal' : 'different', base };
}

export type AccountOutcome = 'committed' | 'unchanged';

/**
 * Creates an account with its hash, or replaces exactly the one that was looked at. Throws `conflict` if another one is
 * there and must be left, or came since; `unknown`.
 */
export async function restoreAccount(
  users: UserTable,
  username: string,
  account: BackedUpAccount,
  { state, base, replace, clock }: AccountThere & { readonly replace: boolean; readonly clock: Clock },
): Promise<AccountOutcome> {
  if (state === 'equal') return 'unchanged';
  if (base !== undefined && !replace) throw conflict('another account is there, and it was left (--replace)', username);
  const { name, passwordHash } = account;
  const outcome =
    base === undefined
      ? await users.putIfAbsent({ username, ...account })
      : await users.replace(base, { name, passwordHash, updatedAt: updateTime(clock) });
  switch (outcome.kind) {
    case 'created':
    case 'replaced':
      return 'committed';
    case 'unknown':
      throw new JavumboError('unknown', `account "${username}": it is not known whether it was stored`, {
        try: `javumbo user get ${username}`,
        username,
        cause: outcome.cause,
      });
    default:
      throw conflict('the account was changed by somebody else meanwhile', username);
  }
}

function conflict(message: string, username: string): JavumboError {
  return new JavumboError('conflict', message, { try: `javumbo user get ${username}`, username });
}

/** Returns the time in the form in which the accounts have it: Python reads `Z` only since 3.11. */
function updateTime(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace('Z', '+00:00');
}
