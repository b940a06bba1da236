import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allRows, writeAnkiFile } from '../../testing/anki-file.ts';
import { BAD_FILES, SIZE, sound, soundBytes, withDatabase } from '../../testing/bad-files.ts';
import { COMMAND_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { freshMachine, type Json, runCommand, temporaryDirectory } from '../../testing/run-command.ts';

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
    { command: 'db push --force', argv: (path: string) => ['db', 'push', 'carol', path, '--force', '--yes'] },
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
