import type { Trace } from '../store/database-store.ts';
import { seenIn, settle, type Written } from '../store/write-ids.ts';
import type { JournalWrite } from './journal.ts';

/**
 * What became of a user's writes of which only the journal knows that they may have been sent.
 *
 * - `committed`: one of them, `write`, is stored, at the top or below later writes.
 * - `lost`: none of them is, and none ever will be.
 * - `open`: none of them is; the last one, should it still be on its way, would be accepted.
 * - `gone`: there is no database any more, so that none can be accepted.
 * - `unknown`: the store cannot tell.
 */
export type Fate =
  | { readonly kind: 'committed'; readonly write: JournalWrite; readonly version: string; readonly isCurrent: boolean }
  | { readonly kind: 'lost' | 'open' | 'gone' | 'unknown' };

/**
 * Decides it by what is stored. Each write but the last was settled before the next one was announced, so that only the
 * last can be on its way. `now`: milliseconds since 1970.
 */
export function fateOf(writes: readonly JournalWrite[], seen: Trace, now: number): Fate {
  const last = writes.at(-1);
  if (last === undefined) return { kind: 'lost' };
  if (seen.kind !== 'database') return { kind: 'gone' };
  const write = writes.find(({ writeId }) => seen.writes.includes(writeId));
  if (write !== undefined) {
    return { kind: 'committed', write, version: seen.version, isCurrent: seen.writes[0] === write.writeId };
  }
  const at = Date.parse(last.at);
  const sent = { at, lookedAfterMs: Math.max(0, now - at) };
  const settlement = settle(last.writeId, baseOf(last), seenIn(seen), 'doubt', sent);
  if (settlement === 'conflict') return { kind: 'lost' };
  return { kind: settlement === 'resend' ? 'open' : 'unknown' };
}

function baseOf({ base: { version, writeId } }: JournalWrite): Written {
  return { version, writes: writeId === undefined ? [] : [writeId] };
}
