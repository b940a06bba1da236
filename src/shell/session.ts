import { type AllowedLosses, type Holdings, holdingsOf, refuseLosses } from '../anki/losses.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { formatCount } from '../core/format.ts';
import { type RunBlocking, runBlockingIn } from '../core/run-blocking.ts';
import type { UpdateResult, UserDatabases } from '../databases/user-databases.ts';
import type { WriteSession } from '../databases/write-session.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { asDatabaseFailure } from '../sqlite/failure.ts';
import { type RanStatement, runStatement } from '../sqlite/sql.ts';
import { splitStatements } from '../sqlite/statements.ts';

/**
 * Statements on a private copy of one version of a user's database. Nothing of them is stored before `commit`, which
 * never takes the copy away unless it is stored: after a conflict, a lost reply or a store that cannot be reached, the
 * changes are still here, to be committed again, made anew on the newest version, or saved as SQL.
 */
export class ShellSession {
  readonly username: string;
  readonly #databases: UserDatabases;
  readonly #runBlocking: RunBlocking;
  #copy: WriteSession;
  #before: Holdings;
  #statements: string[] = [];
  /** How many statements ran before the transaction that is open. */
  #committed = 0;
  /** The commits that may have been stored, all over the version that was opened, and how many statements each has. */
  #doubts: { readonly writeId: string; readonly statements: number }[] = [];

  private constructor(
    databases: UserDatabases,
    username: string,
    copy: WriteSession,
    environment: { readonly runBlocking?: RunBlocking | undefined },
  ) {
    this.username = username;
    this.#databases = databases;
    this.#runBlocking = runBlockingIn(environment);
    this.#copy = copy;
    this.#before = holdingsOf(copy.database);
  }

  /** Opens the newest version. Throws `not-found`, `unavailable`, `corrupt`. */
  static async open(
    databases: UserDatabases,
    username: string,
    environment: { readonly runBlocking?: RunBlocking | undefined },
  ): Promise<ShellSession> {
    return new ShellSession(databases, username, await newest(databases, username), environment);
  }

  get database(): SqliteDatabase {
    return this.#copy.database;
  }

  /** The version that was opened. */
  get version(): string {
    return this.#copy.base?.version ?? '';
  }

  /** The statements since then that may have changed anything, in order. */
  get statements(): readonly string[] {
    return this.#statements;
  }

  /** True after a commit of which it is not known whether it was stored. */
  get isInDoubt(): boolean {
    return this.#doubts.length > 0;
  }

  /** True if the copy differs from its version. */
  get hasChanges(): boolean {
    return this.#copy.hasChanged() || this.database.inTransaction;
  }

  /**
   * Runs one statement. Throws `usage` for SQL that fails, which changes nothing then, unless it rolls back an open
   * savepoint: what ran since is undone then, and is no longer among the statements.
   */
  async run(sql: string): Promise<RanStatement> {
    const wasOpen = this.database.inTransaction;
    try {
      const ran = await this.#runOn(this.#copy, sql);
      if (!wasOpen) this.#committed = this.#statements.length;
      if (ran.writes) this.#statements.push(sql);
      return ran;
    } catch (error) {
      if (!wasOpen || this.database.inTransaction) throw error;
      const undone = this.#statements.splice(this.#committed).length;
      throw new JavumboError(
        'usage',
        `${messageOf(error)}; that undid ${formatCount(undone, 'statement')}, from the first open SAVEPOINT on`,
        { try: 'the same without OR ROLLBACK', username: this.username, cause: error },
      );
    }
  }

  async #runOn({ database }: WriteSession, sql: string): Promise<RanStatement> {
    const [statement] = splitStatements(sql);
    if (['BEGIN', 'COMMIT', 'END'].includes(statement?.verb ?? '') || /^ROLLBACK\s*(TRANSACTION\s*)?;?$/i.test(sql)) {
      throw new JavumboError('usage', `${statement?.verb} has no meaning here: changes wait for .commit`, {
        try: '.commit stores them, .discard drops them',
      });
    }
    try {
      return await this.#runBlocking(() => runStatement(database, sql));
    } catch (error) {
      throw asDatabaseFailure(error, this.username);
    }
  }

  /**
   * Stores the copy over the version that was opened, with one conditional PUT, and goes on with what is stored. Throws
   * `LossError`, `conflict`, `unknown`, `unavailable`; the copy stays as it is then. After an `unknown` it first looks
   * whether that was stored, and then stores only what ran since.
   */
  async commit(allowed: AllowedLosses): Promise<Omit<UpdateResult<void>, 'value'>> {
    const landed = await this.#settleDoubts();
    if (!this.hasChanges) {
      this.#statements = [];
      return landed === undefined
        ? { outcome: 'unchanged', version: this.version, attempts: 0 }
        : { outcome: 'committed', version: landed, attempts: 1 };
    }
    refuseLosses(this.#before, holdingsOf(this.database), allowed, this.username);
    const over = { kind: 'version', version: this.version } as const;
    let stored: Omit<UpdateResult<void>, 'value'>;
    try {
      stored = await this.#databases.replace(this.username, over, async (path) => this.#copy.copyTo(path));
    } catch (error) {
      // A foreign key that is deferred is checked only now.
      const failure = asDatabaseFailure(error, this.username);
      if (failure instanceof JavumboError) {
        if (failure.writeId !== undefined)
          this.#doubts.push({ writeId: failure.writeId, statements: this.#statements.length });
        // What was in the way may be an earlier one in doubt.
        else if (failure.kind === 'conflict' && this.isInDoubt) return this.commit(allowed);
      }
      throw withWayOut(failure);
    }
    // Stored, whatever becomes of the copy that follows.
    this.#statements = [];
    this.#doubts = [];
    try {
      const copy = await this.#databases.openForWriting(this.username);
      this.#goOn(copy, holdingsOf(copy.database));
    } catch (error) {
      throw new JavumboError('unavailable', `stored as version ${stored.version}; then ${messageOf(error)}`, {
        try: '.discard opens the newest version, which has your changes',
        cause: error,
      });
    }
    return stored;
  }

  /**
   * Runs the statements again, on the newest version, without those of a commit in doubt that was stored. Throws and
   * changes nothing where one of them fails there, and while such a commit may still be stored.
   */
  async rebase(): Promise<Doubted> {
    const landed = await this.#settleDoubts();
    if (this.isInDoubt) {
      throw new JavumboError(
        'unknown',
        'the last commit may still be stored, and the statements would then run twice',
        {
          try: '.commit sends it again, and finds out',
          username: this.username,
        },
      );
    }
    await this.#runAgain();
    return landed === undefined ? {} : { commitInDoubt: 'stored' };
  }

  /**
   * Looks whether a commit in doubt was stored. If so, returns its version, and goes on with what ran since: on that
   * version, or on the old one, for a conflict, if others have written on top. Throws `unknown` if that will never be known.
   */
  async #settleDoubts(): Promise<string | undefined> {
    const { base } = this.#copy;
    for (const doubt of this.#doubts) {
      if (base === undefined) break;
      const fate = await this.#databases.fateOf(doubt.writeId, this.username, base);
      if (fate.kind === 'committed') {
        this.#doubts = [];
        this.#statements.splice(0, doubt.statements);
        this.#committed = Math.max(0, this.#committed - doubt.statements);
        try {
          if (this.#statements.length === 0 || fate.superseded !== true) await this.#runAgain(fate.version);
        } catch (error) {
          const { kind, try: way } = error instanceof JavumboError ? error : { kind: 'unavailable' as const };
          throw new JavumboError(
            kind,
            `the last commit was stored, as version ${fate.version}; then ${messageOf(error)}`,
            {
              try: kind === 'conflict' ? way : '.rebase goes on with the newest version',
              username: this.username,
              cause: error,
            },
          );
        }
        return fate.version;
      }
      if (fate.kind === 'unknown') {
        throw new JavumboError('unknown', 'what is stored now does not show whether the last commit was stored', {
          try: '.save <file> keeps your statements; .discard, and look whether they are missing',
          username: this.username,
        });
      }
      if (fate.kind === 'conflict') this.#doubts = this.#doubts.filter((each) => each !== doubt);
    }
    return undefined;
  }

  /** Does nothing if there are statements, and the newest version is not the one that is `expected`. */
  async #runAgain(expected?: string): Promise<void> {
    const fresh = await newest(this.#databases, this.username);
    if (this.#statements.length > 0 && expected !== undefined && fresh.base?.version !== expected) {
      fresh.discard();
      return;
    }
    const before = holdingsOf(fresh.database);
    let committed = 0;
    for (const [index, sql] of this.#statements.entries()) {
      if (!fresh.database.inTransaction) committed = index;
      try {
        await this.#runOn(fresh, sql);
      } catch (error) {
        fresh.discard();
        throw new JavumboError(
          'conflict',
          `statement ${index + 1} of ${this.#statements.length} fails on the newest version: ${messageOf(error)}`,
          {
            try: '.save <file>, then .discard and the statements that are left',
            username: this.username,
            cause: error,
          },
        );
      }
    }
    this.#committed = committed;
    this.#goOn(fresh, before);
  }

  /** Drops all changes, and opens the newest version. Says what became of a commit in doubt. */
  async discard(): Promise<Doubted> {
    let commitInDoubt: Doubted['commitInDoubt'];
    for (const { writeId } of this.#doubts) {
      const fate = this.#copy.base && (await this.#databases.fateOf(writeId, this.username, this.#copy.base));
      if (fate?.kind === 'committed') commitInDoubt = 'stored';
      else if (fate?.kind !== 'conflict') commitInDoubt ??= 'open';
    }
    const fresh = await newest(this.#databases, this.username);
    this.#statements = [];
    this.#doubts = [];
    this.#goOn(fresh, holdingsOf(fresh.database));
    return commitInDoubt === undefined ? {} : { commitInDoubt };
  }

  /** The statements as a script for `db exec --file`. */
  script(): string {
    // A comment may stand at the end.
    return this.#statements.map((sql) => `${sql}${splitStatements(sql)[0]?.complete ? '' : '\n;'}\n`).join('');
  }

  close(): void {
    this.#copy.discard();
  }

  #goOn(copy: WriteSession, before: Holdings): void {
    this.#copy.discard();
    this.#copy = copy;
    this.#before = before;
  }
}

/** What became of a commit in doubt: it was stored, or it is still open whether it was or will be. */
export interface Doubted {
  readonly commitInDoubt?: 'stored' | 'open';
}

async function newest(databases: UserDatabases, username: string): Promise<WriteSession> {
  await databases.revalidate(username);
  return databases.openForWriting(username);
}

/** Adds to a commit that failed what can be done with the changes, which are still there. */
function withWayOut(error: unknown): unknown {
  if (!(error instanceof JavumboError)) return error;
  const { kind, message, username, expectedVersion, actualVersion } = error;
  const way = (): string | undefined => {
    if (kind === 'unavailable') return '.commit again: the changes are still here';
    if (kind === 'unknown') return '.commit again: it finds out whether it was stored, and sends it again if not';
    if (kind === 'violation') return '.commit again once the rows fit: the changes are still here';
    if (kind !== 'conflict') return error.try;
    if (actualVersion === undefined) return '.save <file> keeps your statements; .quit leaves';
    return '.rebase runs your statements again on the newest version; .save <file> keeps them; .discard drops them';
  };
  return new JavumboError(kind, message, { try: way(), username, expectedVersion, actualVersion, cause: error });
}
