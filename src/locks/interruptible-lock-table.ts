import { answerOf, type InterruptibleOptions, interruptibleRead, interruptibleWrite } from '../core/interruptible.ts';
import type { AcquireResult, Lease, LockTable } from './lock-table.ts';

/** Acquires no lease after an interruption. One that is held then is released on exit, if possible. */
export class InterruptibleLockTable implements LockTable {
  readonly #inner: LockTable;
  readonly #options: InterruptibleOptions;
  /** Keyed by owner. */
  readonly #releases = new Map<string, () => Promise<boolean>>();

  constructor(inner: LockTable, options: InterruptibleOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  async acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult> {
    const { signal, cleanUps } = this.#options;
    const answer = await interruptibleWrite(this.#options, username, () => this.#inner.acquire(username, owner, ttlMs));
    // If it was acquired, it ends with its time to live.
    if (answer.kind === 'unknown') throw signal.reason;
    if (answer.kind === 'acquired') {
      this.#releases.set(
        owner,
        cleanUps.add(() => this.#release(answer.lease)),
      );
    }
    return answer;
  }

  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    return interruptibleRead(this.#options, () => this.#inner.renew(lease, ttlMs));
  }

  release(lease: Lease): Promise<boolean> {
    const release = this.#releases.get(lease.owner);
    this.#releases.delete(lease.owner);
    return release === undefined ? this.#release(lease) : release();
  }

  async #release(lease: Lease): Promise<boolean> {
    return (await answerOf(this.#options, this.#inner.release(lease))) === true;
  }
}
