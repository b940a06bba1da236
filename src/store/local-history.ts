import { isTestUser } from '../core/test-data.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { IndexRow } from '../sqlite/index-file.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
const KEPT_MS = 30 * DAY_MS;

const THINNING_INTERVAL_MS = 60_000;
// A clock that is further ahead than this is not believed at once.
const CLOCK_JUMP_MAX_MS = DAY_MS;
const TEST_POINTS_MAX = 10;
// However old: a wrong clock must not leave anybody without a way back.
const POINTS_MIN = 10;
// The oldest of all users, so that those who no longer write are thinned as well.
const OLDEST_ROWS = 1_000;

export const HISTORY_BYTES_MAX = 1_000_000_000;

/** One commit of one database, by its number. `file` is null for a deletion. */
export interface HistoryRow {
  readonly id: number;
  readonly username: string;
  readonly file: string | null;
  readonly version: string | null;
  readonly writes: string;
  readonly size_bytes: number;
  readonly last_modified: number;
  readonly digest: string | null;
}

export const COLUMNS = 'id, username, file, version, writes, size_bytes, last_modified, digest';

/** Records a commit, or a deletion, unless its file is recorded already. Runs in the transaction that commits it. */
export function recordPoint(
  index: SqliteDatabase,
  username: string,
  row: Pick<IndexRow, 'writes' | 'last_modified'> & Partial<IndexRow>,
): void {
  const { file = null, version = null, writes, size_bytes = 0, last_modified, digest = null } = row;
  index
    .prepare(
      `INSERT INTO history (username, file, version, writes, size_bytes, last_modified, digest)
       SELECT ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM history WHERE file = ?)`,
    )
    .run(username, file, version, writes, size_bytes, last_modified, digest, file);
}

/** Returns the points of one user, newest first. */
export function pointsOf(index: SqliteDatabase, username: string): HistoryRow[] {
  const points = index.prepare(`SELECT ${COLUMNS} FROM history WHERE username = ? ORDER BY id DESC`);
  return points.all(username) as HistoryRow[];
}

export function pointIn(index: SqliteDatabase, username: string, id: string): HistoryRow | undefined {
  return index.prepare(`SELECT ${COLUMNS} FROM history WHERE username = ? AND id = ?`).get(username, Number(id)) as
    | HistoryRow
    | undefined;
}

/**
 * Forgets points that need no longer be kept, at most once a minute, and returns their files, to be removed after the commit.
 * A test user's are forgotten at once.
 */
export function thinPoints(
  index: SqliteDatabase,
  username: string,
  { now, bytesMax }: { readonly now: number; readonly bytesMax: number },
): ForgottenFile[] {
  const gone = isTestUser(username) ? pointsOf(index, username).slice(TEST_POINTS_MAX) : [];
  if (thinningIsDue(index, now)) {
    const oldest = index
      .prepare(`SELECT DISTINCT username FROM (SELECT username FROM history ORDER BY id LIMIT ${OLDEST_ROWS})`)
      .all() as { username: string }[];
    for (const each of new Set([username, ...oldest.map((row) => row.username)])) {
      for (const point of outdatedPoints(pointsOf(index, each), now)) gone.push(point);
    }
    return [...forget(index, gone), ...forget(index, tooMuch(index, bytesMax, now))];
  }
  return forget(index, gone);
}

/** Forgets the older half of the history, by size, where the disk has no room for more, and returns its files. */
export function forgetHalf(index: SqliteDatabase, now: number): ForgottenFile[] {
  return forget(index, tooMuch(index, historyBytes(index) / 2, now));
}

export interface ForgottenFile {
  readonly username: string;
  readonly file: string;
}

function forget(index: SqliteDatabase, rows: readonly HistoryRow[]): ForgottenFile[] {
  const remove = index.prepare('DELETE FROM history WHERE id = ?');
  for (const row of rows) remove.run(row.id);
  return rows.flatMap(({ username, file }) => (file === null ? [] : { username, file }));
}

/** At most once a minute. Records the time; after a jump of the clock only that, so that one wrong time forgets nothing. */
function thinningIsDue(index: SqliteDatabase, now: number): boolean {
  const { thinned_at } = index.prepare('SELECT thinned_at FROM deployment').get() as { thinned_at: number | null };
  if (thinned_at !== null && Math.abs(now - thinned_at) < THINNING_INTERVAL_MS) return false;
  index.prepare('UPDATE deployment SET thinned_at = ?').run(now);
  const last = thinned_at ?? lastCommitBefore(index, now) ?? now;
  return Math.abs(now - last) <= CLOCK_JUMP_MAX_MS;
}

/** Returns when the newest commit before `now` was made: without an earlier thinning, that says what time it was. */
function lastCommitBefore(index: SqliteDatabase, now: number): number | null {
  const { at } = index.prepare('SELECT max(last_modified) AS at FROM history WHERE last_modified < ?').get(now) as {
    at: number | null;
  };
  return at;
}

/**
 * Returns those of one user's points, newest first, that need no longer be kept. How long one is kept counts from when
 * another one took its place: a day, then one of each hour for a week, then one of each day for 30 days. The newest
 * ten always are, and the newest database, though it was deleted; a deletion is, while the database before it is.
 */
export function outdatedPoints<Point extends { readonly file: string | null; readonly last_modified: number }>(
  points: readonly Point[],
  now: number,
): Point[] {
  const newest = points.find(({ file }) => file !== null);
  const taken = new Set<string>();
  const outdated = new Set<Point>();
  points.forEach((point, place) => {
    const next = points[place - 1];
    if (next === undefined || point.file === null) return;
    const replacedAt = next.last_modified;
    const ageMs = now - replacedAt;
    // The last of its hour or day represents it.
    const step = ageMs <= DAY_MS ? 0 : ageMs <= WEEK_MS ? HOUR_MS : DAY_MS;
    const bucket = `${step} ${step === 0 ? place : Math.floor(replacedAt / step)}`;
    const isFirst = !taken.has(bucket);
    taken.add(bucket);
    if (place < POINTS_MIN || point === newest) return;
    if (ageMs > KEPT_MS || !isFirst) outdated.add(point);
  });
  points.forEach((point, place) => {
    if (point.file !== null || place === 0) return;
    const before = points.slice(place + 1).find(({ file }) => file !== null);
    if (before === undefined || outdated.has(before)) outdated.add(point);
  });
  return [...outdated];
}

/**
 * Returns the oldest points that exceed the limit in all. Databases that users have now do not count, nor does any go that
 * somebody has had last, or that was replaced within a day by a version that is there.
 */
function tooMuch(index: SqliteDatabase, bytesMax: number, now: number): HistoryRow[] {
  let excess = historyBytes(index) - bytesMax;
  if (excess <= 0) return [];
  const rows = index
    .prepare(
      `SELECT ${COLUMNS} FROM (
         SELECT *, lead(last_modified) OVER later AS replaced_at, lead(id, 2) OVER later AS second_next,
           EXISTS (SELECT 1 FROM history AS newer WHERE newer.username = one.username AND newer.id > one.id AND newer.file IS NOT NULL) AS has_newer
         FROM history AS one WINDOW later AS (PARTITION BY username ORDER BY id)
       )
       WHERE file IS NOT NULL AND file NOT IN (${CURRENT}) AND has_newer
         AND NOT (second_next IS NULL AND replaced_at > ?)
       ORDER BY id`,
    )
    .all(now - DAY_MS) as HistoryRow[];
  const found: HistoryRow[] = [];
  for (const row of rows) {
    if (excess <= 0) break;
    excess -= row.size_bytes;
    found.push(row);
  }
  return found;
}

const CURRENT = 'SELECT file FROM databases';

/** Returns what earlier versions take in all, in bytes. */
function historyBytes(index: SqliteDatabase): number {
  const { bytes } = index
    .prepare(`SELECT sum(size_bytes) AS bytes FROM history WHERE file NOT IN (${CURRENT})`)
    .get() as { bytes: number | null };
  return bytes ?? 0;
}
