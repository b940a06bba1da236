import { JavumboError } from '../core/failure.ts';
import { Retries, type RetriesOptions } from '../core/retry.ts';
import type { UsageMeter } from '../core/usage.ts';

/**
 * The port to wherever leases are kept. A lease is an expiring claim on one user's database, and lets writers queue
 * instead of racing. It saves work and nothing else: what keeps an update from being lost is the store's conditional
 * write, whoever holds a lease. So a holder whose lease has ended may still try to commit, and no implementation needs
 * to be durable.
 *
 * What each implementation swears to, and lock-table-contract.ts checks:
 *
 * - Each call compares and writes in one atomic step. Of any number of owners that acquire one free user, one gets it.
 * - Who holds a lease is decided by the owner's name alone. Two claims under one name are one lease, so a name is made
 *   for one piece of work: `newOwner` in with-lease.ts.
 * - A lease is over from `expiresAt` on: whoever asks then gets it. Until somebody does it is still its owner's, to
 *   renew or to release.
 * - What is acquired, renewed or released is so for every handle, in every process, at once.
 * - Every call but `release` may be sent again after a lost reply, and then answers as the first would have. A `release`
 *   that is sent again answers false.
 *
 * Time is that of the machine that asks, and clocks differ. A machine whose clock is ahead sees other leases end early:
 * it takes over from a holder that still works, and one of the two commits is refused and made again. One whose clock is
 * behind sees them end late: it waits longer for a holder that crashed. A holder's own clock being off has the opposite
 * effect on everybody else. Both cost waiting or a second attempt, and no update. That waiting has an end, too: an expiry
 * that lies further ahead than the longest lease and the largest tolerable difference of clocks says something about a
 * clock and nothing about a holder, and the lease counts as over.
 *
 * Trouble is thrown as `JavumboError`: `unavailable` when the table cannot be asked, `corrupt` when it is damaged,
 * `usage` for a time to live that no lease may have.
 */
export interface LockTable {
  /**
   * Claims the user for `owner`, for `ttlMs` from now: when nobody holds the lease, when it is over, or when it is
   * `owner`'s already, which renews it.
   */
  acquire(username: string, owner: string, ttlMs: number): Promise<AcquireResult>;

  /**
   * Makes the lease end `ttlMs` from now. Undefined, and nothing is changed, when it is not the owner's any more: another
   * took it over, or it was released. A lease that is over and that nobody took is renewed.
   */
  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined>;

  /** Ends the lease at once. False, and nothing is changed, when it was not the owner's any more. */
  release(lease: Lease): Promise<boolean>;
}

/** Returns the table, with `around` at each of its requests, all of which write. */
export function aroundLockTable(inner: LockTable, around: <T>(request: () => Promise<T>) => Promise<T>): LockTable {
  return {
    acquire: (...asked) => around(() => inner.acquire(...asked)),
    renew: (...asked) => around(() => inner.renew(...asked)),
    release: (lease) => around(() => inner.release(lease)),
  };
}

/** Counts the requests that reach the table. Stands under the retries, so that every attempt is counted. */
export function countingLockTable(inner: LockTable, meter: UsageMeter): LockTable {
  return aroundLockTable(inner, (request) => {
    meter.countTable('write');
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

/** `held`: by another, until `expiresAt` by that owner's clock, unless it renews or releases. */
export type AcquireResult =
  | { readonly kind: 'acquired'; readonly lease: Lease }
  | { readonly kind: 'held'; readonly owner: string; readonly expiresAt: number };

/** A lease as it is stored, under the names that the storage contract gives its attributes. */
export interface LockItem {
  readonly username: string;
  readonly owner: string;
  /** `expiresAt`: milliseconds since 1970. */
  readonly expiry: number;
  /** Seconds since 1970, never before `expiry`: from then on DynamoDB may remove the item, which only tidies up. */
  readonly ttl: number;
}

// As long as a Lambda function can run: no piece of work needs longer without a chance to renew.
export const LEASE_TTL_MAX_MS = 15 * 60_000;

// Where S3 draws the line too: it answers requests from a clock that is further off with RequestTimeTooSkewed.
export const CLOCK_SKEW_MAX_MS = 15 * 60_000;

/** The item of a lease that begins now. Throws `usage` for a time to live that is out of bounds. */
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

/** From when on an expiry is too far ahead to be anybody's lease. */
export function latestExpiry(now: number): number {
  return now + LEASE_TTL_MAX_MS + CLOCK_SKEW_MAX_MS;
}
