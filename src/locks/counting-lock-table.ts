import type { TableRequestCounter } from '../core/table-requests.ts';
import type { AcquireResult, Lease, LockTable } from './lock-table.ts';

/** Counts the requests that reach the table below, all of them writes. Stands below the retries. */
export class CountingLockTable implements LockTable {
  readonly #inner: LockTable;
  readonly #counter: TableRequestCounter;

  constructor(inner: LockTable, counter: TableRequestCounter) {
    this.#inner = inner;
    this.#counter = counter;
  }

  acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    this.#counter.countWrite();
    return this.#inner.acquire(username, owner, ttlMs);
  }

  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    this.#counter.countWrite();
    return this.#inner.renew(lease, ttlMs);
  }

  release(lease: Lease): Promise<boolean> {
    this.#counter.countWrite();
    return this.#inner.release(lease);
  }
}
