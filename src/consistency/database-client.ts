import { copyFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { JavumboError } from '../core/failure.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import { openReadOnly, openWorkingCopy, type SqliteDatabase, type SqliteEngine } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import type { OperationKind, OperationOutcome, State } from './history.ts';

export interface PlannedOperation {
  readonly kind: OperationKind;
  readonly value?: string | undefined;
  /** After a conflict. */
  readonly retries: number;
}

/** What an operation that is under way has found so far; it is filled in while it runs. */
export interface Found {
  saw?: State;
}

export interface Ended {
  readonly outcome: OperationOutcome;
}

export interface DatabaseClientOptions {
  readonly username: string;
  /** Those of the process as it is now: a crash replaces them. */
  readonly databases: () => UserDatabases;
  /** The store below retries and cache, for a foreign program. */
  readonly network: DatabaseStore;
  /** Opens the client's own files. */
  readonly sqlite: SqliteEngine;
  /** The path of a file of this client's own. */
  readonly ownFile: (name: string) => string;
  /** Waits while a session is open, or a pulled copy is at hand: so long that others get a turn. */
  readonly hold: () => Promise<void>;
  /** Called with each database that an operation opens for longer, and with undefined when it is done. */
  readonly onOpen?: ((database: SqliteDatabase | undefined) => void) | undefined;
}

/** Runs operations on one database through the program's own sessions: in the simulation, and on a real store. */
export class DatabaseClient {
  readonly #options: DatabaseClientOptions;
  /** What this client's backup holds, once it is made. */
  #backup: State | undefined;
  #foreignBackup: State | undefined;

  constructor(options: DatabaseClientOptions) {
    this.#options = options;
  }

  /**
   * Makes the backup that a restore writes back, and returns what it holds; undefined for any other operation. With
   * `anew`, of what is there now.
   */
  async prepare(kind: OperationKind, anew = false): Promise<State | undefined> {
    if (kind === 'restore') return this.#makeBackup(anew);
    if (kind === 'foreign-restore') return this.#makeForeignBackup(anew);
    return undefined;
  }

  /** Runs one operation. Throws what the program throws; `outcomeOf` names it. */
  run({ kind, value = '', retries }: PlannedOperation, found: Found): Promise<Ended> {
    const { username } = this.#options;
    switch (kind) {
      case 'create':
        return this.#databases.create(username, (database) => {
          makeTables(database);
          append(database, value);
        });
      case 'append':
        return this.#update(found, (database) => append(database, value), { retries });
      case 'append-or-create':
        return this.#update(found, (database) => append(database, value), { retries, create: makeTables });
      case 'increment':
        return this.#update(found, (database) => database.exec('UPDATE counter SET n = n + 1'), { retries });
      case 'no-op':
        return this.#update(found, (database) => database.exec("UPDATE counter SET n = 0 WHERE 'no row' IS NULL"), {
          retries,
        });
      case 'throwing':
        return this.#update(
          found,
          (database) => {
            append(database, value);
            throw new PlannedError();
          },
          { retries },
        );
      case 'session':
        return this.#session(found, value);
      case 'foreign':
        return this.#foreign(found, value);
      case 'foreign-restore':
        return this.#foreignRestore(found);
      case 'push':
        return this.#push(found, value);
      case 'restore':
        return this.#restore(found);
      case 'read':
        return this.#databases.read(username, ({ database }) => {
          found.saw = stateOf(database);
          return { outcome: 'read' };
        });
      case 'held-read':
        return this.#heldRead(found);
      case 'delete':
        return this.#databases.delete(username).then(() => ({ outcome: 'deleted' }));
    }
  }

  get #databases(): UserDatabases {
    return this.#options.databases();
  }

  #update(
    found: Found,
    edit: (database: SqliteDatabase) => void,
    options: { readonly retries: number; readonly create?: (database: SqliteDatabase) => void },
  ): Promise<Ended> {
    return this.#databases.update(
      this.#options.username,
      (database) => {
        found.saw = stateOf(database);
        edit(database);
      },
      options,
    );
  }

  async #session(found: Found, value: string): Promise<Ended> {
    const session = await this.#databases.openForWriting(this.#options.username);
    await this.#holding(session.database);
    found.saw = stateOf(session.database);
    append(session.database, value);
    const { kind } = await session.commit();
    return { outcome: kind };
  }

  async #heldRead(found: Found): Promise<Ended> {
    const session = await this.#databases.openForReading(this.#options.username);
    await this.#holding(session.database);
    found.saw = stateOf(session.database);
    session.close();
    return { outcome: 'read' };
  }

  async #holding(database: SqliteDatabase): Promise<void> {
    this.#options.onOpen?.(database);
    await this.#options.hold();
    this.#options.onOpen?.(undefined);
  }

  async #foreign(found: Found, value: string): Promise<Ended> {
    const { network, username, ownFile } = this.#options;
    const path = ownFile('foreign');
    const stored = await network.get(username, path);
    if (stored.kind !== 'found') return { outcome: 'absent' };
    found.saw = this.#appendTo(path, value);
    const condition = { kind: 'version', version: stored.version } as const;
    return { outcome: (await network.put(username, path, { condition, writes: [] })).kind };
  }

  /** Puts back the very bytes that were there when it first looked: their version recurs. */
  async #foreignRestore(found: Found): Promise<Ended> {
    const { network, username, ownFile } = this.#options;
    const backup = await this.#makeForeignBackup();
    if (backup === undefined) return { outcome: 'absent' };
    found.saw = backup;
    const current = await network.head(username);
    if (current === undefined) return { outcome: 'absent' };
    const condition = { kind: 'version', version: current.version } as const;
    return { outcome: (await network.put(username, ownFile('foreign-backup'), { condition, writes: [] })).kind };
  }

  async #makeForeignBackup(anew = false): Promise<State | undefined> {
    const { network, username, ownFile, hold } = this.#options;
    if (this.#foreignBackup !== undefined && !anew) return this.#foreignBackup;
    const path = ownFile('foreign-backup');
    // What is fetched in part must not become a backup.
    const fetched = ownFile('foreign-fetched');
    const stored = await network.get(username, fetched);
    if (stored.kind !== 'found') return undefined;
    await rename(fetched, path);
    this.#foreignBackup = this.#look(path);
    await hold();
    return this.#foreignBackup;
  }

  async #push(found: Found, value: string): Promise<Ended> {
    const path = this.#options.ownFile('pushed');
    const version = await this.#pull(path);
    found.saw = this.#appendTo(path, value);
    await this.#options.hold();
    return this.#databases.replace(this.#options.username, { kind: 'version', version }, (to) => copyFile(path, to));
  }

  async #restore(found: Found): Promise<Ended> {
    found.saw = await this.#makeBackup();
    const path = this.#options.ownFile('backup');
    return this.#databases.replace(this.#options.username, { kind: 'anything' }, (to) => copyFile(path, to));
  }

  async #makeBackup(anew = false): Promise<State> {
    if (this.#backup !== undefined && !anew) return this.#backup;
    const path = this.#options.ownFile('backup');
    await this.#pull(path);
    this.#backup = this.#look(path);
    await this.#options.hold();
    return this.#backup;
  }

  #look(path: string): State {
    const database = openReadOnly(this.#options.sqlite, path);
    try {
      return stateOf(database);
    } finally {
      database.close();
    }
  }

  /** Appends to a file, and returns what was there before. */
  #appendTo(path: string, value: string): State {
    const database = openWorkingCopy(this.#options.sqlite, path);
    try {
      const before = stateOf(database);
      append(database, value);
      return before;
    } finally {
      database.close();
    }
  }

  /** Pulls the stored bytes, and returns their version. */
  #pull(to: string): Promise<string> {
    return this.#databases.withFile(this.#options.username, async (path, { version }) => {
      await copyFile(path, to);
      return version;
    });
  }
}

/** Returns a function that names a client's own files in `directory`. */
export function filesIn(directory: string, client: string): (name: string) => string {
  return (name) => join(directory, `${client}-${name}.anki2`);
}

class PlannedError extends Error {}

/** Returns how an operation ended that threw. */
export function outcomeOf(error: unknown): OperationOutcome {
  if (error instanceof PlannedError) return 'threw';
  if (!(error instanceof JavumboError)) return 'failed';
  switch (error.kind) {
    case 'not-found':
      return 'absent';
    case 'conflict':
    case 'unavailable':
    case 'unknown':
      return error.kind;
    default:
      return 'failed';
  }
}

export function makeTables(database: SqliteDatabase): void {
  database.exec(`BEGIN;
    CREATE TABLE log (id INTEGER PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE counter (n INTEGER NOT NULL);
    INSERT INTO counter VALUES (0);
    COMMIT`);
}

export function append(database: SqliteDatabase, value: string): void {
  database.prepare('INSERT INTO log (value) VALUES (?)').run(value);
}

export function stateOf(database: SqliteDatabase): State {
  return {
    values: (database.prepare('SELECT value FROM log ORDER BY id').all() as { value: string }[]).map(
      ({ value }) => value,
    ),
    count: (database.prepare('SELECT n FROM counter').get() as { n: number }).n,
  };
}
