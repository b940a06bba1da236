import { metricOf } from '../bench/stats.ts';
import { JavumboError } from '../core/failure.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { hashPassword, verifyPassword } from '../users/password.ts';
import type { User, UserRepository } from '../users/repository.ts';
import type { UserTable } from '../users/user-table.ts';
import { type Assert, addFigures, type Figures, type Test, type TestInputs } from './check.ts';
import { type TestEnvironment, withTestAccounts } from './test-data.ts';

/** Day 5: accounts work. Tests 5.1 to 5.3, with the 6, 8 and 8 checks of week 1. */
export function day5(deployment: Deployment, inputs: TestInputs, figures: Figures): Test[] {
  const environment = { deployment, inputs };
  return [
    {
      id: '5.1',
      name: 'users register',
      try: 'javumbo deployment describe, to see whether the users table is there',
      run: (assert) => registration(assert, environment, figures),
    },
    {
      id: '5.2',
      name: 'users authenticate and change their passwords',
      try: 'javumbo user get, to see whether anything else writes to the users table',
      run: (assert) => authentication(assert, environment),
    },
    {
      id: '5.3',
      name: 'users are listed, read and deleted',
      try: 'javumbo user list, which prints what the table holds',
      run: (assert) => lifecycle(assert, environment),
    },
  ];
}

const PASSWORD = 'correct horse battery staple';
const OTHER_PASSWORD = 'Tr0ub4dor and 3 more words';

/** Returns the kind of failure that a call ends with, or `none`. */
async function failureOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    if (error instanceof JavumboError && (error.kind === 'conflict' || error.kind === 'not-found')) return error.kind;
    throw error;
  }
}

async function registration(assert: Assert, environment: TestEnvironment, figures: Figures): Promise<void> {
  await withTestAccounts(assert, environment, ['5-1', '5-1-nobody'], async ({ usernames, repository, table }) => {
    const [username = '', nobody = ''] = usernames;
    const created = await repository.create(username, { name: 'Test User', password: PASSWORD });
    assert.equal('a user is created', created.username, username);
    const item = await table.get(username);
    assert.equal('the table holds the item', item?.username ?? '', username);
    const hash = item?.passwordHash ?? '';
    assert.equal(
      'the password is a bcrypt hash of 60 characters, $2b$',
      `${hash.slice(0, 4)}, ${hash.length} characters`,
      '$2b$, 60 characters',
    );
    const read: User | undefined = await repository.get(username);
    // The names of the attributes without their values: a hash must never get into the report.
    assert.equal(
      'the user is read with name and time, and without the hash',
      `${Object.keys(read ?? {}).join(' ')}: ${read?.name}, ${read?.createdAt}`,
      `username name createdAt: Test User, ${item?.createdAt}`,
    );
    const again = repository.create(username, { name: 'Another', password: OTHER_PASSWORD });
    assert.equal('a second user of that name is refused', await failureOf(again), 'conflict');
    assert.equal(
      'a user that does not exist is not found',
      (await repository.get(nobody))?.username ?? 'nobody',
      'nobody',
    );
    addFigures(figures, { metrics: await times(table, username, hash, environment.inputs.clock) });
  });
}

const HASHES = 3;
const READS = 10;

/** Measures what an authentication consists of. */
async function times(
  table: UserTable,
  username: string,
  hash: string,
  { monotonic }: TestInputs['clock'],
): Promise<Figures['metrics']> {
  const timed = async (count: number, call: () => Promise<unknown>): Promise<number[]> => {
    const samples: number[] = [];
    for (let index = 0; index < count; index++) {
      const startedAt = monotonic();
      await call();
      samples.push(monotonic() - startedAt);
    }
    return samples;
  };
  return {
    hashMs: metricOf(await timed(HASHES, () => hashPassword(PASSWORD))),
    verifyMs: metricOf(await timed(HASHES, () => verifyPassword(PASSWORD, hash))),
    readItemMs: metricOf(await timed(READS, () => table.get(username))),
  };
}

async function authentication(assert: Assert, environment: TestEnvironment): Promise<void> {
  await withTestAccounts(assert, environment, ['5-2', '5-2-nobody'], async ({ usernames, repository, table }) => {
    const [username = '', nobody = ''] = usernames;
    await repository.create(username, { name: 'Test User', password: PASSWORD });
    const answer = async (name: string, password: string): Promise<string> =>
      (await repository.authenticate(name, password)) ? 'valid' : 'not valid';
    const valid = (password: string): Promise<string> => answer(username, password);
    assert.equal('the right password is valid', await valid(PASSWORD), 'valid');
    assert.equal('a wrong password is not', await valid(OTHER_PASSWORD), 'not valid');
    assert.equal('a user that does not exist is not', await answer(nobody, PASSWORD), 'not valid');
    await repository.update(username, { password: OTHER_PASSWORD });
    const changed = await table.get(username);
    assert('the password is changed, and the time of it kept', changed?.updatedAt !== undefined, {
      expected: 'a time',
      actual: changed?.updatedAt ?? 'no time',
    });
    assert.equal('the old password is not valid any more', await valid(PASSWORD), 'not valid');
    assert.equal('the new password is valid', await valid(OTHER_PASSWORD), 'valid');
    await repository.update(username, { name: 'Renamed User' });
    const renamed = await table.get(username);
    assert.equal(
      'the name alone is changed, and the password stays',
      `${renamed?.name}, ${await valid(OTHER_PASSWORD)}, ${renamed?.passwordHash === changed?.passwordHash ? 'the same' : 'another'} hash`,
      'Renamed User, valid, the same hash',
    );
    const nobodyUpdated = await failureOf(repository.update(nobody, { name: 'Nobody' }));
    assert.equal('a user that does not exist is not updated', nobodyUpdated, 'not-found');
  });
}

const USERS = 5;
const DELETED = 3;

async function lifecycle(assert: Assert, environment: TestEnvironment): Promise<void> {
  const purposes = [...Array.from({ length: USERS }, (_, index) => `5-3-${index + 1}`), '5-3-nobody'];
  await withTestAccounts(assert, environment, purposes, async ({ usernames, repository }) => {
    const users = usernames.slice(0, USERS);
    const nobody = usernames[USERS] ?? '';
    for (const username of users) await repository.create(username, { name: `User ${username}`, password: PASSWORD });
    const found = (): Promise<(User | undefined)[]> => Promise.all(users.map((username) => repository.get(username)));
    assert.equal(`${USERS} users are created`, await countOf(found()), USERS);

    const listed = await listedOf(repository, users);
    assert.equal('all of them are listed once', listed.join(' '), [...users].sort().join(' '));
    const names = (await found()).map((user) => user?.name ?? '');
    assert.equal(
      'each is read with its name',
      names.join(', '),
      users.map((username) => `User ${username}`).join(', '),
    );

    const outcomes = await Promise.all(
      users.slice(0, DELETED).map((username) => failureOf(repository.delete(username))),
    );
    assert.equal(`${DELETED} users are deleted`, outcomes.join(' '), Array(DELETED).fill('none').join(' '));
    const after = await found();
    assert.equal('the deleted ones are gone', await countOf(after.slice(0, DELETED)), 0);
    assert.equal('the others are still there', await countOf(after.slice(DELETED)), USERS - DELETED);
    assert.equal(
      'a user that does not exist cannot be deleted',
      await failureOf(repository.delete(nobody)),
      'not-found',
    );
    assert.equal('a list is cut at its limit, and goes on from there', await pagesOfOne(repository), '1 and 1 other');
  });
}

async function countOf(users: (User | undefined)[] | Promise<(User | undefined)[]>): Promise<number> {
  return (await users).filter((user) => user !== undefined).length;
}

/** Returns those of `users` that a list of the whole table names, as often as it names them, sorted. */
async function listedOf(repository: UserRepository, users: readonly string[]): Promise<string[]> {
  const listed: string[] = [];
  for await (const page of repository.list({ limit: Number.MAX_SAFE_INTEGER })) {
    listed.push(...page.users.map(({ username }) => username).filter((username) => users.includes(username)));
  }
  return listed.sort();
}

/** Lists one account, then the next one: the table holds at least the two that are left. Returns how many each was. */
async function pagesOfOne(repository: UserRepository): Promise<string> {
  const page = async (after?: string): Promise<{ users: readonly User[]; next: string | undefined }> => {
    const pages = [];
    for await (const each of repository.list({ limit: 1, after })) pages.push(each);
    return { users: pages.flatMap(({ users }) => users), next: pages.at(-1)?.next };
  };
  const first = await page();
  const second = await page(first.next);
  const same = first.users[0]?.username === second.users[0]?.username;
  return `${first.users.length} and ${second.users.length} ${same ? 'of the same' : 'other'}`;
}
