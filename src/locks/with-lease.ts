import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { parseUsername } from '../core/username.ts';
import type { Lease, LockTable } from './lock-table.ts';

export interface LeaseOptions {
  /** For how long others wait for a holder that crashed. Work may last longer: the lease is renewed meanwhile. */
  readonly ttlMs: number;
  /** For how long to wait for the lease; 0 asks once. */
  readonly waitMaxMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Who holds the lease, as others are told. A name that no other work uses at the same time; absent: a new one. */
  readonly owner?: string | undefined;
}

// Renewed at a third of its time and at two thirds, so that one renewal may fail and the lease is still held.
const RENEWALS_PER_TTL = 3;

// A holder is done after about a tenth of a second, and each look at the table is a request that is paid for. Of two that
// wait, one looks every eighth of a second on average.
const POLL_MAX_MS = 500;
// Where leases are so short that this is long, a waiter still looks some times before one that nobody renews is over.
const POLLS_PER_TTL = 10;

/**
 * Waits for the lease on a user's database, runs `work` while it holds it, and releases it, however `work` ends. Returns
 * and throws what `work` does.
 *
 * The lease spares `work` conflicts; it does not protect what `work` writes, and it does not make a cached copy current
 * (`work` that writes on one asks the store first, or is refused once). `work` is therefore never told that the lease
 * was lost: its commit is conditional, and that decides. For the same reason a renewal or a release that fails is no
 * failure: the first lets another begin early, and the second lets others wait for the rest of the time to live.
 *
 * Those who wait are not served in order: the first that looks after a release has the lease, and a caller that comes
 * straight back is usually that. Throws `unavailable`, naming the holder, when `waitMaxMs` is over, and what `acquire`
 * throws; `work` did not run then.
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
    // A renewal under way is waited for, so that nothing of this call runs on when its caller closes the table.
    await renewing;
    try {
      await locks.release(lease);
    } catch {}
  }
}

/** The machine and the process, for whoever has to wait for it, and chance, so that each piece of work has its own. */
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
    // Full jitter, so that those who began to wait together do not ask together. No later than the lease can end.
    const leaseMs = answer.expiresAt - clock.now();
    // A timer takes whole milliseconds, and none would be a loop that asks without a pause.
    await clock.sleep(Math.max(1, Math.ceil(Math.min(random.fraction() * pollMaxMs, leaseMs, patienceMs))));
  }
}

/** Renews until the work has ended or the lease is somebody else's. Never rejects. */
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
    // A clock whose sleep takes no time, as tests have, would otherwise keep the work from ever going on.
    await setImmediate();
    if (ended.aborted) return;
    try {
      held = await locks.renew(held, ttlMs);
    } catch {
      // The next one may succeed, and until then the lease may be taken over.
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
