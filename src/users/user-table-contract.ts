import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sentenceOf } from '../testing/sentence.ts';
import { type UserItem, type UserTable, userPages } from './user-table.ts';

/** An empty user table, made for one test. */
export interface UserTableUnderTest {
  readonly table: UserTable;
  /** The same table, as another process opens it. */
  readonly other: UserTable;
  cleanup(): Promise<void> | void;
}

interface Made extends UserTableUnderTest {
  readonly settles: boolean;
  readonly textEndsAtNul: boolean;
}

/**
 * Runs the contract of user-table.ts against one implementation. The function names below are its clauses. `settles`:
 * for a stack that settles its writes. It adds its own write ids to each account, does not return the item in its way,
 * and answers a delete with `deleted` if the item its caller read is gone, whoever removed it. `textEndsAtNul`: it reads
 * text up to its first U+0000 only.
 */
export function describeUserTable(
  name: string,
  makeTable: () => Promise<UserTableUnderTest> | UserTableUnderTest,
  { settles = false, textEndsAtNul = false }: { readonly settles?: boolean; readonly textEndsAtNul?: boolean } = {},
): void {
  describe(name, () => {
    let made: Made;

    beforeEach(async () => {
      made = { ...(await makeTable()), settles, textEndsAtNul };
    });

    afterEach(() => made.cleanup());

    const properties = settles ? PROPERTIES : [...PROPERTIES, ...OF_GIVEN_IDS];
    for (const property of properties) test(sentenceOf(property.name), () => property(made));
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
  doesNotTouchAnAccountOfOtherWrites,
] as const;

/** A stack that settles writes replaces the given ids. */
const OF_GIVEN_IDS = [keepsTheIdsOfItsWrites, addsIdsToAnAccountWithout, leavesIdsThatAreNotGiven] as const;

const ALICE: UserItem = {
  username: 'alice',
  name: 'Alice Smith',
  passwordHash: `$2b$12$${'a'.repeat(53)}`,
  createdAt: '2025-01-15T12:34:56.123456',
};
const UPDATED = '2026-11-24T12:00:00.000+00:00';

/** Creates an account and returns it as stored: the stack adds only write ids. */
async function created(table: UserTable, item: UserItem = ALICE): Promise<UserItem> {
  expect(await table.putIfAbsent(item)).toEqual({ kind: 'created' });
  const stored = await read(table, item.username);
  expect(named(stored)).toEqual(named(item));
  return stored;
}

/** Reads an account that must exist. */
async function read(table: UserTable, username = 'alice'): Promise<UserItem> {
  const item = await table.get(username);
  if (item === undefined) throw new Error(`there is no ${username}`);
  return item;
}

/** Returns an account without what the stack adds. */
function named(item: UserItem | undefined): Omit<UserItem, 'writes'> | undefined {
  if (item === undefined) return undefined;
  const { writes: _, ...rest } = item;
  return rest;
}

/** The outcome if another writer's account or change is in the way; only a stack that does not settle returns it. */
async function conflict({ table, settles }: Made, username = 'alice'): Promise<unknown> {
  return settles ? { kind: 'conflict' } : { kind: 'conflict', current: await read(table, username) };
}

/** The outcome of a delete if the item that its caller read is gone. */
function gone({ settles }: Made): unknown {
  return { kind: settles ? 'deleted' : 'absent' };
}

async function hasNobodyAtFirst({ table }: Made): Promise<void> {
  expect(await table.get('alice')).toBeUndefined();
}

async function keepsEveryAttribute({ table }: Made): Promise<void> {
  await created(table, { ...ALICE, updatedAt: UPDATED });
  expect(named(await table.get('alice'))).toEqual({ ...ALICE, updatedAt: UPDATED });
}

async function keepsAnAccountWithNothingButItsName({ table }: Made): Promise<void> {
  const bare = await created(table, { username: 'testuser' });
  expect(named(bare)).toEqual({ username: 'testuser' });
  expect(await table.replace(bare, { updatedAt: UPDATED })).toEqual({ kind: 'replaced' });
  const updated = await read(table, 'testuser');
  expect(named(updated)).toEqual({ username: 'testuser', updatedAt: UPDATED });
  expect(await table.delete(updated)).toEqual({ kind: 'deleted' });
  expect(await table.get('testuser')).toBeUndefined();
}

async function doesNotCreateTwice({ table }: Made): Promise<void> {
  const alice = await created(table);
  for (const again of [{ ...ALICE, name: 'Another' }, ALICE]) {
    const outcome = await table.putIfAbsent(again);
    // Not every engine returns the existing account; if it does, as of this moment.
    const current = outcome.kind === 'exists' ? outcome.current : undefined;
    expect([{ kind: 'exists' }, { kind: 'exists', current: alice }]).toContainEqual({
      kind: outcome.kind,
      ...(current === undefined ? {} : { current }),
    });
  }
  expect(await table.get('alice')).toEqual(alice);
}

async function replacesOnlyWhatIsGiven({ table }: Made): Promise<void> {
  const alice = await created(table);
  expect(await table.replace(alice, { name: 'Alice B.', updatedAt: UPDATED })).toEqual({ kind: 'replaced' });
  const renamed = await read(table);
  expect(named(renamed)).toEqual({ ...ALICE, name: 'Alice B.', updatedAt: UPDATED });
  const passwordHash = `$2b$12$${'b'.repeat(53)}`;
  expect(await table.replace(renamed, { passwordHash, updatedAt: `${UPDATED}1` })).toEqual({ kind: 'replaced' });
  expect(named(await table.get('alice'))).toEqual({ ...named(renamed), passwordHash, updatedAt: `${UPDATED}1` });
}

async function addsAnAttributeThatWasMissing({ table }: Made): Promise<void> {
  const bare = await created(table, { username: 'testuser', name: 'Test User' });
  const passwordHash = `$2b$12$${'c'.repeat(53)}`;
  expect(await table.replace(bare, { passwordHash, updatedAt: UPDATED })).toEqual({ kind: 'replaced' });
  expect(named(await table.get('testuser'))).toEqual({ ...named(bare), passwordHash, updatedAt: UPDATED });
}

async function doesNotReplaceWhatChangedMeanwhile(made: Made): Promise<void> {
  const { table } = made;
  const alice = await created(table);
  await table.replace(alice, { name: 'Second', updatedAt: UPDATED });
  expect(await table.replace(alice, { name: 'Third', updatedAt: `${UPDATED}1` })).toEqual(await conflict(made));
  expect(named(await table.get('alice'))).toEqual({ ...ALICE, name: 'Second', updatedAt: UPDATED });
}

async function doesNotReplaceWhereAnAttributeWasAdded(made: Made): Promise<void> {
  const { table } = made;
  const bare = await created(table, { username: 'testuser' });
  await table.replace(bare, { name: 'Named', updatedAt: UPDATED });
  const lost = { name: 'Lost', updatedAt: UPDATED };
  expect(await table.replace(bare, lost)).toEqual(await conflict(made, 'testuser'));
  expect(await table.delete(bare)).toEqual(await conflict(made, 'testuser'));
  expect(await table.get('testuser')).toMatchObject({ name: 'Named' });
}

async function doesNotReplaceOrDeleteNobody(made: Made): Promise<void> {
  const { table } = made;
  expect(await table.replace(ALICE, { name: 'Nobody', updatedAt: UPDATED })).toEqual({ kind: 'absent' });
  expect(await table.delete(ALICE)).toEqual(gone(made));
  // Not even without a condition on any attribute.
  expect(await table.replace({ username: 'alice' }, { updatedAt: UPDATED })).toEqual({ kind: 'absent' });
  expect(await table.delete({ username: 'alice' })).toEqual(gone(made));
  expect(await table.get('alice')).toBeUndefined();
}

async function doesNotBringBackWhoWasDeleted({ table, other }: Made): Promise<void> {
  const alice = await created(table);
  expect(await other.delete(alice)).toEqual({ kind: 'deleted' });
  expect(await table.replace(alice, { name: 'Back', updatedAt: UPDATED })).toEqual({ kind: 'absent' });
  expect(await table.get('alice')).toBeUndefined();
}

async function doesNotTouchAnAccountThatWasMadeAnew(made: Made): Promise<void> {
  const { table, other } = made;
  const alice = await created(table);
  await other.delete(alice);
  const anew = await created(other, { ...ALICE, createdAt: UPDATED });
  expect(await table.replace(alice, { name: 'Old', updatedAt: UPDATED })).toEqual(await conflict(made));
  // The account that the caller read is gone, and the new one stays.
  expect(await table.delete(alice)).toEqual(made.settles ? { kind: 'deleted' } : await conflict(made));
  expect(await table.get('alice')).toEqual(anew);
}

async function deletesOnlyWhatWasRead(made: Made): Promise<void> {
  const { table } = made;
  const alice = await created(table);
  const bob = await created(table, { ...ALICE, username: 'bob' });
  await table.replace(alice, { name: 'Renamed', updatedAt: UPDATED });
  expect(await table.delete(alice)).toEqual(await conflict(made));
  expect(await table.delete(await read(table))).toEqual({ kind: 'deleted' });
  expect(await table.delete(alice)).toEqual(gone(made));
  expect(await table.get('bob')).toEqual(bob);
}

async function showsEveryChangeToTheOtherHandleAtOnce({ table, other }: Made): Promise<void> {
  const alice = await created(table);
  expect(await other.get('alice')).toEqual(alice);
  await table.replace(alice, { name: 'Seen', updatedAt: UPDATED });
  const seen = await read(other);
  expect(seen.name).toBe('Seen');
  await table.delete(seen);
  expect(await other.get('alice')).toBeUndefined();
  const anew = await created(other);
  expect(await table.get('alice')).toEqual(anew);
}

async function createsForOneOfTwentyInParallel({ table, other }: Made): Promise<void> {
  const outcomes = await inParallel((index) =>
    (index % 2 ? table : other).putIfAbsent({ ...ALICE, name: `creator ${index}` }),
  );
  const winner = theOnly(outcomes, 'created', 'exists');
  expect(named(await table.get('alice'))).toEqual({ ...ALICE, name: `creator ${winner}` });
}

async function replacesForOneOfTwentyInParallel({ table, other }: Made): Promise<void> {
  const alice = await created(table);
  const outcomes = await inParallel((index) =>
    (index % 2 ? table : other).replace(alice, { name: `writer ${index}`, updatedAt: UPDATED }),
  );
  const winner = theOnly(outcomes, 'replaced', 'conflict');
  expect(await table.get('alice')).toMatchObject({ name: `writer ${winner}` });
}

async function deletesForOneOfTwentyInParallel({ table, other, settles }: Made): Promise<void> {
  const alice = await created(table);
  const outcomes = await inParallel((index) => (index % 2 ? table : other).delete(alice));
  // A stack that settles lets all succeed: the account that they read is gone.
  theOnly(outcomes, 'deleted', settles ? 'deleted' : 'absent');
  expect(await table.get('alice')).toBeUndefined();
}

async function doesNotTouchAnAccountOfOtherWrites(made: Made): Promise<void> {
  const { table } = made;
  const alice = await created(table, { ...ALICE, writes: ['first', 'new'] });
  const before = { ...alice, writes: ['another', 'new'] };
  expect(await table.replace(before, { name: 'Late', updatedAt: UPDATED })).toEqual(await conflict(made));
  expect(await table.delete(before)).toEqual(made.settles ? { kind: 'deleted' } : await conflict(made));
  expect(await table.get('alice')).toEqual(alice);
}

async function keepsTheIdsOfItsWrites({ table, other }: Made): Promise<void> {
  const alice = { ...ALICE, writes: ['first', 'new'] };
  expect(await created(table, alice)).toEqual(alice);
  const writes = ['second', 'first', 'new'];
  expect(await table.replace(alice, { updatedAt: UPDATED, writes })).toEqual({ kind: 'replaced' });
  const updated = { ...alice, updatedAt: UPDATED, writes };
  expect(await other.get('alice')).toEqual(updated);
  // Lists do not show them.
  expect((await table.page({ limit: 1 })).users[0]).not.toHaveProperty('writes');
  expect(await table.delete(updated)).toEqual({ kind: 'deleted' });
}

async function addsIdsToAnAccountWithout(made: Made): Promise<void> {
  const { table } = made;
  const alice = await created(table);
  expect(alice).not.toHaveProperty('writes');
  const changes = { updatedAt: UPDATED, writes: ['first', 'version'] };
  expect(await table.replace(alice, changes)).toEqual({ kind: 'replaced' });
  const updated = await read(table);
  expect(updated).toEqual({ ...ALICE, ...changes });
  // With its ids it is no longer what was read, even if nothing else differs.
  const before = { ...ALICE, updatedAt: UPDATED };
  expect(await table.replace(before, { name: 'Lost', updatedAt: UPDATED })).toEqual(await conflict(made));
  expect(await table.delete(before)).toEqual(await conflict(made));
  expect(await table.get('alice')).toEqual(updated);
}

async function leavesIdsThatAreNotGiven({ table }: Made): Promise<void> {
  const alice = await created(table, { ...ALICE, writes: ['first', 'new'] });
  expect(await table.replace(alice, { name: 'Renamed', updatedAt: UPDATED })).toEqual({ kind: 'replaced' });
  expect(await table.get('alice')).toEqual({ ...alice, name: 'Renamed', updatedAt: UPDATED });
}

async function anUpdateAndADeleteInParallelNeverLeaveTheUserBehind({ table, other }: Made): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const item = await created(table, { ...ALICE, username: `user-${round}` });
    const [replaced, deleted] = await Promise.all([
      table.replace(item, { name: 'raced', updatedAt: UPDATED }),
      other.delete(item),
    ]);
    const current = await table.get(item.username);
    // Whichever came first, the answers match what is stored.
    if (deleted.kind === 'deleted') {
      expect({ replaced: replaced.kind, current }).toEqual({ replaced: 'absent', current: undefined });
    } else {
      expect({ replaced: replaced.kind, deleted: deleted.kind }).toEqual({ replaced: 'replaced', deleted: 'conflict' });
      expect(current).toMatchObject({ name: 'raced' });
    }
  }
}

async function listsNobodyInAnEmptyTable({ table }: Made): Promise<void> {
  expect(await table.page({ limit: 10 })).toEqual({ users: [], next: undefined });
}

async function listsEveryoneOnceWhateverTheLimit({ table }: Made): Promise<void> {
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

async function listsInTheSameOrderEveryTime({ table, other }: Made): Promise<void> {
  await createdMany(table, 10);
  const { users } = await table.page({ limit: 10 });
  const again = [];
  for await (const page of userPages(other, 3)) again.push(...page.users);
  expect(again).toEqual(users);
  const fifth = users[4]?.username ?? '';
  expect((await other.page({ limit: 100, after: fifth })).users).toEqual(users.slice(5));
}

async function listsWithoutPasswordHashes({ table }: Made): Promise<void> {
  const { passwordHash: _, ...listed } = { ...ALICE, updatedAt: UPDATED };
  await created(table, { ...ALICE, updatedAt: UPDATED });
  expect((await table.page({ limit: 10 })).users).toEqual([listed]);
}

async function goesOnAfterAUserThatIsGone({ table }: Made): Promise<void> {
  await createdMany(table, 6);
  const { users } = await table.page({ limit: 6 });
  const third = users[2]?.username ?? '';
  await table.delete(await read(table, third));
  expect((await table.page({ limit: 6, after: third })).users).toEqual(users.slice(3));
}

async function takesEveryCharacterOfAUsernameAndAnyName({ table, textEndsAtNul }: Made): Promise<void> {
  for (const username of ['a', 'A', '0', 'A.b_c@d+e-f', 'x'.repeat(128)]) {
    for (const name of ['', 'Zoë 🎉', "Robert'); DROP TABLE users;--", textEndsAtNul ? 'a\tc\n' : 'a\u0000b\tc\n']) {
      const item = await created(table, { ...ALICE, username, name });
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

/** Returns the index of the only outcome of kind `one`; all others must be of kind `others`. */
function theOnly(outcomes: readonly { readonly kind: string }[], one: string, others: string): number {
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual([one, ...Array(outcomes.length - 1).fill(others)].sort());
  return outcomes.findIndex(({ kind }) => kind === one);
}
