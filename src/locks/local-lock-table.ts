import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import { useWriteAheadLog } from '../databases/local-index.ts';
import { codeOf, JavumboError, messageOf } from '../failure.ts';
import {
  type AcquireResult,
  type Lease,
  type LockItem,
  type LockTable,
  latestExpiry,
  leaseOf,
  lockItem,
} from './lock-table.ts';

/**
 * Leases in a SQLite file under the local deployment's home, shared by all its processes.
 *
 * Every call is one transaction that takes SQLite's write lock before it reads (BEGIN IMMEDIATE), so none can see a state
 * that another is changing. A process that is killed inside one leaves nothing of it: SQLite's lock goes with the process,
 * and what was not committed is not there. One that is killed between two calls leaves its lease, which expires.
 *
 * Not in the index of the databases: a put holds that one's write lock for as long as a file takes to be written, and
 * whoever wants to queue for one user would have to wait for another's upload first.
 */
export class LocalLockTable implements LockTable {
  readonly #home: string;
  readonly #clock: Clock;
  #database: Database.Database | undefined;

  /** The directory and its file are made at the first call. */
  constructor(home: string, { clock }: { readonly clock: Clock }) {
    this.#home = home;
    this.#clock = clock;
  }

  async acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    return this.#atomically('acquire', username, (locks, now) => {
      const item = lockItem(username, owner, ttlMs, now);
      const { changes } = locks
        .prepare(
          `INSERT INTO locks (username, owner, expiry, ttl) VALUES (:username, :owner, :expiry, :ttl)
           ON CONFLICT (username) DO UPDATE SET owner = excluded.owner, expiry = excluded.expiry, ttl = excluded.ttl
           WHERE locks.owner = excluded.owner OR locks.expiry <= :now OR locks.expiry > :latest`,
        )
        .run({ ...item, now, latest: latestExpiry(now) });
      if (changes === 1) return { kind: 'acquired', lease: leaseOf(item) };
      // The row that refused is there: nobody else can have written since BEGIN.
      const { owner: holder, expiry } = locks
        .prepare<[string], LockItem>('SELECT * FROM locks WHERE username = ?')
        .get(username) as LockItem;
      return { kind: 'held', owner: holder, expiresAt: expiry };
    });
  }

  async renew({ username, owner }: Lease, ttlMs: number): Promise<Lease | undefined> {
    return this.#atomically('renew', username, (locks, now) => {
      const item = lockItem(username, owner, ttlMs, now);
      const { changes } = locks
        .prepare('UPDATE locks SET expiry = :expiry, ttl = :ttl WHERE username = :username AND owner = :owner')
        .run(item);
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
    this.#database?.close();
    this.#database = undefined;
  }

  #atomically<T>(verb: string, username: string, work: (locks: Database.Database, now: number) => T): T {
    try {
      this.#database ??= openLocks(this.#home);
      const locks = this.#database;
      // The time is read under the lock, since waiting for the lock takes time.
      return locks.transaction(() => work(locks, this.#clock.now())).immediate();
    } catch (error) {
      throw asLockFailure(error, `${verb} the lease on "${username}"`, username, join(this.#home, FILE));
    }
  }
}

const FILE = 'locks.sqlite';

// A transaction takes well under a millisecond; whoever waits this long waits for a process that was stopped inside one.
const BUSY_TIMEOUT_MS = 5_000;

function openLocks(home: string): Database.Database {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const locks = new Database(join(home, FILE), { timeout: BUSY_TIMEOUT_MS });
  try {
    useWriteAheadLog(locks);
    // A power cut may take the last transactions back, and cannot damage the file. It took every holder with it, for they
    // all ran on this machine: a lease that is forgotten had nobody left to hold it, and one that is back expires.
    locks.pragma('synchronous = NORMAL');
    locks.exec(
      `CREATE TABLE IF NOT EXISTS locks (
         username TEXT PRIMARY KEY,
         owner TEXT NOT NULL,
         expiry INTEGER NOT NULL,
         ttl INTEGER NOT NULL
       ) STRICT, WITHOUT ROWID`,
    );
    return locks;
  } catch (error) {
    locks.close();
    throw error;
  }
}

function asLockFailure(error: unknown, what: string, username: string, path: string): Error {
  if (error instanceof JavumboError) return error;
  const code = codeOf(error);
  if (code?.startsWith('SQLITE_BUSY')) {
    return new JavumboError('unavailable', `${what}: another process kept ${path} locked`, {
      try: 'the same again; if it stays so, look for a process that was stopped while it used the file',
      retryable: true,
      username,
      cause: error,
    });
  }
  if (code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT')) {
    return new JavumboError('corrupt', `${what}: ${path} is damaged: ${messageOf(error)}`, {
      try: 'when no javumbo runs, delete that file and the -wal and -shm beside it; they hold expiring leases and nothing else',
      username,
      cause: error,
    });
  }
  return new JavumboError('unavailable', `${what} in ${path}: ${messageOf(error)}`, {
    try: 'name a directory that you can write to with JAVUMBO_HOME',
    username,
    cause: error,
  });
}
