import { createHash } from 'node:crypto';
import type { Around } from '../core/around.ts';
import { interrupting, interruptionOf } from '../core/interruptible.ts';
import { encodeWrites, type Written } from '../store/write-ids.ts';

/**
 * The port to wherever accounts are kept. One call is one request, and no implementation retries: retrying-user-table.ts
 * does, where every doubt can be settled.
 *
 * What each implementation swears to, and user-table-contract.ts checks:
 *
 * - Each call compares and writes in one atomic step. Of any number of `putIfAbsent` of one username, one creates it.
 * - `replace` and `delete` act only on the item as the caller read it. So an update can never bring back a user that was
 *   deleted, never write over a change that its caller has not seen, and never hit an account that was made anew.
 * - What is answered is durable, and every later call sees it, from any process.
 * - Attributes that the port does not name are left as they are.
 *
 * Trouble is thrown as `JavumboError`: `unavailable` when the request certainly changed nothing (`retryable` says
 * whether the same one can succeed later), `corrupt` when the table itself is damaged.
 */
export interface UserTable {
  /** The account of a user, or undefined where there is none. Sees everything that was answered before. */
  get(username: string): Promise<UserItem | undefined>;

  /** Stores an account where its username has none. */
  putIfAbsent(item: UserItem): Promise<PutUserOutcome>;

  /** Sets the given attributes of an account that still is `base`, and leaves all others alone. */
  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>>;

  /** Removes an account that still is `base`. */
  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>>;

  /**
   * At most `limit` accounts in the table's own order, after the one called `after` (which need not exist). Without their
   * password hashes: whoever lists has no use for them.
   */
  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage>;
}

/** An account as it is stored. Only the username is certain: other programs write this table too. */
export interface UserItem {
  readonly username: string;
  readonly name?: string | undefined;
  /** bcrypt's, 60 characters; without one nobody can authenticate. */
  readonly passwordHash?: string | undefined;
  /** ISO 8601, as whoever wrote it wrote it: the Python repository's has no zone. */
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
  /** Ids of its last writes, newest first (store/write-ids.ts); absent where other programs made it. */
  readonly writes?: readonly string[] | undefined;
}

/** What a change sets. An attribute that is absent is left as it is; `updatedAt` always moves. */
export interface UserChanges {
  readonly name?: string | undefined;
  readonly passwordHash?: string | undefined;
  readonly updatedAt: string;
  readonly writes?: readonly string[] | undefined;
}

/** `exists`: so it does; `current`, where the refusal says it. `unknown`: the request may have arrived. An answer, not a failure. */
export type PutUserOutcome =
  | { readonly kind: 'created' | 'exists'; readonly current?: UserItem | undefined }
  | { readonly kind: 'unknown'; readonly cause: Error };

/** `absent`: there is no such user. `conflict`: there is one, and it is not what the caller read: `current`, where known. */
export type ChangeOutcome<Done extends string> =
  | { readonly kind: Done | 'absent' | 'conflict'; readonly current?: UserItem | undefined }
  | { readonly kind: 'unknown'; readonly cause: Error };

/** One page of a list. */
export interface UserPage {
  readonly users: readonly Omit<UserItem, 'passwordHash' | 'writes'>[];
  /** What to call the next page after; undefined on the last. That page may turn out to be empty. */
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

/** Returns the table as work sees it that a signal may stop. */
export function stoppableUserTable(inner: UserTable, context: Parameters<typeof interruptionOf>[0]): UserTable {
  const interruption = interruptionOf(context);
  return interruption === undefined ? inner : aroundUserTable(inner, interrupting(interruption));
}

/** True where two readings of one account are the same in everything that the port names. */
export function sameItem(left: UserItem, right: UserItem): boolean {
  const same = ATTRIBUTES.every((attribute) => left[attribute] === right[attribute]);
  return same && encodeWrites(left.writes ?? []) === encodeWrites(right.writes ?? []);
}

/** An account as its write ids see it. Its version stands for all that the port names. */
export function writtenOf(item: UserItem): Written {
  const attributes = JSON.stringify(ATTRIBUTES.map((attribute) => item[attribute] ?? null));
  return { version: createHash('sha256').update(attributes).digest('hex').slice(0, 32), writes: item.writes ?? [] };
}

const ATTRIBUTES = ['username', 'name', 'passwordHash', 'createdAt', 'updatedAt'] as const;

/** The accounts of a table, page by page, `pageSize` to a request, from `after` on. */
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
