import { openScratch, type Scratch } from '../backup/scratch.ts';
import type { WorkDirectory } from '../cache/work-directory.ts';
import { isTestUser, TEST_USER_PREFIX } from '../core/test-data.ts';
import { parseUsername } from '../core/username.ts';
import type { SqlDatabase, SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { openQuery } from '../sqlite/sql.ts';
import { type DatabaseStore, listPages } from '../store/database-store.ts';

/** Which users; without any of these, all of them but test users. */
export interface Selection {
  /** What the username begins with. */
  readonly prefix?: string | undefined;
  /** True: those alone who are remembered in the scratch file, also without a database. */
  readonly named?: boolean | undefined;
  /** A query in the user's own database: true if the first value of its first row is. */
  readonly where?: string | undefined;
}

/** True if a prefix or a name selects a user. Test users are selected only by a prefix of their own, or by name. */
export function isSelected(username: string, { prefix = '', named = false }: Selection): boolean {
  const asked = named || prefix.toLowerCase().startsWith(TEST_USER_PREFIX);
  return username.startsWith(prefix) && (asked || !isTestUser(username));
}

/** Opens a scratch file for what must be remembered of each user, with a table for those who are named. */
export function openFleetScratch(sqlite: SqliteEngine, work: WorkDirectory, schema = ''): Scratch {
  return openScratch(sqlite, work, `CREATE TABLE selected (username TEXT PRIMARY KEY) WITHOUT ROWID; ${schema}`);
}

/** Remembers the users who are named. Returns how many. Throws `usage` for what is no username. */
export async function rememberSelected(database: SqlDatabase, users: AsyncIterable<string>): Promise<number> {
  const insert = database.prepare('INSERT OR IGNORE INTO selected VALUES (?)');
  let count = 0;
  for await (const username of users) count += Number(insert.run(parseUsername(username)).changes);
  return count;
}

/** Yields the selected usernames: those that are remembered, or else those that the store lists. */
export async function* selectedUsernames(
  store: DatabaseStore,
  database: SqlDatabase,
  selection: Selection,
): AsyncGenerator<string> {
  if (selection.named === true) {
    for (const username of namedUsernames(database)) if (isSelected(username, selection)) yield username;
    return;
  }
  for await (const { databases } of listPages(store, selection.prefix)) {
    for (const { username } of databases) if (isSelected(username, selection)) yield username;
  }
}

/** Counts the selected users that the store lists; `--where` may leave fewer. */
export async function countSelected(store: DatabaseStore, selection: Selection): Promise<number> {
  let count = 0;
  for await (const { databases } of listPages(store, selection.prefix)) {
    count += databases.filter(({ username }) => isSelected(username, selection)).length;
  }
  return count;
}

export function* namedUsernames(database: SqlDatabase): Generator<string> {
  for (const { username } of rowsByUsername(database, 'SELECT username FROM selected')) yield username;
}

const PAGE_ROWS = 500;

/** Yields rows in the order of their usernames, in pages: an open cursor would stop all changes to the scratch file. */
export function* rowsByUsername<T extends { readonly username: string }>(
  database: SqlDatabase,
  select: string,
): Generator<T> {
  const page = database.prepare(`SELECT * FROM (${select}) WHERE username > ? ORDER BY username LIMIT ${PAGE_ROWS}`);
  for (let after = ''; ; ) {
    const rows = page.all(after) as T[];
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)?.username ?? '';
  }
}

/** True if the query is. Throws as `openQuery`, and SQLite's own errors. */
export function isTrueIn(database: SqliteDatabase, where: string): boolean {
  const { rows } = openQuery(database, where, []);
  const [first] = rows.next().value ?? [null];
  rows.return?.();
  // As SQLite takes a value for a number.
  return first !== null && typeof first !== 'object' && (Number.parseFloat(String(first)) || 0) !== 0;
}
