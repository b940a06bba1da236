import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { parseUsername } from '../core/username.ts';
import type { Lease, LockTable } from './lock-table.ts';

export interface LeaseOptions {
  /** How long others wait for a crashed holder. Work may last longer: the lease is renewed meanwhile. */
  readonly ttlMs: number;
  /** How long to wait for the lease; 0 asks once. */
  readonly waitMaxMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** The holder's name, which others see. No other concurrent work may use it; absent: a new one. */
  readonly owner?: string | undefined;
}

// Renewed after one and two thirds of its time, so that one renewal may fail.
const RENEWALS_PER_TTL = 3;

// A holder takes about a tenth of a second, and each look at the table costs a request. With two waiting, one looks
// every eighth of a second on average.
const POLL_MAX_MS = 500;
// For short leases: a waiter still looks a few times before an abandoned one ends.
const POLLS_PER_TTL = 10;

/**
 * Waits for the lease on a user's database, runs `work` under it, and releases it in every case. Returns and throws
 * what `work` does.
 *
 * The lease spares `work` conflicts; it does not protect its writes or make a cached copy current (such `work`
 * revalidates first, or is refused once). `work` is therefore not told if the lease is lost: its conditional commit
 * decides. For the same reason a failed renewal or release is ignored: the first lets another begin early, the second
 * makes others wait for the rest of the time to live.
 *
 * Waiters are not served in order: the first to look after a release gets the lease, usually a caller that comes
 * straight back. Throws `unavailable`, naming the holder, after `waitMaxMs`, and what `acquire` throws; `work` has not
 * run then.
 */
export async function withLease<T>(
  locks: LockTable,
  username: string,
  options: LeaseOptions,
  work: () => Promise<T>,
): Promise<T> {
  parseUsername(username);
  const lease = await acquired(locks, username, options);
  const ended = new AbortController();
  const renewing = renewUntil(ended.signal, locks, lease, options);
  try {
    return await work();
  } finally {
    ended.abort();
    // Awaits a renewal under way, so that nothing of this call outlives it and uses a closed table.
    await renewing;
    try {
      await locks.release(lease);
    } catch {}
  }
}

/** Returns a unique name for one piece of work: machine and process, for those who wait for it, and a random part. */
export function newOwner(random: Random): string {
  return `${hostname()}-${process.pid}-${random.hex(8)}`;
}

async function acquired(locks: LockTable, username: string, options: LeaseOptions): Promise<Lease> {
  const { ttlMs, waitMaxMs, clock, random, owner = newOwner(random) } = options;
  const pollMaxMs = Math.min(POLL_MAX_MS, ttlMs / POLLS_PER_TTL);
  const startedAt = clock.monotonic();
  for (;;) {
    const answer = await locks.acquire(username, owner, ttlMs);
    if (answer.kind === 'acquired') return answer.lease;
    const patienceMs = startedAt + waitMaxMs - clock.monotonic();
    if (patienceMs <= 0) throw stillHeld(username, answer, waitMaxMs);
    // Full jitter spreads those who began to wait together. Never waits beyond the end of the lease.
    const leaseMs = answer.expiresAt - clock.now();
    // A timer takes whole milliseconds; zero would be a busy loop.
    await clock.sleep(Math.max(1, Math.ceil(Math.min(random.fraction() * pollMaxMs, leaseMs, patienceMs))));
  }
}

/** Renews until the work has ended or the lease is lost. Never rejects. */
async function renewUntil(
  ended: AbortSignal,
  locks: LockTable,
  lease: Lease,
  { ttlMs, clock }: LeaseOptions,
): Promise<void> {
  for (let held: Lease | undefined = lease; held !== undefined; ) {
    try {
      await clock.sleep(ttlMs / RENEWALS_PER_TTL, ended);
    } catch {
      return;
    }
    // Tests have clocks whose sleep takes no time, which would starve the work.
    await setImmediate();
    if (ended.aborted) return;
    try {
      held = await locks.renew(held, ttlMs);
    } catch {
      // The next one may succeed; until then the lease may be taken over.
    }
  }
}

function stillHeld(
  username: string,
  { owner, expiresAt }: { readonly owner: string; readonly expiresAt: number },
  waitedMs: number,
): JavumboError {
  const until = new Date(expiresAt).toISOString();
  return new JavumboError(
    'unavailable',
    `database "${username}" is being written by "${owner}", and ${waitedMs} ms of waiting did not change that`,
    { try: `the same again; a holder that crashed is out of the way at ${until}`, retryable: true, username },
  );
}
