import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ManualClock } from '../testing/workbench.ts';
import { MemoryUserTable } from './memory-user-table.ts';
import { UserRepository } from './repository.ts';
import type { UserItem, UserTable } from './user-table.ts';

vi.mock('bcryptjs', () => import('../testing/quick-bcrypt.ts'));

let items: Map<string, UserItem>;
let table: UserTable;
let clock: ManualClock;
let repository: UserRepository;

beforeEach(() => {
  items = new Map();
  table = new MemoryUserTable(items);
  clock = new ManualClock();
  repository = new UserRepository(table, { clock });
});

const ALICE: UserItem = { username: 'alice', name: 'Alice', passwordHash: 'hash', createdAt: 'then' };

/** The table, with another client's action before the first calls of one method. */
function meanwhile(method: 'replace' | 'delete', times: number, act: () => Promise<unknown>): UserRepository {
  let left = times;
  const before = async (): Promise<void> => {
    if (left-- > 0) await act();
  };
  const racing: UserTable = {
    get: (username) => table.get(username),
    putIfAbsent: (item) => table.putIfAbsent(item),
    page: (options) => table.page(options),
    replace: async (base, changes) => {
      if (method === 'replace') await before();
      return table.replace(base, changes);
    },
    delete: async (base) => {
      if (method === 'delete') await before();
      return table.delete(base);
    },
  };
  return new UserRepository(racing, { clock });
}

let renames = 0;
async function rename(): Promise<void> {
  const base = (await table.get('alice')) as UserItem;
  await table.replace(base, { name: `Somebody ${renames++}`, updatedAt: `change ${renames}` });
}

describe('an update', () => {
  test('keeps what somebody else changed meanwhile', async () => {
    items.set('alice', ALICE);
    const other = meanwhile('replace', 1, () =>
      table.replace(ALICE, { passwordHash: 'another hash', updatedAt: 'meanwhile' }),
    );
    await other.update('alice', { name: 'Renamed' });
    expect(items.get('alice')).toMatchObject({ name: 'Renamed', passwordHash: 'another hash', createdAt: 'then' });
  });

  test('that races a delete never brings the user back', async () => {
    items.set('alice', ALICE);
    const other = meanwhile('replace', 1, () => table.delete(ALICE));
    await expect(other.update('alice', { name: 'Back' })).rejects.toMatchObject({ kind: 'not-found' });
    expect(items.has('alice')).toBe(false);
  });

  test('gives up when others change the account without end, and says so', async () => {
    items.set('alice', ALICE);
    await expect(meanwhile('replace', 1000, rename).update('alice', { name: 'Never' })).rejects.toMatchObject({
      kind: 'conflict',
      username: 'alice',
      try: 'the same command again',
    });
    expect(items.get('alice')?.name).toMatch(/^Somebody/);
  });

  test('moves the time of the last change, also within one millisecond', async () => {
    items.set('alice', ALICE);
    const first = await repository.update('alice', { name: 'One' });
    const second = await repository.update('alice', { name: 'Two' });
    expect(second.updatedAt).not.toBe(first.updatedAt);
    expect(await repository.get('alice')).toEqual({
      username: 'alice',
      name: 'Two',
      createdAt: 'then',
      updatedAt: second.updatedAt,
    });
  });

  test('of an account without a hash lets its owner in from then on', async () => {
    items.set('testuser', { username: 'testuser' });
    expect(await repository.authenticate('testuser', 'correct horse')).toBe(false);
    await repository.update('testuser', { password: 'correct horse' });
    expect(await repository.authenticate('testuser', 'correct horse')).toBe(true);
  });
});

describe('a delete', () => {
  test('deletes what somebody else changed meanwhile', async () => {
    items.set('alice', ALICE);
    await meanwhile('delete', 3, rename).delete('alice');
    expect(items.has('alice')).toBe(false);
  });

  test('that somebody else came first with is not found', async () => {
    items.set('alice', ALICE);
    const other = meanwhile('delete', 1, () => table.delete(ALICE));
    await expect(other.delete('alice')).rejects.toMatchObject({ kind: 'not-found' });
  });
});

test('nothing that the repository returns holds a hash', async () => {
  const returned = [
    await repository.create('alice', { name: 'Alice', password: 'correct horse' }),
    await repository.get('alice'),
    await repository.update('alice', { password: 'another horse' }),
    ...(await pagesOf(10)),
    await repository.delete('alice'),
  ];
  expect(JSON.stringify(returned)).not.toContain('$2b$');
  expect(JSON.stringify(returned)).not.toContain('passwordHash');
});

async function pagesOf(limit: number, after?: string) {
  const pages = [];
  for await (const page of repository.list({ limit, after })) pages.push(page);
  return pages;
}

describe('a list', () => {
  test.each([
    { limit: 1, after: undefined, usernames: ['user-0000'], next: 'user-0000' },
    { limit: 2, after: 'user-0000', usernames: ['user-0001', 'user-0002'], next: 'user-0002' },
    { limit: 2500, after: 'user-2498', usernames: ['user-2499'], next: undefined },
    { limit: 1, after: 'user-2499', usernames: [], next: undefined },
  ])('of $limit after $after goes on after $next', async ({ limit, after, usernames, next }) => {
    for (let index = 0; index < 2500; index++) {
      const username = `user-${String(index).padStart(4, '0')}`;
      items.set(username, { username });
    }
    const pages = await pagesOf(limit, after);
    expect(pages.flatMap(({ users }) => users.map(({ username }) => username))).toEqual(usernames);
    expect(pages.at(-1)?.next).toBe(next);
  });

  test('of many is asked for in pages, none over a thousand, and none beyond the limit', async () => {
    for (let index = 0; index < 2500; index++) items.set(`user-${index}`, { username: `user-${index}` });
    expect((await pagesOf(2200)).map(({ users }) => users.length)).toEqual([1000, 1000, 200]);
  });
});
