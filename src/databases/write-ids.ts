import type { StoredDatabase } from './store.ts';

/**
 * Write ids settle a lost reply. Every put carries, in one metadata value, its own random id before the list that its
 * base carried. Whoever lost a reply looks whether its id is in the current list: it still is when others have written
 * on top, which an equality of versions could not show, and equal bytes cannot fake it.
 */

// S3 allows 2 KB of user metadata: 32 ids of 32 digits and their commas are 1,055 bytes. More than 32 writes on top of
// one whose reply was lost, before it looks, end in `unknown`.
const LISTED_MAX = 32;

// What a create builds on. Not an id: no random id is three letters long.
const NO_BASE = 'new';

/** What a write builds on: the version it read, or undefined for a create. */
export type Base = Pick<StoredDatabase, 'version' | 'writes'> | undefined;

/** The list that a put of `own` over `base` carries, newest first. A base without ids counts under its version. */
export function writesOver(base: Base, own: string): string[] {
  return [own, ...lineageOf(base)].slice(0, LISTED_MAX);
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

/** What is known after a lost reply: see `settle`. */
export type Settlement = 'committed' | 'resend' | 'conflict' | 'unknown';

/**
 * Decides a write whose reply was lost from what the store holds now.
 *
 * - `committed`: our id is listed, at the top or below later writes.
 * - `resend`: the base is still current, so nothing of ours is in it; the same put can be sent again. For a create the
 *   base is absence. A create that landed and was deleted before we looked reads the same: sending it again equals
 *   having created it after that delete, which the caller could not have told apart.
 * - `conflict`: the base's newest id is listed and ours is not: somebody else wrote on our base, so we never did. One
 *   exception is known: a create that landed, was deleted, and was followed by another's create reads like one that came
 *   too late. Nobody's state differs, and calling it `unknown` would make every race to create with a lost reply unknown.
 * - `unknown`: the object is gone, or its list does not reach back to our base (another program wrote it, or more
 *   writes than the list holds).
 */
export function settle(own: string, base: Base, current: StoredDatabase | undefined): Settlement {
  if (current === undefined) return base === undefined ? 'resend' : 'unknown';
  if (current.writes.includes(own)) return 'committed';
  if (base !== undefined && current.version === base.version && newestOf(current) === newestOf(base)) {
    return 'resend';
  }
  return current.writes.includes(newestOf(base)) ? 'conflict' : 'unknown';
}
