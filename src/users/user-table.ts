import { createHash } from 'node:crypto';
import type { Around } from '../core/around.ts';
import { interrupting, interruptionOf } from '../core/interruptible.ts';
import { encodeWrites, type Written } from '../store/write-ids.ts';

/**
 * The port to the store of accounts. One call is one request. Implementations do not retry: retrying-user-table.ts
 * does, where every doubt can be settled.
 *
 * Every implementation promises, and user-table-contract.ts checks:
 *
 * - Each call compares and writes in one atomic step. Of all `putIfAbsent` of one username, one creates it.
 * - `replace` and `delete` act only on the item that the caller read. So an update never restores a deleted user, never
 *   overwrites a change that its caller has not seen, and never hits an account that was made anew.
 * - Every answer is durable, and every later call sees it, from any process.
 * - Attributes that the port does not name are left alone.
 *
 * Failures are thrown as `JavumboError`: `unavailable` if the request certainly changed nothing (`retryable` says
 * whether the same request can succeed later), `corrupt` if the table itself is damaged.
 */
export interface UserTable {
  /** Returns a user's account, or undefined. Sees everything answered before. */
  get(username: string): Promise<UserItem | undefined>;

  /** Stores an account if its username has none. */
  putIfAbsent(item: UserItem): Promise<PutUserOutcome>;

  /** Sets the given attributes if the account still is `base`, and leaves all others alone. */
  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>>;

  /** Removes the account if it still is `base`. */
  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>>;

  /** Returns at most `limit` accounts in the table's order, after `after` (which need not exist), without hashes. */
  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage>;
}

/** A stored account. Only the username is certain: other programs write this table too. */
export interface UserItem {
  readonly username: string;
  readonly name?: string | undefined;
  /** bcrypt's, 60 characters; without one the user cannot authenticate. */
  readonly passwordHash?: string | undefined;
  /** ISO 8601 as its writer chose: the Python repository's has no zone. */
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
  /** Ids of its latest writes, newest first (store/write-ids.ts); absent if another program made it. */
  readonly writes?: readonly string[] | undefined;
}

/** What a change sets. Absent attributes stay as they are; `updatedAt` always moves. */
export interface UserChanges {
  readonly name?: string | undefined;
  readonly passwordHash?: string | undefined;
  readonly updatedAt: string;
  readonly writes?: readonly string[] | undefined;
}

/** `exists`: with the existing account in `current`, if known. `unknown`: the request may have arrived. */
export type PutUserOutcome =
  | { readonly kind: 'created' | 'exists'; readonly current?: UserItem | undefined }
  | { readonly kind: 'unknown'; readonly cause: Error };

/** `absent`: there is no such user. `conflict`: the account is not what the caller read, but `current`, if known. */
export type ChangeOutcome<Done extends string> =
  | { readonly kind: Done | 'absent' | 'conflict'; readonly current?: UserItem | undefined }
  | { readonly kind: 'unknown'; readonly cause: Error };

/** One page of a list. */
export interface UserPage {
  readonly users: readonly Omit<UserItem, 'passwordHash' | 'writes'>[];
  /** What to pass as `after` for the next page, which may be empty; undefined on the last. */
  readonly next: string | undefined;
}

/** Returns the table, with `around` at each of its requests. */
export function aroundUserTable(inner: UserTable, around: Around): UserTable {
  return {
    get: (username) => around.read(() => inner.get(username)),
    page: (options) => around.read(() => inner.page(options)),
    putIfAbsent: (item) => around.write(item.username, () => inner.putIfAbsent(item)),
    replace: (base, changes) => around.write(base.username, () => inner.replace(base, changes)),
    delete: (base) => around.write(base.username, () => inner.delete(base)),
  };
}

/** Returns the table such that a signal stops its requests. */
export function stoppableUserTable(inner: UserTable, context: Parameters<typeof interruptionOf>[0]): UserTable {
  const interruption = interruptionOf(context);
  return interruption === undefined ? inner : aroundUserTable(inner, interrupting(interruption));
}

/** True if two readings of an account agree in everything that the port names. */
export function sameItem(left: UserItem, right: UserItem): boolean {
  const same = ATTRIBUTES.every((attribute) => left[attribute] === right[attribute]);
  return same && encodeWrites(left.writes ?? []) === encodeWrites(right.writes ?? []);
}

/** Returns an account's version, which covers all that the port names, and its write ids. */
export function writtenOf(item: UserItem): Written {
  const attributes = JSON.stringify(ATTRIBUTES.map((attribute) => item[attribute] ?? null));
  return { version: createHash('sha256').update(attributes).digest('hex').slice(0, 32), writes: item.writes ?? [] };
}

const ATTRIBUTES = ['username', 'name', 'passwordHash', 'createdAt', 'updatedAt'] as const;

/** Yields the accounts of a table in pages of `pageSize`, one request each, after `after`. */
export async function* userPages(
  table: UserTable,
  pageSize: number,
  after?: string | undefined,
): AsyncGenerator<UserPage> {
  let next = after;
  do {
    const page = await table.page({ limit: pageSize, after: next });
    yield page;
    next = page.next;
  } while (next !== undefined);
}
