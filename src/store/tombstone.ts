/**
 * On an engine that ignores the condition of a DELETE, a delete could remove what somebody has written since, at once or,
 * arriving late, at any time. There the delete is a conditional put of a tombstone: random bytes, so that no two are alike,
 * with the write ids of what it replaced. A create goes over it with its version as the condition, so that a late create,
 * which wants nothing to be there, is refused.
 *
 * No DELETE is ever sent for it but by `clean s3 --tombstones`, when it is older than a day, and in two steps: a conditional
 * put marks it `closing`, and while that is fresh nobody writes over it. Only then it is deleted. A second copy of that DELETE,
 * which something on the way made and kept, could still remove what somebody creates afterwards: so it is never done unasked.
 */

/** Shorter than any SQLite file, so that a list tells it by its size. */
export const TOMBSTONE_BYTES = 64;

export const OPEN = '1';
export const CLOSING = 'closing';

/** How old a tombstone must be for clean-up to remove it: no request is under way for as long. */
export const TOMBSTONE_AGE_MIN_MS = 24 * 3_600_000;

/**
 * How long a tombstone that is closing keeps creates away. The DELETE follows within the time of a request; the rest is for
 * clocks that differ.
 */
export const CLOSING_MS = 3_600_000;

/**
 * How deletes are made on one engine: by a DELETE with a condition, where the engine was seen to compare, or by a tombstone.
 */
export type DeletionKind = 'condition' | 'tombstone';
