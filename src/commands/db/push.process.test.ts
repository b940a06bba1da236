import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allRows, writeAnkiFile } from '../../testing/anki-file.ts';
import { COMMAND_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { type Json, runCommand, temporaryDirectory } from '../../testing/run-command.ts';

const NONE = { get: 0, put: 0, head: 0, delete: 0, list: 0 };

describe.each(COMMAND_DEPLOYMENTS)('db push and db pull on $name', ({ open }) => {
  let deployment: CommandDeployment;
  let directory: string;
  let file: string;

  beforeEach(async () => {
    deployment = await open();
    directory = temporaryDirectory();
    file = join(directory, 'alice.anki2');
    writeAnkiFile(file, { notes: 3, reviews: 3 });
  });

  afterEach(() => deployment.close());

  const pulled = (): string => join(directory, 'pulled.anki2');

  test('--progress json tells the bytes of each step, all of them at its end', async () => {
    const moved = async (...argv: string[]): Promise<Record<string, unknown[]>> => {
      const { flags, env } = deployment;
      const { code, stderr } = await runCommand([...argv, ...flags, '--progress', 'json'], { env });
      expect(code).toBe(0);
      const lines = stderr.split('\n').filter((line) => line.startsWith('{"progress"'));
      const steps = lines.map((line) => JSON.parse(line).progress);
      for (const { elapsedMs } of steps) expect(elapsedMs).toBeGreaterThanOrEqual(0);
      // The last of a step wins.
      return Object.fromEntries(steps.map(({ text, doneBytes, totalBytes }) => [text, [doneBytes, totalBytes]]));
    };
    const pushed = await moved('db', 'push', 'alice', file);
    const sizeBytes = (await deployment.json<Json>('db', 'info', 'alice')).sizeBytes;
    const all = [sizeBytes, sizeBytes];
    expect(pushed).toEqual({ 'storing database "alice"': all });
    await deployment.json('cache', 'clear');
    const fetched = { 'fetching database "alice"': all };
    expect(await moved('db', 'pull', 'alice', '--out', pulled())).toEqual({ ...fetched, 'writing the file': all });
    await deployment.json('cache', 'clear');
    expect(await moved('db', 'pull', 'alice', '--out', '-')).toEqual({ ...fetched, 'writing to standard output': all });
  });

  test('a collection of 133 notes and 140 reviews keeps every row on its way there and back', async () => {
    writeAnkiFile(join(directory, 'big.anki2'), { notes: 133, reviews: 140 });
    file = join(directory, 'big.anki2');
    const original = allRows(file);
    expect(original.notes).toHaveLength(133);
    expect(original.revlog).toHaveLength(140);
    const bytes = readFileSync(file);

    const created = await deployment.json<Json>('db', 'create', 'alice', '--from', file);
    expect(created).toMatchObject({ outcome: 'committed', requests: { ...NONE, put: 1 } });
    expect((await deployment.json<Json>('db', 'info', 'alice')).tables).toEqual({
      cards: 178,
      col: 1,
      graves: 1,
      notes: 133,
      revlog: 140,
    });
    expect(await deployment.json('db', 'check', 'alice')).toMatchObject({ integrity: 'ok', findings: [] });
    const { rows } = await deployment.json<Json>(
      'db',
      'query',
      'alice',
      'SELECT count(*) AS n FROM cards JOIN revlog ON cid = cards.id',
    );
    expect(rows).toEqual([{ n: 140 }]);

    const pull = await deployment.json<Json>('db', 'pull', 'alice', '--out', pulled());
    expect(pull).toEqual({
      username: 'alice',
      version: created.version,
      sizeBytes: statSync(pulled()).size,
      file: pulled(),
    });
    expect(statSync(pulled()).mode & 0o777).toBe(0o600);
    expect(allRows(pulled())).toEqual(original);

    // Another machine changes one note; nothing else differs afterwards.
    const changed = await deployment.runElsewhere([
      'db',
      'exec',
      'alice',
      "UPDATE notes SET tags = ' new ' WHERE guid = 'guid-7'",
      '--json',
    ]);
    expect(changed.json()).toMatchObject({ outcome: 'committed', changes: 1 });
    await deployment.json('db', 'pull', 'alice', '--out', pulled());
    const after = allRows(pulled());
    const differing = (after.notes ?? []).filter(
      (row, index) => JSON.stringify(row, text) !== JSON.stringify(original.notes?.[index], text),
    );
    expect(differing).toHaveLength(1);
    expect({ ...after, notes: [] }).toEqual({ ...original, notes: [] });

    // Nothing was written into the file that it all came from, or beside it.
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(readdirSync(directory).sort()).toEqual(['alice.anki2', 'big.anki2', 'pulled.anki2']);
  });

  test('pull, change, push --if-version: one PUT, and the next push over the old version is a conflict', async () => {
    const { version } = await deployment.json<Json>('db', 'push', 'alice', file);
    await deployment.json('db', 'pull', 'alice', '--out', pulled());
    writeAnkiFile(join(directory, 'mine.anki2'), { notes: 4, reviews: 4 });
    const push = ['db', 'push', 'alice', join(directory, 'mine.anki2'), '--if-version'];

    const second = await deployment.json<Json>(...push, version);
    expect(second).toEqual({
      outcome: 'committed',
      version: expect.not.stringContaining(version),
      attempts: 1,
      requests: { ...NONE, put: 1 },
    });

    const lost = await deployment.run([...push, version, '--json']);
    expect({ code: lost.code, stdout: lost.stdout }).toEqual({ code: 4, stdout: '' });
    expect(lost.failure()).toEqual({
      kind: 'conflict',
      message: `database "alice" was changed by somebody else: expected version ${version}, but the store holds version ${second.version}`,
      try: expect.any(String),
      username: 'alice',
      expectedVersion: version,
      actualVersion: second.version,
    });
    const people = await deployment.run([...push, version]);
    expect(people.stderr).toMatch(new RegExp(`^error: .*"alice".*${version}.*${second.version}\ntry:   .+\n$`));
    // With the quotes that S3 itself prints, too.
    expect(await deployment.json(...push, `"${second.version}"`)).toMatchObject({ attempts: 1 });
  });

  test.each<{ name: string; options: string[]; exists: boolean; code: number; requests?: Partial<typeof NONE> }>([
    { name: 'without an option creates', options: [], exists: false, code: 0, requests: { put: 1 } },
    { name: 'without an option replaces nothing', options: [], exists: true, code: 4 },
    { name: '--force replaces', options: ['--force', '--yes'], exists: true, code: 0, requests: { head: 1, put: 1 } },
    {
      name: '--force creates too',
      options: ['--force', '--yes'],
      exists: false,
      code: 0,
      requests: { head: 1, put: 1 },
    },
    { name: '--if-version of nothing is a conflict', options: ['--if-version', 'abc'], exists: false, code: 4 },
    { name: '--if-version of another version is a conflict', options: ['--if-version', 'abc'], exists: true, code: 4 },
    { name: '--if-version that is none is usage', options: ['--if-version', 'a b'], exists: true, code: 2 },
    { name: '--if-version that is empty is usage', options: ['--if-version', ''], exists: true, code: 2 },
    {
      name: '--if-version with --force is usage',
      options: ['--if-version', 'abc', '--force', '--yes'],
      exists: true,
      code: 2,
    },
  ])('$name', async ({ options, exists, code, requests }) => {
    if (exists) await deployment.json('db', 'create', 'alice');
    const before = await deployment.json('db', 'list');
    const result = await deployment.run(['db', 'push', 'alice', file, ...options, '--json']);
    expect({ code: result.code, stderr: code === 0 ? result.stderr : '' }).toEqual({ code, stderr: '' });
    if (code === 0) {
      expect(result.json()).toMatchObject({ outcome: 'committed', attempts: 1, requests: { ...NONE, ...requests } });
      expect((await deployment.json<Json>('db', 'info', 'alice')).tables.notes).toBe(3);
    } else {
      expect(result.failure()).toMatchObject({ kind: code === 4 ? 'conflict' : 'usage', try: expect.any(String) });
      expect(await deployment.json('db', 'list')).toEqual(before);
    }
  });

  test.each(['create', 'push'])('%s takes no name that clean-up would take for test data', async (verb) => {
    const argv = verb === 'create' ? ['javumbo-test-x'] : ['JAVUMBO-test-x', file];
    const result = await deployment.run(['db', verb, ...argv, '--json']);
    expect(result.code).toBe(2);
    expect(result.failure().message).toContain('are test data');
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });

  test('pull replaces the file that --out names, in one step, and leaves nothing beside it', async () => {
    await deployment.json('db', 'push', 'alice', file);
    writeFileSync(pulled(), 'old');
    await deployment.json('db', 'pull', 'alice', '--out', pulled());
    expect(allRows(pulled())).toEqual(allRows(file));
    expect(readdirSync(directory).sort()).toEqual(['alice.anki2', 'pulled.anki2']);
  });

  test.each<{ name: string; out: (directory: string) => string }>([
    { name: 'a directory', out: (directory) => join(directory, 'folder') },
    { name: 'a folder that is not there', out: (directory) => join(directory, 'nowhere', 'x.anki2') },
    { name: 'a file taken for a folder', out: (directory) => join(directory, 'alice.anki2', 'x.anki2') },
  ])('pull into $name is usage', async ({ out }) => {
    mkdirSync(join(directory, 'folder'));
    await deployment.json('db', 'push', 'alice', file);
    const result = await deployment.run(['db', 'pull', 'alice', '--out', out(directory), '--json']);
    expect(result.code).toBe(2);
    expect(result.failure()).toMatchObject({ kind: 'usage', message: expect.stringContaining('cannot be written') });
    expect(readdirSync(directory).sort()).toEqual(['alice.anki2', 'folder']);
    expect(existsSync(join(directory, 'folder', 'x'))).toBe(false);
  });
});

/** Integers of SQLite are BigInt, which JSON does not know. */
function text(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
