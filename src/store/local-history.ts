import { isTestUser } from '../core/test-data.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { IndexRow } from '../sqlite/index-file.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
const KEPT_MS = 30 * DAY_MS;

const THINNING_INTERVAL_MS = 60_000;
const TEST_POINTS_MAX = 10;
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

const COLUMNS = 'id, username, file, version, writes, size_bytes, last_modified, digest';

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

/** Returns the points of one user, or of all users whose names begin with `start`, newest first. */
export function pointsIn(
  index: SqliteDatabase,
  { username, start }: { username?: string; start?: string },
): HistoryRow[] {
  return username === undefined
    ? (index
        .prepare(`SELECT ${COLUMNS} FROM history WHERE substr(username, 1, ?) = ? ORDER BY username, id DESC`)
        .all((start ?? '').length, start ?? '') as HistoryRow[])
    : (index
        .prepare(`SELECT ${COLUMNS} FROM history WHERE username = ? ORDER BY id DESC`)
        .all(username) as HistoryRow[]);
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
): { readonly username: string; readonly file: string }[] {
  const gone: HistoryRow[] = [];
  const forget = (rows: readonly HistoryRow[]): void => {
    const remove = index.prepare('DELETE FROM history WHERE id = ?');
    for (const row of rows) remove.run(row.id);
    gone.push(...rows);
  };
  if (isTestUser(username)) forget(pointsIn(index, { username }).slice(TEST_POINTS_MAX));
  const { thinned_at } = index.prepare('SELECT thinned_at FROM deployment').get() as { thinned_at: number | null };
  if (thinned_at === null || Math.abs(now - thinned_at) >= THINNING_INTERVAL_MS) {
    index.prepare('UPDATE deployment SET thinned_at = ?').run(now);
    const oldest = index
      .prepare(`SELECT DISTINCT username FROM (SELECT username FROM history ORDER BY id LIMIT ${OLDEST_ROWS})`)
      .all() as { username: string }[];
    for (const each of new Set([username, ...oldest.map((row) => row.username)])) {
      forget(outdatedPoints(pointsIn(index, { username: each }), now));
    }
    forget(tooMuch(index, bytesMax));
  }
  return gone.flatMap(({ username: owner, file }) => (file === null ? [] : { username: owner, file }));
}

/**
 * Returns those of one user's points, newest first, that need no longer be kept: all of a day are, then one of each hour for
 * a week, then one of each day for 30 days. The newest database always is, though it was deleted.
 */
export function outdatedPoints<Point extends { readonly file: string | null; readonly last_modified: number }>(
  points: readonly Point[],
  now: number,
): Point[] {
  const newest = points.find(({ file }) => file !== null);
  const taken = new Set<string>();
  return points.filter((point, place) => {
    const ageMs = now - point.last_modified;
    // The newest of its hour or day represents it.
    const step = ageMs <= DAY_MS ? 0 : ageMs <= WEEK_MS ? HOUR_MS : DAY_MS;
    const bucket = `${step} ${step === 0 ? place : Math.floor(point.last_modified / step)}`;
    const isFirst = !taken.has(bucket);
    taken.add(bucket);
    if (point === newest || place === 0) return false;
    return ageMs > KEPT_MS || !isFirst;
  });
}

/** Returns the oldest points that exceed the limit in all, but no user's newest database. */
function tooMuch(index: SqliteDatabase, bytesMax: number): HistoryRow[] {
  const { bytes } = index.prepare('SELECT sum(size_bytes) AS bytes FROM history').get() as { bytes: number | null };
  let excess = (bytes ?? 0) - bytesMax;
  if (excess <= 0) return [];
  const rows = index
    .prepare(
      `SELECT ${COLUMNS} FROM history AS one
       WHERE file IS NOT NULL
         AND EXISTS (SELECT 1 FROM history AS newer WHERE newer.username = one.username AND newer.id > one.id AND newer.file IS NOT NULL)
       ORDER BY id`,
    )
    .all() as HistoryRow[];
  const found: HistoryRow[] = [];
  for (const row of rows) {
    if (excess <= 0) break;
    excess -= row.size_bytes;
    found.push(row);
  }
  return found;
}
