import type { WorkDirectory } from '../cache/work-directory.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { inParallel } from '../core/parallel.ts';
import type { Random } from '../core/random.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { LoadSqlite } from '../sqlite/engine.ts';
import type { UserTable } from '../users/user-table.ts';
import { BackupFolder } from './folder.ts';
import { type BackedUpDatabase, readManifest, type UserLine } from './manifest.ts';
import { Patience, type Trouble } from './outcome.ts';
import { LOOKED_SCHEMA, type Looked, LookedUsers, Planning, type RestorePlan } from './restore-plan.ts';
import { type AccountOutcome, accountThere, restoreAccount } from './restored-account.ts';
import { chosenRun, type Run } from './runs.ts';
import { openScratch, type Scratch } from './scratch.ts';
import { copyBackedUp, digestOnceStored, storedContent } from './stored-content.ts';

/** The deployment that is restored into. */
export interface RestoreTarget {
  /** Without a cache. */
  readonly databases: UserDatabases;
  /** Undefined to leave accounts alone. */
  readonly users: UserTable | undefined;
  readonly sqlite: LoadSqlite;
  readonly workDirectory: () => WorkDirectory;
}

export interface RestoreOptions {
  readonly directory: string;
  /** The time of the run; undefined: the newest complete one. */
  readonly run: string | undefined;
  /** Undefined: everybody. */
  readonly only: readonly string[] | undefined;
  /** Replaces what is there and differs, if it still is what it was at the first look. */
  readonly replace: boolean;
  readonly parallel: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Called after the first look, before anything is stored. Ends the restore by throwing, or by returning false. */
  readonly decide: (plan: RestorePlan) => Promise<boolean>;
  readonly onLook?: ((looked: number, of: number) => void) | undefined;
  readonly onStored?: ((users: number, bytes: number) => void) | undefined;
}

/**
 * How a database or an account ended. `committed`: stored, and read back. `unchanged`: there was nothing to store.
 * `conflict`: another one is there. `different`: it is not what the backup has, although it was stored.
 */
export type RestoreOutcome = AccountOutcome | 'different' | Trouble;

export interface RestoredUser {
  readonly username: string;
  /** That of the database; that of the account if there is no database, or if only the account ended badly. */
  readonly outcome: RestoreOutcome;
  /** The database's, if it is known. */
  readonly version?: string | undefined;
  readonly sizeBytes?: number | undefined;
  /** Its file in the backup. */
  readonly file?: string | undefined;
  /** Absent if the backup has no account of the user, or accounts are left alone. */
  readonly account?: RestoreOutcome | undefined;
  readonly error?: string | undefined;
}

export interface RestoredRun {
  readonly plan: RestorePlan;
  /** Databases whose content was read back from the deployment, and is that of the backup. */
  readonly equal: number;
}

const SCRATCH = `
  ${LOOKED_SCHEMA};
  CREATE TABLE stored (username TEXT PRIMARY KEY, result TEXT) WITHOUT ROWID`;

/**
 * Restores a run, and yields each user when its content has been compared. Looks at everybody first, so that what is
 * replaced is what was looked at; then stores; then reads back all that it stored. Can be called again at any time.
 */
export async function* restoreBackup(
  target: RestoreTarget,
  options: RestoreOptions,
): AsyncGenerator<RestoredUser, RestoredRun> {
  const folder = BackupFolder.existing(options.directory);
  const run = await chosenRun(folder, options.run);
  const scratch = openScratch(await target.sqlite(), target.workDirectory(), SCRATCH);
  try {
    return yield* new Restore(target, options, folder, run, scratch).run();
  } finally {
    scratch.release();
  }
}

/** How one part of a user ended so far. */
interface Ended {
  readonly outcome: RestoreOutcome;
  readonly version?: string | undefined;
  readonly error?: string | undefined;
}

interface Stored {
  readonly username: string;
  readonly sizeBytes?: number | undefined;
  readonly database?: Ended | undefined;
  readonly account?: Ended | undefined;
}

/**
 * Outcomes that reading back settles. Where the same content is, a refused or doubtful write has no loser: it was that of
 * a restore that was killed a moment ago, or this one.
 */
const SETTLED_BY_A_LOOK: ReadonlySet<RestoreOutcome> = new Set(['committed', 'conflict', 'unknown']);

function settled({ outcome, version: own }: Ended, version = own): Ended {
  return { outcome: outcome === 'conflict' ? 'unchanged' : 'committed', version };
}

class Restore {
  readonly #target: RestoreTarget;
  readonly #options: RestoreOptions;
  readonly #folder: BackupFolder;
  readonly #run: Run;
  readonly #scratch: Scratch;
  readonly #lookedUsers: LookedUsers;
  readonly #patience = new Patience();
  #equal = 0;

  constructor(target: RestoreTarget, options: RestoreOptions, folder: BackupFolder, run: Run, scratch: Scratch) {
    this.#target = target;
    this.#options = options;
    this.#folder = folder;
    this.#run = run;
    this.#scratch = scratch;
    this.#lookedUsers = new LookedUsers(scratch.database);
  }

  async *run(): AsyncGenerator<RestoredUser, RestoredRun> {
    const { parallel, decide, onStored = () => {} } = this.#options;
    let [users, bytes] = [0, 0];
    const plan = await this.#look();
    if (!(await decide(plan))) return { plan, equal: 0 };
    for await (const stored of inParallel(this.#users(), parallel, (line) => this.#restore(line))) {
      this.#scratch.database
        .prepare('INSERT OR REPLACE INTO stored VALUES (?, ?)')
        .run(stored.username, JSON.stringify(stored));
      bytes += stored.sizeBytes ?? 0;
      onStored(++users, bytes);
    }
    yield* inParallel(this.#users(), parallel, (line) => this.#compare(line));
    return { plan, equal: this.#equal };
  }

  async *#users(): AsyncGenerator<UserLine> {
    const only = this.#options.only && new Set(this.#options.only);
    for await (const line of readManifest(this.#folder.runPath(this.#run.name))) {
      if (line.kind === 'user' && (only === undefined || only.has(line.user.username))) yield line.user;
    }
  }

  /** Looks at everybody before anything is stored. */
  async #look(): Promise<RestorePlan> {
    const { parallel, only, onLook = () => {} } = this.#options;
    const wanted = new Set(only);
    const plan = new Planning(this.#run);
    for await (const looked of inParallel(this.#users(), parallel, (line) => this.#lookAt(line))) {
      this.#lookedUsers.add(looked);
      plan.add(looked);
      wanted.delete(looked.username);
      onLook(plan.users, only?.length ?? this.#run.users);
    }
    const [stranger] = wanted;
    if (stranger === undefined) return plan.plan();
    throw new JavumboError('not-found', `the backup has no user "${stranger}"`, {
      try: `javumbo backup list ${this.#folder.path}, and --run <time>`,
      username: stranger,
    });
  }

  async #lookAt({ username, database, account }: UserLine): Promise<Looked> {
    const { users, databases } = this.#target;
    const there =
      account === undefined || users === undefined ? undefined : await accountThere(users, username, account);
    const found = { username, account: there?.state ?? 'none', base: there?.base } as const;
    if (database === undefined) return { ...found, state: 'none' };
    const current = await storedContent(databases, username);
    if (current === undefined) return { ...found, state: 'absent' };
    const equal = current.digest === (await this.#digestOnceStored(database));
    return { ...found, state: equal ? 'equal' : 'different', version: current.version };
  }

  /** Stores a user's database and account, as far as the first look allows. */
  async #restore({ username, database, account }: UserLine): Promise<Stored> {
    const { users } = this.#target;
    const looked = this.#lookedUsers.get(username);
    const result: { -readonly [part in keyof Stored]: Stored[part] } = { username, sizeBytes: database?.sizeBytes };
    if (account !== undefined && users !== undefined) {
      const { replace, clock } = this.#options;
      const there = { state: looked.account === 'none' ? 'absent' : looked.account, base: looked.base } as const;
      result.account = await this.#ended(async () => ({
        outcome: await restoreAccount(users, username, account, { ...there, replace, clock }),
      }));
    }
    if (database !== undefined) {
      result.database = await this.#ended(() => this.#restoreDatabase(username, database, looked));
    }
    return result;
  }

  async #ended(work: () => Promise<Ended>): Promise<Ended> {
    try {
      const ended = await work();
      this.#patience.succeeded();
      return ended;
    } catch (error) {
      return this.#patience.failed(error);
    }
  }

  async #restoreDatabase(username: string, database: BackedUpDatabase, { state, version }: Looked): Promise<Ended> {
    if (state === 'equal') return { outcome: 'unchanged', version };
    if (state === 'different' && !this.#options.replace) {
      return { outcome: 'conflict', version, error: 'another database is there, and it was left (--replace)' };
    }
    const over = version === undefined ? ({ kind: 'nothing' } as const) : ({ kind: 'version', version } as const);
    return this.#target.databases.replace(username, over, (path) => copyBackedUp(this.#folder, database, path));
  }

  /** Reads back what was stored, and returns how the user ended. */
  async #compare(line: UserLine): Promise<RestoredUser> {
    const { username } = line;
    const stored = this.#stored(username);
    const database = await this.#compared(stored.database, (ended) => this.#comparedDatabase(line, ended));
    const account = await this.#compared(stored.account, (ended) => this.#comparedAccount(line, ended));
    const { outcome, error } =
      database?.error === undefined && account?.error !== undefined
        ? account
        : (database ?? account ?? { outcome: 'unchanged' as const, error: undefined });
    return {
      username,
      outcome,
      version: database?.version,
      sizeBytes: line.database?.sizeBytes,
      file: line.database?.file,
      account: account?.outcome,
      error,
    };
  }

  async #compared(stored: Ended | undefined, look: (stored: Ended) => Promise<Ended>): Promise<Ended | undefined> {
    if (stored === undefined) return undefined;
    const ended = await this.#ended(() => look(stored));
    if (ended.outcome !== 'unavailable' || stored.outcome === 'unavailable') return ended;
    return { ...ended, error: `${stored.outcome}, and could not be compared: ${ended.error}` };
  }

  async #comparedDatabase({ username, database }: UserLine, stored: Ended): Promise<Ended> {
    const { state } = this.#lookedUsers.get(username);
    // What was looked at and left is another one, and what was equal was compared by its bytes at that look.
    if (database === undefined || (state === 'different' && !this.#options.replace)) return stored;
    if (state === 'equal') {
      this.#equal++;
      return stored;
    }
    if (!SETTLED_BY_A_LOOK.has(stored.outcome)) return stored;
    const there = await storedContent(this.#target.databases, username);
    if (there?.digest !== undefined && there.digest === (await this.#digestOnceStored(database))) {
      this.#equal++;
      return settled(stored, there.version);
    }
    if (stored.error !== undefined) return stored;
    return { ...stored, outcome: 'different', error: 'it was stored, and something else is there by now' };
  }

  async #comparedAccount({ username, account }: UserLine, stored: Ended): Promise<Ended> {
    const { users } = this.#target;
    if (users === undefined || account === undefined || !SETTLED_BY_A_LOOK.has(stored.outcome)) return stored;
    const { state } = await accountThere(users, username, account);
    if (state === 'equal') return settled(stored);
    if (stored.error !== undefined) return stored;
    return { outcome: 'different', error: 'its account was stored, and another one is there by now' };
  }

  #digestOnceStored(database: BackedUpDatabase): Promise<string> {
    const { directory } = this.#scratch;
    return digestOnceStored(this.#folder, database, { directory, random: this.#options.random });
  }

  #stored(username: string): Stored {
    const row = this.#scratch.database.prepare('SELECT result FROM stored WHERE username = ?').get(username);
    return JSON.parse((row as { result: string }).result);
  }
}
