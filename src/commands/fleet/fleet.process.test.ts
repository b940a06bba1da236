/** `fleet check`, `exec`, `undo` and `stats` as commands. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyOf } from '../../core/username.ts';
import { newCollectionFile } from '../../testing/backup-rig.ts';
import { damaged, withDatabase } from '../../testing/bad-files.ts';
import { BUCKET, type CommandDeployment, openLocal, openOnAws, openOnS3 } from '../../testing/command-deployments.ts';
import { type CommandResult, type Json, temporaryDirectory } from '../../testing/run-command.ts';
import { keepVersions } from '../../testing/versioned-bucket.ts';

let directory: string;
let deployment: CommandDeployment;

afterEach(() => deployment.close());

async function onAws(): Promise<void> {
  ({ deployment } = await openOnAws());
}

beforeEach(() => {
  directory = temporaryDirectory();
});

const file = (name: string): string => join(directory, name);

/** Runs a command that ends with `code`, and returns its document. */
async function json(code: number, ...argv: string[]): Promise<Json> {
  const result = await deployment.run([...argv, '--json']);
  expect({ argv, code: result.code, stderr: code === 0 ? result.stderr : '' }).toEqual({ argv, code, stderr: '' });
  return result.json();
}

async function bytesOf(sql?: string): Promise<Buffer> {
  const path = file('bytes.anki2');
  await newCollectionFile(path);
  if (sql !== undefined) withDatabase(path, sql);
  return readFileSync(path);
}

const script = (sql: string): string => {
  writeFileSync(file('script.sql'), sql);
  return file('script.sql');
};

async function create(...usernames: string[]): Promise<void> {
  for (const username of usernames) await deployment.json('db', 'create', username);
}

async function account(username: string): Promise<void> {
  const argv = ['user', 'create', username, '--name', 'N', '--password-stdin'];
  expect((await deployment.run(argv, { piped: 'correct horse' })).code).toBe(0);
}

describe('fleet check', () => {
  test('finds each thing that is wrong, and nothing else', async () => {
    await onAws();
    const { server } = deployment;
    const sound = await bytesOf();
    const put = (username: string, bytes: Buffer): unknown => server?.putObject(BUCKET, keyOf(username), bytes);
    await create('alice');
    put(
      'page',
      damaged(Buffer.concat([await bytesOf('CREATE TABLE x (y); INSERT INTO x VALUES (randomblob(50000))')])),
    );
    put('index', await bytesOf('CREATE INDEX ours ON notes (flds)').then((bytes) => withBrokenIndex(bytes)));
    put('newer', await bytesOf('UPDATE col SET ver = 18'));
    put('wal', Buffer.concat([sound.subarray(0, 18), Buffer.from([2, 2]), sound.subarray(20)]));
    put('nobody', sound);
    put('javumbo-test-1', sound);
    server?.putObject(BUCKET, 'user_dbs/no name.anki2', sound);
    for (const username of ['alice', 'page', 'index', 'newer', 'wal', 'orphan']) await account(username);
    const { users } = await json(7, 'fleet', 'check');
    const found = users.map(({ username, outcome, findings, error }: Json) => [username, outcome, findings ?? error]);
    expect(found.sort()).toEqual([
      ['alice', 'sound', []],
      ['index', 'damaged', expect.stringMatching(/index/)],
      ['newer', 'findings', [expect.stringMatching(/schema is newer/)]],
      ['nobody', 'findings', ['it has no account']],
      ['orphan', 'findings', ['it has an account and no database']],
      ['page', 'damaged', expect.stringMatching(/damaged|malformed/)],
      ['user_dbs/no name.anki2', 'findings', [expect.stringMatching(/no username/)]],
      ['wal', 'findings', [expect.stringMatching(/WAL/)]],
    ]);
    // Named, or selected by a prefix or a query, those alone are looked at.
    expect((await json(0, 'fleet', 'check', '--prefix', 'al')).counts).toEqual({ sound: 1 });
    expect((await json(7, 'fleet', 'check', '--prefix', 'javumbo-test-')).counts).toEqual({ findings: 1 });
    writeFileSync(file('names'), 'alice\nnobody\nsomebody\n');
    expect((await json(7, 'fleet', 'check', '--users', file('names'))).counts).toEqual({
      sound: 1,
      findings: 1,
      'not-found': 1,
    });
  });

  test('on a terminal lists who is not as they should be', async () => {
    deployment = openLocal();
    await create('alice');
    const { code, stdout } = await deployment.run(['fleet', 'check'], { tty: true });
    expect(code).toBe(7);
    expect(stdout).toMatch(/alice\s+findings: it has no account/);
    expect((await deployment.run(['fleet', 'check', '--without-accounts'])).code).toBe(0);
  });
});

/** Empties an index without telling SQLite of it: its rows are there, and the index has none of them. */
function withBrokenIndex(bytes: Buffer): Buffer {
  const path = file('index.anki2');
  writeFileSync(path, bytes);
  withDatabase(path, "INSERT INTO notes VALUES (1, 'g', 1, 1, 0, '', 'a', 'a', 0, 0, '')");
  withDatabase(path, 'PRAGMA writable_schema = ON');
  const whole = readFileSync(path);
  // The number of cells in the index's page, which is the last one.
  const pageSize = whole.readUInt16BE(16);
  const last = whole.length - pageSize;
  expect(whole[last]).toBe(10);
  whole.writeUInt16BE(0, last + 3);
  return whole;
}

describe('fleet exec', () => {
  const exec = (...argv: string[]): Promise<CommandResult> => deployment.run(['fleet', 'exec', ...argv]);

  test('commits for those whom the script fits, lists the others with their errors, and ends with 7', async () => {
    deployment = openLocal();
    await create('alice', 'bob');
    await deployment.json('db', 'exec', 'bob', 'CREATE TABLE extra (x)');
    const argv = ['--file', script('CREATE TABLE extra (x)'), '--journal', file('journal')];
    const { users, counts } = await json(7, 'fleet', 'exec', ...argv);
    expect(counts).toEqual({ committed: 1, refused: 1 });
    const bob = { username: 'bob', outcome: 'refused', error: expect.stringContaining('already exists') };
    expect(users).toContainEqual(bob);
  });

  test('prints each user as a line as it ends, and last what else there is', async () => {
    deployment = openLocal();
    await create('alice', 'bob');
    const { stdout } = await exec('--file', script('UPDATE col SET usn = 1'), '--jsonl');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(
      lines
        .slice(0, 2)
        .map(({ username }) => username)
        .sort(),
    ).toEqual(['alice', 'bob']);
    expect(lines[2]).toMatchObject({ counts: { committed: 2 }, stopped: false });
    // By default the journal is a private file in the home of the program.
    expect(lines[2].journal).toContain(deployment.env.JAVUMBO_HOME);
    expect(existsSync(lines[2].journal)).toBe(true);
  });

  test('asks after the canaries, and is resumed where nobody is there', async () => {
    deployment = openLocal();
    await create('alice', 'bob', 'carol');
    const argv = ['--file', script('UPDATE col SET usn = usn + 1'), '--journal', file('journal'), '--canary', '1'];
    const { code, stderr } = await exec(...argv);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/try: .*--resume .*journal, and --yes/),
    });
    const rest = ['--file', file('script.sql'), '--resume', file('journal')];
    expect((await exec(...rest)).stderr).toBe(
      `2 committed; 1 were done before\nundo:    javumbo fleet undo ${file('journal')}\n`,
    );
    const usn = await deployment.run(['db', 'query', 'alice', 'SELECT usn FROM col']);
    expect(usn.stdout).toBe('1\n');
  });

  test('of canaries that are not sound stops, also with --yes', async () => {
    deployment = openLocal();
    await create('alice', 'bob', 'carol');
    const sql = "INSERT INTO cards VALUES (1, 99, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, '')";
    const { users, stopped } = await json(
      7,
      ...['fleet', 'exec', '--file', script(sql), '--canary', '1', '--yes', '--journal', file('journal')],
    );
    expect(stopped).toBe(true);
    expect(users).toMatchObject([{ username: 'alice', findings: [expect.stringContaining('card')] }]);
  });

  test('asks once before what is lost', async () => {
    deployment = openLocal();
    await create('alice', 'bob');
    const argv = ['fleet', 'exec', '--file', script('DROP TABLE graves'), '--journal', file('journal')];
    expect(await deployment.run(argv)).toMatchObject({ code: 2, stderr: expect.stringContaining('graves is dropped') });
    const resumed = [...argv.slice(0, 4), '--resume', file('journal')];
    const { code, stderr } = await deployment.run(resumed, { tty: true, typed: 'local\n' });
    expect(code).toBe(0);
    expect(stderr.match(/Type local/g)).toHaveLength(1);
  });

  test.each([
    { name: 'is done', journal: undefined, says: 'was done on', advice: '--again' },
    { name: 'is done, with a journal of its own', journal: 'journal', says: 'was done on', advice: '--again' },
    { name: 'has stopped', journal: 'journal', stops: true, says: 'not finished', advice: '--resume {journal}' },
  ])('does not do again what $name, unless that is asked for', async ({ journal, stops = false, says, advice }) => {
    deployment = openLocal();
    await create('alice', 'bob');
    const argv = ['--file', script('UPDATE col SET usn = usn + 1')];
    const own = journal === undefined ? [] : ['--journal', file(journal)];
    expect((await exec(...argv, ...own, ...(stops ? ['--canary', '1'] : []))).code).toBe(stops ? 2 : 0);
    const { code, stderr } = await exec(...argv);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(says) });
    expect(stderr.replace(/try: +/, '')).toContain(advice.replace('{journal}', file('journal')));
    const usn = async (): Promise<string> =>
      (await deployment.run(['db', 'query', 'alice', 'SELECT usn FROM col'])).stdout;
    expect(await usn()).toBe('1\n');
    expect((await exec(...argv, '--dry-run')).code).toBe(0);
    expect((await exec(...argv, '--again')).code).toBe(0);
    expect(await usn()).toBe('2\n');
  });

  test.each([
    { name: 'a terminal', tty: true, stream: 'stdout' },
    { name: 'a pipe, whose standard output names users,', tty: false, stream: 'stderr' },
  ] as const)('a dry run says on $name how many users would change', async ({ tty, stream }) => {
    deployment = openLocal();
    await create('alice', 'bob', 'carol');
    const argv = ['fleet', 'exec', '-n', '--file', script('UPDATE col SET usn = usn + 1'), '--no-color'];
    const told = async (more: string[]): Promise<string> => (await deployment.run([...argv, ...more], { tty }))[stream];
    const nothing = 'dry run: nothing was stored\n';
    expect(await told([])).toBe(`3 of 3 users would change\n${nothing}`);
    const where = ['--where', 'SELECT count(*) > 0 FROM col WHERE crt < 0'];
    expect(await told(where)).toBe(`0 of 3 users would change; 3 skipped\n${nothing}`);
  });

  test('asks nothing with -y before a table of Anki’s is emptied', async () => {
    deployment = openLocal();
    await create('alice');
    const argv = ['--file', script('DELETE FROM col WHERE 0; DELETE FROM notes')];
    await deployment.run(['db', 'add-note', 'alice', '--field', 'a', '--field', 'b']);
    expect((await exec(...argv)).code).toBe(2);
    expect((await exec(...argv, '--again', '-y')).code).toBe(0);
  });

  test('does again what was undone', async () => {
    deployment = openLocal();
    await create('alice');
    const argv = ['--file', script('UPDATE col SET usn = usn + 1'), '--journal'];
    await exec(...argv, file('journal'));
    expect((await json(0, 'fleet', 'undo', file('journal'), '--yes')).counts).toEqual({ committed: 1 });
    expect((await exec(...argv, file('another'))).code).toBe(0);
  });

  test('wants a way back on a bucket without versions, or none', async () => {
    await onAws();
    await create('alice');
    const argv = ['--file', script('UPDATE col SET usn = 7'), '--journal', file('journal')];
    expect(await exec(...argv)).toMatchObject({ code: 2, stderr: expect.stringContaining('--keep <dir>') });
    expect((await exec(...argv, '--keep', file('kept'))).code).toBe(0);
    expect((await json(0, 'fleet', 'undo', file('journal'), '--yes')).counts).toEqual({ committed: 1 });
  });

  test('on a bucket with versions is undone from these', async () => {
    await onAws();
    await keepVersions(deployment.server?.endpoint ?? '', BUCKET);
    await create('alice', 'bob');
    await deployment.json('db', 'exec', 'alice', 'UPDATE col SET usn = 3');
    expect((await exec('--file', script('UPDATE col SET usn = 7'), '--journal', file('journal'))).code).toBe(0);
    await deployment.json('db', 'exec', 'bob', 'UPDATE col SET usn = 8');
    const { counts } = await json(4, 'fleet', 'undo', file('journal'), '--yes');
    expect(counts).toEqual({ committed: 1, conflict: 1 });
    expect((await deployment.run(['db', 'query', 'alice', 'SELECT usn FROM col'])).stdout).toBe('3\n');
  });

  const REFUSED: readonly { readonly name: string; readonly argv: readonly string[]; readonly error: RegExp }[] = [
    { name: 'a selection beside --resume', argv: ['--resume', 'j', '--prefix', 'a'], error: /takes no --prefix/ },
    { name: '--no-undo beside --resume', argv: ['--resume', 'j', '--no-undo'], error: /takes no --no-undo/ },
    { name: '--keep and --no-undo', argv: ['--keep', 'k', '--no-undo'], error: /does without/ },
    { name: 'a journal of a dry run', argv: ['--dry-run', '--journal', 'j'], error: /keeps no journal/ },
    {
      name: 'a query that does not parse',
      argv: ['--where', 'SELEC 1'],
      error: /^error: --where: near "SELEC": syntax/m,
    },
    { name: 'half a query', argv: ['--where', 'SELECT count(*'], error: /^error: --where: incomplete input$/m },
    {
      name: 'a query that writes',
      argv: ['--where', 'DELETE FROM notes'],
      error: /--where only reads, and DELETE does not/,
    },
    {
      name: 'a query of a dry run',
      argv: ['--where', 'SELEC 1', '--dry-run'],
      error: /^error: --where: near "SELEC"/m,
    },
    { name: 'two queries', argv: ['--where', 'SELECT 1; SELECT 2'], error: /--where takes one query/ },
    { name: 'a file of no usernames', argv: ['--users', 'script.sql'], error: /is not a username/ },
    { name: 'a file that is not there', argv: ['--users', 'nothing'], error: /--users .*ENOENT/ },
    { name: 'both kinds of JSON', argv: ['--json', '--jsonl'], error: /different things/ },
    { name: 'a journal that is none', argv: ['--resume', 'script.sql'], error: /is no journal/ },
    { name: 'a journal that is not there', argv: ['--resume', 'nothing'], error: /there is no journal/ },
    { name: 'a journal where nothing can be', argv: ['--journal', 'script.sql/j'], error: /cannot be written/ },
  ];
  test.each(REFUSED)('refuses $name, before anybody is changed', async ({ argv, error }) => {
    deployment = openLocal();
    await create('alice');
    const files = ['j', 'k', 'script.sql', 'nothing', 'script.sql/j'];
    const own = argv.map((word) => (files.includes(word) ? file(word) : word));
    const { code, stderr } = await exec('--file', script('UPDATE col SET usn = 9'), ...own);
    expect([2, 5]).toContain(code);
    expect(stderr).toMatch(error);
    expect((await deployment.run(['db', 'query', 'alice', 'SELECT usn FROM col'])).stdout).not.toBe('9\n');
  });

  test.each<{ name: string; argv: () => string[]; error: string }>([
    {
      name: 'a script',
      argv: () => ['exec', '--file', script('UPDATE col SET usn = 9;\nUPDTE col SET usn = 8')],
      error: 'line 2: near "UPDTE": syntax error; did you mean UPDATE?',
    },
    { name: 'check', argv: () => ['check', '--where', 'SELEC 1'], error: '--where: near "SELEC"' },
    { name: 'stats', argv: () => ['stats', '--where', 'SELEC 1'], error: '--where: near "SELEC"' },
  ])('what parses nowhere is told once, and no user is asked for: $name', async ({ argv, error }) => {
    deployment = await openOnS3();
    await create('alice');
    await create('bob');
    const before = deployment.server?.log.length;
    const { code, stdout, stderr } = await deployment.run(['fleet', ...argv()]);
    expect({ code, stdout, requests: deployment.server?.log.length }).toEqual({
      code: 2,
      stdout: '',
      requests: before,
    });
    expect(stderr.split('\n')[0]).toContain(`error: ${error}`);
  });

  test('names no way back from nothing', async () => {
    deployment = openLocal();
    await create('alice');
    expect((await exec('--file', script('SELECT 1'))).stderr).toBe('1 unchanged\n');
  });
});

describe('fleet import', () => {
  test('adds a deck to those who are named, once, and is undone', async () => {
    deployment = openLocal();
    await create('alice', 'bob', 'teacher');
    await deployment.json('db', 'add-note', 'teacher', '--field', 'der Hund', '--field', 'the dog');
    await deployment.json('db', 'export', 'teacher', '--out', file('german.apkg'));
    writeFileSync(file('class'), 'alice\nbob\n');
    const argv = ['fleet', 'import', file('german.apkg'), '--users', file('class')];
    const imported = await json(0, ...argv, '--journal', file('journal'));
    expect(imported).toMatchObject({ counts: { committed: 2 }, users: [{ changes: 1 }, { changes: 1 }] });
    const notes = async (): Promise<string> =>
      (await deployment.run(['db', 'query', 'alice', 'SELECT count(*) FROM notes'])).stdout;
    expect(await notes()).toBe('1\n');
    expect((await deployment.run(argv)).code).toBe(2);
    // Notes are known by their guids.
    expect((await json(0, ...argv, '--again')).counts).toEqual({ unchanged: 2 });
    expect((await deployment.run([...argv.slice(0, 3), '--resume', file('journal'), '--deck', 'D'])).code).toBe(2);
    expect((await json(0, 'fleet', 'undo', file('journal'), '--yes')).counts).toEqual({ committed: 2 });
    expect(await notes()).toBe('0\n');
  });
});

describe('fleet stats', () => {
  test('counts users, databases, sizes, versions, test data and, asked to, what is in them', async () => {
    await onAws();
    await keepVersions(deployment.server?.endpoint ?? '', BUCKET);
    await create('alice', 'bob');
    deployment.server?.putObject(BUCKET, keyOf('javumbo-test-1'), await bytesOf());
    await account('alice');
    await deployment.json('db', 'add-note', 'alice', '--field', 'a', '--field', 'b');
    const stats = await json(0, 'fleet', 'stats', '--deep');
    const { sizeBytes } = await deployment.json<Json>('db', 'info', 'bob');
    expect(stats).toMatchObject({
      counts: { counted: 2 },
      accounts: 1,
      databases: 2,
      sizes: { p50: sizeBytes, totalBytes: expect.any(Number) },
      versions: { count: 1, bytes: sizeBytes },
      testData: { databases: 1, accounts: 0 },
      active: { day: 2, week: 2, month: 2 },
      content: { notes: 1, cards: 1, reviews: 0 },
      cost: { prices: { region: 'us-east-1' } },
    });
    expect(stats.cost.usdPerMonth).toBeCloseTo(((stats.sizes.totalBytes + sizeBytes) / 1e9) * 0.023, 12);
    const some = await json(0, 'fleet', 'stats', '--where', 'SELECT count(*) FROM notes');
    expect(some).toMatchObject({ counts: { counted: 1, skipped: 1 }, databases: 1 });
  });
});
