import type { Clock } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { parseUsername } from '../core/username.ts';
import { acceptedPassword, HASH_COST, hashPassword, sharedCost, verifyPassword } from './password.ts';
import type { ChangeOutcome, UserItem, UserTable } from './user-table.ts';

/** An account without its password hash, which never leaves the repository. */
export interface User {
  readonly username: string;
  readonly name: string;
  /** ISO 8601 as stored; absent if another program omitted it. */
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
}

export interface UserList {
  readonly users: readonly User[];
  /** The user to list the next ones after; undefined at the end of the table. */
  readonly next: string | undefined;
}

// Each attempt is lost to another writer's change.
const CHANGE_ATTEMPTS_MAX = 10;

// DynamoDB sends at most 1 MB at once; an account is a few hundred bytes.
const PAGE_SIZE_MAX = 1_000;

/** Accounts, with their passwords kept as bcrypt hashes. */
export class UserRepository {
  readonly #table: UserTable;
  readonly #clock: Clock;
  /** From a dear hash on every answer takes its time, so that none names that account. */
  #cost = HASH_COST;

  constructor(table: UserTable, { clock }: { readonly clock: Clock }) {
    this.#table = table;
    this.#clock = clock;
  }

  /**
   * Creates an account. Throws `usage` for an invalid name or password, `conflict` if the user exists, `unknown` if it
   * may have been created.
   */
  async create(username: string, { name, password }: { name: string; password: string }): Promise<User> {
    parseUsername(username);
    const item: UserItem = {
      username,
      name: parseName(name),
      passwordHash: await this.#hashed(password),
      createdAt: this.#now(),
    };
    const outcome = await this.#table.putIfAbsent(item);
    if (outcome.kind === 'created') return userOf(item);
    if (outcome.kind === 'unknown') throw unknownChange('create', username, outcome.cause);
    throw new JavumboError('conflict', `user "${username}" exists already`, {
      try: `javumbo user get ${username}`,
      username,
    });
  }

  /** Returns a user, or undefined. */
  async get(username: string): Promise<User | undefined> {
    const item = await this.#table.get(parseUsername(username));
    return item === undefined ? undefined : userOf(item);
  }

  /** Yields at most `limit` users in the table's order, after the user `after`, in pages as they arrive. */
  async *list({
    limit,
    after,
  }: {
    readonly limit: number;
    readonly after?: string | undefined;
  }): AsyncGenerator<UserList> {
    let left = limit;
    for (let next = after; ; ) {
      const page = await this.#table.page({ limit: Math.min(left, PAGE_SIZE_MAX), after: next });
      left -= page.users.length;
      next = page.next;
      yield { users: page.users.map(userOf), next };
      if (next === undefined || left <= 0) return;
    }
  }

  /** True if the user exists and has that password. Takes equally long for a user that does not exist. */
  async authenticate(username: string, password: string): Promise<boolean> {
    const item = await this.#table.get(parseUsername(username));
    this.#cost = sharedCost(this.#cost, item?.passwordHash);
    return verifyPassword(password, item?.passwordHash, this.#cost);
  }

  /**
   * Sets the name, the password or both. Keeps concurrent changes of others. Throws `usage`, `not-found`, `unknown`, or
   * `conflict` if others keep changing the account.
   */
  async update(
    username: string,
    { name, password }: { name?: string | undefined; password?: string | undefined },
  ): Promise<User> {
    parseUsername(username);
    const parsed = name === undefined ? undefined : parseName(name);
    if (parsed === undefined && password === undefined) {
      throw new JavumboError('usage', `nothing to update of user "${username}"`, {
        try: '--name, --password-stdin, or both',
        username,
      });
    }
    const accepted = password === undefined ? undefined : acceptedPassword(password);
    let passwordHash: string | undefined;
    return this.#change('update', username, async (base) => {
      // Computed only once the user is known to exist, since it takes longer than the requests.
      if (accepted !== undefined) passwordHash ??= await hashPassword(accepted);
      const changes = { name: parsed, passwordHash, updatedAt: this.#laterThan(base) };
      const outcome = await this.#table.replace(base, changes);
      const { updatedAt } = changes;
      return { outcome, value: userOf({ ...base, ...(parsed === undefined ? {} : { name: parsed }), updatedAt }) };
    });
  }

  /** Deletes an account and returns it. Throws `not-found`, `unknown`, or `conflict` like `update`. */
  async delete(username: string): Promise<User> {
    parseUsername(username);
    return this.#change('delete', username, async (base) => ({
      outcome: await this.#table.delete(base),
      value: userOf(base),
    }));
  }

  /**
   * Creates an account with a hash from another program. Returns `same` if the user exists with that hash, `exists` if
   * with another. Throws `unknown` like `create`.
   */
  async adopt(account: {
    username: string;
    name: string;
    passwordHash: string;
  }): Promise<'created' | 'same' | 'exists'> {
    const { username } = account;
    const outcome = await this.#table.putIfAbsent({ ...account, createdAt: this.#now() });
    if (outcome.kind === 'created') return 'created';
    if (outcome.kind === 'unknown') throw unknownChange('create', username, outcome.cause);
    // If it was deleted since, the requested account still does not exist.
    return (await this.whatIsThere(account)) ?? 'exists';
  }

  /** Returns what `adopt` would find; undefined if there is no such user. */
  async whatIsThere(account: { username: string; passwordHash: string }): Promise<'same' | 'exists' | undefined> {
    const current = await this.#table.get(account.username);
    if (current === undefined) return undefined;
    return current.passwordHash === account.passwordHash ? 'same' : 'exists';
  }

  /** Reads the account and changes it, repeatedly while others change it in between. */
  async #change<T>(
    verb: string,
    username: string,
    attempt: (base: UserItem) => Promise<{ outcome: ChangeOutcome<string>; value: T }>,
  ): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      const base = await this.#table.get(username);
      if (base === undefined) throw noSuchUser(username);
      const { outcome, value } = await attempt(base);
      if (outcome.kind === 'unknown') throw unknownChange(verb, username, (outcome as { cause: Error }).cause);
      if (outcome.kind === 'absent') throw noSuchUser(username);
      if (outcome.kind !== 'conflict') return value;
      if (attempts >= CHANGE_ATTEMPTS_MAX) {
        throw new JavumboError('conflict', `user "${username}" is being changed by others; ${attempts} attempts lost`, {
          try: 'the same command again',
          username,
        });
      }
    }
  }

  async #hashed(password: string): Promise<string> {
    return hashPassword(acceptedPassword(password));
  }

  /** Returns the time in the form that Python's `datetime.fromisoformat` has read since 3.7; `Z` only since 3.11. */
  #now(ahead = 0): string {
    return new Date(this.#clock.now() + ahead).toISOString().replace('Z', '+00:00');
  }

  /** Returns a time unlike the account's last change, so that a lost reply can be told from a lost request. */
  #laterThan({ updatedAt }: UserItem): string {
    const now = this.#now();
    return now === updatedAt ? this.#now(1) : now;
  }
}

function userOf({ username, name = '', createdAt, updatedAt }: Omit<UserItem, 'passwordHash'>): User {
  return {
    username,
    name,
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(updatedAt === undefined ? {} : { updatedAt }),
  };
}

const NAME_LENGTH_MAX = 256;

/** Returns a trimmed display name. Throws `usage` if it is empty, too long, or would control a terminal. */
function parseName(text: string): string {
  const name = text.trim();
  const refuse = (what: string): JavumboError =>
    new JavumboError('usage', `the name ${what}`, { try: `--name with 1 to ${NAME_LENGTH_MAX} characters` });
  if (name === '') throw refuse('is empty');
  const wrong = whatIsWrongWithName(name);
  if (wrong !== undefined) throw refuse(wrong);
  return name;
}

/** Returns why a name cannot be stored (too long, or would control a terminal or reverse its line), or undefined. */
export function whatIsWrongWithName(name: string): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return `has ${name.length} characters, and ${NAME_LENGTH_MAX} are allowed`;
  return /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(name) ? 'holds control characters' : undefined;
}

/** Returns the failure of a missing user. */
export function noSuchUser(username: string): JavumboError {
  return new JavumboError('not-found', `there is no user "${username}"`, { try: 'javumbo user list', username });
}

function unknownChange(verb: string, username: string, cause: Error): JavumboError {
  return new JavumboError(
    'unknown',
    `${verb} user "${username}": it is not known whether it was stored: ${messageOf(cause)}`,
    { try: `javumbo user get ${username}`, username, cause },
  );
}
