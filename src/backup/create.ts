import type { WorkDirectory } from '../cache/work-directory.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { isoTime } from '../core/format.ts';
import { inParallel } from '../core/parallel.ts';
import type { Random } from '../core/random.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { LoadSqlite, SqliteEngine } from '../sqlite/engine.ts';
import { contentDigestOf } from '../store/content-digest.ts';
import { type DatabaseStore, type ListedDatabase, listPages } from '../store/database-store.ts';
import type { UserTable } from '../users/user-table.ts';
import { earlierRuns, KNOWN_SCHEMA, knownDatabase, rememberRun, timeOfNewRun } from './earlier-runs.ts';
import { examineQuickly } from './examine.ts';
import { BackupFolder, fileNameOf } from './folder.ts';
import {
  type BackedUpDatabase,
  type ManifestEnd,
  type ManifestHeader,
  ManifestWriter,
  SCHEMA_VERSION,
  type UserLine,
} from './manifest.ts';
import { Patience, type Trouble } from './outcome.ts';
import { openScratch, type Scratch } from './scratch.ts';
import { accountOf, spoolAccounts } from './spooled-accounts.ts';

/** The deployment that is backed up. */
export interface BackupSource {
  readonly deployment: ManifestHeader['deployment'];
  readonly store: DatabaseStore;
  /** Without a cache: each database is fetched once, and nobody opens it again. */
  readonly databases: UserDatabases;
  /** Undefined with --without-accounts. */
  readonly users: UserTable | undefined;
  readonly sqlite: LoadSqlite;
  readonly workDirectory: () => WorkDirectory;
}

export interface CreateOptions {
  readonly directory: string;
  /** How many users at once. */
  readonly parallel: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends it between two users, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called while the accounts are read, which comes first. */
  readonly onAccounts?: ((count: number) => void) | undefined;
}

/**
 * How the backup of one user ended.
 *
 * - `stored`: its database was fetched. `unchanged`: the folder had that version. `no-database`: it has an account alone.
 * - `damaged`: it is in the folder as it is in the deployment, and cannot be restored.
 * - anything else: it is not in the backup, which stays unfinished.
 */
export interface BackedUpUser {
  readonly username: string;
  readonly outcome: 'stored' | 'unchanged' | 'no-database' | Trouble;
  readonly version?: string | undefined;
  readonly sizeBytes?: number | undefined;
  /** What was fetched of it; 0 if an earlier run had it. */
  readonly fetchedBytes?: number | undefined;
  /** Its file in the backup. */
  readonly file?: string | undefined;
  readonly error?: string | undefined;
  /** What is wrong with a database that SQLite can read. */
  readonly findings?: readonly string[] | undefined;
}

export interface CreatedRun {
  /** The name of its manifest. */
  readonly name: string;
  readonly startedAt: string;
  /** Undefined if somebody is missing: the same command goes on with it. */
  readonly end: ManifestEnd | undefined;
  /** How many the complete run before had; undefined if this is the first. */
  readonly databasesBefore?: number | undefined;
}

const SCRATCH = `
  ${KNOWN_SCHEMA};
  CREATE TABLE accounts (username TEXT PRIMARY KEY, item TEXT, written INTEGER DEFAULT 0) WITHOUT ROWID`;

/**
 * Backs up all databases and accounts, and yields each user as it ends. Fetches only versions that no earlier run has.
 * Each user is consistent; all of them together are not, since they are fetched one after the other. A run that is
 * stopped or killed goes on when this is called again.
 */
export async function* createBackup(
  source: BackupSource,
  options: CreateOptions,
): AsyncGenerator<BackedUpUser, CreatedRun> {
  const folder = await BackupFolder.prepared(options.directory);
  const sqlite = await source.sqlite();
  const lock = folder.lock(sqlite);
  try {
    const earlier = await earlierRuns(folder, source.deployment.id);
    const scratch = openScratch(sqlite, source.workDirectory(), SCRATCH);
    try {
      for (const { name, state } of earlier) {
        if (state === 'forgotten') continue;
        await rememberRun(scratch.database, folder.runPath(name), state === 'complete');
      }
      if (source.users !== undefined) await spoolAccounts(scratch.database, source.users, options);
      const stopped = earlier.filter(({ state }) => state !== 'complete').map(({ name }) => name);
      const run = yield* new Backup(source, options, folder, sqlite, scratch).run(stopped);
      return { ...run, databasesBefore: earlier.find(({ state }) => state === 'complete')?.databases };
    } finally {
      scratch.release();
    }
  } finally {
    lock.release();
  }
}

class Backup {
  readonly #source: BackupSource;
  readonly #options: CreateOptions;
  readonly #folder: BackupFolder;
  readonly #sqlite: SqliteEngine;
  readonly #scratch: Scratch;
  readonly #patience = new Patience();
  #listedCount = 0;

  constructor(
    source: BackupSource,
    options: CreateOptions,
    folder: BackupFolder,
    sqlite: SqliteEngine,
    scratch: Scratch,
  ) {
    this.#source = source;
    this.#options = options;
    this.#folder = folder;
    this.#sqlite = sqlite;
    this.#scratch = scratch;
  }

  /** `stopped`: the runs that this one goes on with, and stands for when it is complete. */
  async *run(stopped: readonly string[]): AsyncGenerator<BackedUpUser, CreatedRun> {
    const { clock, random, parallel } = this.#options;
    const startedAt = isoTime(timeOfNewRun(this.#folder, clock.now()));
    const name = this.#folder.newRunName(startedAt, random);
    const { deployment, users } = this.#source;
    const manifest = await ManifestWriter.begin(this.#folder.runPath(name), {
      schemaVersion: SCHEMA_VERSION,
      kind: 'backup',
      startedAt,
      deployment,
      accounts: users !== undefined,
    });
    try {
      let [missing, handled] = [0, 0];
      for await (const { line, user } of inParallel(this.#listed(), parallel, (listed) => this.#backUp(listed))) {
        handled++;
        if (line !== undefined) await manifest.add(this.#withAccount(line));
        if (user === undefined) continue;
        if (line === undefined) {
          missing++;
          // Not one who has an account alone.
          accountOf(this.#scratch.database, user.username);
        }
        yield user;
      }
      for (const line of this.#accountsAlone()) {
        await manifest.add(line);
        yield { username: line.username, outcome: 'no-database' };
      }
      // Whatever else is wrong here, a run that lacks somebody is never called complete.
      if (handled !== this.#listedCount) {
        throw new JavumboError('internal', `${this.#listedCount} databases are listed, and ${handled} were looked at`);
      }
      if (missing > 0) return { name, startedAt, end: undefined };
      this.#folder.sync();
      const end = await manifest.end(isoTime(clock.now()));
      this.#folder.sync();
      for (const each of stopped) this.#folder.removeRun(each);
      return { name, startedAt, end };
    } catch (error) {
      throw this.#folder.failure(error);
    } finally {
      await manifest.close();
    }
  }

  async *#listed(): AsyncGenerator<ListedDatabase> {
    for await (const { databases } of listPages(this.#source.store)) {
      this.#listedCount += databases.length;
      yield* databases;
    }
  }

  /** Returns the user's line, or none for one who is not in the backup. */
  async #backUp(
    listed: ListedDatabase,
  ): Promise<{ readonly line?: UserLine | undefined; readonly user?: BackedUpUser | undefined }> {
    const { username } = listed;
    // What is there already makes no request that a signal could stop.
    this.#options.signal?.throwIfAborted();
    try {
      const known = await knownDatabase(this.#scratch.database, this.#folder, listed);
      const database = known ?? (await this.#fetch(username));
      this.#patience.succeeded();
      // Deleted since it was listed. What is left of the user is an account, which comes last.
      if (database === undefined) return {};
      const { version, sizeBytes, file, damage, findings } = database;
      const outcome = damage !== undefined ? 'damaged' : known === undefined ? 'stored' : 'unchanged';
      return {
        line: { username, database },
        user: {
          username,
          outcome,
          version,
          sizeBytes,
          fetchedBytes: known === undefined ? sizeBytes : 0,
          file,
          error: damage,
          findings,
        },
      };
    } catch (error) {
      return { user: { username, ...this.#patience.failed(error) } };
    }
  }

  async #fetch(username: string): Promise<BackedUpDatabase | undefined> {
    try {
      return await this.#source.databases.withFile(username, async (path, stored, damaged) => {
        const digest =
          damaged === undefined && stored.digest !== undefined ? stored.digest : await contentDigestOf(path);
        const sha256 = await this.#folder.add(path, digest, this.#options.random);
        const { damage, findings } = examineQuickly(this.#sqlite, path);
        return {
          file: fileNameOf(digest),
          version: stored.version,
          digest,
          sha256,
          sizeBytes: stored.sizeBytes,
          lastModified: isoTime(stored.lastModified),
          damage: damaged?.message ?? damage,
          ...(findings.length === 0 ? {} : { findings: [...findings] }),
        };
      });
    } catch (error) {
      if (error instanceof JavumboError && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  #withAccount(line: UserLine): UserLine {
    const account = accountOf(this.#scratch.database, line.username);
    return account === undefined ? line : { ...line, account };
  }

  *#accountsAlone(): Generator<UserLine> {
    const next = this.#scratch.database.prepare(
      'SELECT username, item FROM accounts WHERE written = 0 AND username > ? ORDER BY username LIMIT 500',
    );
    for (let after = ''; ; ) {
      const rows = next.all(after) as { username: string; item: string }[];
      if (rows.length === 0) return;
      for (const { username, item } of rows) yield { username, account: JSON.parse(item) };
      after = rows.at(-1)?.username ?? '';
    }
  }
}
