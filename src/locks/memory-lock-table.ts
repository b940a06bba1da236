import type { Clock } from '../core/clock.ts';
import {
  type AcquireResult,
  type Lease,
  type LockItem,
  type LockTable,
  latestExpiry,
  leaseOf,
  lockItem,
} from './lock-table.ts';

/** The smallest table that keeps every promise of the port, for tests and simulations of one process. */
export class MemoryLockTable implements LockTable {
  readonly #items: Map<string, LockItem>;
  readonly #clock: Clock;

  /** `items`: shared with another handle, on a machine with its own clock. */
  constructor(clock: Clock, items: Map<string, LockItem> = new Map()) {
    this.#clock = clock;
    this.#items = items;
  }

  // None of these awaits, so each is atomic.

  async acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    const now = this.#clock.now();
    const item = lockItem(username, owner, ttlMs, now);
    const current = this.#items.get(username);
    if (
      current !== undefined &&
      current.owner !== owner &&
      current.expiry > now &&
      current.expiry <= latestExpiry(now)
    ) {
      return { kind: 'held', owner: current.owner, expiresAt: current.expiry };
    }
    this.#items.set(username, item);
    return { kind: 'acquired', lease: leaseOf(item) };
  }

  async renew({ username, owner }: Lease, ttlMs: number): Promise<Lease | undefined> {
    const item = lockItem(username, owner, ttlMs, this.#clock.now());
    if (this.#items.get(username)?.owner !== owner) return undefined;
    this.#items.set(username, item);
    return leaseOf(item);
  }

  async release({ username, owner }: Lease): Promise<boolean> {
    return this.#items.get(username)?.owner === owner && this.#items.delete(username);
  }
}
