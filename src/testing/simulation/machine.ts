import { chmodSync, utimesSync } from 'node:fs';
import { DatabaseCache } from '../../cache/cache.ts';
import {
  DatabaseClient,
  type Found,
  filesIn,
  outcomeOf,
  type PlannedOperation,
} from '../../consistency/database-client.ts';
import { damageDigit } from '../../consistency/faulty-store.ts';
import type { MachineDescription, Operation, OperationOutcome } from '../../consistency/history.ts';
import type { Random } from '../../core/random.ts';
import { UserDatabases } from '../../databases/user-databases.ts';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import type { SqliteDatabase, SqliteEngine } from '../../sqlite/engine.ts';
import type { DatabaseStore } from '../../store/database-store.ts';
import type { Scheduler } from './scheduler.ts';
import type { SetClock } from './settable-clock.ts';

export const USER = 'alice';

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

/** An operation that has begun. */
interface Running extends Found {
  readonly planned: PlannedOperation;
  readonly start: number;
  readonly isAlone: boolean;
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
  readonly #client: DatabaseClient;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#waiting = [...options.plan];
    this.#databases = this.#boot();
    const { description, cacheRoot, network, scheduler } = options;
    this.#client = new DatabaseClient({
      username: USER,
      databases: () => this.#databases,
      network,
      sqlite: betterSqlite,
      ownFile: filesIn(cacheRoot, description.name),
      hold: () => scheduler.sleep(HELD_MS),
      onOpen: (database) => {
        this.#open = database;
      },
    });
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
      outcome = (await this.#client.run(planned, running)).outcome;
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
}
