/** Packages of Anki's, by the command line. */
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allRows, writeAnkiFile } from '../../testing/anki-file.ts';
import { COMMAND_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { newestPackage, writeSchema18, zipFile } from '../../testing/packages.ts';
import { type Json, runCommand, temporaryDirectory } from '../../testing/run-command.ts';

describe.each(COMMAND_DEPLOYMENTS)('packages on $name', ({ open }) => {
  let deployment: CommandDeployment;
  let directory: string;

  beforeEach(async () => {
    deployment = await open();
    directory = temporaryDirectory();
    writeAnkiFile(join(directory, 'alice.anki2'), { notes: 30, reviews: 40 });
    await deployment.json('db', 'create', 'alice', '--from', join(directory, 'alice.anki2'));
    await deployment.json('db', 'create', 'bob');
  });

  afterEach(() => deployment.close());

  const at = (name: string): string => join(directory, name);

  test('decks go from one user to another, in one commit, and the second time nothing is sent', async () => {
    const exported = await deployment.json<Json>('db', 'export', 'alice', '--out', at('a.apkg'), '--with-scheduling');
    expect(exported).toEqual({
      username: 'alice',
      version: expect.any(String),
      file: at('a.apkg'),
      sizeBytes: statSync(at('a.apkg')).size,
      notes: 30,
      cards: 40,
      reviews: 40,
      decks: 2,
      noteTypes: 1,
      media: { referred: 0, packed: 0 },
    });
    expect(statSync(at('a.apkg')).mode & 0o777).toBe(0o600);
    expect(Object.keys(unzipSync(readFileSync(at('a.apkg'))))).toEqual(['collection.anki2', 'media']);
    const imported = await deployment.json<Json>('db', 'import', 'bob', at('a.apkg'));
    expect(imported).toMatchObject({
      outcome: 'committed',
      attempts: 1,
      requests: { put: 1 },
      imported: {
        notes: { added: 30, updated: 0, unchanged: 0, left: 0 },
        cards: 40,
        reviews: 40,
        decks: 1,
        noteTypes: 1,
      },
      media: { referred: 0, packed: 0 },
    });
    const again = await deployment.json<Json>('db', 'import', 'bob', at('a.apkg'));
    expect(again).toMatchObject({
      outcome: 'unchanged',
      version: imported.version,
      requests: { put: 0 },
      imported: { notes: { added: 0, unchanged: 30 }, cards: 0, reviews: 0, decks: 0, noteTypes: 0 },
    });
  });

  test('a .colpkg makes a new database, and replaces one, with equal rows', async () => {
    await deployment.json('db', 'export', 'alice', '--out', at('a.colpkg'));
    expect(await deployment.json('db', 'create', 'carol', '--from', at('a.colpkg'))).toMatchObject({
      outcome: 'committed',
    });
    await deployment.json('db', 'push', 'bob', at('a.colpkg'), '--force', '--yes');
    for (const username of ['bob', 'carol']) {
      await deployment.json('db', 'pull', username, '--out', at('pulled.anki2'));
      expect(allRows(at('pulled.anki2'))).toEqual(allRows(at('alice.anki2')));
    }
  });

  test('a package of today comes in, and what schema 11 cannot hold is named', async () => {
    const file = newestPackage(writeSchema18());
    expect(await deployment.json('db', 'import', 'bob', file)).toMatchObject({
      outcome: 'committed',
      imported: { notes: { added: 2 }, cards: 3, reviews: 1, decks: 2, noteTypes: 2 },
      warnings: ['schema 11 cannot hold that 1 tag is folded in the sidebar'],
    });
    const whole = newestPackage(writeSchema18(), { 'a.jpg': 'picture' }, 'whole.colpkg');
    expect(await deployment.json('db', 'create', 'dora', '--from', whole)).toMatchObject({
      warnings: [expect.stringMatching(/folded/), `the deployment keeps no media: ${whole} holds 1`],
    });
    expect((await deployment.json<Json>('db', 'info', 'dora')).tables).toMatchObject({ notes: 2, cards: 3, revlog: 1 });
  });

  test('media come from a directory and go to one, where nothing is replaced', async () => {
    await deployment.json(
      'db',
      'add-note',
      'bob',
      '--field',
      '<img src="a%20b.jpg">',
      '--field',
      '[sound:x.mp3] <img src=gone.png>',
    );
    for (const folder of ['from', 'to']) mkdirSync(at(folder));
    writeFileSync(at('from/a b.jpg'), 'picture');
    writeFileSync(at('from/x.mp3'), 'sound');
    writeFileSync(at('from/other.jpg'), 'of another note');
    const exported = await deployment.json<Json>('db', 'export', 'bob', '--out', at('b.apkg'), '--media', at('from'));
    expect(exported.media).toEqual({ referred: 3, packed: 2 });
    writeFileSync(at('to/x.mp3'), 'another sound');
    expect(await deployment.json('db', 'import', 'alice', at('b.apkg'), '--media', at('to'))).toMatchObject({
      media: { referred: 3, packed: 2, written: 1, unchanged: 0 },
      warnings: [`${at('to')} has another file x.mp3, which stays`],
    });
    expect(
      Object.fromEntries(readdirSync(at('to')).map((name) => [name, readFileSync(at(`to/${name}`), 'utf8')])),
    ).toEqual({
      'a b.jpg': 'picture',
      'x.mp3': 'another sound',
    });
    const second = await deployment.json<Json>('db', 'import', 'alice', at('b.apkg'), '--media', at('to'));
    expect(second).toMatchObject({ outcome: 'unchanged', media: { written: 0, unchanged: 1 } });
  });

  test('a terminal and a pipe show what there is in lines', async () => {
    const { stdout } = await deployment.run(['db', 'export', 'alice', '--out', at('a.apkg'), '--deck', 'Deutsch']);
    expect(stdout).toMatch(/^notes\t10$/m);
    expect(stdout).toMatch(/^media\t0 of 0$/m);
    const imported = await deployment.run(['db', 'import', 'bob', at('a.apkg'), '--deck', 'Class'], { tty: true });
    expect(imported.stdout).toMatch(/notes +10 added, 0 updated, 0 unchanged, 0 left\n/);
  });

  test.each<{ name: string; argv: (at: (name: string) => string) => string[]; code: number; error: RegExp }>([
    {
      name: 'a user without a database',
      argv: (at) => ['import', 'nobody', at('sound.apkg')],
      code: 3,
      error: /nobody/,
    },
    {
      name: 'a file that is not there',
      argv: (at) => ['import', 'bob', at('gone.apkg')],
      code: 2,
      error: /there is no file/,
    },
    { name: 'a directory', argv: (at) => ['import', 'bob', at('')], code: 2, error: /is not a file/ },
    { name: 'what is no package', argv: (at) => ['import', 'bob', at('alice.anki2')], code: 8, error: /not a zip/ },
    {
      name: 'a package that is cut off',
      argv: (at) => ['import', 'bob', at('cut.apkg')],
      code: 8,
      error: /is damaged/,
    },
    {
      name: 'a .colpkg that is cut off',
      argv: (at) => ['create', 'carol', '--from', at('cut.apkg')],
      code: 2,
      error: /holds decks/,
    },
    {
      name: 'a path that climbs',
      argv: (at) => ['import', 'bob', at('climbs.apkg')],
      code: 8,
      error: /leads out of it/,
    },
    {
      name: 'a filtered deck to put cards into',
      argv: (at) => ['import', 'bob', at('sound.apkg'), '--deck', 'Cram'],
      code: 2,
      error: /is filtered/,
    },
    {
      name: 'an export into a directory that is not there',
      argv: (at) => ['export', 'bob', '--out', at('gone/a.apkg')],
      code: 2,
      error: /no directory/,
    },
  ])('$name is refused, and nothing is stored', async ({ argv, code, error }) => {
    await deployment.json('db', 'export', 'alice', '--out', at('sound.apkg'));
    writeFileSync(at('cut.apkg'), readFileSync(at('sound.apkg')).subarray(0, -40));
    symlinkSync(zipFile({ '../x': 'x' }), at('climbs.apkg'));
    await deployment.json(
      'db',
      'exec',
      'bob',
      `UPDATE col SET decks = json_set(decks, '$."9"', json('{"id":9,"name":"Cram","dyn":1}'))`,
    );
    const { version } = await deployment.json<Json>('db', 'info', 'bob');
    expectFailure(await deployment.run(['db', ...argv(at)]), { code, error });
    expect(await deployment.json('db', 'info', 'bob')).toMatchObject({ version });
    expect((await deployment.json<Json>('db', 'list')).databases).toHaveLength(2);
  });
});

test('what schema 11 cannot hold is said before anything is written', async () => {
  const result = await runCommand(['db', 'import', 'nobody', newestPackage(writeSchema18())]);
  expect(result.code).toBe(3);
  expect(result.stderr).toMatch(
    /^note: .*\nwarning: schema 11 cannot hold that 1 tag is folded in the sidebar\nerror: /,
  );
});
