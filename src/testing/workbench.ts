import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseCache } from '../cache/cache.ts';
import type { CacheLimits } from '../cache/evictions.ts';
import type { Clock } from '../core/clock.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { MeantWrite } from '../databases/session.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { MemoryDatabaseStore } from '../store/memory-store.ts';

/** A clock that only moves when told to, or when something sleeps on it. */
export class ManualClock implements Clock {
  #now = Date.UTC(2026, 10, 22);
  #set = 0;

  now(): number {
    return this.#now + this.#set;
  }

  monotonic(): number {
    return this.#now;
  }

  /** Sets the wall clock by so much; no time passes. */
  set(milliseconds: number): void {
    this.#set += milliseconds;
  }

  async sleep(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** One store in memory and any number of machines, each with its own cache directory. */
export class Workbench {
  readonly directory = mkdtempSync(join(tmpdir(), 'javumbo-workbench-'));
  readonly clock = new ManualClock();
  readonly random: Random = seededRandom(1);
  readonly memory = new MemoryDatabaseStore(this.clock);
  readonly store = new CountingDatabaseStore(this.memory);
  #machines = 0;

  /** Makes a machine with its own empty cache; `store`: a wrapper of the shared one. */
  machine(
    options: {
      readonly stalenessMaxMs?: number;
      readonly caching?: boolean;
      readonly store?: DatabaseStore;
      readonly limits?: CacheLimits;
      readonly sqlite?: SqliteEngine;
      readonly groupCommit?: boolean;
      readonly clock?: Clock;
      readonly random?: Random;
      readonly beforePut?: ((write: MeantWrite) => Promise<void>) | undefined;
    } = {},
  ): { databases: UserDatabases; cache: DatabaseCache; root: string } {
    const root = join(this.directory, `machine-${this.#machines++}`);
    const { clock = this.clock, random = this.random } = options;
    const cache = new DatabaseCache({ root, deployment: 'test', clock, random, limits: options.limits });
    const {
      stalenessMaxMs = 0,
      caching = true,
      store = this.store,
      sqlite = betterSqlite,
      groupCommit,
      beforePut,
    } = options;
    return {
      databases: new UserDatabases({
        store,
        cache,
        sqlite: async () => sqlite,
        caching,
        clock,
        random,
        stalenessMaxMs,
        groupCommit,
        beforePut,
      }),
      cache,
      root,
    };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
