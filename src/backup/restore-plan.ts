import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { Version } from '../store/database-store.ts';
import type { UserItem } from '../users/user-table.ts';
import type { Run } from './runs.ts';

/** What a restore would do. */
export interface RestorePlan {
  readonly run: Run;
  readonly created: number;
  readonly unchanged: number;
  /** Differ from the backup: replaced with `replace`, else left. */
  readonly different: number;
  /** Accounts alike. */
  readonly accountsCreated: number;
  readonly accountsUnchanged: number;
  readonly accountsDifferent: number;
  /** Some of those that differ. */
  readonly examples: readonly string[];
}

/** What the first look found of a database or account. */
export type State = 'absent' | 'equal' | 'different' | 'none';

export interface Looked {
  readonly username: string;
  readonly state: State;
  /** What may be replaced. */
  readonly version?: Version | undefined;
  readonly account: State;
  readonly base?: UserItem | undefined;
}

export const LOOKED_SCHEMA =
  'CREATE TABLE looked (username TEXT PRIMARY KEY, state TEXT, version TEXT, account TEXT, base TEXT) WITHOUT ROWID';

/** What the first look found, in a scratch file. */
export class LookedUsers {
  readonly #insert: ReturnType<SqliteDatabase['prepare']>;
  readonly #select: ReturnType<SqliteDatabase['prepare']>;

  constructor(database: SqliteDatabase) {
    this.#insert = database.prepare('INSERT OR REPLACE INTO looked VALUES (?, ?, ?, ?, ?)');
    this.#select = database.prepare('SELECT * FROM looked WHERE username = ?');
  }

  add({
    username,
    state,
    version = null,
    account,
    base,
  }: Omit<Looked, 'version'> & { version?: Version | null | undefined }): void {
    this.#insert.run(username, state, version, account, base === undefined ? null : JSON.stringify(base));
  }

  get(username: string): Looked {
    const row = this.#select.get(username) as Omit<Looked, 'base' | 'version'> & {
      version: string | null;
      base: string | null;
    };
    return { ...row, version: row.version ?? undefined, base: row.base === null ? undefined : JSON.parse(row.base) };
  }
}

const EXAMPLES_MAX = 3;

/** Counts what the first look found. */
export class Planning {
  users = 0;
  readonly #run: Run;
  readonly #databases: Record<State, number> = { absent: 0, equal: 0, different: 0, none: 0 };
  readonly #accounts: Record<State, number> = { absent: 0, equal: 0, different: 0, none: 0 };
  readonly #examples: string[] = [];

  constructor(run: Run) {
    this.#run = run;
  }

  add({ username, state, account }: Looked): void {
    this.users++;
    this.#databases[state]++;
    this.#accounts[account]++;
    const isDifferent = state === 'different' || account === 'different';
    if (isDifferent && this.#examples.length < EXAMPLES_MAX) this.#examples.push(username);
  }

  plan(): RestorePlan {
    const [databases, accounts] = [this.#databases, this.#accounts];
    return {
      run: this.#run,
      created: databases.absent,
      unchanged: databases.equal,
      different: databases.different,
      accountsCreated: accounts.absent,
      accountsUnchanged: accounts.equal,
      accountsDifferent: accounts.different,
      examples: this.#examples,
    };
  }
}
