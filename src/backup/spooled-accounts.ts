import { inParallel } from '../core/parallel.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { type UserItem, type UserTable, userPages } from '../users/user-table.ts';
import type { BackedUpAccount } from './manifest.ts';

const PAGE_SIZE = 500;

/** Copies all accounts, with their hashes, into a scratch table: the table has them in another order than the store. */
export async function spoolAccounts(
  database: SqliteDatabase,
  users: UserTable,
  { parallel, onAccounts }: { readonly parallel: number; readonly onAccounts?: ((count: number) => void) | undefined },
): Promise<void> {
  const insert = database.prepare('INSERT OR REPLACE INTO accounts (username, item) VALUES (?, ?)');
  let count = 0;
  // Pages have no hashes.
  for await (const item of inParallel(usernamesOf(users), parallel, (username) => users.get(username))) {
    // Deleted since its page was read.
    if (item === undefined) continue;
    insert.run(item.username, JSON.stringify(backedUp(item)));
    onAccounts?.(++count);
  }
}

async function* usernamesOf(users: UserTable): AsyncGenerator<string> {
  for await (const page of userPages(users, PAGE_SIZE)) for (const { username } of page.users) yield username;
}

function backedUp({ name, passwordHash, createdAt, updatedAt }: UserItem): BackedUpAccount {
  return { name, passwordHash, createdAt, updatedAt };
}

/** Returns a user's account, and marks it as written; undefined if there is none. */
export function accountOf(database: SqliteDatabase, username: string): BackedUpAccount | undefined {
  const row = database.prepare('SELECT item FROM accounts WHERE username = ?').get(username);
  if (row === undefined) return undefined;
  database.prepare('UPDATE accounts SET written = 1 WHERE username = ?').run(username);
  return JSON.parse((row as { item: string }).item);
}
