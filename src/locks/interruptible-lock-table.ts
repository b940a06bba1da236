import type { InterruptibleOptions } from '../interruptible.ts';
import type { AcquireResult, Lease, LockTable } from './lock-table.ts';

/** Asks for no lease once the work is interrupted. What is asked for is announced, so that a lease outlives no kill. */
export class InterruptibleLockTable implements LockTable {
  readonly #inner: LockTable;
  readonly #options: InterruptibleOptions;

  constructor(inner: LockTable, options: InterruptibleOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  async acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    this.#options.signal.throwIfAborted();
    await this.#options.announcements?.leasing(username, owner);
    const answer = await this.#inner.acquire(username, owner, ttlMs);
    if (answer.kind === 'held') await this.#options.announcements?.released(username, owner);
    return answer;
  }

  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    return this.#inner.renew(lease, ttlMs);
  }

  async release(lease: Lease): Promise<boolean> {
    const released = await this.#inner.release(lease);
    await this.#options.announcements?.released(lease.username, lease.owner);
    return released;
  }
}
