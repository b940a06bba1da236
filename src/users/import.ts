import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { JavumboError, messageOf } from '../core/failure.ts';
import { type RunBlocking, runBlockingIn } from '../core/run-blocking.ts';
import { isTestUser } from '../core/test-data.ts';
import { isUsername } from '../core/username.ts';
import { openReadOnly, type SqliteEngine } from '../sqlite/engine.ts';
import { asSourceFailure } from '../sqlite/failure.ts';
import { copySource } from '../sqlite/import-copy.ts';
import { COST_MAX, costOf } from './password.ts';
import { type UserRepository, whatIsWrongWithName } from './repository.ts';

/** A row of the monolith's user table. */
export interface ImportRow {
  readonly userId: number | undefined;
  readonly username: string;
  readonly name: string;
  readonly passwordHash: string;
}

/** The outcome for one row; in a dry run, the expected one. */
export interface ImportedRow {
  readonly userId?: number | undefined;
  readonly username: string;
  /** `unchanged`: the account already exists with the same hash. */
  readonly outcome: 'imported' | 'unchanged' | 'skipped';
  /** Why it was skipped. */
  readonly reason?: string | undefined;
  /** `none`: there is no file. Absent if databases were not requested, or the account was skipped. */
  readonly database?: 'created' | 'unchanged' | 'none' | 'failed' | undefined;
  /** Why the database could not be created. */
  readonly databaseReason?: string | undefined;
}

/** Stores a file as a user's database. Returns false if the user already has one; in a dry run, only checks that. */
export type StoreDatabase = (username: string, file: string) => Promise<boolean>;

// Enough to hide network latency; DynamoDB's on-demand tables take thousands of writes a second.
const CONCURRENCY = 16;

/**
 * Reads the rows of an `admin.db`, which a running monolith may have open: the table `users`, or the only table with
 * the columns `username` and `password_hash`. Copies it to `copy` first. Throws `usage` or `corrupt` for a file without
 * such a table.
 */
export async function readAdminDatabase(
  sqlite: SqliteEngine,
  file: string,
  copy: string,
  runBlocking?: RunBlocking | undefined,
): Promise<ImportRow[]> {
  await copySource(sqlite, file, copy, () => [], { runBlocking });
  return runBlockingIn({ runBlocking })(() => {
    try {
      return importRowsOf(sqlite, file, copy);
    } catch (error) {
      throw asSourceFailure(error, file);
    }
  });
}

/** `file`: the original, for messages. */
function importRowsOf(sqlite: SqliteEngine, file: string, copy: string): ImportRow[] {
  const database = openReadOnly(sqlite, copy);
  try {
    const tables = database
      .prepare(
        `SELECT m.name, group_concat(lower(c.name)) AS columns FROM sqlite_master m, pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.rootpage > 0 GROUP BY m.name`,
      )
      .all() as { name: string; columns: string }[];
    const candidates = tables
      .map(({ name, columns }) => ({ name, columns: columns.split(',') }))
      .filter(({ columns }) => columns.includes('username') && columns.includes('password_hash'));
    const table = candidates.find(({ name }) => name.toLowerCase() === 'users') ?? candidates[0];
    if (table === undefined || (candidates.length > 1 && table.name.toLowerCase() !== 'users')) {
      throw new JavumboError('usage', `${file} has no table of users (username, name, password_hash)`, {
        try: 'the admin.db of the monolith',
      });
    }
    const column = (...names: string[]): string => names.find((name) => table.columns.includes(name)) ?? 'NULL';
    const rows = database
      .prepare(
        `SELECT ${column('user_id', 'id')} AS userId, username, ${column('name')} AS name, password_hash AS passwordHash
         FROM "${table.name.replaceAll('"', '""')}" ORDER BY 1, 2`,
      )
      .all() as { userId: unknown; username: unknown; name: unknown; passwordHash: unknown }[];
    return rows.map(({ userId, username, name, passwordHash }) => ({
      userId: /^\d{1,15}$/.test(textOf(userId)) ? Number(textOf(userId)) : undefined,
      username: textOf(username),
      name: textOf(name),
      passwordHash: textOf(passwordHash),
    }));
  } finally {
    database.close();
  }
}

/** Python's and Flask's bcrypt store bytes as well as text. */
function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value === null ? '' : String(value);
}

export interface ImportOptions {
  readonly repository: UserRepository;
  /** Reports what would happen to each row, and changes nothing. */
  readonly dryRun: boolean;
  /** Also creates each user's database from `user_{userId}.db` or `{username}.anki2` in that directory. */
  readonly databases?: { readonly directory: string; readonly store: StoreDatabase } | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Imports rows concurrently and returns their outcomes in the given order. Skips what cannot be imported, with the
 * reason. Can be repeated: what exists is `unchanged`. Throws `unavailable` or `unknown` if the deployment fails; what
 * was imported before stays.
 */
export async function importUsers(rows: readonly ImportRow[], options: ImportOptions): Promise<ImportedRow[]> {
  const limit = pLimit(CONCURRENCY);
  const seen = new Set<string>();
  let done = 0;
  let failure: unknown;
  const results = await Promise.allSettled(
    rows.map((row) => {
      const again = seen.has(row.username);
      seen.add(row.username);
      return limit(async () => {
        // After a deployment has failed, further rows would only wait for the same failure.
        if (failure !== undefined) throw failure;
        try {
          const { userId, username } = row;
          const outcome = await importRow(row, again, options);
          options.onProgress?.(++done);
          return { ...(userId === undefined ? {} : { userId }), username, ...outcome };
        } catch (error) {
          failure ??= error;
          throw error;
        }
      });
    }),
  );
  if (failure !== undefined) throw failure;
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

type RowOutcome = Omit<ImportedRow, 'userId' | 'username'>;

async function importRow(row: ImportRow, again: boolean, options: ImportOptions): Promise<RowOutcome> {
  const reason = again ? 'the username appears twice' : whyNot(row);
  if (reason !== undefined) return { outcome: 'skipped', reason };
  const { repository, dryRun, databases } = options;
  const became = dryRun ? ((await repository.whatIsThere(row)) ?? 'created') : await repository.adopt(row);
  if (became === 'exists') {
    return { outcome: 'skipped', reason: 'a user of that name exists already, with another password' };
  }
  const outcome = became === 'created' ? 'imported' : 'unchanged';
  return { outcome, ...(databases === undefined ? {} : await importDatabase(row, databases)) };
}

function whyNot({ username, name, passwordHash }: ImportRow): string | undefined {
  if (!isUsername(username)) return 'it is not a username: a letter or digit, then letters, digits or . _ @ + -';
  if (isTestUser(username)) return 'names that begin like this are test data, which clean-up removes';
  if (passwordHash === '') return 'there is no password hash';
  const cost = costOf(passwordHash);
  if (cost === undefined) return 'the password hash is not one of bcrypt ($2a$, $2b$ or $2y$)';
  if (cost > COST_MAX) return `the password hash has cost ${cost}: each attempt to authenticate would take minutes`;
  // SQLite keeps what is no text, and a library decodes it with loss.
  if (name.includes('\ufffd')) return 'the name is not UTF-8';
  const wrong = whatIsWrongWithName(name);
  return wrong === undefined ? undefined : `the name ${wrong}`;
}

async function importDatabase(
  { userId, username }: ImportRow,
  { directory, store }: NonNullable<ImportOptions['databases']>,
): Promise<Pick<ImportedRow, 'database' | 'databaseReason'>> {
  const files = [...(userId === undefined ? [] : [`user_${userId}.db`]), `${username}.anki2`].filter((name) =>
    existsSync(join(directory, name)),
  );
  const [file] = files;
  if (file === undefined) return { database: 'none' };
  if (files.length > 1) return { database: 'failed', databaseReason: `there are both ${files.join(' and ')}` };
  try {
    return { database: (await store(username, join(directory, file))) ? 'created' : 'unchanged' };
  } catch (error) {
    // The file's own fault; anything else would hit the next file too.
    if (!(error instanceof JavumboError) || !['corrupt', 'usage', 'violation'].includes(error.kind)) throw error;
    return { database: 'failed', databaseReason: messageOf(error) };
  }
}
