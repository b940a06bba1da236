import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isItemWrite, type RepeatingProxy, startRepeatingProxy, THROTTLED } from '../testing/repeating-proxy.ts';
import { freshMachine, type Json, runCommand, temporaryDirectory } from '../testing/run-command.ts';

/** DynamoDB or a stand-in, with a table of accounts for one test. */
export interface DynamoPlace {
  readonly endpoint: string;
  readonly table: string;
  /** The credentials in a command's environment. */
  readonly keys: Readonly<Record<'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY', string>>;
  close(): Promise<void>;
}

const OTHER_PASSWORD = 'another horse';
// A hash that takes milliseconds to verify, from the test vectors of crypt_blowfish.
const IMPORTED_PASSWORD = 'U*U';
const IMPORTED_HASH = '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';

interface Account {
  readonly username: string;
  readonly name: string;
  readonly password: string;
}

const ALICE = imported('Alice');
const CAROL = imported('Carol');
const DAVE = imported('Dave');

interface ChangeCase {
  readonly name: string;
  /** `adminFile`: a monolith's accounts, carol's and dave's. */
  readonly argv: (adminFile: string) => readonly string[];
  readonly piped?: string;
  readonly writes: number;
  readonly answer: Json;
  /** All accounts that exist afterwards. */
  readonly left: readonly Account[];
}

/** Every command that writes accounts. Alice exists before each. */
const CHANGES: readonly ChangeCase[] = [
  {
    name: 'user create',
    argv: () => ['create', 'bob', '--name', 'Bob', '--password-stdin'],
    piped: OTHER_PASSWORD,
    writes: 1,
    answer: { username: 'bob', name: 'Bob' },
    left: [ALICE, { username: 'bob', name: 'Bob', password: OTHER_PASSWORD }],
  },
  {
    name: 'user update of a name',
    argv: () => ['update', 'alice', '--name', 'Alice B.'],
    writes: 1,
    answer: { username: 'alice', name: 'Alice B.' },
    left: [{ ...ALICE, name: 'Alice B.' }],
  },
  {
    name: 'user update of a password',
    argv: () => ['update', 'alice', '--password-stdin'],
    piped: OTHER_PASSWORD,
    writes: 1,
    answer: { username: 'alice', name: 'Alice' },
    left: [{ ...ALICE, password: OTHER_PASSWORD }],
  },
  {
    name: 'user delete',
    argv: () => ['delete', 'alice', '--yes'],
    writes: 1,
    answer: { username: 'alice', outcome: 'deleted' },
    left: [],
  },
  {
    name: 'user import of two accounts',
    argv: (adminFile) => ['import', adminFile],
    writes: 2,
    answer: { importedCount: 2, unchangedCount: 0, skipped: [] },
    left: [ALICE, CAROL, DAVE],
  },
];

/** What may happen to the second copy of each write. The first always lands. */
const REPEATS = [
  { name: 'arrives twice', rule: { every: 1 } },
  { name: 'lands, and its repeat is throttled', rule: { every: 1, times: 1, answerSecond: THROTTLED } },
  { name: 'lands, and every reply is a throttle', rule: { every: 1, answerSecond: THROTTLED } },
] as const;

/** Tests every command that writes accounts while requests are repeated, on any DynamoDB engine. */
export function describeRepeatedAccountChanges(open: () => Promise<DynamoPlace>): void {
  describe('accounts behind a proxy that repeats', () => {
    let place: DynamoPlace;
    let proxy: RepeatingProxy;
    let machine: NodeJS.ProcessEnv;

    beforeEach(async () => {
      place = await open();
      proxy = await startRepeatingProxy(place.endpoint);
      // Accounts do not need the bucket.
      machine = { ...freshMachine(), ...place.keys, S3_BUCKET: 'nowhere', DYNAMODB_USERS_TABLE: place.table };
      const created = await user(proxy.endpoint, ['import', adminDatabase(ALICE)]);
      expect(created.code).toBe(0);
    });

    afterEach(async () => {
      await proxy.close();
      await place.close();
    });

    const user = (endpoint: string, argv: readonly string[], piped?: string) =>
      runCommand(['user', ...argv, '--dynamodb-endpoint-url', endpoint, '--json', '--quiet'], {
        env: machine,
        ...(piped === undefined ? {} : { piped }),
      });

    async function expectLeft(left: readonly Account[]): Promise<void> {
      const { users } = (await user(place.endpoint, ['list'])).json();
      const found = users.map(({ username, name }: Json) => ({ username, name }));
      const order = (a: Json, b: Json): number => a.username.localeCompare(b.username);
      expect(found.sort(order)).toEqual(left.map(({ username, name }) => ({ username, name })));
      for (const { username, password } of left) {
        const { code } = await user(place.endpoint, ['authenticate', username, '--password-stdin'], password);
        expect({ username, code }).toEqual({ username, code: 0 });
      }
    }

    describe.each(REPEATS)('one whose request $name', ({ rule }) => {
      test.each(CHANGES)('$name: ends with 0, and has its effect once', async (change) => {
        const counts = proxy.repeat({ ...rule, matches: isItemWrite });
        const { code, stderr, json } = await user(
          proxy.endpoint,
          change.argv(adminDatabase(CAROL, DAVE)),
          change.piped,
        );
        // Without a landed repeat the test would prove nothing.
        expect(counts.landed).toBeGreaterThan(0);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(json()).toMatchObject(change.answer);
        await expectLeft(change.left);
        expect(counts.accepted).toBe(change.writes);
      });
    });
  });
}

/** An account imported from the monolith. */
function imported(name: string): Account {
  return { username: name.toLowerCase(), name, password: IMPORTED_PASSWORD };
}

/** Creates a monolith's database with these accounts. */
function adminDatabase(...accounts: readonly Account[]): string {
  const file = join(temporaryDirectory(), 'admin.db');
  const database = new Database(file);
  database.exec('CREATE TABLE users (user_id INTEGER PRIMARY KEY, username TEXT, name TEXT, password_hash TEXT)');
  const insert = database.prepare('INSERT INTO users (username, name, password_hash) VALUES (?, ?, ?)');
  for (const { username, name } of accounts) insert.run(username, name, IMPORTED_HASH);
  database.close();
  return file;
}
