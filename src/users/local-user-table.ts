import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { LocalTable } from '../sqlite/table-file.ts';
import { decodeWrites, encodeWrites } from '../store/write-ids.ts';
import {
  type ChangeOutcome,
  type PutUserOutcome,
  sameItem,
  type UserChanges,
  type UserItem,
  type UserPage,
  type UserTable,
} from './user-table.ts';

/** Accounts in a SQLite file in the local deployment's home, ordered by the bytes of their usernames. */
export class LocalUserTable implements UserTable {
  readonly #table: LocalTable;

  constructor(home: string, { sqlite }: { readonly sqlite: SqliteEngine }) {
    this.#table = new LocalTable(sqlite, home, USERS);
  }

  async get(username: string): Promise<UserItem | undefined> {
    return this.#table.read(`get user "${username}"`, username, (users) => itemOf(users, username));
  }

  async putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    const { username, name = null, passwordHash = null, createdAt = null, updatedAt = null, writes } = item;
    return this.#table.atomically(`create user "${username}"`, username, (users) => {
      const { changes } = users
        .prepare(
          `INSERT INTO users (username, name, password_hash, created_at, updated_at, javumbo_writes)
           VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (username) DO NOTHING`,
        )
        .run(username, name, passwordHash, createdAt, updatedAt, writes === undefined ? null : encodeWrites(writes));
      return { kind: changes === 1 ? 'created' : 'exists' };
    });
  }

  async replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    const { name = null, passwordHash = null, updatedAt, writes } = changes;
    return this.#change('update', base, 'replaced', (users) => {
      users
        .prepare(
          `UPDATE users SET name = coalesce(?, name), password_hash = coalesce(?, password_hash), updated_at = ?,
             javumbo_writes = coalesce(?, javumbo_writes)
           WHERE username = ?`,
        )
        .run(name, passwordHash, updatedAt, writes === undefined ? null : encodeWrites(writes), base.username);
    });
  }

  async delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    return this.#change('delete', base, 'deleted', (users) => {
      users.prepare('DELETE FROM users WHERE username = ?').run(base.username);
    });
  }

  async page({
    limit,
    after = '',
  }: {
    readonly limit: number;
    readonly after?: string | undefined;
  }): Promise<UserPage> {
    return this.#table.read('list users', undefined, (users) => {
      const rows = users
        .prepare(
          'SELECT username, name, created_at, updated_at FROM users WHERE username > ? ORDER BY username LIMIT ?',
        )
        .all(after, limit) as Omit<Row, 'password_hash' | 'javumbo_writes'>[];
      return { users: rows.map(fromRow), next: rows.length === limit ? rows.at(-1)?.username : undefined };
    });
  }

  close(): void {
    this.#table.close();
  }

  #change<Done extends string>(
    verb: string,
    base: UserItem,
    done: Done,
    work: (users: SqliteDatabase) => void,
  ): ChangeOutcome<Done> {
    const { username } = base;
    return this.#table.atomically(`${verb} user "${username}"`, username, (users) => {
      const current = itemOf(users, username);
      if (current === undefined) return { kind: 'absent' };
      if (!sameItem(current, base)) return { kind: 'conflict', current };
      work(users);
      return { kind: done };
    });
  }
}

interface Row {
  readonly username: string;
  readonly name: string | null;
  readonly password_hash: string | null;
  readonly created_at: string | null;
  readonly updated_at: string | null;
  readonly javumbo_writes: string | null;
}

function itemOf(users: SqliteDatabase, username: string): UserItem | undefined {
  const row = users.prepare('SELECT * FROM users WHERE username = ?').get(username) as Row | undefined;
  return row === undefined ? undefined : fromRow(row);
}

function fromRow(row: Omit<Row, 'password_hash' | 'javumbo_writes'> & Partial<Row>): UserItem {
  const { username, name, password_hash, created_at, updated_at, javumbo_writes } = row;
  return {
    username,
    ...(name === null ? {} : { name }),
    ...(password_hash == null ? {} : { passwordHash: password_hash }),
    ...(created_at === null ? {} : { createdAt: created_at }),
    ...(updated_at === null ? {} : { updatedAt: updated_at }),
    ...(javumbo_writes == null ? {} : { writes: decodeWrites(javumbo_writes) }),
  };
}

// The column names are those of the table in DynamoDB.
const USERS = {
  file: 'users.sqlite',
  synchronous: 'FULL',
  schema: `CREATE TABLE IF NOT EXISTS users (
    username TEXT PRIMARY KEY,
    name TEXT,
    password_hash TEXT,
    created_at TEXT,
    updated_at TEXT,
    javumbo_writes TEXT
  ) STRICT, WITHOUT ROWID`,
  // For files from before accounts had write ids.
  addedColumn: { table: 'users', column: 'javumbo_writes', type: 'TEXT' },
  damagedHint: 'a backup of the directory in JAVUMBO_HOME',
} as const;
