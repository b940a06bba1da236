import { isNumber, milliseconds } from '../core/duration.ts';
import { JavumboError } from '../core/failure.ts';
import { isoTime } from '../core/format.ts';
import { keyOf } from '../core/username.ts';
import { TOMBSTONE_BYTES } from '../store/tombstone.ts';
import type { ObjectVersion, ObjectVersions } from './object-versions.ts';

/** A state of one database that the store still has, or its absence after a delete. */
export interface PointInTime {
  /** Names it for good: the VersionId on S3, the number of the commit in the local deployment. */
  readonly id: string;
  /** When it was stored, by the store's clock, in milliseconds since 1970. */
  readonly at: number;
  readonly deleted: boolean;
  /** The ETag; undefined where the database was deleted. */
  readonly version: string | undefined;
  readonly sizeBytes: number;
  readonly current: boolean;
}

/** On a bucket without versions the only version is called that. */
export const UNVERSIONED_ID = 'null';

/**
 * Yields the points in time of one database, newest first. An unversioned bucket has only the present, with the id
 * `null`. Throws `unavailable`, and `not-found` for a bucket that does not exist.
 */
export async function* pointsOf(objects: ObjectVersions, username: string): AsyncGenerator<PointInTime> {
  const key = keyOf(username);
  for await (const page of objects.list(key, { versions: true })) {
    const own = page.filter((object) => object.key === key).sort(newestFirst);
    for (const object of own) {
      const deleted = isDeletion(object);
      // A file that a killed put has left has no ETag, and never was a version.
      if (!deleted && object.etag === undefined) continue;
      yield {
        id: object.versionId ?? UNVERSIONED_ID,
        at: object.lastModified,
        deleted,
        version: deleted ? undefined : object.etag,
        sizeBytes: deleted ? 0 : object.sizeBytes,
        current: object.kind === 'object' || object.isLatest === true,
      };
    }
  }
}

const NUMBER = /^\d{1,15}$/;

// Numbers of commits say it best. Elsewhere times have seconds on some engines, and deletions are listed apart.
function newestFirst(a: ObjectVersion, b: ObjectVersion): number {
  const [first = '', second = ''] = [a.versionId, b.versionId];
  if (NUMBER.test(first) && NUMBER.test(second)) return Number(second) - Number(first);
  return Number(b.isLatest ?? false) - Number(a.isLatest ?? false) || b.lastModified - a.lastModified;
}

function isDeletion({ kind, sizeBytes }: ObjectVersion): boolean {
  return kind === 'delete-marker' || sizeBytes === TOMBSTONE_BYTES;
}

/** What `--at` names: a moment, or a point by its id. */
export type At = { readonly kind: 'moment'; readonly at: number } | { readonly kind: 'id'; readonly id: string };

/**
 * Parses ISO 8601 (UTC without a zone, and as a terminal shows it, with ` UTC` at the end), an age such as `2h` or `3d`, or
 * an id. `now`: milliseconds since 1970.
 */
export function parseAt(text: string, now: number): At {
  // A number alone is the id of a commit of the local deployment.
  const age = isNumber(text) ? undefined : milliseconds(text);
  if (age !== undefined) return { kind: 'moment', at: now - age };
  if (/^\d{4}-\d\d-\d\d([T ]|$)/.test(text)) {
    const time = text.replace(/ UTC$/, 'Z');
    const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(time.slice(10)) || time.length === 10 ? time : `${time}Z`;
    const at = Date.parse(zoned.replace(' ', 'T'));
    // Node takes the 30th of February for the 2nd of March.
    const isOnCalendar = new Date(`${text.slice(0, 10)}T00:00Z`).toJSON()?.startsWith(text.slice(0, 10)) === true;
    if (!Number.isNaN(at) && isOnCalendar) return { kind: 'moment', at };
    throw new JavumboError('usage', `${text} is no time`, { try: '--at 2026-11-26T10:00' });
  }
  return { kind: 'id', id: text };
}

// Shorter ones are accepted only if they are whole.
const ID_START_MIN = 4;

/**
 * Finds the point that `at` names among all of a user's, newest first: the one that was current at a moment, or the one with
 * that id or with an id that begins so. Throws `not-found`, and `usage` if several begin so.
 */
export function findPoint(points: readonly PointInTime[], at: At, username: string): PointInTime {
  const hint = { try: `javumbo db history ${username}`, username };
  if (at.kind === 'moment') {
    const found = points.find((point) => point.at <= at.at);
    if (found !== undefined) return found;
    const oldest = points.at(-1);
    throw new JavumboError(
      'not-found',
      oldest === undefined
        ? `user "${username}" has no database, and never had one that the store still has`
        : `the history of database "${username}" begins at ${isoTime(oldest.at)}, after ${isoTime(at.at)}`,
      hint,
    );
  }
  const exact = points.find(({ id }) => id === at.id);
  if (exact !== undefined) return exact;
  // Numbers, as the local deployment has them, are whole: the beginning of another one means nothing.
  const isWhole = at.id.length < ID_START_MIN || /^\d+$/.test(at.id);
  const begin = isWhole ? [] : points.filter(({ id }) => id.startsWith(at.id));
  const [only, another] = begin;
  if (only === undefined) {
    throw new JavumboError('not-found', `database "${username}" has no point in time ${JSON.stringify(at.id)}`, hint);
  }
  if (another !== undefined) {
    throw new JavumboError(
      'usage',
      `${begin.length} points in time of database "${username}" begin with ${at.id}`,
      hint,
    );
  }
  return only;
}
