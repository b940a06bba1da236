import { collectionFindings } from '../anki/check.ts';
import { holdingsOf, LossError, refuseLosses } from '../anki/losses.ts';
import { examineFully } from '../backup/examine.ts';
import { type BackupFolder, fileNameOf } from '../backup/folder.ts';
import { type Patience, type Trouble, troubleOf } from '../backup/outcome.ts';
import type { Scratch } from '../backup/scratch.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { isoTime } from '../core/format.ts';
import type { Random } from '../core/random.ts';
import type { MeantWrite } from '../databases/session.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { asDatabaseFailure } from '../sqlite/failure.ts';
import { contentDigestOf } from '../store/content-digest.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { type Fate, fateOf } from './fate.ts';
import type { JournalWrite, Work } from './journal.ts';
import type { MigrationState } from './migration-state.ts';
import { isTrueIn } from './selection.ts';
import type { FleetTarget } from './target.ts';

/** How the migration of one user ended, as in the journal (docs/fleet.md); `would-commit` in a dry run. */
export interface MigratedUser {
  readonly username: string;
  readonly outcome: 'committed' | 'would-commit' | 'unchanged' | 'skipped' | 'not-found' | Trouble;
  readonly version?: string | undefined;
  /** Rows changed, as SQLite counts. */
  readonly changes?: number | undefined;
  readonly error?: string | undefined;
  /** What a canary's check found that was not there before; in a dry run, what would be asked. */
  readonly findings?: readonly string[] | undefined;
}

/** What is done to each database. */
export interface MigrationWork extends Work {
  /** Changes a database, inside a transaction, and returns how many rows or notes it changed. */
  readonly run: (database: SqliteDatabase) => number;
  /** True if it may outgrow the memory that small databases are changed in. */
  readonly grows?: boolean;
}

/** What all users have in common. */
export interface MigrationRules {
  readonly work: MigrationWork;
  readonly where?: string | undefined;
  /** How often a user's migration runs again after a conflict. */
  readonly retries: number;
  /**
   * Called once for each loss of Anki's tables, before anything of it is stored; throws to refuse it. `back`: whether an
   * undo would bring it back.
   */
  readonly agree: (losses: readonly string[], username: string, back: boolean) => Promise<void>;
  readonly isUndoable: boolean;
  /** True to agree to all. */
  readonly allLosses: boolean;
  /** True to leave what is no Anki collection any more. */
  readonly force: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

/** Ends an update before its PUT, with nothing sent; `why`: what is stored already, or that it is a dry run. */
class NotSent extends Error {
  readonly why: Fate | undefined;

  constructor(why: NotSent['why']) {
    super('nothing was sent');
    this.why = why;
  }
}

/** Ends the run: nobody agreed, or the journal or the folder cannot be written. */
class RunEnds extends Error {}

function endsRun(cause: unknown): never {
  throw new RunEnds('the run ends', { cause });
}

/** A user whose migration is under way. */
interface UnderWay {
  /** Writes of earlier runs that may still be on their way, or stored. */
  readonly open: readonly JournalWrite[];
  readonly check: boolean;
  announced?: string;
  changes?: number;
  /** What was wrong with the collection before. */
  before?: readonly string[];
}

interface Surroundings {
  readonly sqlite: SqliteEngine;
  readonly scratch: Scratch;
  /** Undefined in a dry run. */
  readonly state: MigrationState | undefined;
  /** Where the versions before are kept, if they are. */
  readonly folder: BackupFolder | undefined;
}

/** Migrates one user at a time of many, so that it happens once. */
export class UserMigration {
  readonly #store: DatabaseStore;
  readonly #databases: UserDatabases;
  readonly #rules: MigrationRules;
  readonly #around: Surroundings;
  readonly #underWay = new Map<string, UnderWay>();
  readonly #agreed = new Set<string>();
  #asking: Promise<void> = Promise.resolve();

  constructor(target: FleetTarget, rules: MigrationRules, around: Surroundings) {
    this.#store = target.store;
    this.#databases = target.databases((write) => this.#announce(write));
    this.#rules = rules;
    this.#around = around;
  }

  /** Returns how it ended; undefined for a user who was done before. `check`: reads back what is committed. */
  async migrate(username: string, patience: Patience, check: boolean): Promise<MigratedUser | undefined> {
    const { state } = this.#around;
    this.#rules.signal?.throwIfAborted();
    const open = state === undefined ? [] : state.openWrites(username);
    if (open === undefined) return undefined;
    const underWay: UnderWay = { open, check };
    const user = await this.#settled(username, underWay, patience);
    const { outcome, version, changes, error } = user;
    state?.settled({ kind: 'outcome', username, outcome, version, changes, error });
    if (!check || outcome !== 'committed') return user;
    const findings = await this.#newFindings(username, underWay);
    return findings.length === 0 ? user : { ...user, findings };
  }

  async #settled(username: string, underWay: UnderWay, patience: Patience): Promise<MigratedUser> {
    const { open } = underWay;
    const { clock } = this.#rules;
    const fate = async (): Promise<Fate> => fateOf(open, await this.#store.trace(username), clock.now());
    let user: MigratedUser;
    try {
      const before = open.length === 0 ? undefined : told(username, await fate());
      if (before !== undefined) return before;
      user = await this.#run(username, underWay);
      patience.succeeded();
      if (open.length === 0 || user.outcome === 'committed') return user;
    } catch (thrown) {
      if (thrown instanceof RunEnds) throw thrown.cause;
      const error = asDatabaseFailure(thrown, username);
      const isGone = error instanceof JavumboError && error.kind === 'not-found';
      user = isGone
        ? { username, outcome: 'not-found', error: error.message }
        : { username, ...patience.failed(error) };
      if (open.length === 0) return user;
    }
    // What ended without a commit does not keep an earlier write from arriving.
    const after = await fate().catch((): Fate => ({ kind: 'unknown' }));
    return told(username, after.kind === 'open' ? { kind: 'unknown' } : after) ?? user;
  }

  async #run(username: string, underWay: UnderWay): Promise<MigratedUser> {
    const { retries, work } = this.#rules;
    const { grows = false } = work;
    this.#underWay.set(username, underWay);
    try {
      for (;;) {
        try {
          const edit = (database: SqliteDatabase): boolean => this.#edit(database, username, underWay);
          const { outcome, value: isMeant, version } = await this.#databases.update(username, edit, { retries, grows });
          if (!isMeant) return { username, outcome: 'skipped' };
          return { username, outcome, version, changes: outcome === 'committed' ? underWay.changes : undefined };
        } catch (error) {
          if (!(error instanceof LossError)) throw error;
          // Nothing of it is stored. A dry run only tells.
          if (this.#around.state === undefined) return { username, outcome: 'would-commit', findings: error.losses };
          await this.#agree(error.losses, username);
        }
      }
    } catch (error) {
      if (!(error instanceof NotSent)) throw error;
      return told(username, error.why) ?? { username, outcome: 'would-commit', changes: underWay.changes };
    } finally {
      this.#underWay.delete(username);
    }
  }

  /** Returns false where `--where` is not true. */
  #edit(database: SqliteDatabase, username: string, underWay: UnderWay): boolean {
    const { work, where, allLosses: all, force, clock } = this.#rules;
    if (where !== undefined && !isTrueIn(database, where)) return false;
    if (underWay.check) underWay.before = collectionFindings(database, clock.now());
    const before = holdingsOf(database);
    underWay.changes = work.run(database);
    refuseLosses(before, holdingsOf(database), { agreed: [...this.#agreed], all, force }, username);
    return true;
  }

  /** Puts the write into the journal, and what it replaces into the folder, before it is sent. */
  async #announce({ username, writeId, base }: MeantWrite): Promise<void> {
    const { state, folder } = this.#around;
    const underWay = this.#underWay.get(username);
    if (underWay === undefined || base === undefined)
      throw new JavumboError('internal', `"${username}" is not migrated`);
    if (state === undefined) throw new NotSent(undefined);
    // An earlier write may have landed since anyone looked: then what is about to be sent has it twice.
    const fate = fateOf(underWay.open, { kind: 'database', ...base }, this.#rules.clock.now());
    if (fate.kind === 'committed' || fate.kind === 'unknown') throw new NotSent(fate);
    // The same bytes again.
    if (underWay.announced === writeId) return;
    const kept = folder === undefined ? undefined : await this.#keep(folder, username, base.version);
    const { version, writes, digest } = base;
    const at = isoTime(this.#rules.clock.now());
    const replaced = { version, writeId: writes[0], digest };
    const { changes } = underWay;
    await state.add({ kind: 'write', username, at, writeId, base: replaced, changes, kept }).catch(endsRun);
    underWay.announced = writeId;
  }

  /** Keeps what the store has, if that is the version that is about to be replaced: else the write will be refused. */
  async #keep(folder: BackupFolder, username: string, version: string): Promise<string | undefined> {
    return this.#databases.withFile(username, async (path, stored, damage) => {
      if (stored.version !== version) return undefined;
      if (damage !== undefined) throw damage;
      const digest = stored.digest ?? (await contentDigestOf(path));
      await folder.add(path, digest, this.#rules.random).catch(endsRun);
      folder.sync();
      return fileNameOf(digest);
    });
  }

  /** Asks one question at a time, and each once. What refuses ends the run. */
  #agree(losses: readonly string[], username: string): Promise<void> {
    this.#asking = this.#asking.then(async () => {
      const others = losses.filter((loss) => !this.#agreed.has(loss));
      if (others.length === 0) return;
      await this.#rules.agree(others, username, this.#rules.isUndoable).catch(endsRun);
      for (const loss of others) this.#agreed.add(loss);
    });
    return this.#asking;
  }

  /** Reads a committed database back, and returns what is wrong with it that was not before. */
  async #newFindings(username: string, { before }: UnderWay): Promise<readonly string[]> {
    const { sqlite, scratch } = this.#around;
    const { random, clock } = this.#rules;
    try {
      const { damage, findings } = await this.#databases.withFile(username, (path) =>
        examineFully(path, { sqlite, directory: scratch.directory, random, now: clock.now() }),
      );
      if (damage !== undefined) return [damage];
      // Of a write of an earlier run it is not known what was there before.
      return before === undefined ? [] : findings.filter((finding) => !before.includes(finding));
    } catch (error) {
      return [`it could not be read back: ${troubleOf(error).error}`];
    }
  }
}

/** Says how a fate ends a user's migration; undefined where it is still to be done. */
function told(username: string, fate: Fate | undefined): MigratedUser | undefined {
  switch (fate?.kind) {
    case 'committed':
      return { username, outcome: 'committed', version: fate.version, changes: fate.write.changes };
    case 'gone':
      return { username, outcome: 'not-found', error: 'it was deleted after a write was sent' };
    case 'unknown':
      return { username, outcome: 'unknown', error: 'an earlier write may be stored, or may still arrive' };
    default:
      return undefined;
  }
}
