import {
  type ChangeOutcome,
  type PutUserOutcome,
  sameItem,
  type UserChanges,
  type UserItem,
  type UserPage,
  type UserTable,
} from './user-table.ts';

/** The smallest table that keeps every promise of the port, for tests of one process. */
export class MemoryUserTable implements UserTable {
  readonly #items: Map<string, UserItem>;

  /** `items`: shared with another handle. */
  constructor(items: Map<string, UserItem> = new Map()) {
    this.#items = items;
  }

  // None of these awaits, so each is atomic.

  async get(username: string): Promise<UserItem | undefined> {
    return this.#items.get(username);
  }

  async putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    if (this.#items.has(item.username)) return { kind: 'exists' };
    this.#items.set(item.username, { ...item });
    return { kind: 'created' };
  }

  async replace(
    base: UserItem,
    { name, passwordHash, updatedAt, writes }: UserChanges,
  ): Promise<ChangeOutcome<'replaced'>> {
    const current = this.#items.get(base.username);
    if (current === undefined) return { kind: 'absent' };
    if (!sameItem(current, base)) return { kind: 'conflict', current };
    this.#items.set(base.username, {
      ...current,
      ...(name === undefined ? {} : { name }),
      ...(passwordHash === undefined ? {} : { passwordHash }),
      updatedAt,
      ...(writes === undefined ? {} : { writes }),
    });
    return { kind: 'replaced' };
  }

  async delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    const current = this.#items.get(base.username);
    if (current === undefined) return { kind: 'absent' };
    if (!sameItem(current, base)) return { kind: 'conflict', current };
    this.#items.delete(base.username);
    return { kind: 'deleted' };
  }

  async page({
    limit,
    after = '',
  }: {
    readonly limit: number;
    readonly after?: string | undefined;
  }): Promise<UserPage> {
    const users = [...this.#items.values()]
      .filter(({ username }) => username > after)
      .sort((left, right) => (left.username < right.username ? -1 : 1))
      .slice(0, limit)
      .map(({ passwordHash: _, writes: __, ...user }) => user);
    return { users, next: users.length === limit ? users.at(-1)?.username : undefined };
  }
}
