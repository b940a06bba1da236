import { messageOf } from '../core/failure.ts';
import type { StoredDatabase, Tombstone, Trace } from '../store/database-store.ts';
import { committedIn, seenIn, settle } from '../store/write-ids.ts';
import { unexplainedRefusal } from './outcome-failures.ts';
import type { CommitOutcome, SendRefusal, SessionEnvironment } from './session.ts';

/**
 * Looks up what refused a write, with one HEAD, and says how the write ended: `resend` if nothing did. `over`: what it was
 * to replace.
 */
export async function settleRefusal(
  { writeId, because, sentAt }: SendRefusal,
  username: string,
  over: StoredDatabase | Tombstone | undefined,
  { store }: Pick<SessionEnvironment, 'store'>,
): Promise<CommitOutcome | 'resend'> {
  const base = over !== undefined && !('closing' in over) ? over.version : undefined;
  let seen: Trace;
  try {
    seen = await store.trace(username);
  } catch (error) {
    const cause = new Error(`it was refused, and then ${messageOf(error)}`, { cause: error });
    return { kind: 'unknown', cause, base };
  }
  switch (settle(writeId, over, seenIn(seen), because, sentAt)) {
    case 'committed': {
      const { version, superseded = false } = committedIn(writeId, seen);
      return { kind: 'committed', version, ...(superseded ? { superseded } : {}) };
    }
    case 'unknown':
      return { kind: 'unknown', cause: unexplainedRefusal(), base };
    case 'resend':
      return 'resend';
    case 'conflict':
      return { kind: 'conflict', reason: seen.kind === 'database' ? 'changed' : 'deleted', base, seen };
  }
}
