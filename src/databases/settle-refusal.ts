import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { StoredDatabase, Tombstone, Trace } from '../store/database-store.ts';
import { committedIn, type Settlement, seenIn, settle } from '../store/write-ids.ts';
import { unexplainedRefusal } from './outcome-failures.ts';
import type { CommitOutcome, SendRefusal, SessionEnvironment } from './session.ts';

// A store that refuses a write over the version it holds this often will not change its mind.
export const RESENDS_MAX = 3;

/**
 * Looks up what refused a write, with one HEAD, and says how the write ended: `resend` if nothing did. `over`: what it was
 * to replace.
 */
export async function settleRefusal(
  refusal: SendRefusal,
  username: string,
  over: StoredDatabase | Tombstone | undefined,
  { store, clock }: Pick<SessionEnvironment, 'store' | 'clock'>,
): Promise<CommitOutcome | 'resend'> {
  const base = over !== undefined && !('closing' in over) ? over.version : undefined;
  let seen: Trace;
  try {
    seen = await store.trace(username);
  } catch (error) {
    const cause = new Error(`it was refused, and then ${messageOf(error)}`, { cause: error });
    return { kind: 'unknown', cause, base, writeId: refusal.writeId };
  }
  switch (settlementOf(refusal, over, seen, clock)) {
    case 'committed': {
      const { version, superseded = false } = committedIn(refusal.writeId, seen);
      return { kind: 'committed', version, ...(superseded ? { superseded } : {}) };
    }
    case 'unknown':
      return { kind: 'unknown', cause: unexplainedRefusal(), base, writeId: refusal.writeId };
    case 'resend':
      return 'resend';
    case 'conflict':
      return { kind: 'conflict', reason: seen.kind === 'database' ? 'changed' : 'deleted', base, seen };
  }
}

/** Decides the fate of a refused write from what was just seen. */
export function settlementOf(
  { writeId, because, sentAt }: SendRefusal,
  over: StoredDatabase | Tombstone | undefined,
  seen: Trace,
  clock: Clock,
): Settlement {
  const lookedAfterMs = clock.monotonic() - sentAt.monotonic;
  return settle(writeId, over, seenIn(seen), because, { at: sentAt.wall, lookedAfterMs });
}
