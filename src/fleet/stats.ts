import { Patience, type Trouble } from '../backup/outcome.ts';
import type { Clock } from '../core/clock.ts';
import { inParallel } from '../core/parallel.ts';
import { isTestUser } from '../core/test-data.ts';
import { USER_DATABASES_PREFIX, usernameOf } from '../core/username.ts';
import type { ReadSession } from '../databases/session.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { asDatabaseFailure } from '../sqlite/failure.ts';
import { type ListedDatabase, listPages } from '../store/database-store.ts';
import { userPages } from '../users/user-table.ts';
import { isSelected, isTrueIn, openFleetScratch, rememberSelected, type Selection } from './selection.ts';
import type { FleetTarget } from './target.ts';

/** One user's database; the counts are those of a deep look. */
export interface CountedUser {
  readonly username: string;
  readonly outcome: 'counted' | 'skipped' | 'not-found' | Trouble;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
  readonly notes?: number | undefined;
  readonly cards?: number | undefined;
  readonly reviews?: number | undefined;
  readonly error?: string | undefined;
}

export interface FleetStats {
  /** Undefined where accounts are left out. */
  readonly accounts: number | undefined;
  readonly databases: number;
  readonly sizes: { readonly totalBytes: number; readonly p50: number; readonly p90: number; readonly p99: number };
  /** At most five, the largest first. */
  readonly largest: readonly Pick<CountedUser, 'username' | 'sizeBytes'>[];
  /** Databases that were written within so many days, and when the last one was, in milliseconds since 1970. */
  readonly active: { readonly day: number; readonly week: number; readonly month: number; readonly last?: number };
  /** Earlier versions that the store keeps, also of those who were deleted. */
  readonly versions: { readonly count: number; readonly bytes: number };
  /** Left behind by tests; not in the other figures. */
  readonly testData: { readonly databases: number; readonly bytes: number; readonly accounts: number };
  /** Sums of a deep look. */
  readonly content?: { readonly notes: number; readonly cards: number; readonly reviews: number } | undefined;
}

export interface StatsOptions {
  readonly selection: Omit<Selection, 'named'>;
  readonly users?: AsyncIterable<string> | undefined;
  /** True to open each database and count what is in it. */
  readonly deep: boolean;
  /** How many users at once. */
  readonly parallel: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

const SIZES = 'CREATE TABLE sizes (username TEXT PRIMARY KEY, bytes INTEGER, at INTEGER) WITHOUT ROWID';
const DAY_MS = 86_400_000;

/** Yields the database of each user, and returns what all come to. Opens databases only for `deep` and for a query. */
export async function* statsOfFleet(
  target: FleetTarget,
  options: StatsOptions,
): AsyncGenerator<CountedUser, FleetStats> {
  const { deep, parallel, clock, signal, users } = options;
  const scratch = openFleetScratch(await target.sqlite(), target.workDirectory(), SIZES);
  const { database } = scratch;
  try {
    const named = users !== undefined;
    if (users !== undefined) await rememberSelected(database, users);
    const selection: Selection = { ...options.selection, named };
    const testData = { databases: 0, bytes: 0, accounts: 0 };
    const accounts = await countAccounts(target, database, selection, testData);
    const sum = { notes: 0, cards: 0, reviews: 0 };
    const insert = database.prepare('INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)');
    const databases = target.databases();
    const patience = new Patience();
    const look = async ({ username, sizeBytes, lastModified }: ListedDatabase): Promise<CountedUser> => {
      const user = { username, outcome: 'counted', sizeBytes, lastModified } as const;
      signal?.throwIfAborted();
      if (!deep && selection.where === undefined) return user;
      try {
        const counts = await databases.read(username, (session) => countedIn(session, selection.where, deep));
        patience.succeeded();
        return counts === undefined ? { ...user, outcome: 'skipped' } : { ...user, ...counts };
      } catch (error) {
        return { ...user, ...patience.failed(asDatabaseFailure(error, username)) };
      }
    };
    for await (const user of inParallel(listed(target, database, selection, testData), parallel, look)) {
      if (user.outcome !== 'skipped') insert.run(user.username, user.sizeBytes, user.lastModified);
      sum.notes += user.notes ?? 0;
      sum.cards += user.cards ?? 0;
      sum.reviews += user.reviews ?? 0;
      yield user;
    }
    return {
      accounts,
      ...figuresOf(database, clock.now()),
      versions: await countVersions(target, database, selection),
      testData,
      content: deep ? sum : undefined,
    };
  } finally {
    scratch.release();
  }
}

async function* listed(
  { store }: FleetTarget,
  database: SqlDatabase,
  selection: Selection,
  testData: { databases: number; bytes: number },
): AsyncGenerator<ListedDatabase> {
  for await (const page of listPages(store)) {
    for (const one of page.databases) {
      if (isTestUser(one.username)) {
        testData.databases++;
        testData.bytes += one.sizeBytes;
      }
      if (isMeant(database, one.username, selection)) yield one;
    }
  }
}

function isMeant(database: SqlDatabase, username: string, selection: Selection): boolean {
  if (!isSelected(username, selection)) return false;
  return (
    selection.named !== true ||
    database.prepare('SELECT 1 FROM selected WHERE username = ?').get(username) !== undefined
  );
}

async function countAccounts(
  { users }: FleetTarget,
  database: SqlDatabase,
  selection: Selection,
  testData: { accounts: number },
): Promise<number | undefined> {
  if (users === undefined) return undefined;
  let count = 0;
  for await (const page of userPages(users, 500)) {
    for (const { username } of page.users) {
      if (isTestUser(username)) testData.accounts++;
      if (isMeant(database, username, selection)) count++;
    }
  }
  return count;
}

/** Returns undefined where the query is not true. */
function countedIn(
  { database }: ReadSession,
  where: string | undefined,
  deep: boolean,
): Pick<CountedUser, 'notes' | 'cards' | 'reviews'> | undefined {
  if (where !== undefined && !isTrueIn(database, where)) return undefined;
  if (!deep) return {};
  const rowsOf = (table: string): number =>
    (database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
  return { notes: rowsOf('notes'), cards: rowsOf('cards'), reviews: rowsOf('revlog') };
}

function figuresOf(database: SqlDatabase, now: number): Pick<FleetStats, 'databases' | 'sizes' | 'largest' | 'active'> {
  const all = database
    .prepare(
      `SELECT count(*) AS databases, coalesce(sum(bytes), 0) AS totalBytes, max(at) AS last,
       count(*) FILTER (WHERE at > ?) AS day, count(*) FILTER (WHERE at > ?) AS week,
       count(*) FILTER (WHERE at > ?) AS month FROM sizes`,
    )
    .get(now - DAY_MS, now - 7 * DAY_MS, now - 30 * DAY_MS) as Record<string, number | null>;
  const { databases, totalBytes, last, day, week, month } = all;
  // The nearest rank.
  const percentile = (percent: number): number => {
    const rank = Math.max(1, Math.ceil(((databases ?? 0) * percent) / 100));
    const row = database.prepare('SELECT bytes FROM sizes ORDER BY bytes LIMIT 1 OFFSET ?').get(rank - 1);
    return (row as { bytes: number } | undefined)?.bytes ?? 0;
  };
  const sizes = { totalBytes: totalBytes ?? 0, p50: percentile(50), p90: percentile(90), p99: percentile(99) };
  const largest = database
    .prepare('SELECT username, bytes AS sizeBytes FROM sizes ORDER BY bytes DESC, username LIMIT 5')
    .all() as Pick<CountedUser, 'username' | 'sizeBytes'>[];
  const active = { day: day ?? 0, week: week ?? 0, month: month ?? 0, ...(last == null ? {} : { last }) };
  return { databases: databases ?? 0, sizes, largest, active };
}

async function countVersions(
  { objects }: FleetTarget,
  database: SqlDatabase,
  selection: Selection,
): Promise<FleetStats['versions']> {
  const counted = { count: 0, bytes: 0 };
  const isListed = database.prepare('SELECT 1 FROM sizes WHERE username = ?');
  for await (const page of (await objects()).list(`${USER_DATABASES_PREFIX}${selection.prefix ?? ''}`, {
    versions: true,
  })) {
    for (const { key, kind, sizeBytes } of page) {
      const username = usernameOf(key);
      if (kind !== 'old-version' || username === undefined || !isMeant(database, username, selection)) continue;
      if (selection.where !== undefined && isListed.get(username) === undefined) continue;
      counted.count++;
      counted.bytes += sizeBytes;
    }
  }
  return counted;
}
