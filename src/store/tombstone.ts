import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Tombstone } from './database-store.ts';

/**
 * On an engine that ignores the condition of a DELETE, a delete could remove a newer version, at once or, arriving
 * late, at any time. There a delete is a conditional put of a tombstone: random bytes, so that no two are alike, with
 * the write ids of what it replaced. A create replaces it with its version as the condition, so a late create, which
 * expects nothing to be stored, is refused.
 *
 * Only `clean s3 --tombstones` ever deletes a tombstone, once it is older than a day, in two steps: a conditional put
 * marks it `closing`, which keeps writers away while it is fresh, and then a DELETE removes it. A second copy of that
 * DELETE, made and kept by something on the way, could still remove a later create, so this happens only on request.
 */

/** Shorter than any SQLite file, so that a list can recognise it by its size. */
export const TOMBSTONE_BYTES = 64;

export const OPEN = '1';
export const CLOSING = 'closing';

/** The age at which clean-up may remove a tombstone: no request is under way for as long. */
export const TOMBSTONE_AGE_MIN_MS = 24 * 3_600_000;

/** How long a closing tombstone keeps creates away. The DELETE follows at once; the rest allows for clock skew. */
export const CLOSING_MS = 3_600_000;

/** How deletes are made on an engine: by a conditional DELETE, if it was seen to compare, or by a tombstone. */
export type DeletionKind = 'condition' | 'tombstone';

/** Returns the tombstone if a create may replace it. Throws `unavailable` while clean-up is removing it. */
export function writable(tombstone: Tombstone, username: string, clock: Clock): Tombstone {
  if (!tombstone.closing || clock.now() - tombstone.lastModified > CLOSING_MS) return tombstone;
  throw new JavumboError(
    'unavailable',
    `create database "${username}": clean-up is removing the tombstone of a deleted database`,
    {
      try: 'the same command again in a minute',
      username,
      retryable: true,
    },
  );
}
