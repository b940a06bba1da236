import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sentenceOf } from '../testing/sentence.ts';
import { type UserItem, type UserTable, userPages } from './user-table.ts';

/** A user table with nothing in it, made for one test. */
export interface UserTableUnderTest {
  readonly table: UserTable;
  /** The same table as another process opens it. */
  readonly other: UserTable;
  cleanup(): Promise<void> | void;
}

/** Runs the contract of user-table.ts against one implementation. The names of the functions below are its clauses. */
export function describeUserTable(
  name: string,
  makeTable: () => Promise<UserTableUnderTest> | UserTableUnderTest,
): void {
  describe(name, () => {
    let made: UserTableUnderTest;

    beforeEach(async () => {
      made = await makeTable();
    });

    afterEach(() => made.cleanup());

    for (const property of PROPERTIES) test(sentenceOf(property.name), () => property(made));
  });
}

const PROPERTIES = [
  hasNobodyAtFirst,
  keepsEveryAttribute,
  keepsAnAccountWithNothingButItsName,
  doesNotCreateTwice,
  replacesOnlyWhatIsGiven,
  addsAnAttributeThatWasMissing,
  doesNotReplaceWhatChangedMeanwhile,
  doesNotReplaceWhereAnAttributeWasAdded,
  doesNotReplaceOrDeleteNobody,
  doesNotBringBackWhoWasDeleted,
  doesNotTouchAnAccountThatWasMadeAnew,
  deletesOnlyWhatWasRead,
  showsEveryChangeToTheOtherHandleAtOnce,
  createsForOneOfTwentyInParallel,
  replacesForOneOfTwentyInParallel,
  deletesForOneOfTwentyInParallel,
  anUpdateAndADeleteInParallelNeverLeaveTheUserBehind,
  listsNobodyInAnEmptyTable,
  listsEveryoneOnceWhateverTheLimit,
  listsInTheSameOrderEveryTime,
  listsWithoutPasswordHashes,
  goesOnAfterAUserThatIsGone,
  takesEveryCharacterOfAUsernameAndAnyName,
] as const;

const ALICE: UserItem = {
  username: 'alice',
  name: 'Alice Smith',
  passwordHash: `$2b$12$${'a'.repeat(53)}`,
  createdAt: '2025-01-15T12:34:56.123456',
};
const UPDATED = '2026-11-24T12:00:00.000+00:00';

async function created(table: UserTable, item: UserItem = ALICE): Promise<UserItem> {
  expect(await table.putIfAbsent(item)).toEqual({ kind: 'created' });
  return item;
}

async function hasNobodyAtFirst({ table }: UserTableUnderTest): Promise<void> {
  expect(await table.get('alice')).toBeUndefined();
}

async function keepsEveryAttribute({ table }: UserTableUnderTest): Promise<void> {
  const item = await created(table, { ...ALICE, updatedAt: UPDATED });
  expect(await table.get('alice')).toEqual(item);
}

async function keepsAnAccountWithNothingButItsName({ table }: UserTableUnderTest): Promise<void> {
  await created(table, { username: 'testuser' });
  expect(await table.get('testuser')).toEqual({ username: 'testuser' });
  expect(await table.replace({ username: 'testuser' }, { updatedAt: UPDATED })).toEqual({ kind: 'replaced' });
  expect(await table.delete({ username: 'testuser', updatedAt: UPDATED })).toEqual({ kind: 'deleted' });
}

async function doesNotCreateTwice({ table }: UserTableUnderTest): Promise<void> {
  await created(table);
  expect(await table.putIfAbsent({ ...ALICE, name: 'Another' })).toEqual({ kind: 'exists' });
  expect(await table.putIfAbsent(ALICE)).toEqual({ kind: 'exists' });
  expect(await table.get('alice')).toEqual(ALICE);
}

async function replacesOnlyWhatIsGiven({ table }: UserTableUnderTest): Promise<void> {
  await created(table);
  expect(await table.replace(ALICE, { name: 'Alice B.', updatedAt: UPDATED })).toEqual({ kind: 'replaced' });
  const renamed = { ...ALICE, name: 'Alice B.', updatedAt: UPDATED };
  expect(await table.get('alice')).toEqual(renamed);
  const passwordHash = `$2b$12$${'b'.repeat(53)}`;
  expect(await table.replace(renamed, { passwordHash, updatedAt: `${UPDATED}1` })).toEqual({ kind: 'replaced' });
  expect(await table.get('alice')).toEqual({ ...renamed, passwordHash, updatedAt: `${UPDATED}1` });
}

async function addsAnAttributeThatWasMissing({ table }: UserTableUnderTest): Promise<void> {
  const bare = await created(table, { username: 'testuser', name: 'Test User' });
  const passwordHash = `$2b$12$${'c'.repeat(53)}`;
  expect(await table.replace(bare, { passwordHash, updatedAt: UPDATED })).toEqual({ kind: 'replaced' });
  expect(await table.get('testuser')).toEqual({ ...bare, passwordHash, updatedAt: UPDATED });
}

async function doesNotReplaceWhatChangedMeanwhile({ table }: UserTableUnderTest): Promise<void> {
  await created(table);
  await table.replace(ALICE, { name: 'Second', updatedAt: UPDATED });
  expect(await table.replace(ALICE, { name: 'Third', updatedAt: `${UPDATED}1` })).toEqual({ kind: 'conflict' });
  expect(await table.get('alice')).toEqual({ ...ALICE, name: 'Second', updatedAt: UPDATED });
}

async function doesNotReplaceWhereAnAttributeWasAdded({ table }: UserTableUnderTest): Promise<void> {
  const bare = await created(table, { username: 'testuser' });
  await table.replace(bare, { name: 'Named', updatedAt: UPDATED });
  expect(await table.replace(bare, { name: 'Lost', updatedAt: UPDATED })).toEqual({ kind: 'conflict' });
  expect(await table.delete(bare)).toEqual({ kind: 'conflict' });
  expect(await table.get('testuser')).toMatchObject({ name: 'Named' });
}

async function doesNotReplaceOrDeleteNobody({ table }: UserTableUnderTest): Promise<void> {
  expect(await table.replace(ALICE, { name: 'Nobody', updatedAt: UPDATED })).toEqual({ kind: 'absent' });
  expect(await table.delete(ALICE)).toEqual({ kind: 'absent' });
  // Not even where nothing is said about any attribute.
  expect(await table.replace({ username: 'alice' }, { updatedAt: UPDATED })).toEqual({ kind: 'absent' });
  expect(await table.delete({ username: 'alice' })).toEqual({ kind: 'absent' });
  expect(await table.get('alice')).toBeUndefined();
}

async function doesNotBringBackWhoWasDeleted({ table, other }: UserTableUnderTest): Promise<void> {
  await created(table);
  expect(await other.delete(ALICE)).toEqual({ kind: 'deleted' });
  expect(await table.replace(ALICE, { name: 'Back', updatedAt: UPDATED })).toEqual({ kind: 'absent' });
  expect(await table.get('alice')).toBeUndefined();
}

async function doesNotTouchAnAccountThatWasMadeAnew({ table, other }: UserTableUnderTest): Promise<void> {
  await created(table);
  await other.delete(ALICE);
  const anew = await created(other, { ...ALICE, createdAt: UPDATED });
  expect(await table.replace(ALICE, { name: 'Old', updatedAt: UPDATED })).toEqual({ kind: 'conflict' });
  expect(await table.delete(ALICE)).toEqual({ kind: 'conflict' });
  expect(await table.get('alice')).toEqual(anew);
}

async function deletesOnlyWhatWasRead({ table }: UserTableUnderTest): Promise<void> {
  await created(table);
  await created(table, { ...ALICE, username: 'bob' });
  await table.replace(ALICE, { name: 'Renamed', updatedAt: UPDATED });
  expect(await table.delete(ALICE)).toEqual({ kind: 'conflict' });
  expect(await table.delete((await table.get('alice')) as UserItem)).toEqual({ kind: 'deleted' });
  expect(await table.delete(ALICE)).toEqual({ kind: 'absent' });
  expect(await table.get('bob')).toMatchObject({ username: 'bob' });
}

async function showsEveryChangeToTheOtherHandleAtOnce({ table, other }: UserTableUnderTest): Promise<void> {
  await created(table);
  expect(await other.get('alice')).toEqual(ALICE);
  await table.replace(ALICE, { name: 'Seen', updatedAt: UPDATED });
  const seen = (await other.get('alice')) as UserItem;
  expect(seen.name).toBe('Seen');
  await table.delete(seen);
  expect(await other.get('alice')).toBeUndefined();
  await created(other);
  expect(await table.get('alice')).toEqual(ALICE);
}

async function createsForOneOfTwentyInParallel({ table, other }: UserTableUnderTest): Promise<void> {
  const outcomes = await inParallel((index) =>
    (index % 2 ? table : other).putIfAbsent({ ...ALICE, name: `creator ${index}` }),
  );
  const winner = theOnly(outcomes, 'created', 'exists');
  expect(await table.get('alice')).toEqual({ ...ALICE, name: `creator ${winner}` });
}

async function replacesForOneOfTwentyInParallel({ table, other }: UserTableUnderTest): Promise<void> {
  await created(table);
  const outcomes = await inParallel((index) =>
    (index % 2 ? table : other).replace(ALICE, { name: `writer ${index}`, updatedAt: UPDATED }),
  );
  const winner = theOnly(outcomes, 'replaced', 'conflict');
  expect(await table.get('alice')).toMatchObject({ name: `writer ${winner}` });
}

async function deletesForOneOfTwentyInParallel({ table, other }: UserTableUnderTest): Promise<void> {
  await created(table);
  theOnly(await inParallel((index) => (index % 2 ? table : other).delete(ALICE)), 'deleted', 'absent');
  expect(await table.get('alice')).toBeUndefined();
}

async function anUpdateAndADeleteInParallelNeverLeaveTheUserBehind({
  table,
  other,
}: UserTableUnderTest): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const item = await created(table, { ...ALICE, username: `user-${round}` });
    const [replaced, deleted] = await Promise.all([
      table.replace(item, { name: 'raced', updatedAt: UPDATED }),
      other.delete(item),
    ]);
    const current = await table.get(item.username);
    // Either came first, and what was answered is what is there.
    if (deleted.kind === 'deleted') {
      expect({ replaced: replaced.kind, current }).toEqual({ replaced: 'absent', current: undefined });
    } else {
      expect({ replaced: replaced.kind, deleted: deleted.kind }).toEqual({ replaced: 'replaced', deleted: 'conflict' });
      expect(current).toMatchObject({ name: 'raced' });
    }
  }
}

async function listsNobodyInAnEmptyTable({ table }: UserTableUnderTest): Promise<void> {
  expect(await table.page({ limit: 10 })).toEqual({ users: [], next: undefined });
}

async function listsEveryoneOnceWhateverTheLimit({ table }: UserTableUnderTest): Promise<void> {
  const usernames = await createdMany(table, 12);
  for (const limit of [1, 5, 6, 12, 13, 100]) {
    const pages = [];
    for await (const page of userPages(table, limit)) {
      expect(page.users.length).toBeLessThanOrEqual(limit);
      pages.push(page);
    }
    const listed = pages.flatMap(({ users }) => users.map(({ username }) => username));
    expect([...listed].sort(), `limit ${limit}`).toEqual(usernames);
    // Only the last page may be short.
    expect(pages.slice(0, -1).every(({ users }) => users.length === limit)).toBe(true);
  }
}

async function listsInTheSameOrderEveryTime({ table, other }: UserTableUnderTest): Promise<void> {
  await createdMany(table, 10);
  const { users } = await table.page({ limit: 10 });
  const again = [];
  for await (const page of userPages(other, 3)) again.push(...page.users);
  expect(again).toEqual(users);
  const fifth = users[4]?.username ?? '';
  expect((await other.page({ limit: 100, after: fifth })).users).toEqual(users.slice(5));
}

async function listsWithoutPasswordHashes({ table }: UserTableUnderTest): Promise<void> {
  const { passwordHash: _, ...listed } = await created(table, { ...ALICE, updatedAt: UPDATED });
  expect((await table.page({ limit: 10 })).users).toEqual([listed]);
}

async function goesOnAfterAUserThatIsGone({ table }: UserTableUnderTest): Promise<void> {
  await createdMany(table, 6);
  const { users } = await table.page({ limit: 6 });
  const third = users[2]?.username ?? '';
  await table.delete((await table.get(third)) as UserItem);
  expect((await table.page({ limit: 6, after: third })).users).toEqual(users.slice(3));
}

async function takesEveryCharacterOfAUsernameAndAnyName({ table }: UserTableUnderTest): Promise<void> {
  for (const username of ['a', 'A', '0', 'A.b_c@d+e-f', 'x'.repeat(128)]) {
    for (const name of ['', 'Zoë 🎉', "Robert'); DROP TABLE users;--", 'a\u0000b\tc\n']) {
      const item = await created(table, { ...ALICE, username, name });
      expect(await table.get(username)).toEqual(item);
      expect(await table.delete(item)).toEqual({ kind: 'deleted' });
    }
  }
}

async function createdMany(table: UserTable, count: number): Promise<string[]> {
  const usernames = Array.from({ length: count }, (_, index) => `user-${String(index).padStart(3, '0')}`);
  for (const username of usernames) await created(table, { ...ALICE, username });
  return usernames;
}

function inParallel<T>(call: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: 20 }, (_, index) => call(index)));
}

/** The index of the one outcome of that kind; all others must be of the other. */
function theOnly(outcomes: readonly { readonly kind: string }[], one: string, others: string): number {
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual([one, ...Array(outcomes.length - 1).fill(others)].sort());
  return outcomes.findIndex(({ kind }) => kind === one);
}
