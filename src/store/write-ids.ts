import { JavumboError } from '../core/failure.ts';
import type { LookReason } from '../core/settled-write.ts';
import type { PutOutcome, Trace, Version } from './database-store.ts';

/**
 * Write ids settle what became of a write. Every put carries, in one metadata value, its own random id before the list that
 * its base carried. Whoever lost a reply, or was refused, looks whether its id is in the current list: it still is when
 * others have written on top, which an equality of versions could not show, and equal bytes cannot fake it.
 */

// S3 allows 2 KB of user metadata: 32 ids of 32 digits and their commas are 1,055 bytes. More than 32 writes on top of
// one whose reply was lost, before it looks, end in `unknown`.
const LISTED_MAX = 32;

// What a create builds on. Not an id: no random id is three letters long.
const NO_BASE = 'new';

/** A state of one database or account: its version, and the ids of its last writes, newest first. */
export interface Written {
  readonly version: Version;
  readonly writes: readonly string[];
}

/** What is there now, and when it was stored, in milliseconds since 1970, where that is known; undefined: nothing. */
export type Seen = (Written & { readonly lastModified?: number }) | undefined;

/** What is there according to a trace. */
export function seenIn(trace: Trace): Exclude<Trace, { kind: 'nothing' }> | undefined {
  return trace.kind === 'nothing' ? undefined : trace;
}

/** What a write builds on: the version it read, or undefined for a create. */
export type Base = Written | undefined;

/** The list that a put of `own` over `base` carries, newest first. A base without ids counts under its version. */
export function writesOver(base: Base, own: string, listedMax = LISTED_MAX): string[] {
  return [own, ...lineageOf(base)].slice(0, listedMax);
}

function lineageOf(base: Base): readonly string[] {
  if (base === undefined) return [NO_BASE];
  return base.writes.length > 0 ? base.writes : [base.version];
}

function newestOf(base: Base): string {
  if (base === undefined) return NO_BASE;
  return base.writes[0] ?? base.version;
}

export function encodeWrites(writes: readonly string[]): string {
  return writes.join(',');
}

/** The list in a metadata value; empty for an absent or empty one. */
export function decodeWrites(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((id) => id !== '');
}

/** What is known of a write from what its key holds now. `resend`: none of its copies has landed; sending another can help. */
export type Settlement = 'committed' | 'resend' | 'conflict' | 'unknown';

/**
 * Decides a write from what its key holds now.
 *
 * - `committed`: its id is listed, at the top or below later writes, also in the tombstone of what it wrote.
 * - `resend`: the base is still current. Of a create that was turned away: nothing is there.
 * - `conflict`: somebody else came first. After a doubt only where the base's newest id is listed and ours is not: then
 *   nobody's copy of ours can land any more, for no two commits have equal bytes. After a refusal also where the list does
 *   not reach back to the base; a lie only if a copy of ours landed, and between that and this look was overwritten by a
 *   program without ids, or buried under 32 writes. Where nothing is: only if nothing was there when it was refused; a lie
 *   only if it was deleted between two copies of one request. (docs/consistency.md)
 * - `unknown`: anything else; also a refused update where what refused it may have been made after `sentAt`, from nothing:
 *   then a copy of the update may have landed, and been deleted before that. A create in doubt never ends as `conflict` or
 *   `resend`: it may have landed and been deleted since, and sending it again would bring back what somebody deleted.
 *
 * `sentAt`: when the first copy was sent, in milliseconds since 1970 by this machine's clock; undefined where `seen` does
 * not say when it was stored.
 */
export function settle(own: string, base: Base, seen: Seen, reason: LookReason, sentAt?: number): Settlement {
  const listed = seen?.writes;
  if (listed?.includes(own) === true) return 'committed';
  if (base !== undefined && isStill(base, seen)) return 'resend';
  if (mayHaveBeenDeletedSince(base, seen, sentAt)) return 'unknown';
  if (reason === 'absence') return 'conflict';
  if (reason === 'refusal') return listed === undefined ? 'unknown' : 'conflict';
  if (reason === 'throttle' && base === undefined) return listed === undefined ? 'resend' : 'conflict';
  if (base === undefined || listed === undefined) return 'unknown';
  return listed.includes(newestOf(base)) ? 'conflict' : 'unknown';
}

/**
 * Decides a delete in the same way. Where it leaves no tombstone, nothing carries its id, and one that finds nothing is
 * told `committed`: the version that its caller saw was there, and is gone. A database made anew says the same, for it
 * began where nothing was. `conflict`: the version that was to go was replaced. `absent`: somebody else's tombstone.
 */
export function settleDelete(
  own: string | undefined,
  base: Written,
  seen: (Written & { readonly kind?: string }) | undefined,
  reason: LookReason,
): Settlement | 'absent' {
  if (seen === undefined) return 'committed';
  if (own !== undefined && seen.writes.includes(own)) return 'committed';
  if (isStill(base, seen)) return 'resend';
  if (seen.kind === 'tombstone') {
    return wasRefused(reason) || seen.writes.includes(newestOf(base)) ? 'absent' : 'unknown';
  }
  if (seen.writes.includes(newestOf(base))) return 'conflict';
  if (seen.writes.includes(NO_BASE)) return 'committed';
  return wasRefused(reason) ? 'conflict' : 'unknown';
}

function wasRefused(reason: LookReason): boolean {
  return reason === 'refusal' || reason === 'absence';
}

// The clocks of this machine and of the store are not further apart: S3 refuses requests from 15 minutes on, but the SDK
// corrects what it signs with.
const CLOCK_SKEW_MAX_MS = 3_600_000;

/** Whether what is there may have been made from nothing after an update was sent. */
function mayHaveBeenDeletedSince(base: Base, seen: Seen, sentAt: number | undefined): boolean {
  if (base === undefined || seen?.lastModified === undefined || sentAt === undefined) return false;
  const madeAnew = seen.writes.includes(NO_BASE) && !seen.writes.includes(newestOf(base));
  return madeAnew && seen.lastModified > sentAt - CLOCK_SKEW_MAX_MS;
}

/** The outcome of a put whose id is listed in what its key holds. */
export function committedIn(own: string, seen: Trace): PutOutcome & { readonly kind: 'committed' } {
  if (seen.kind === 'nothing') throw new JavumboError('internal', 'a write id was found where nothing is');
  const superseded = seen.kind === 'tombstone' || seen.writes[0] !== own;
  return { kind: 'committed', version: seen.version, ...(superseded ? { superseded } : {}) };
}

/** Whether what was read is still there: its bytes, and as far as they were known its ids. */
function isStill(base: Written, seen: Seen): boolean {
  if (seen?.version !== base.version) return false;
  // A base whose ids its caller does not know is known by its version alone, which no other commit has.
  return base.writes.length === 0 || newestOf(seen) === newestOf(base);
}
