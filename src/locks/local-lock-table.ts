import type { Clock } from '../core/clock.ts';
import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { LocalTable } from '../sqlite/table-file.ts';
import {
  type AcquireResult,
  type Lease,
  type LockItem,
  type LockTable,
  latestExpiry,
  leaseOf,
  lockItem,
} from './lock-table.ts';

/** Leases in a SQLite file in the local deployment's home. A killed process leaves its lease, which expires. */
export class LocalLockTable implements LockTable {
  readonly #table: LocalTable;
  readonly #clock: Clock;

  constructor(home: string, { clock, sqlite }: { readonly clock: Clock; readonly sqlite: SqliteEngine }) {
    this.#table = new LocalTable(sqlite, home, LOCKS);
    this.#clock = clock;
  }

  async acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    return this.#atomically('acquire', username, (locks, now) => {
      const item = lockItem(username, owner, ttlMs, now);
      const { changes } = locks
        .prepare(
          `INSERT INTO locks (username, owner, expiry, ttl) VALUES (?, ?, ?, ?)
           ON CONFLICT (username) DO UPDATE SET owner = excluded.owner, expiry = excluded.expiry, ttl = excluded.ttl
           WHERE locks.owner = excluded.owner OR locks.expiry <= ? OR locks.expiry > ?`,
        )
        .run(item.username, item.owner, item.expiry, item.ttl, now, latestExpiry(now));
      if (changes === 1) return { kind: 'acquired', lease: leaseOf(item) };
      // The row that refused still exists: no one else can have written since BEGIN.
      const { owner: holder, expiry } = locks
        .prepare('SELECT * FROM locks WHERE username = ?')
        .get(username) as LockItem;
      return { kind: 'held', owner: holder, expiresAt: expiry };
    });
  }

  async renew({ username, owner }: Lease, ttlMs: number): Promise<Lease | undefined> {
    return this.#atomically('renew', username, (locks, now) => {
      const item = lockItem(username, owner, ttlMs, now);
      const { changes } = locks
        .prepare('UPDATE locks SET expiry = ?, ttl = ? WHERE username = ? AND owner = ?')
        .run(item.expiry, item.ttl, username, owner);
      return changes === 1 ? leaseOf(item) : undefined;
    });
  }

  async release({ username, owner }: Lease): Promise<boolean> {
    return this.#atomically('release', username, (locks) => {
      const { changes } = locks.prepare('DELETE FROM locks WHERE username = ? AND owner = ?').run(username, owner);
      return changes === 1;
    });
  }

  close(): void {
    this.#table.close();
  }

  #atomically<T>(verb: string, username: string, work: (locks: SqliteDatabase, now: number) => T): T {
    // The time is read under the lock, because waiting for it takes time.
    return this.#table.atomically(`${verb} the lease on "${username}"`, username, (locks) =>
      work(locks, this.#clock.now()),
    );
  }
}

const LOCKS = {
  file: 'locks.sqlite',
  // A power cut ends every holder, since all ran on this machine: a lost lease has no holder left, and a restored one
  // expires.
  synchronous: 'NORMAL',
  schema: `CREATE TABLE IF NOT EXISTS locks (
    username TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    expiry INTEGER NOT NULL,
    ttl INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  damagedHint:
    'when no javumbo runs, delete that file and the -wal and -shm beside it; they hold expiring leases and nothing else',
} as const;
