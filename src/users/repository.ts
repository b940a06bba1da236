import type { Clock } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { parseUsername } from '../core/username.ts';
import { checkPassword, hashPassword, verifyPassword } from './password.ts';
import type { ChangeOutcome, UserItem, UserTable } from './user-table.ts';

/** An account as anybody may see it. Its password hash never leaves the repository. */
export interface User {
  readonly username: string;
  readonly name: string;
  /** ISO 8601 as stored; absent in items that other programs made without it. */
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
}

/** Some users, and where the next ones are. */
export interface UserList {
  readonly users: readonly User[];
  /** What to list the next ones after; undefined at the end of the table. */
  readonly next: string | undefined;
}

// Each means that somebody else changed the account meanwhile.
const CHANGE_ATTEMPTS_MAX = 10;

// What DynamoDB sends at once at the most is 1 MB; an account is a few hundred bytes, so pages are a few hundred kB.
const PAGE_SIZE_MAX = 1_000;

/** Accounts, with their passwords kept as bcrypt hashes. */
export class UserRepository {
  readonly #table: UserTable;
  readonly #clock: Clock;

  constructor(table: UserTable, { clock }: { readonly clock: Clock }) {
    this.#table = table;
    this.#clock = clock;
  }

  /**
   * Makes an account. Throws `usage` for a name or password that must not be, `conflict` where the user exists,
   * `unknown` when nobody can tell whether it was made.
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

  /** Undefined where there is no such user. */
  async get(username: string): Promise<User | undefined> {
    const item = await this.#table.get(parseUsername(username));
    return item === undefined ? undefined : userOf(item);
  }

  /** At most `limit` users in the table's order, after the one called `after`, in pages as they come. */
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

  /** Whether the user exists and has that password. It takes as long for a user that does not exist. */
  async authenticate(username: string, password: string): Promise<boolean> {
    const item = await this.#table.get(parseUsername(username));
    return verifyPassword(password, item?.passwordHash);
  }

  /**
   * Sets the name, the password or both. A change that somebody else makes at once is kept. Throws `usage`, `not-found`,
   * or `unknown`.
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
    if (password !== undefined) checkPassword(password);
    let passwordHash: string | undefined;
    return this.#change('update', username, async (base) => {
      // Made once it is known that there is somebody to have it, for that takes longer than the requests.
      if (password !== undefined) passwordHash ??= await hashPassword(password);
      const changes = { name: parsed, passwordHash, updatedAt: this.#laterThan(base) };
      const outcome = await this.#table.replace(base, changes);
      const { updatedAt } = changes;
      return { outcome, value: userOf({ ...base, ...(parsed === undefined ? {} : { name: parsed }), updatedAt }) };
    });
  }

  /** Removes an account. Throws `not-found`, or `unknown`. */
  async delete(username: string): Promise<User> {
    parseUsername(username);
    return this.#change('delete', username, async (base) => ({
      outcome: await this.#table.delete(base),
      value: userOf(base),
    }));
  }

  /**
   * Makes an account with a hash that another program made. `same`: it is there already, with that hash. `exists`:
   * somebody of that name is there, with another. Throws `unknown` as `create` does.
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
    // Deleted since it was in the way: what was asked for is still not there.
    return (await this.whatIsThere(account)) ?? 'exists';
  }

  /** What `adopt` would meet: undefined where there is no such user. */
  async whatIsThere(account: { username: string; passwordHash: string }): Promise<'same' | 'exists' | undefined> {
    const current = await this.#table.get(account.username);
    if (current === undefined) return undefined;
    return current.passwordHash === account.passwordHash ? 'same' : 'exists';
  }

  /** Reads the account and changes what was read, again and again while others change it in between. */
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
    checkPassword(password);
    return hashPassword(password);
  }

  /** Now, as Python's `datetime.fromisoformat` reads it since 3.7; it learned `Z` in 3.11. */
  #now(ahead = 0): string {
    return new Date(this.#clock.now() + ahead).toISOString().replace('Z', '+00:00');
  }

  /** A time other than that of the account's last change, by which a lost reply is told from one that never came. */
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

/** A display name, without blanks around it. Throws `usage` for one that is empty, too long, or would drive a terminal. */
function parseName(text: string): string {
  const name = text.trim();
  const refuse = (what: string): JavumboError =>
    new JavumboError('usage', `the name ${what}`, { try: `--name with 1 to ${NAME_LENGTH_MAX} characters` });
  if (name === '') throw refuse('is empty');
  const wrong = whatIsWrongWithName(name);
  if (wrong !== undefined) throw refuse(wrong);
  return name;
}

/** Why a name cannot be stored: it is too long, or would drive a terminal or turn its line around. Undefined: it can. */
export function whatIsWrongWithName(name: string): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return `has ${name.length} characters, and ${NAME_LENGTH_MAX} are allowed`;
  return /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(name) ? 'holds control characters' : undefined;
}

/** The failure of whoever asked for somebody that there is not. */
export function noSuchUser(username: string): JavumboError {
  return new JavumboError('not-found', `there is no user "${username}"`, { try: 'javumbo user list', username });
}

function unknownChange(verb: string, username: string, cause: Error): JavumboError {
  return new JavumboError(
    'unknown',
    `${verb} user "${username}": nobody can tell whether it was stored: ${messageOf(cause)}`,
    { try: `javumbo user get ${username}`, username, cause },
  );
}
