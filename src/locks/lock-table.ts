import { JavumboError } from '../core/failure.ts';
import { Retries, type RetriesOptions } from '../core/retry.ts';
import type { UsageMeter } from '../core/usage.ts';

/**
 * The port to the store of leases. A lease is an expiring claim on one user's database, and lets writers queue instead
 * of racing. It only saves work: the store's conditional write prevents lost updates, whoever holds a lease. So a
 * holder whose lease has ended may still try to commit, and implementations need not be durable.
 *
 * Every implementation promises, and lock-table-contract.ts checks:
 *
 * - Each call compares and writes in one atomic step. Of all owners that acquire one free user, one gets it.
 * - The owner's name alone decides who holds a lease. Two claims under one name are one lease, so each piece of work
 *   makes its own name: `newOwner` in with-lease.ts.
 * - A lease ends at `expiresAt`: whoever asks then gets it. Until someone does, its owner may renew or release it.
 * - What is acquired, renewed or released is so at once for every handle, in every process.
 * - Every call but `release` may be resent after a lost reply, and then answers like the first. A resent `release`
 *   answers false.
 *
 * Time is the asking machine's, and clocks differ. A machine whose clock is ahead sees other leases end early: it takes
 * over from a working holder, and one of the two commits is refused and repeated. One whose clock is behind waits
 * longer for a crashed holder. A holder's own wrong clock has the opposite effect on others. Both cost waiting or a
 * second attempt, never an update. The waiting is bounded too: an expiry further ahead than the longest lease plus the
 * largest tolerable clock difference shows only a wrong clock, and the lease counts as ended.
 *
 * Failures are thrown as `JavumboError`: `unavailable` if the table cannot be reached, `corrupt` if it is damaged,
 * `usage` for an invalid time to live.
 */
export interface LockTable {
  /**
   * Claims the user for `owner`, for `ttlMs` from now, if no one holds the lease, if it has ended, or if it is already
   * `owner`'s, which renews it.
   */
  acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult>;

  /**
   * Makes the lease end `ttlMs` from now. Returns undefined, changing nothing, if it is no longer the owner's: taken
   * over or released. Renews an ended lease that no one took.
   */
  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined>;

  /** Ends the lease. Returns false, changing nothing, if it was no longer the owner's. */
  release(lease: Lease): Promise<boolean>;
}

/** Returns the table with `around` at each of its requests, all of which write. */
export function aroundLockTable(inner: LockTable, around: <T>(request: () => Promise<T>) => Promise<T>): LockTable {
  return {
    acquire: (...asked) => around(() => inner.acquire(...asked)),
    renew: (...asked) => around(() => inner.renew(...asked)),
    release: (lease) => around(() => inner.release(lease)),
  };
}

/** Counts the requests to the table. Stands below the retries, so that every attempt is counted. */
export function countingLockTable(inner: LockTable, meter: UsageMeter): LockTable {
  return aroundLockTable(inner, (request) => {
    meter.countTables({ write: 1 });
    return request();
  });
}

/**
 * Sends failed requests again. That needs no settling: whoever acquires or renews twice under one name holds one lease,
 * and a release that had landed is answered with false.
 */
export function retryingLockTable(inner: LockTable, options: RetriesOptions): LockTable {
  const retries = new Retries(options);
  return aroundLockTable(inner, (request) => retries.repeated(request));
}

export interface Lease {
  readonly username: string;
  readonly owner: string;
  /** Milliseconds since 1970, by the clock of the machine that acquired or renewed it. */
  readonly expiresAt: number;
}

/** `held`: by another owner, until `expiresAt` by its clock, unless it renews or releases. */
export type AcquireResult =
  | { readonly kind: 'acquired'; readonly lease: Lease }
  | { readonly kind: 'held'; readonly owner: string; readonly expiresAt: number };

/** A stored lease, with the attribute names of the storage contract. */
export interface LockItem {
  readonly username: string;
  readonly owner: string;
  /** `expiresAt`: milliseconds since 1970. */
  readonly expiry: number;
  /** Seconds since 1970, never before `expiry`. After it DynamoDB may remove the item, which only tidies up. */
  readonly ttl: number;
}

// As long as a Lambda function can run: no work needs longer without a chance to renew.
export const LEASE_TTL_MAX_MS = 15 * 60_000;

// S3's limit too: it answers a clock that is further off with RequestTimeTooSkewed.
export const CLOCK_SKEW_MAX_MS = 15 * 60_000;

/** Returns the item of a lease that begins now. Throws `usage` for an invalid time to live. */
export function lockItem(username: string, owner: string, ttlMs: number, now: number): LockItem {
  if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > LEASE_TTL_MAX_MS) {
    throw new JavumboError('usage', `a lease cannot last ${ttlMs} ms`, {
      try: `whole milliseconds, from 1 to ${LEASE_TTL_MAX_MS}`,
      username,
    });
  }
  const expiry = now + ttlMs;
  return { username, owner, expiry, ttl: Math.ceil(expiry / 1000) };
}

export function leaseOf({ username, owner, expiry }: LockItem): Lease {
  return { username, owner, expiresAt: expiry };
}

/** Returns the latest expiry that can be a lease. */
export function latestExpiry(now: number): number {
  return now + LEASE_TTL_MAX_MS + CLOCK_SKEW_MAX_MS;
}
