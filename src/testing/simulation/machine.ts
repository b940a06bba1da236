import { chmodSync, utimesSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseCache } from '../../cache/cache.ts';
import { JavumboError } from '../../core/failure.ts';
import type { Random } from '../../core/random.ts';
import { UserDatabases } from '../../databases/user-databases.ts';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import { openReadOnly, openWorkingCopy, type SqliteDatabase, type SqliteEngine } from '../../sqlite/engine.ts';
import type { DatabaseStore } from '../../store/database-store.ts';
import { damageDigit } from '../faulty-store.ts';
import type { MachineDescription, Operation, OperationKind, OperationOutcome, State } from './history.ts';
import type { Scheduler } from './scheduler.ts';
import type { SetClock } from './settable-clock.ts';

export const USER = 'alice';

export interface PlannedOperation {
  readonly kind: OperationKind;
  readonly value?: string | undefined;
  /** After a conflict. */
  readonly retries: number;
}

export interface MachineOptions {
  readonly description: MachineDescription;
  readonly cacheRoot: string;
  readonly store: DatabaseStore;
  /** The layer below the store, for a foreign program. */
  readonly network: DatabaseStore;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly plan: readonly PlannedOperation[];
  readonly pauseMs?: number | undefined;
  readonly crashes: () => boolean;
  /** Whether it is asked for several updates at once. */
  readonly asksAtOnce: () => boolean;
  /** Whether its next session can be in memory. */
  readonly opensInMemory: () => boolean;
  /** The machine's clock, shared by its processes. */
  readonly clock: SetClock;
  readonly cacheIsDamaged: () => boolean;
  readonly clockIsSet: () => boolean;
  readonly record: (operation: Operation) => void;
  /** Called with an error that must not occur. */
  readonly onDefect: (error: unknown) => void;
}

interface Ended {
  readonly outcome: OperationOutcome;
}

/** An operation that has begun. */
interface Running {
  readonly planned: PlannedOperation;
  readonly start: number;
  readonly isAlone: boolean;
  /** What it has found so far. */
  saw?: State;
}

/** Updates that one process may be asked for at once. */
const AT_ONCE: readonly string[] = ['append', 'increment', 'no-op', 'throwing'];
const AT_ONCE_MAX = 4;

const BOOT = 'simulation';

// A few requests long.
const HELD_MS = 30;
const PAUSE_MS = 10;

/** An engine that opens files alone. */
const ON_DISK: SqliteEngine = { name: betterSqlite.name, open: betterSqlite.open };

/**
 * One machine: its process runs the operations of its plan in turn, some updates at once. After a crash it restarts on the same cache
 * directory; its memory is gone, and its working copies stay behind.
 */
export class Machine {
  readonly #options: MachineOptions;
  readonly #waiting: PlannedOperation[];
  #databases: UserDatabases;
  readonly #running = new Set<Running>();
  #open: SqliteDatabase | undefined;
  /** This machine's backup, if made. */
  #backup: State | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#waiting = [...options.plan];
    this.#databases = this.#boot();
  }

  start(): void {
    this.#options.scheduler.spawn({
      work: () => this.#work(),
      dies: this.#options.crashes,
      onDeath: () => this.#crash(),
    });
  }

  #boot(): UserDatabases {
    const { cacheRoot: root, store, clock, random, description, opensInMemory } = this.#options;
    const cache = new DatabaseCache({ root, deployment: 'simulation', clock, random, boot: BOOT });
    return new UserDatabases({
      store,
      cache,
      sqlite: async () => (opensInMemory() ? betterSqlite : ON_DISK),
      caching: true,
      clock,
      random,
      stalenessMaxMs: description.stalenessMs,
    });
  }

  #crash(): void {
    for (const running of this.#running) this.#end(running, 'crashed');
    // The end of its process would close the handle; the work directory stays.
    this.#open?.close();
    this.#open = undefined;
    this.#databases = this.#boot();
    this.start();
  }

  async #work(): Promise<void> {
    const { scheduler } = this.#options;
    while (this.#waiting.length > 0) {
      await scheduler.sleep(this.#options.pauseMs ?? PAUSE_MS);
      if (this.#options.clockIsSet()) this.#options.clock.set(this.#options.random);
      if (this.#options.cacheIsDamaged()) await this.#damageCache();
      const next = this.#next();
      await Promise.all(next.map((planned) => this.#operate(planned, next.length === 1)));
    }
  }

  /** Takes the next operation from the plan, now and then with the updates that follow. */
  #next(): PlannedOperation[] {
    const isGroup = this.#options.asksAtOnce();
    const end = this.#waiting.findIndex(({ kind }) => !AT_ONCE.includes(kind));
    const updates = end === -1 ? this.#waiting.length : end;
    return this.#waiting.splice(0, isGroup ? Math.min(Math.max(updates, 1), AT_ONCE_MAX) : 1);
  }

  async #operate(planned: PlannedOperation, isAlone: boolean): Promise<void> {
    const running: Running = { planned, isAlone, start: this.#options.scheduler.monotonic() };
    this.#running.add(running);
    let outcome: OperationOutcome;
    try {
      outcome = (await this.#run(running)).outcome;
    } catch (error) {
      outcome = outcomeOf(error);
      if (outcome === 'failed') this.#options.onDefect(error);
    }
    this.#end(running, outcome);
  }

  #end(running: Running, outcome: OperationOutcome): void {
    // It has crashed before.
    if (!this.#running.delete(running)) return;
    const { planned, start, saw, isAlone } = running;
    // What one of several saw of those before it need not have been stored, if it was not stored itself.
    const isReal = isAlone || ['committed', 'unchanged', 'threw'].includes(outcome);
    this.#options.record({
      machine: this.#options.description.name,
      start,
      end: this.#options.scheduler.monotonic(),
      kind: planned.kind,
      ...(planned.value === undefined ? {} : { value: planned.value }),
      outcome,
      ...(saw === undefined || !isReal ? {} : { saw }),
    });
  }

  #run(running: Running): Promise<Ended> {
    const { kind, value = '', retries } = running.planned;
    switch (kind) {
      case 'create':
        return this.#databases.create(USER, (database) => {
          makeTables(database);
          append(database, value);
        });
      case 'append':
        return this.#update(running, (database) => append(database, value), { retries });
      case 'append-or-create':
        return this.#update(running, (database) => append(database, value), { retries, create: makeTables });
      case 'increment':
        return this.#update(running, (database) => database.exec('UPDATE counter SET n = n + 1'), { retries });
      case 'no-op':
        return this.#update(running, (database) => database.exec("UPDATE counter SET n = 0 WHERE 'no row' IS NULL"), {
          retries,
        });
      case 'throwing':
        return this.#update(
          running,
          (database) => {
            append(database, value);
            throw new PlannedError();
          },
          { retries },
        );
      case 'session':
        return this.#session(running, value);
      case 'foreign':
        return this.#foreign(running, value);
      case 'push':
        return this.#push(running, value);
      case 'restore':
        return this.#restore(running);
      case 'read':
        return this.#databases.read(USER, ({ database }) => {
          running.saw = stateOf(database);
          return { outcome: 'read' };
        });
      case 'held-read':
        return this.#heldRead(running);
      case 'delete':
        return this.#databases.delete(USER).then(() => ({ outcome: 'deleted' }));
    }
  }

  #update(
    running: Running,
    edit: (database: SqliteDatabase) => void,
    options: { readonly retries: number; readonly create?: (database: SqliteDatabase) => void },
  ): Promise<Ended> {
    return this.#databases.update(
      USER,
      (database) => {
        running.saw = stateOf(database);
        edit(database);
      },
      options,
    );
  }

  async #session(running: Running, value: string): Promise<Ended> {
    const session = await this.#databases.openForWriting(USER);
    this.#open = session.database;
    await this.#options.scheduler.sleep(HELD_MS);
    this.#open = undefined;
    running.saw = stateOf(session.database);
    append(session.database, value);
    const { kind } = await session.commit();
    return { outcome: kind };
  }

  async #foreign(running: Running, value: string): Promise<Ended> {
    const { network, cacheRoot, description } = this.#options;
    const path = join(cacheRoot, `${description.name}-foreign.anki2`);
    const found = await network.get(USER, path);
    if (found.kind !== 'found') return { outcome: 'absent' };
    const database = openWorkingCopy(betterSqlite, path);
    running.saw = stateOf(database);
    append(database, value);
    database.close();
    const condition = { kind: 'version', version: found.version } as const;
    return { outcome: (await network.put(USER, path, { condition, writes: [] })).kind };
  }

  async #push(running: Running, value: string): Promise<Ended> {
    const path = this.#ownFile('pushed');
    const version = await this.#pull(path);
    const database = openWorkingCopy(betterSqlite, path);
    running.saw = stateOf(database);
    append(database, value);
    database.close();
    await this.#options.scheduler.sleep(HELD_MS);
    return this.#databases.replace(USER, { kind: 'version', version }, (to) => copyFile(path, to));
  }

  async #restore(running: Running): Promise<Ended> {
    const path = this.#ownFile('backup');
    if (this.#backup === undefined) {
      await this.#pull(path);
      const database = openReadOnly(betterSqlite, path);
      const backup = stateOf(database);
      database.close();
      this.#backup = backup;
      await this.#options.scheduler.sleep(HELD_MS);
    }
    running.saw = this.#backup;
    return this.#databases.replace(USER, { kind: 'anything' }, (to) => copyFile(path, to));
  }

  #ownFile(name: string): string {
    const { cacheRoot, description } = this.#options;
    return join(cacheRoot, `${description.name}-${name}.anki2`);
  }

  /** Pulls the stored bytes, and returns their version. */
  #pull(to: string): Promise<string> {
    return this.#databases.withFile(USER, async (path, { version }) => {
      await copyFile(path, to);
      return version;
    });
  }

  /** Flips a bit in a cached file on this machine's disk. */
  async #damageCache(): Promise<void> {
    const { cacheRoot: root, clock, random } = this.#options;
    const entry = new DatabaseCache({ root, deployment: 'simulation', clock, random, boot: BOOT }).lookup(USER);
    if (entry === undefined) return;
    await damageDigit(entry.path, random);
    chmodSync(entry.path, 0o400);
    // Keeps the modification time, which is its time of use and which damage does not move.
    utimesSync(entry.path, entry.usedAt / 1000, entry.usedAt / 1000);
    // The next process finds it.
    this.#databases = this.#boot();
  }

  async #heldRead(running: Running): Promise<Ended> {
    const session = await this.#databases.openForReading(USER);
    this.#open = session.database;
    await this.#options.scheduler.sleep(HELD_MS);
    this.#open = undefined;
    running.saw = stateOf(session.database);
    session.close();
    return { outcome: 'read' };
  }
}

class PlannedError extends Error {}

function outcomeOf(error: unknown): OperationOutcome {
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
