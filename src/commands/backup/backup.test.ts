/** Backups of a local deployment, by the command line. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { JavumboError } from '../../core/failure.ts';
import { BackupRig, type Machine, onMachine, withOneByteChanged, withoutColours } from '../../testing/backup-rig.ts';
import { page } from '../../testing/pages.ts';
import { HASH, populate } from '../../testing/populated.ts';
import { freshMachine, type Json } from '../../testing/run-command.ts';

const USERS = 5;

let template: Machine;
let users: string[];
let rig: BackupRig;
let folder: string;

beforeAll(async () => {
  template = freshMachine();
  users = await onMachine(template, (databases) => populate(databases, USERS, { bytesMax: 60_000 }));
});

beforeEach(() => {
  rig = new BackupRig(template);
  folder = rig.folder;
});

describe('everything that is backed up', () => {
  test('comes back into an empty deployment, equal, and a second restore finds nothing to do', async () => {
    expect((await rig.create()).counts).toEqual({ stored: USERS });
    expect((await rig.json(['backup', 'verify', folder])).counts).toEqual({ sound: USERS });
    const empty = freshMachine();
    const restored = await rig.json(['backup', 'restore', folder], 0, empty);
    expect(restored).toMatchObject({ counts: { committed: USERS }, equal: USERS });
    expect(await rig.contents(empty)).toEqual(await rig.contents());
    expect(Object.keys(await rig.contents(empty))).toEqual(users);
    const [before, after] = await Promise.all([rig.json(['user', 'list'], 0), rig.json(['user', 'list'], 0, empty)]);
    expect(after).toEqual(before);
    expect(await rig.json(['backup', 'restore', folder], 0, empty)).toMatchObject({
      counts: { unchanged: USERS },
      equal: USERS,
    });
  });

  test('is for its owner alone, and --without-accounts leaves no hash in it', async () => {
    await rig.create();
    const modes = readdirSync(folder, { recursive: true, withFileTypes: true }).map((item) => {
      const mode = (statSync(join(item.parentPath, item.name)).mode & 0o777).toString(8);
      return `${item.isDirectory() ? 'directory' : 'file'} ${mode}`;
    });
    expect([...new Set(modes)].sort()).toEqual(['directory 700', 'file 600']);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(rig.manifestText()).toContain(HASH);
    rmSync(folder, { recursive: true });
    expect((await rig.create('--without-accounts')).run.accounts).toBe(0);
    expect(rig.manifestText()).not.toContain('$2b$');
  });

  test('is fetched once: a second run takes what changed, and equal contents share a file', async () => {
    await rig.create();
    expect(rig.files()).toHaveLength(USERS);
    await Promise.all(users.slice(0, 2).map((username) => rig.edit(username)));
    const pulled = join(rig.env.HOME, 'pulled.anki2');
    await rig.run(['db', 'pull', users[3] ?? '', '--out', pulled]);
    await rig.run(['db', 'create', 'twin', '--from', pulled]);
    const { counts } = await rig.create();
    expect(counts).toEqual({ stored: 3, unchanged: USERS - 2 });
    expect(rig.files()).toHaveLength(USERS + 2);
  });

  test('is told in sentences on a terminal, and in lines to a pipe', async () => {
    const terminal = await rig.run(['backup', 'create', folder], { tty: true });
    expect(withoutColours(terminal.stdout)).toMatch(/^backed up 5 databases \(\S+ kB\) and 4 accounts\n5 stored; /);
    const pipe = await rig.run(['backup', 'verify', folder]);
    expect(pipe).toMatchObject({ code: 0, stdout: '' });
    expect(pipe.stderr).toMatch(/^5 sound; \S+ kB in 1 complete run\n$/);
  });

  test('is listed, newest first, with its size', async () => {
    await rig.create();
    await rig.run(['user', 'create', 'alone', '--name', 'A', '--password-stdin'], { piped: 'correct horse' });
    await rig.create();
    const { runs } = await rig.json(['backup', 'list', folder]);
    const [newest, oldest] = runs;
    expect(runs.map(({ users, databases, complete }: Json) => ({ users, databases, complete }))).toEqual([
      { users: USERS + 1, databases: USERS, complete: true },
      { users: USERS, databases: USERS, complete: true },
    ]);
    expect(newest.bytes).toBe(oldest.bytes);
    const { stdout } = await rig.run(['backup', 'list', folder], { tty: true });
    expect(
      withoutColours(stdout)
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });
});

describe('a byte that changed in the folder', () => {
  // The bytes of the header that the content digest leaves out are among them.
  test.each([0, 18, 25, 93, 99, 100, 20_000, -1])(
    'at %i of a file is named with the file and its user, and restored for nobody',
    async (position) => {
      await rig.create();
      const [file = ''] = rig.files();
      const path = join(folder, 'databases', file);
      writeFileSync(path, withOneByteChanged(readFileSync(path), position));
      const { users: found } = await rig.json(['backup', 'verify', folder], 7);
      const bad = found.filter(({ outcome }: Json) => outcome !== 'sound');
      expect(bad).toEqual([expect.objectContaining({ file, outcome: 'damaged' })]);
      expect((await rig.run(['backup', 'verify', folder], { tty: true })).stdout).toContain(
        `${bad[0].username}  damaged: its bytes are not those that were backed up`,
      );
      const counters = [25, 93].includes(position);
      const restored = await rig.json(['backup', 'restore', folder], counters ? 0 : 7, freshMachine());
      // What differs in the counters alone has the content that was backed up.
      expect(restored.counts).toEqual(counters ? { committed: USERS } : { committed: USERS - 1, damaged: 1 });
    },
  );

  test('in a manifest is named, and that run is not restored', async () => {
    await rig.create();
    const [name = ''] = rig.manifests();
    const path = join(folder, 'runs', name);
    const bytes = readFileSync(path);
    writeFileSync(path, withOneByteChanged(bytes, bytes.indexOf('$2b$04$') + 20));
    const { damagedRuns } = await rig.json(['backup', 'verify', folder], 7);
    expect(damagedRuns).toEqual([{ run: name, error: expect.stringContaining('not those that were written') }]);
    expect((await rig.run(['backup', 'restore', folder])).code).toBe(8);
    expect((await rig.json(['backup', 'list', folder])).runs[0]).toMatchObject({ complete: false, manifest: name });
  });

  test('is mended by the next run, once the file is deleted', async () => {
    await rig.create();
    const [file = ''] = rig.files();
    rmSync(join(folder, 'databases', file));
    const { users: found } = await rig.json(['backup', 'verify', folder], 7);
    expect(found.filter(({ outcome }: Json) => outcome === 'missing')).toHaveLength(1);
    expect((await rig.create()).counts).toEqual({ stored: 1, unchanged: USERS - 1 });
    expect((await rig.json(['backup', 'verify', folder])).counts).toEqual({ sound: USERS });
  });
});

describe('a run that was stopped', () => {
  test.each([
    { name: 'behind some lines', end: (text: string) => text.split('\n').slice(0, 3).join('\n').length + 1 },
    { name: 'inside a line', end: (text: string) => text.split('\n').slice(0, 3).join('\n').length - 10 },
    { name: 'before its last line', end: (text: string) => text.trimEnd().lastIndexOf('\n') + 1 },
    { name: 'inside its last line', end: (text: string) => text.length - 10 },
  ])('$name is not called complete, is not restored, and goes on without a second fetch', async ({ end }) => {
    await rig.create();
    const [name = ''] = rig.manifests();
    const path = join(folder, 'runs', name);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.slice(0, end(text)));
    const listed = text.slice(0, end(text)).split('\n').slice(1, -1).length;
    expect((await rig.json(['backup', 'list', folder])).runs[0]).toMatchObject({ complete: false, users: listed });
    const refused = await rig.run(['backup', 'restore', folder, '--json']);
    expect(refused.code).toBe(3);
    const { counts, run: created } = await rig.create();
    expect(created.complete).toBe(true);
    expect(counts.unchanged).toBe(listed);
    expect(rig.manifests()).toHaveLength(1);
    expect(rig.files()).toHaveLength(USERS);
    expect((await rig.json(['backup', 'verify', folder])).stoppedRuns).toBe(0);
  });

  test('leaves the complete run before it to be restored', async () => {
    await rig.create();
    await rig.edit(users[0] ?? '');
    await rig.create();
    const [first, second = ''] = rig.manifests();
    const path = join(folder, 'runs', second);
    writeFileSync(path, readFileSync(path).subarray(0, -20));
    const { run: restored, counts } = await rig.json(['backup', 'restore', folder], 4);
    expect(restored.startedAt.replace(/[:.]/g, '-')).toBe(first?.slice(0, 24));
    expect(counts).toEqual({ unchanged: USERS - 1, conflict: 1 });
  });

  test('is removed by the next complete one, even if it began before the last', async () => {
    await rig.create();
    const [name = ''] = rig.manifests();
    const text = readFileSync(join(folder, 'runs', name), 'utf8');
    const before = `2001-01-01T00-00-00-000Z-${'0'.repeat(8)}.jsonl`;
    writeFileSync(join(folder, 'runs', before), text.slice(0, 900));
    await rig.create();
    expect(rig.manifests()).toEqual([name, expect.anything()]);
  });

  test.each([-1, -2, -40])('is not what a damaged run is: byte %i from its end', async (position) => {
    await rig.create();
    const [name = ''] = rig.manifests();
    const path = join(folder, 'runs', name);
    writeFileSync(path, withOneByteChanged(readFileSync(path), position));
    expect((await rig.json(['backup', 'list', folder])).runs[0]).toMatchObject({
      error: expect.stringContaining(name),
    });
    await rig.create();
    await rig.create();
    expect(rig.manifests()).toContain(name);
    expect((await rig.json(['backup', 'verify', folder], 7)).damagedRuns).toHaveLength(1);
  });

  test.each(['create', 'verify'])('by a signal ends backup %s with 130', async (verb) => {
    await rig.create();
    const stop = new AbortController();
    stop.abort(new JavumboError('interrupted', 'interrupted'));
    expect((await rig.run(['backup', verb, folder], { signal: stop.signal })).code).toBe(130);
    expect((await rig.create()).counts).toEqual({ unchanged: USERS });
  });
});

test('the newest run is the one that was made last, though the clock was set back', async () => {
  await rig.create();
  await rig.edit(users[0] ?? '');
  const yesterday = { ...systemClock, now: () => systemClock.now() - 86_400_000 };
  expect((await rig.run(['backup', 'create', folder], { clock: yesterday })).code).toBe(0);
  expect((await rig.json(['backup', 'restore', folder], 0, freshMachine())).counts).toEqual({ committed: USERS });
  expect((await rig.json(['backup', 'restore', folder])).counts).toEqual({ unchanged: USERS });
});

test('a backup of a deployment that lost most databases is made, and says so', async () => {
  await rig.create();
  for (const username of users.slice(0, 2)) await rig.run(['db', 'delete', '--yes', username]);
  await rig.create();
  for (const username of users.slice(2, 4)) await rig.run(['db', 'delete', '--yes', username]);
  expect((await rig.json(['backup', 'create', folder], 7)).run).toMatchObject({
    complete: true,
    databases: 1,
    databasesBefore: 3,
  });
});

test('every field of a manifest is on its page', async () => {
  await rig.create();
  const lines = rig.manifestText().trimEnd().split('\n');
  const fieldsOf = (value: object, under = ''): string[] =>
    Object.entries(value).flatMap(([name, inner]) => [
      under + name,
      ...(typeof inner === 'object' && name !== 'deployment' ? fieldsOf(inner, `${name}.`) : []),
    ]);
  const fields = new Set(lines.flatMap((line) => fieldsOf(JSON.parse(line))));
  expect(fields.size).toBeGreaterThan(20);
  expect([...fields].filter((field) => !page('docs/backup.md').includes(`\`${field}\``))).toEqual([]);
});
