import { JavumboError } from '../core/failure.ts';
import type { LookReason } from '../core/settled-write.ts';
import type { PutOutcome, Trace, Version } from './database-store.ts';

/**
 * Write ids decide whether a write landed. Every put carries, in one metadata value, its own random id followed by its
 * base's list. After a lost reply or a refusal, the writer checks whether its id is in the current list. It still is if
 * others have written on top, which comparing versions could not show, and equal bytes cannot fake it.
 */

// S3 allows 2 KB of user metadata: 32 ids of 32 digits and their commas are 1,055 bytes. If more than 32 writes follow
// one before it looks, it ends in `unknown`.
const LISTED_MAX = 32;

// The base of a create. Cannot be an id: no random id has three letters.
const NO_BASE = 'new';

/** A state of one database or account: its version and the ids of its latest writes, newest first. */
export interface Written {
  readonly version: Version;
  readonly writes: readonly string[];
}

/** What is stored now, and since when, in milliseconds since 1970, if known; undefined: nothing. */
export type Seen = (Written & { readonly lastModified?: number }) | undefined;

export function seenIn(trace: Trace): Exclude<Trace, { kind: 'nothing' }> | undefined {
  return trace.kind === 'nothing' ? undefined : trace;
}

/** What a write is based on: the version it read, or undefined for a create. */
export type Base = Written | undefined;

/** Returns the list for a put of `own` over `base`, newest first. A base without ids counts under its version. */
export function writesOver(base: Base, own: string, listedMax = LISTED_MAX): string[] {
  return [own, ...lineageOf(base)].slice(0, listedMax);
}

/** True if a list reaches back to the create of the database. */
export function beginsWithCreate(writes: readonly string[]): boolean {
  return writes.at(-1) === NO_BASE;
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

/** Parses the list in a metadata value; empty if that is absent or empty. */
export function decodeWrites(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((id) => id !== '');
}

/** When a write was sent, and when its fate was looked up. */
export interface Sent {
  /** When its first copy was sent, in milliseconds since 1970 by this machine's clock. */
  readonly at: number;
  /** The time from there to the end of the look, in milliseconds. */
  readonly lookedAfterMs: number;
}

/** The fate of a write. `resend`: none of its copies has landed; sending another can help. */
export type Settlement = 'committed' | 'resend' | 'conflict' | 'unknown';

/**
 * Decides the fate of a write from what its key holds now.
 *
 * - `committed`: its id is listed, at the top or below later writes, or in the tombstone of what it wrote.
 * - `resend`: the base is still current; for a rejected create, nothing is stored.
 * - `conflict`: another writer came first. After a doubt, only if the base's newest id is listed and ours is not: then
 *   no copy of ours can land any more, because no two commits have equal bytes. After a refusal, also if the list does
 *   not reach back to the base, which may have been old; false only if a copy of ours landed and was, before this look,
 *   overwritten by a program without ids or buried under 32 writes within five seconds. If nothing is stored, only if
 *   nothing was stored at the refusal either; false only if the database was deleted between two copies of one request.
 *   (docs/consistency.md)
 * - `unknown`: anything else, including a refused update if what refused it may have been created from nothing after
 *   ours was `sent`, or if there was time to bury ours: a copy of it may have landed and been deleted, or left the
 *   list. A create in doubt never ends as `conflict` or `resend`: it may have landed and been deleted since, and
 *   resending it would restore what another user deleted.
 *
 * `sent`: undefined where neither can happen.
 */
export function settle(own: string, base: Base, seen: Seen, reason: LookReason, sent?: Sent): Settlement {
  const listed = seen?.writes;
  if (listed?.includes(own) === true) return 'committed';
  if (base !== undefined && isStill(base, seen)) return 'resend';
  if (mayHaveBeenDeletedSince(base, seen, sent?.at) || mayBeBuried(base, seen, sent?.lookedAfterMs)) return 'unknown';
  if (reason === 'absence') return 'conflict';
  if (reason === 'refusal') return listed === undefined ? 'unknown' : 'conflict';
  if (reason === 'throttle' && base === undefined) return listed === undefined ? 'resend' : 'conflict';
  if (base === undefined || listed === undefined) return 'unknown';
  return listed.includes(newestOf(base)) ? 'conflict' : 'unknown';
}

/**
 * Decides the fate of a delete in the same way. If it leaves no tombstone, nothing carries its id, so a delete that
 * finds nothing is `committed`: the version that its caller saw existed, and is gone. So is one that finds a database
 * made anew, since that was created where nothing was. `conflict`: the version to delete was replaced. `absent`: there
 * is a tombstone of another delete.
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

// A bound on how far this machine's and the store's clocks differ: S3 refuses requests from 15 minutes on, but the SDK
// corrects the time that it signs with.
const CLOCK_SKEW_MAX_MS = 3_600_000;

/** True if what is stored may have been created from nothing after an update was sent. */
function mayHaveBeenDeletedSince(base: Base, seen: Seen, sentAt: number | undefined): boolean {
  if (base === undefined || seen?.lastModified === undefined || sentAt === undefined) return false;
  const madeAnew = seen.writes.includes(NO_BASE) && !seen.writes.includes(newestOf(base));
  return madeAnew && seen.lastModified > sentAt - CLOCK_SKEW_MAX_MS;
}

// Writers look at once, unless a request hangs. Many that contend write 32 times in less.
const BURIED_AFTER_MS = 5_000;

/** True if an update may have landed and left the list, which holds only so many ids, before anyone looked. */
function mayBeBuried(base: Base, seen: Seen, lookedAfterMs = 0): boolean {
  if (base === undefined || seen === undefined || lookedAfterMs < BURIED_AFTER_MS) return false;
  return seen.writes.length >= LISTED_MAX && !seen.writes.includes(newestOf(base));
}

/** Returns the outcome of a put whose id is listed in `seen`. */
export function committedIn(own: string, seen: Trace): PutOutcome & { readonly kind: 'committed' } {
  if (seen.kind === 'nothing') throw new JavumboError('internal', 'a write id was found where nothing is');
  const superseded = seen.kind === 'tombstone' || seen.writes[0] !== own;
  return { kind: 'committed', version: seen.version, ...(superseded ? { superseded } : {}) };
}

/** True if `base` is still stored: its bytes and, if known, its ids. */
function isStill(base: Written, seen: Seen): boolean {
  if (seen?.version !== base.version) return false;
  // Without known ids, the version alone identifies the base, since no other commit has it.
  return base.writes.length === 0 || newestOf(seen) === newestOf(base);
}
