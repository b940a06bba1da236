import { examineFully } from '../backup/examine.ts';
import { Patience, type Trouble } from '../backup/outcome.ts';
import type { Scratch } from '../backup/scratch.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { inParallel } from '../core/parallel.ts';
import type { Random } from '../core/random.ts';
import { isUsername, USER_DATABASES_PREFIX, usernameOf } from '../core/username.ts';
import { openReadOnly, type SqliteEngine } from '../sqlite/engine.ts';
import { asDatabaseFailure, isDamage } from '../sqlite/failure.ts';
import { readHeader, setRollbackMode } from '../sqlite/header.ts';
import { userPages } from '../users/user-table.ts';
import {
  isSelected,
  isTrueIn,
  openFleetScratch,
  rememberSelected,
  rowsByUsername,
  type Selection,
  selectedUsernames,
} from './selection.ts';
import type { FleetTarget } from './target.ts';

/**
 * What is wrong with one user, or with a key that is no user's, in `findings`; or why it cannot be examined, in `error`.
 * `skipped`: `--where` is not true.
 */
export interface CheckedUser {
  /** For a key that is no user's, the key. */
  readonly username: string;
  readonly outcome: 'sound' | 'findings' | 'skipped' | 'not-found' | Trouble;
  readonly version?: string | undefined;
  readonly findings?: readonly string[] | undefined;
  readonly error?: string | undefined;
}

export interface CheckOptions {
  readonly selection: Omit<Selection, 'named'>;
  /** These alone. */
  readonly users?: AsyncIterable<string> | undefined;
  /** How many users at once. */
  readonly parallel: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

const NO_ACCOUNT = 'it has no account';
const NO_DATABASE = 'it has an account and no database';
const NO_USERNAME = 'the key is no username, so that nobody has it';
const WAL = 'its file is in WAL mode, which a store cannot keep: some programs would not open it';

const ACCOUNTS = 'CREATE TABLE accounts (username TEXT PRIMARY KEY, listed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID';

/**
 * Fetches and examines each user's database, and compares databases with accounts and keys with usernames. Yields each user
 * as it ends. What a user or another program changes meanwhile is looked at again before it is a finding.
 */
export async function* checkFleet(target: FleetTarget, options: CheckOptions): AsyncGenerator<CheckedUser> {
  const sqlite = await target.sqlite();
  const scratch = openFleetScratch(sqlite, target.workDirectory(), ACCOUNTS);
  try {
    const named = options.users !== undefined;
    if (options.users !== undefined) await rememberSelected(scratch.database, options.users);
    yield* new Check(target, options, { ...options.selection, named }, sqlite, scratch).run();
  } finally {
    scratch.release();
  }
}

class Check {
  readonly #target: FleetTarget;
  readonly #options: CheckOptions;
  readonly #selection: Selection;
  readonly #sqlite: SqliteEngine;
  readonly #scratch: Scratch;
  readonly #databases: ReturnType<FleetTarget['databases']>;
  readonly #patience = new Patience();

  constructor(
    target: FleetTarget,
    options: CheckOptions,
    selection: Selection,
    sqlite: SqliteEngine,
    scratch: Scratch,
  ) {
    this.#target = target;
    this.#options = options;
    this.#selection = selection;
    this.#sqlite = sqlite;
    this.#scratch = scratch;
    this.#databases = target.databases();
  }

  async *run(): AsyncGenerator<CheckedUser> {
    const { store } = this.#target;
    const { database } = this.#scratch;
    const { named, where } = this.#selection;
    await this.#spoolAccounts();
    const selected = selectedUsernames(store, database, this.#selection);
    yield* this.#each(selected, (username) => this.#user(username));
    // Who has no database cannot have one in which a query is true.
    if (named || where !== undefined) return;
    const alone = rowsByUsername<{ username: string }>(database, 'SELECT username FROM accounts WHERE listed = 0');
    yield* this.#each(alone, ({ username }) => this.#accountAlone(username));
    const prefix = `${USER_DATABASES_PREFIX}${this.#selection.prefix ?? ''}`;
    for await (const page of (await this.#target.objects()).list(prefix, { versions: false })) {
      for (const { key } of page) {
        if (usernameOf(key) === undefined) yield { username: key, outcome: 'findings', findings: [NO_USERNAME] };
      }
    }
  }

  async *#each<T>(
    items: AsyncIterable<T> | Iterable<T>,
    examine: (item: T) => Promise<CheckedUser | undefined>,
  ): AsyncGenerator<CheckedUser> {
    const { parallel, signal } = this.#options;
    const users = inParallel(items, parallel, (item) => {
      signal?.throwIfAborted();
      return examine(item);
    });
    for await (const user of users) if (user !== undefined) yield user;
  }

  async #spoolAccounts(): Promise<void> {
    const { users } = this.#target;
    if (users === undefined) return;
    const insert = this.#scratch.database.prepare('INSERT OR IGNORE INTO accounts (username) VALUES (?)');
    for await (const page of userPages(users, 500)) {
      for (const { username } of page.users) if (isSelected(username, this.#selection)) insert.run(username);
    }
  }

  /** Returns undefined for one who is gone since. */
  async #user(username: string): Promise<CheckedUser | undefined> {
    this.#scratch.database.prepare('UPDATE accounts SET listed = 1 WHERE username = ?').run(username);
    try {
      const examined = await this.#database(username);
      this.#patience.succeeded();
      if (examined.outcome === 'skipped') return examined;
      const findings = [...(examined.findings ?? []), ...((await this.#hasAccount(username)) ? [] : [NO_ACCOUNT])];
      if (findings.length === 0) return examined;
      return { ...examined, outcome: examined.outcome === 'sound' ? 'findings' : examined.outcome, findings };
    } catch (thrown) {
      const error = asDatabaseFailure(thrown, username);
      if (!(error instanceof JavumboError) || error.kind !== 'not-found') {
        return { username, ...this.#patience.failed(error) };
      }
      if (this.#target.users !== undefined && (await this.#hasAccount(username))) {
        return { username, outcome: 'findings', findings: [NO_DATABASE] };
      }
      return this.#selection.named ? { username, outcome: 'not-found', error: error.message } : undefined;
    }
  }

  #database(username: string): Promise<CheckedUser> {
    const { clock, random } = this.#options;
    return this.#databases.withFile(username, async (path, { version }, damaged) => {
      if (damaged !== undefined) return { username, outcome: 'damaged', version, error: damaged.message };
      const isWal = putInRollbackMode(path);
      if (!this.#isMeant(path)) return { username, outcome: 'skipped' };
      const sources = { sqlite: this.#sqlite, directory: this.#scratch.directory, random, now: clock.now() };
      const { damage, findings } = await examineFully(path, sources);
      if (damage !== undefined) return { username, outcome: 'damaged', version, error: damage };
      return { username, outcome: 'sound', version, findings: [...(isWal ? [WAL] : []), ...findings] };
    });
  }

  /** True also for a file in which no query can run: its damage must be told. */
  #isMeant(path: string): boolean {
    const { where } = this.#selection;
    if (where === undefined) return true;
    try {
      const database = openReadOnly(this.#sqlite, path);
      try {
        return isTrueIn(database, where);
      } finally {
        database.close();
      }
    } catch (error) {
      if (isDamage(error)) return true;
      throw error;
    }
  }

  /** True as well where accounts are left out. */
  async #hasAccount(username: string): Promise<boolean> {
    const { users } = this.#target;
    if (users === undefined) return true;
    const known = this.#scratch.database.prepare('SELECT 1 FROM accounts WHERE username = ?').get(username);
    return known !== undefined || (await users.get(username)) !== undefined;
  }

  async #accountAlone(username: string): Promise<CheckedUser | undefined> {
    const found = { username, outcome: 'findings', findings: [NO_DATABASE] } as const;
    try {
      // Made or deleted since the lists.
      if (isUsername(username) && (await this.#target.store.head(username)) !== undefined) return undefined;
      return (await this.#target.users?.get(username)) === undefined ? undefined : found;
    } catch (error) {
      return { username, ...this.#patience.failed(error) };
    }
  }
}

/** Returns true if the file, a copy of ours, was in WAL mode: opening it then would write beside it. */
function putInRollbackMode(path: string): boolean {
  try {
    if (readHeader(path).journal !== 'wal') return false;
  } catch {
    // The examination says what is wrong with it.
    return false;
  }
  setRollbackMode(path);
  return true;
}
