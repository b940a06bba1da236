/** Restores into deployments that are not empty, and what must not be restored. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BackupRig, type Machine, onMachine, withOneByteChanged, withoutColours } from '../../testing/backup-rig.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { HASH, populate } from '../../testing/populated.ts';
import { freshMachine, type Json } from '../../testing/run-command.ts';

const USERS = 4;
const [ALICE, BOB, CAROL] = ['user-0000', 'user-0001', 'user-0002'] as const;

let template: Machine;
let rig: BackupRig;
let restore: readonly string[];

beforeAll(async () => {
  template = freshMachine();
  await onMachine(template, (databases) => populate(databases, USERS, { bytesMax: 30_000 }));
});

beforeEach(() => {
  rig = new BackupRig(template);
  restore = ['backup', 'restore', rig.folder];
});

/** Changes the bytes of a user's database where the local deployment keeps them. */
function damage(username: string): void {
  const directory = join(rig.env.JAVUMBO_HOME, 'databases', username);
  const [file = ''] = readdirSync(directory);
  const path = join(directory, file);
  writeFileSync(path, withOneByteChanged(readFileSync(path), 12_000));
}

describe('a database that differs from the backup', () => {
  let before: Record<string, string>;

  beforeEach(async () => {
    before = await rig.contents();
    await rig.create();
    await rig.edit(ALICE);
    await rig.run(['db', 'delete', '--yes', BOB]);
  });

  test('is left, and what is not there is made', async () => {
    const edited = (await rig.contents())[ALICE];
    expect(await rig.json(restore, 4)).toMatchObject({
      counts: { conflict: 1, committed: 1, unchanged: USERS - 2 },
      equal: USERS - 1,
    });
    expect(await rig.contents()).toEqual({ ...before, [ALICE]: edited });
  });

  test('is replaced with --replace, and the command says so first', async () => {
    const dry = await rig.json([...restore, '--replace', '--dry-run']);
    expect(dry).toMatchObject({
      plan: { created: 1, different: 1, unchanged: USERS - 2, examples: [ALICE] },
      dryRun: true,
    });
    expect(await rig.contents()).not.toEqual(before);
    const asked = await rig.run([...restore, '--replace'], { tty: true, typed: 'local\n' });
    expect(asked.code).toBe(0);
    expect(asked.stderr.replace(/\n {2}/g, ' ')).toMatch(
      /^This replaces 1 database in the local deployment \(user-0000\) by what they were at [\d-]{10} [\d:]{8} UTC\.$/m,
    );
    expect(withoutColours(asked.stdout)).toContain(`${USERS} of ${USERS} databases equal`);
    expect(await rig.contents()).toEqual(before);
  });

  test.each([
    {
      name: 'somebody types another word',
      options: { tty: true, typed: 'no\n' },
      error: /not confirmed: nothing was changed/,
    },
    { name: 'there is nobody to ask', options: {}, error: /needs a confirmation, and there is no terminal to ask/ },
  ])('stays, as does everything else, when $name', async ({ options, error }) => {
    const there = await rig.contents();
    const { code, stdout, stderr } = await rig.run([...restore, '--replace'], options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(error);
    expect(await rig.contents()).toEqual(there);
  });

  test('is replaced without a question with --yes, and only where it was asked for', async () => {
    expect((await rig.json([...restore, '--replace', '--yes', '--only', ALICE])).counts).toEqual({ committed: 1 });
    const { [BOB]: _, ...others } = before;
    expect(await rig.contents()).toEqual(others);
  });

  test('is as it was at an older time with --run', async () => {
    await rig.create();
    const { runs } = await rig.json(['backup', 'list', rig.folder]);
    const { startedAt } = runs.at(-1);
    expect((await rig.json(restore)).counts).toEqual({ unchanged: USERS });
    await rig.json([...restore, '--replace', '--yes', '--run', startedAt]);
    expect(await rig.contents()).toEqual(before);
    const shown = startedAt.replace('T', ' ').slice(0, 10);
    expect((await rig.run([...restore, '--run', shown])).code).toBe(2);
    expect((await rig.run([...restore, '--run', '2001-01-01'])).code).toBe(3);
  });
});

describe('an account', () => {
  beforeEach(async () => {
    await rig.create();
    await rig.run(['user', 'delete', '--yes', BOB]);
    await rig.run(['user', 'update', ALICE, '--name', 'Another name']);
  });

  const named = async (username: string): Promise<Json> => (await rig.json(['user', 'get', username])).name;

  test('that is gone comes back with its hash, and one that differs is left', async () => {
    const { users, counts } = await rig.json(restore, 4);
    expect(counts).toEqual({ conflict: 1, unchanged: USERS - 1 });
    expect(users.find(({ username }: Json) => username === ALICE)).toMatchObject({
      account: 'conflict',
      error: 'another account is there, and it was left (--replace)',
    });
    expect(await named(ALICE)).toBe('Another name');
    expect(await named(BOB)).toBe(`Somebody ${BOB}`);
    await rig.create();
    expect(
      rig
        .manifestText()
        .trimEnd()
        .split('\n')
        .filter((line) => line.includes(`"${BOB}"`) && line.includes(HASH)),
    ).toHaveLength(2);
  });

  test('that differs is replaced with --replace, and none is touched with --without-accounts', async () => {
    await rig.json([...restore, '--without-accounts']);
    expect((await rig.run(['user', 'get', BOB])).code).toBe(3);
    await rig.json([...restore, '--replace', '--yes']);
    expect(await named(ALICE)).toBe(`Somebody ${ALICE}`);
  });
});

describe('a database that is damaged', () => {
  test('in the deployment does not stop the others, is kept, and is not restored', async () => {
    damage(CAROL);
    const created = await rig.json(['backup', 'create', rig.folder], 7);
    expect(created).toMatchObject({ counts: { stored: USERS - 1, damaged: 1 }, run: { complete: true } });
    expect(rig.files()).toHaveLength(USERS);
    // Nothing is fetched again, and nothing is forgotten.
    expect(await rig.json(['backup', 'create', rig.folder], 7)).toMatchObject({
      counts: { unchanged: USERS - 1, damaged: 1 },
      fetchedBytes: 0,
    });
    const { users } = await rig.json(['backup', 'verify', rig.folder], 7);
    expect(users.filter(({ outcome }: Json) => outcome === 'damaged')).toEqual([
      expect.objectContaining({
        username: CAROL,
        error: expect.stringMatching(/^it was damaged in the deployment already/),
      }),
    ]);
    expect((await rig.json(restore, 7, freshMachine())).counts).toEqual({ committed: USERS - 1, damaged: 1 });
  });

  test('in the deployment is mended by --replace from a backup that was made before', async () => {
    const before = await rig.contents();
    await rig.create();
    damage(CAROL);
    expect((await rig.json(restore, 4)).counts).toEqual({ unchanged: USERS - 1, conflict: 1 });
    expect((await rig.json([...restore, '--replace', '--yes'])).equal).toBe(USERS);
    expect(await rig.contents()).toEqual(before);
  });

  test('is told apart from one that is no collection, which is in the backup and comes back', async () => {
    const file = join(rig.env.HOME, 'other.anki2');
    const other = new Database(file);
    other.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    other.close();
    await rig.run(['db', 'push', 'other', file]);
    const { users } = await rig.json(['backup', 'create', rig.folder], 7);
    expect(users.find(({ username }: Json) => username === 'other')).toMatchObject({
      outcome: 'stored',
      findings: [expect.stringMatching(/^it is not an Anki collection/)],
    });
    expect((await rig.json(['backup', 'verify', rig.folder], 7)).counts).toEqual({ sound: USERS, findings: 1 });
    expect((await rig.json(restore, 0, freshMachine())).counts).toEqual({ committed: USERS + 1 });
  });
});

describe('what cannot be', () => {
  test('a folder that holds something else is not written to', async () => {
    mkdirSync(rig.folder);
    writeFileSync(join(rig.folder, 'letter.txt'), 'dear');
    expectFailure(await rig.run(['backup', 'create', rig.folder]), {
      code: 2,
      error: /is no backup, and not empty: it holds letter\.txt/,
    });
    expect(readdirSync(rig.folder)).toEqual(['letter.txt']);
  });

  test.each(['verify', 'restore', 'list'])('backup %s of a folder without a backup is refused', async (verb) => {
    expectFailure(await rig.run(['backup', verb, rig.env.HOME]), { code: 2, error: /holds no backup$/ });
  });

  test('a folder has the backups of one deployment', async () => {
    await rig.create();
    const elsewhere = await rig.run(['backup', 'create', rig.folder, '--quiet'], { env: freshMachine() });
    expectFailure(elsewhere, { code: 2, error: /is the backup of another deployment: / });
  });

  test('two runs do not write into one folder at once', async () => {
    await rig.create();
    const other = new Database(join(rig.folder, 'lock'));
    other.exec('BEGIN IMMEDIATE');
    try {
      expectFailure(await rig.run(['backup', 'create', rig.folder]), {
        code: 4,
        error: /another backup is being written/,
      });
    } finally {
      other.close();
    }
    await rig.create();
  });

  test('a user whom the backup does not have is named, and nothing is restored', async () => {
    await rig.create();
    const empty = freshMachine();
    const refused = await rig.run([...restore, '--only', ALICE, '--only', 'nobody', '--quiet'], { env: empty });
    expectFailure(refused, { code: 3, error: /the backup has no user "nobody"/ });
    expect(await rig.contents(empty)).toEqual({});
  });

  test('a manifest that names a file elsewhere is refused', async () => {
    await rig.create();
    const [name = ''] = rig.manifests();
    const path = join(rig.folder, 'runs', name);
    copyFileSync(path, `${path}.kept`);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"file":"[^"]*"/, '"file":"../../secret.anki2"'));
    expectFailure(await rig.run(restore), { code: 8, error: /line \d is not as it must be: database\.file/ });
  });
});
