import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allRows, writeAnkiFile } from '../../testing/anki-file.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { freshMachine, type Json, runCommand, temporaryDirectory } from '../../testing/run-command.ts';

const SIZE = { notes: 60, reviews: 60 };

/** Ways in which a file is not a database that can be stored, each made at `path`. */
const BAD_FILES: readonly {
  readonly name: string;
  readonly make: (path: string) => void;
  readonly code: number;
  readonly error: RegExp;
}[] = [
  { name: 'missing', make: () => {}, code: 2, error: /^error: there is no file \S+\/file\.anki2$/ },
  { name: 'a directory', make: (path) => mkdirSync(path), code: 2, error: /^error: \S+ is not a file$/ },
  {
    name: 'empty',
    make: (path) => writeFileSync(path, ''),
    code: 8,
    error: /^error: \S+: it is not a SQLite database$/,
  },
  {
    name: 'text',
    make: (path) => writeFileSync(path, 'no database at all\n'.repeat(100)),
    code: 8,
    error: /is not a SQLite database$/,
  },
  {
    name: 'a header and nothing behind it',
    make: (path) => writeFileSync(path, soundBytes(path).subarray(0, 100)),
    code: 8,
    error: /: it is truncated: 100 bytes of \d+$/,
  },
  {
    name: 'truncated',
    make: (path) => truncateSync(sound(path), soundBytes(path).length / 2),
    code: 8,
    error: /: it is truncated: \d+ bytes of \d+$/,
  },
  {
    name: 'damaged inside',
    make: (path) => writeFileSync(path, damaged(soundBytes(path))),
    code: 8,
    error: /^error: \S+: .*(damaged|malformed)/,
  },
  {
    name: 'a header before rubbish',
    make: (path) => writeFileSync(path, soundBytes(path).fill(0x5a, 100)),
    code: 8,
    error: /malformed|damaged|not a database/,
  },
  {
    name: 'a database without tables',
    make: (path) => withDatabase(path, 'CREATE TABLE t (a); DROP TABLE t'),
    code: 2,
    error: /holds no tables$/,
  },
  {
    name: 'a copy of a file in use, whose rows are in a -wal elsewhere',
    make: (path) => copyWithoutWal(path),
    code: 2,
    error: /holds no tables: it was in use when it was copied, and its rows are in a -wal file/,
  },
  {
    name: 'an Anki schema of 2022',
    make: (path) => withDatabase(sound(path), 'UPDATE col SET ver = 18'),
    code: 2,
    error: /newer Anki schema than 11/,
  },
  {
    name: 'a table with Anki’s collation',
    make: (path) =>
      withDatabase(sound(path), 'CREATE TABLE tags (tag text NOT NULL PRIMARY KEY COLLATE unicase)', true),
    code: 2,
    error: /newer Anki schema than 11/,
  },
];

function sound(path: string): string {
  rmSync(path, { force: true });
  writeAnkiFile(path, SIZE);
  return path;
}

function soundBytes(path: string): Buffer {
  return readFileSync(sound(path));
}

/** A page in the middle becomes rubbish; the first one, which the header is on, stays. */
function damaged(bytes: Buffer): Buffer {
  return Buffer.from(bytes).fill(0xee, 4096 * 3, 4096 * 5);
}

function withDatabase(path: string, sql: string, foreignCollation = false): void {
  const database = new Database(path);
  try {
    // A collation that SQLite does not know is refused where it is declared with an index, and written in by Anki alone.
    if (!foreignCollation) database.exec(sql);
    else {
      database.unsafeMode(true);
      database.exec('CREATE TABLE tags (tag text NOT NULL)');
      database.pragma('writable_schema = ON');
      database
        .prepare(
          "UPDATE sqlite_master SET sql = 'CREATE TABLE tags (tag text NOT NULL COLLATE unicase)' WHERE name = 'tags'",
        )
        .run();
    }
  } finally {
    database.close();
  }
}

function copyWithoutWal(path: string): void {
  const original = join(temporaryDirectory(), 'live.anki2');
  const database = new Database(original);
  database.pragma('journal_mode = WAL');
  database.exec('CREATE TABLE col (ver integer); INSERT INTO col VALUES (11)');
  copyFileSync(original, path);
  database.close();
}

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ open }) => {
  let deployment: CommandDeployment;
  let directory: string;
  let file: string;

  beforeEach(async () => {
    deployment = await open();
    directory = temporaryDirectory();
    file = join(directory, 'file.anki2');
  });

  afterEach(() => deployment.close());

  describe.each([
    { command: 'db push', argv: (path: string) => ['db', 'push', 'alice', path] },
    { command: 'db push --force', argv: (path: string) => ['db', 'push', 'carol', path, '--force'] },
    { command: 'db create --from', argv: (path: string) => ['db', 'create', 'alice', '--from', path] },
  ])('$command', ({ argv }) => {
    test.each(BAD_FILES)(
      'of a file that is $name ends with $code, and stores nothing',
      async ({ make, code, error }) => {
        await deployment.json('db', 'create', 'carol');
        const before = await deployment.json('db', 'list');
        deployment.server?.resetCounts();
        make(file);
        const beside = readdirSync(directory);
        expectFailure(await deployment.run(argv(file)), { code, error });
        expect(await deployment.json('db', 'list')).toEqual(before);
        expect(deployment.server?.counts.operations.PutObject ?? 0).toBe(0);
        expect(readdirSync(directory)).toEqual(beside);
      },
    );
  });

  test('a file in use is stored with what is only in its -wal yet, and left as it is', async () => {
    sound(file);
    const user = new Database(file);
    try {
      user.pragma('journal_mode = WAL');
      user.pragma('wal_autocheckpoint = 0');
      user.exec(
        "UPDATE notes SET tags = ' in the wal '; DELETE FROM revlog WHERE id % 2 = 0; CREATE TABLE extra (a); INSERT INTO extra VALUES (1)",
      );
      const before = new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));
      expect([...before.keys()]).toEqual(['file.anki2', 'file.anki2-shm', 'file.anki2-wal']);

      await deployment.json('db', 'push', 'alice', file);

      expect(readdirSync(directory)).toEqual([...before.keys()]);
      for (const name of ['file.anki2', 'file.anki2-wal'])
        expect(readFileSync(join(directory, name))).toEqual(before.get(name));
      const pulled = join(temporaryDirectory(), 'pulled.anki2');
      await deployment.json('db', 'pull', 'alice', '--out', pulled);
      expect(allRows(pulled)).toEqual(allRows(file));
      user.exec('INSERT INTO extra VALUES (2)');
    } finally {
      user.close();
    }
  });

  test('the -wal that a killed program left is stored too', async () => {
    const live = join(temporaryDirectory(), 'live.anki2');
    writeAnkiFile(live, SIZE);
    const user = new Database(live);
    user.pragma('journal_mode = WAL');
    user.exec("UPDATE notes SET tags = ' in the wal '");
    copyFileSync(live, file);
    copyFileSync(`${live}-wal`, `${file}-wal`);
    user.close();
    const before = [readFileSync(file), readFileSync(`${file}-wal`)];

    await deployment.json('db', 'push', 'alice', file);

    expect([readFileSync(file), readFileSync(`${file}-wal`)]).toEqual(before);
    const { rows } = await deployment.json<Json>(
      'db',
      'query',
      'alice',
      "SELECT count(*) AS n FROM notes WHERE tags = ' in the wal '",
    );
    expect(rows).toEqual([{ n: SIZE.notes }]);
  });

  test.each<{ name: string; make: (path: string) => void; warning: RegExp }>([
    {
      name: 'a copy in WAL mode without its -wal',
      make: (path) => writeFileSync(path, soundBytes(path).fill(2, 18, 20)),
      warning:
        /^warning: \S+ is in WAL mode and has no -wal beside it: if it was copied while in use, its last changes are missing\n$/,
    },
    {
      name: 'a database that is no collection',
      make: (path) => withDatabase(path, 'CREATE TABLE t (a)'),
      warning: /^warning: \S+ is not an Anki collection .*: Anki will not open it\n$/,
    },
  ])('$name is stored, with a warning', async ({ make, warning }) => {
    make(file);
    const { env, flags } = deployment;
    const result = await runCommand(['db', 'push', 'alice', file, '--json', ...flags], { env });
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: expect.stringMatching(warning) });
    expect(readdirSync(directory)).toEqual(['file.anki2']);
    // What came out of it can be written to again.
    expect(await deployment.json('db', 'exec', 'alice', 'CREATE TABLE more (a)')).toMatchObject({
      outcome: 'committed',
    });
  });
});

test('a file that is written to all the time is stored as it was at one moment', async () => {
  const file = join(temporaryDirectory(), 'file.anki2');
  writeAnkiFile(file, { notes: 5_000, reviews: 5_000 });
  const user = new Database(file);
  user.pragma('journal_mode = WAL');
  user.exec('CREATE TABLE a (n); INSERT INTO a VALUES (0); CREATE TABLE b (n); INSERT INTO b VALUES (0)');
  let commits = 0;
  let pushing = true;
  const write = (): void => {
    if (!pushing) return;
    user.exec('BEGIN; UPDATE a SET n = n + 1; UPDATE b SET n = n + 1; COMMIT');
    commits++;
    setImmediate(write);
  };
  try {
    setImmediate(write);
    const env = freshMachine();
    expect((await runCommand(['db', 'push', 'alice', file], { env })).code).toBe(0);
    expect(commits).toBeGreaterThan(1);
    const { rows } = (
      await runCommand(['db', 'query', 'alice', 'SELECT a.n = b.n AS same FROM a, b', '--json'], { env })
    ).json();
    expect(rows).toEqual([{ same: 1 }]);
    expect((await runCommand(['db', 'check', 'alice'], { env })).code).toBe(0);
  } finally {
    pushing = false;
    user.close();
  }
});

test('a file that a program has locked for itself, as Anki does, is refused', async () => {
  const file = join(temporaryDirectory(), 'file.anki2');
  sound(file);
  const anki = new Database(file);
  try {
    anki.pragma('locking_mode = EXCLUSIVE');
    anki.pragma('journal_mode = WAL');
    anki.exec('UPDATE col SET mod = mod + 1');
    expectFailure(await runCommand(['db', 'push', 'alice', file]), {
      code: 2,
      error: /cannot be read: database is locked$/,
      hint: /close the program that uses the file/,
    });
  } finally {
    anki.close();
  }
});

describe('an object that is broken', () => {
  const KEY = 'user_dbs/alice.anki2';
  let deployment: CommandDeployment;
  let scratch: string;

  beforeEach(async () => {
    deployment = await openOnS3();
    scratch = join(temporaryDirectory(), 'scratch.anki2');
  });

  afterEach(() => deployment.close());

  const place = (bytes: Uint8Array): void => void deployment.server?.putObject(BUCKET, KEY, bytes);

  const broken: { readonly name: string; readonly bytes: (path: string) => Uint8Array }[] = [
    { name: 'rubbish', bytes: () => Buffer.from('rubbish '.repeat(1000)) },
    { name: 'empty', bytes: () => Buffer.alloc(0) },
    { name: 'truncated', bytes: (path) => soundBytes(path).subarray(0, 8192) },
    { name: 'damaged inside', bytes: (path) => damaged(soundBytes(path)) },
  ];
  const commands = [
    { command: 'info', argv: [] },
    {
      command: 'query',
      argv: ['SELECT sum(length(flds)), sum(length(cards.data)) FROM notes, cards'],
    },
    { command: 'exec', argv: ['UPDATE col SET mod = mod + 1'] },
    { command: 'add-note', argv: ['--field', 'x'] },
  ];
  test.each(broken.flatMap((object) => commands.map((command) => ({ ...object, ...command }))))(
    '($name) makes db $command end with 8 and name the user, and stays as it is',
    async ({ bytes, command, argv }) => {
      place(bytes(scratch));
      const before = deployment.server?.object(BUCKET, KEY);
      const result = await deployment.run(['db', command, 'alice', ...argv]);
      expectFailure(result, { code: 8, error: /^error: database "alice": / });
      expect(deployment.server?.object(BUCKET, KEY)).toEqual(before);
      const json = await deployment.run(['db', command, 'alice', ...argv, '--json']);
      expect(json.failure()).toMatchObject({ kind: 'corrupt', username: 'alice' });
    },
  );

  test.each(broken)('($name) is listed, found by check, and replaced by push --force', async ({ bytes }) => {
    place(bytes(scratch));
    expect((await deployment.json<Json>('db', 'list')).databases).toHaveLength(1);
    expect((await deployment.run(['db', 'check', 'alice'])).code).toBe(8);
    expect(await deployment.json('db', 'push', 'alice', sound(scratch), '--force')).toMatchObject({
      outcome: 'committed',
    });
    expect((await deployment.run(['db', 'check', 'alice'])).code).toBe(0);
  });

  test('can be deleted', async () => {
    place(Buffer.from('rubbish'));
    expect(await deployment.json('db', 'delete', 'alice')).toMatchObject({ outcome: 'deleted' });
    expect(deployment.server?.object(BUCKET, KEY)).toBeUndefined();
  });

  test('only inside can be pulled, to be looked at', async () => {
    const bytes = damaged(soundBytes(scratch));
    place(bytes);
    const out = join(temporaryDirectory(), 'out.anki2');
    await deployment.json('db', 'pull', 'alice', '--out', out);
    expect(readFileSync(out).equals(bytes)).toBe(true);
  });

  test.each(BAD_FILES.filter(({ error }) => error.source.includes('newer')))(
    '($name) can be pulled, and is refused by what works on it',
    async ({ make }) => {
      make(scratch);
      place(readFileSync(scratch));
      const out = join(temporaryDirectory(), 'out.anki2');
      await deployment.json('db', 'pull', 'alice', '--out', out);
      expect(readFileSync(out).equals(readFileSync(scratch))).toBe(true);
      for (const { command, argv } of commands) {
        expectFailure(await deployment.run(['db', command, 'alice', ...argv]), {
          code: 2,
          error: /^error: database "alice" has a newer Anki schema/,
          hint: /in Anki/,
        });
      }
      expect(deployment.server?.counts.operations.PutObject).toBe(0);
    },
  );

  test('nothing about it is broken in WAL mode: it is read and written', async () => {
    place(soundBytes(scratch).fill(2, 18, 20));
    expect((await deployment.json<Json>('db', 'info', 'alice')).tables).toMatchObject({ notes: SIZE.notes });
    expect(await deployment.json('db', 'exec', 'alice', 'DELETE FROM revlog')).toMatchObject({
      outcome: 'committed',
      changes: SIZE.reviews,
    });
    expect((await deployment.runElsewhere(['db', 'check', 'alice'])).code).toBe(0);
  });
});
