import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeAnkiFile } from '../../testing/anki-file.ts';
import { ACCOUNT_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { type Json, temporaryDirectory } from '../../testing/run-command.ts';

const HASH = '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const PASSWORD = 'U*U';

type Row = readonly [userId: number | null, username: string, name: string | null, hash: string | Buffer | null];

/** A monolith's `admin.db`, open or not. */
function adminDatabase(rows: readonly Row[], table = 'users'): string {
  const file = join(temporaryDirectory(), 'admin.db');
  const database = new Database(file);
  database.exec(
    `CREATE TABLE ${table} (user_id INTEGER PRIMARY KEY, username TEXT, name TEXT, password_hash TEXT);
     CREATE TABLE reviews (id INTEGER PRIMARY KEY, username TEXT)`,
  );
  const insert = database.prepare(`INSERT INTO ${table} VALUES (?, ?, ?, ?)`);
  for (const row of rows) insert.run(...row);
  database.close();
  return file;
}

const ROWS: readonly Row[] = [
  [1, 'alice', 'Alice', HASH],
  [2, 'bob', null, HASH.replace('$2b$', '$2a$')],
  [3, 'carol', 'Carol', Buffer.from(HASH.replace('$2b$', '$2y$'))],
  [4, 'two words', 'A name that is no username', HASH],
  [5, '../../etc', 'A path', HASH],
  [6, 'dave', 'A hash of another kind', 'pbkdf2:sha256:260000$salt$hash'],
  [7, 'erin', 'No hash', null],
  [8, 'alice', 'Twice', HASH],
  [9, 'javumbo-test-x', 'Test data', HASH],
  [10, 'frank', 'A hash that takes minutes', HASH.replace('$05$', '$31$')],
  [11, 'grace', 'x'.repeat(257), HASH],
  [12, 'heidi', '\u001b[2J', HASH],
];
const SKIPPED = [
  { userId: 4, username: 'two words', reason: expect.stringMatching(/not a username/) },
  { userId: 5, username: '../../etc', reason: expect.stringMatching(/not a username/) },
  { userId: 6, username: 'dave', reason: expect.stringMatching(/not one of bcrypt/) },
  { userId: 7, username: 'erin', reason: 'there is no password hash' },
  { userId: 8, username: 'alice', reason: 'the username appears twice' },
  { userId: 9, username: 'javumbo-test-x', reason: expect.stringMatching(/test data/) },
  { userId: 10, username: 'frank', reason: expect.stringMatching(/cost 31/) },
  { userId: 11, username: 'grace', reason: expect.stringMatching(/257 characters/) },
  { userId: 12, username: 'heidi', reason: expect.stringMatching(/control characters/) },
];

describe.each(ACCOUNT_DEPLOYMENTS)('user import on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  async function imported(...argv: string[]): Promise<{ code: number; result: Json }> {
    const { code, json } = await deployment.run(['user', 'import', ...argv, '--json']);
    return { code, result: json() };
  }

  async function usernames(): Promise<string[]> {
    const { users } = await deployment.json<Json>('user', 'list');
    return users.map(({ username }: Json) => username).sort();
  }

  test('keeps every hash of bcrypt, says what it skipped and why, and can be run again', async () => {
    const file = adminDatabase(ROWS);
    expect(await imported(file, '--dry-run')).toEqual({
      code: 7,
      result: { importedCount: 3, unchangedCount: 0, skipped: SKIPPED, dryRun: true },
    });
    expect(await usernames()).toEqual([]);
    expect(await imported(file)).toEqual({
      code: 7,
      result: { importedCount: 3, unchangedCount: 0, skipped: SKIPPED, dryRun: false },
    });
    expect(await usernames()).toEqual(['alice', 'bob', 'carol']);
    for (const username of ['alice', 'bob', 'carol']) {
      const argv = ['user', 'authenticate', username, '--password-stdin', '--json'];
      expect((await deployment.run(argv, { piped: PASSWORD })).json()).toEqual({ username, valid: true });
    }
    expect(await imported(file)).toEqual({
      code: 7,
      result: { importedCount: 0, unchangedCount: 3, skipped: SKIPPED, dryRun: false },
    });
  });

  test('ends with 0 when everybody is there, and reads what a running monolith has not checkpointed', async () => {
    const file = adminDatabase([]);
    const monolith = new Database(file);
    monolith.pragma('journal_mode = WAL');
    monolith.prepare('INSERT INTO users VALUES (?, ?, ?, ?)').run(1, 'alice', 'Alice', HASH);
    expect(await imported(file)).toEqual({
      code: 0,
      result: { importedCount: 1, unchangedCount: 0, skipped: [], dryRun: false },
    });
    monolith.close();
    expect(await deployment.json('user', 'get', 'alice')).toMatchObject({ username: 'alice', name: 'Alice' });
  });

  test('leaves an account with another password alone', async () => {
    const argv = ['user', 'create', 'alice', '--name', 'Alice Smith', '--password-stdin'];
    expect((await deployment.run(argv, { piped: 'correct horse' })).code).toBe(0);
    const { code, result } = await imported(adminDatabase([[1, 'alice', 'Alice', HASH]]));
    expect(code).toBe(7);
    expect(result.skipped).toEqual([
      { userId: 1, username: 'alice', reason: 'a user of that name exists already, with another password' },
    ]);
    expect(await deployment.json('user', 'get', 'alice')).toMatchObject({ name: 'Alice Smith' });
  });

  test('makes the database of each user from user_{id}.db or {username}.anki2', async () => {
    const directory = join(temporaryDirectory(), 'user_dbs');
    mkdirSync(directory);
    writeAnkiFile(join(directory, 'user_1.db'), { notes: 2, reviews: 1 });
    writeAnkiFile(join(directory, 'bob.anki2'), { notes: 2, reviews: 1 });
    writeAnkiFile(join(directory, 'user_3.db'), { notes: 2, reviews: 1 });
    writeAnkiFile(join(directory, 'carol.anki2'), { notes: 2, reviews: 1 });
    writeFileSync(join(directory, 'user_5.db'), 'no database');
    const rows = ['alice', 'bob', 'carol', 'dora', 'eve'].map((name, index): Row => [index + 1, name, name, HASH]);
    const file = adminDatabase(rows);
    const skipped = [
      { userId: 3, username: 'carol', reason: 'there are both user_3.db and carol.anki2' },
      { userId: 5, username: 'eve', reason: expect.stringMatching(/not a SQLite database/) },
    ];
    const result = {
      importedCount: 5,
      unchangedCount: 0,
      skipped: [],
      databases: { createdCount: 2, unchangedCount: 0, noneCount: 1, skipped },
    };
    // The plan matches the run.
    expect(await imported(file, '--with-databases', directory, '--dry-run')).toEqual({
      code: 7,
      result: { ...result, dryRun: true },
    });
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
    expect(await imported(file, '--with-databases', directory)).toEqual({
      code: 7,
      result: { ...result, dryRun: false },
    });
    const { databases } = await deployment.json<Json>('db', 'list');
    expect(databases.map(({ username }: Json) => username)).toEqual(['alice', 'bob']);
    expect((await imported(file, '--with-databases', directory)).result).toMatchObject({
      unchangedCount: 5,
      databases: { createdCount: 0, unchangedCount: 2, noneCount: 1 },
    });
  });

  const refused: { name: string; argv: () => string[]; code: number; message: RegExp }[] = [
    { name: 'a file that is not there', argv: () => ['nothing.db'], code: 2, message: /there is no file/ },
    {
      name: 'a file that is no database',
      argv: () => {
        const file = join(temporaryDirectory(), 'admin.db');
        writeFileSync(file, 'no database');
        return [file];
      },
      code: 8,
      message: /not a SQLite database/,
    },
    {
      name: 'a database without such a table',
      argv: () => {
        const file = join(temporaryDirectory(), 'admin.db');
        new Database(file).exec('CREATE TABLE people (name TEXT)').close();
        return [file];
      },
      code: 2,
      message: /no table of users/,
    },
    {
      name: 'a directory that is not there',
      argv: () => [adminDatabase(ROWS), '--with-databases', '/nowhere'],
      code: 2,
      message: /\/nowhere is not a directory/,
    },
  ];
  test.each(refused)('of $name is refused, and nobody is imported', async ({ argv, code, message }) => {
    const result = await deployment.run(['user', 'import', ...argv(), '--json']);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
    expect(result.failure().message).toMatch(message);
    expect(await usernames()).toEqual([]);
  });

  test('finds the one table of users, whatever it is called', async () => {
    expect(await imported(adminDatabase([[1, 'alice', 'Alice', HASH]], 'accounts'))).toMatchObject({ code: 0 });
    expect(await usernames()).toEqual(['alice']);
  });
});
