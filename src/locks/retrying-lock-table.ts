import { Retries, type RetriesOptions } from '../core/retry.ts';
import type { AcquireResult, Lease, LockTable } from './lock-table.ts';

/**
 * Retries failed requests. Nothing needs settling: acquiring or renewing twice under one name yields one lease, and a
 * release that had landed answers false.
 */
export class RetryingLockTable implements LockTable {
  readonly #inner: LockTable;
  readonly #retries: Retries;

  constructor(inner: LockTable, options: RetriesOptions) {
    this.#inner = inner;
    this.#retries = new Retries(options);
  }

  acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    return this.#retries.repeated(() => this.#inner.acquire(username, owner, ttlMs));
  }

  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    return this.#retries.repeated(() => this.#inner.renew(lease, ttlMs));
  }

  release(lease: Lease): Promise<boolean> {
    return this.#retries.repeated(() => this.#inner.release(lease));
  }
}
