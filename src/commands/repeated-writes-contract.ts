import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyOf } from '../core/username.ts';
import { writeAnkiFile } from '../testing/anki-file.ts';
import { isPutOrDelete, type RepeatingProxy, SLOW_DOWN, startRepeatingProxy } from '../testing/repeating-proxy.ts';
import { freshMachine, IMPATIENT, type Json, runCommand, temporaryDirectory } from '../testing/run-command.ts';
import type { S3Place } from '../testing/s3-server/place.ts';

const FILE_NOTES = 3;

/** What a write needs to name what it writes over, and with. */
interface Given {
  /** The version of alice's database. */
  readonly version: string;
  /** A collection of three notes. */
  readonly file: string;
}

interface WriteCase {
  readonly name: string;
  readonly username: string;
  readonly argv: (given: Given) => readonly string[];
  /** Where an answer has the version that it tells. Default: at its top. */
  readonly told?: (answer: Json) => Json;
  /** What is there afterwards. */
  readonly left: { readonly t?: readonly number[]; readonly notes: number } | 'nothing';
}

/** Every command that writes a database. Before each, alice has an empty collection with a table t. */
const WRITES: readonly WriteCase[] = [
  {
    name: 'db exec',
    username: 'alice',
    argv: () => ['db', 'exec', 'alice', 'INSERT INTO t VALUES (1)'],
    left: { t: [1], notes: 0 },
  },
  {
    name: 'db exec --retries 0',
    username: 'alice',
    argv: () => ['db', 'exec', 'alice', 'INSERT INTO t VALUES (1)', '--retries', '0'],
    left: { t: [1], notes: 0 },
  },
  { name: 'db create', username: 'bob', argv: () => ['db', 'create', 'bob'], left: { notes: 0 } },
  {
    name: 'db create --from',
    username: 'bob',
    argv: ({ file }) => ['db', 'create', 'bob', '--from', file],
    left: { notes: FILE_NOTES },
  },
  {
    name: 'db push of a new database',
    username: 'bob',
    argv: ({ file }) => ['db', 'push', 'bob', file],
    left: { notes: FILE_NOTES },
  },
  {
    name: 'db push --if-version',
    username: 'alice',
    argv: ({ file, version }) => ['db', 'push', 'alice', file, '--if-version', version],
    left: { notes: FILE_NOTES },
  },
  {
    name: 'db push --force',
    username: 'alice',
    argv: ({ file }) => ['db', 'push', 'alice', file, '--force', '--yes'],
    left: { notes: FILE_NOTES },
  },
  {
    name: 'db add-note',
    username: 'alice',
    argv: () => ['db', 'add-note', 'alice', '--field', 'der Hund', '--field', 'the dog'],
    left: { t: [], notes: 1 },
  },
  {
    name: 'function invoke write',
    username: 'alice',
    argv: () => ['function', 'invoke', 'write', 'alice', '--field', 'der Hund', '--field', 'the dog'],
    told: ({ result }) => result,
    left: { t: [], notes: 1 },
  },
  { name: 'db delete', username: 'alice', argv: () => ['db', 'delete', '--yes', 'alice'], left: 'nothing' },
];

/** What may happen to the second copy. The first has landed in each. */
const REPEATS = [
  { name: 'arrives twice', rule: { every: 1 } },
  { name: 'lands, and its repeat is throttled', rule: { every: 1, times: 1, answerSecond: SLOW_DOWN } },
  { name: 'lands, and every reply is a throttle', rule: { every: 1, answerSecond: SLOW_DOWN } },
] as const;

const INSERTS = 50;

/** What must hold for every command that writes a database, where requests are repeated, on any S3 engine. */
export function describeRepeatedWrites(open: () => Promise<S3Place>): void {
  describe('commands behind a proxy that repeats', () => {
    let place: S3Place;
    let proxy: RepeatingProxy;
    let machine: NodeJS.ProcessEnv;

    beforeEach(async () => {
      place = await open();
      proxy = await startRepeatingProxy(place.endpoint);
      machine = { ...freshMachine(), ...place.keys };
      await succeeds(proxy.endpoint, 'db', 'create', 'alice');
      await succeeds(proxy.endpoint, 'db', 'exec', 'alice', 'CREATE TABLE t (x INTEGER)');
    });

    afterEach(async () => {
      await proxy.close();
      await place.close();
    });

    const flagsOf = (endpoint: string): string[] => [
      ...['--bucket', place.bucket, '--endpoint-url', endpoint],
      ...['--function', 'local', '--json', '--quiet'],
    ];

    const run = (endpoint: string, argv: readonly string[]) =>
      runCommand([...argv, ...flagsOf(endpoint)], { env: machine, clock: IMPATIENT });

    async function succeeds(endpoint: string, ...argv: string[]): Promise<Json> {
      const { code, stderr, json } = await run(endpoint, argv);
      expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
      return json();
    }

    /** Of what the store holds, past the proxy. */
    const query = async (username: string, sql: string): Promise<Json[]> =>
      (await succeeds(place.endpoint, 'db', 'query', username, sql)).rows.map(({ value }: Json) => value);

    async function expectLeft({ username, left }: WriteCase): Promise<void> {
      if (left === 'nothing') {
        expect((await run(place.endpoint, ['db', 'info', username])).code).toBe(3);
        return;
      }
      expect(await query(username, 'SELECT count(*) AS value FROM notes')).toEqual([left.notes]);
      if (left.t !== undefined) expect(await query(username, 'SELECT x AS value FROM t')).toEqual(left.t);
      expect((await run(place.endpoint, ['db', 'check', username])).code).toBe(0);
    }

    describe.each(REPEATS)('one whose request $name', ({ rule }) => {
      test.each(WRITES)('$name: ends with 0, and has its effect once', async (write) => {
        const file = join(temporaryDirectory(), 'collection.anki2');
        writeAnkiFile(file, { notes: FILE_NOTES, reviews: 0 });
        const { version } = await succeeds(proxy.endpoint, 'db', 'info', 'alice');
        const argv = write.argv({ version, file });
        // Only its own: what else a command sends, such as a question about the engine, has other keys.
        const counts = proxy.repeat({
          ...rule,
          matches: (request) => isPutOrDelete(request) && isAbout(write.username, request.path),
        });
        const { code, stderr, json } = await run(proxy.endpoint, argv);
        // Whatever was told: it must have landed, or nothing was proved.
        expect(counts.landed).toBeGreaterThan(0);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        await expectLeft(write);
        expect(counts.accepted).toBe(1);
        if (write.left === 'nothing') return;
        const told = (write.told ?? ((answer: Json): Json => answer))(json());
        const there = await succeeds(place.endpoint, 'db', 'info', write.username);
        expect(told).toMatchObject({ outcome: 'committed', attempts: 1, version: there.version });
      });
    });

    test(`${INSERTS} times db exec with every tenth PUT twice: all end with 0, and each row is there once`, async () => {
      const counts = proxy.repeat({ every: 10 });
      const values = Array.from({ length: INSERTS }, (_, index) => index + 1);
      const failed: Json[] = [];
      for (const value of values) {
        const argv = ['db', 'exec', 'alice', 'INSERT INTO t VALUES (?)', String(value)];
        const { code, stderr } = await run(proxy.endpoint, argv);
        if (code !== 0) failed.push({ value, code, stderr });
      }
      const rows = await query('alice', 'SELECT x AS value FROM t ORDER BY x');
      expect({ failed, rows }).toEqual({ failed: [], rows: values });
      expect(counts).toEqual({ seen: INSERTS, repeated: INSERTS / 10, landed: INSERTS / 10, accepted: INSERTS });
    });
  });
}

function isAbout(username: string, path: string): boolean {
  return new URL(path, 'http://store').pathname.endsWith(`/${keyOf(username)}`);
}
