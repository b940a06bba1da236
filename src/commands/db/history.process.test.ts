/** What was is looked at and brought back, in the local deployment and in a bucket with versions. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyOf } from '../../core/username.ts';
import { BUCKET, type CommandDeployment, openLocal, openOnS3 } from '../../testing/command-deployments.ts';
import { temporaryDirectory } from '../../testing/run-command.ts';
import { keepVersions } from '../../testing/versioned-bucket.ts';

const BIN = fileURLToPath(new URL('../../../bin/javumbo.js', import.meta.url));
const NOTES = 'SELECT flds, col.mod AS changed FROM notes, col';

// biome-ignore lint/suspicious/noExplicitAny: JSON of all commands.
type Json = any;

async function openVersioned(): Promise<CommandDeployment> {
  const deployment = await openOnS3();
  await keepVersions(deployment.server?.endpoint ?? '', BUCKET);
  return deployment;
}

const DEPLOYMENTS = [
  { name: 'the local deployment', open: async () => openLocal() },
  { name: 'a bucket with versions', open: openVersioned },
];

describe.each(DEPLOYMENTS)('on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  const value = async (...more: string[]): Promise<number> =>
    (await deployment.json<Json>('db', 'query', 'alice', 'SELECT mod FROM col', ...more)).rows[0].mod;
  const set = (mod: number): Promise<Json> => deployment.json('db', 'exec', 'alice', `UPDATE col SET mod = ${mod}`);
  const pulled = async (...more: string[]): Promise<Buffer> => {
    const out = join(temporaryDirectory(), 'pulled.anki2');
    await deployment.json('db', 'pull', 'alice', '--out', out, ...more);
    return readFileSync(out);
  };
  const history = async (...more: string[]): Promise<Json> => deployment.json('db', 'history', 'alice', ...more);

  test('each of many points in time is listed, looked at and restored, also from before a delete', async () => {
    await deployment.json('db', 'create', 'alice');
    const changes = Number(process.env.JAVUMBO_HISTORY_CHANGES ?? 12);
    for (let mod = 1; mod <= changes; mod++) await set(mod);
    await deployment.json('db', 'delete', 'alice', '--yes');
    await deployment.json('db', 'create', 'alice');

    const first = await history('--limit', '5');
    expect(first.points).toHaveLength(5);
    const rest = await history('--from', first.next, '--limit', '1000');
    expect(rest.next).toBeNull();
    // S3 lists deletions apart, with times in seconds, so one may be listed after versions of the same second.
    const all = [...first.points, ...rest.points].reverse();
    const points = all.filter(({ deleted }: Json) => !deleted);
    expect(points.map(({ current, writer }: Json) => ({ current, writer }))).toEqual([
      ...Array(changes + 1).fill({ current: false, writer: 'javumbo' }),
      { current: true, writer: 'javumbo' },
    ]);
    const deletions = all.filter(({ deleted }: Json) => deleted);
    expect(deletions).toMatchObject([{ current: false, writer: 'unknown', version: null }]);
    for (let mod = 1; mod <= changes; mod++) {
      const { id } = points[mod];
      expect(await value('--at', id)).toBe(mod);
      expect(await deployment.json('db', 'restore', 'alice', '--at', id, '--yes')).toMatchObject({
        outcome: 'committed',
        restored: { id },
        undo: { id: expect.any(String) },
      });
      expect(await value()).toBe(mod);
    }
    const deletion = await deployment.run(['db', 'restore', 'alice', '--at', deletions[0].id, '--yes']);
    expect({ code: deletion.code, stderr: deletion.stderr }).toEqual({
      code: 3,
      stderr: expect.stringContaining('was deleted at'),
    });
  });

  const mistakes: { name: string; make: () => Promise<unknown> }[] = [
    { name: 'a wrong statement', make: () => set(666) },
    { name: 'a dropped table', make: () => deployment.json('db', 'exec', 'alice', 'DROP TABLE notes', '--yes') },
    {
      name: 'a push of the wrong file',
      make: async () => {
        const file = join(temporaryDirectory(), 'wrong.anki2');
        await deployment.json('db', 'create', 'wrong');
        await deployment.json('db', 'pull', 'wrong', '--out', file);
        await deployment.json('db', 'push', 'alice', file, '--force', '--yes');
      },
    },
    { name: 'a delete', make: () => deployment.json('db', 'delete', 'alice', '--yes') },
  ];
  test.each(mistakes)('$name is undone in one command, and that in one more', async ({ name, make }) => {
    await deployment.json('db', 'create', 'alice');
    await set(7);
    await deployment.json('db', 'add-note', 'alice', '--field', 'front', '--field', 'back');
    const { rows } = await deployment.json<Json>('db', 'query', 'alice', NOTES);
    const [{ id }] = (await history()).points;
    await make();
    const { undo } = await deployment.json<Json>('db', 'restore', 'alice', '--at', id, '--yes');
    expect((await deployment.json<Json>('db', 'query', 'alice', NOTES)).rows).toEqual(rows);
    if (name === 'a delete') expect(undo).toBeNull();
    else {
      await deployment.json('db', 'restore', 'alice', '--at', undo.id, '--yes');
      const again = await deployment.run(['db', 'query', 'alice', NOTES, '--json']);
      expect(again.code === 0 ? again.json<Json>().rows : []).not.toEqual(rows);
    }
  });

  test('in races with eight writers a restore replaces exactly what it saw, and what follows builds on it', async () => {
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'exec', 'alice', 'CREATE TABLE t (x)');
    const [{ id }] = (await history()).points;
    const values = async (...at: string[]): Promise<string[]> =>
      (await deployment.json<Json>('db', 'query', 'alice', 'SELECT x FROM t', ...at)).rows.map(({ x }: Json) =>
        String(x),
      );
    const acknowledged = new Set<string>();
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; n < 3; n++) {
        const x = `${writer}.${n}`;
        const written = await deployment.runElsewhere(['db', 'exec', 'alice', `INSERT INTO t VALUES ('${x}')`]);
        if (written.code === 0) acknowledged.add(x);
      }
    });
    const restored: { undo: string }[] = [];
    const restoring = (async () => {
      for (let n = 0; n < 20 && restored.length < 3; n++) {
        const result = await deployment.run(['db', 'restore', 'alice', '--at', id, '--yes', '--json']);
        expect([0, 4]).toContain(result.code);
        const report = result.code === 0 ? result.json<Json>() : undefined;
        if (report?.outcome === 'committed') restored.push({ undo: report.undo.id });
      }
    })();
    await Promise.all([...writers, restoring]);
    const points = (await history('--limit', '100')).points.reverse();
    const seen = await Promise.all(
      points.map(async (point: Json) => new Set(await values('--at', point.id).catch(() => []))),
    );
    const lost = new Set<string>();
    for (const { undo } of restored) {
      const place = points.findIndex((point: Json) => point.id === undo);
      // The version after the one that it saw is the restored one, and no acknowledged write lies between.
      expect([...(seen[place + 1] ?? ['?'])]).toEqual([]);
      for (const x of seen[place] ?? []) lost.add(String(x));
    }
    expect(new Set(await values())).toEqual(new Set([...acknowledged].filter((x) => !lost.has(x))));
  });

  test('what is current already is unchanged, and nothing is sent', async () => {
    await deployment.json('db', 'create', 'alice');
    const [{ id, version }] = (await history()).points;
    const report = await deployment.json<Json>('db', 'restore', 'alice', '--at', id);
    expect(report).toMatchObject({ outcome: 'unchanged', version, undo: null, requests: { put: 0 } });
    await set(7);
    await deployment.json('db', 'restore', 'alice', '--at', id, '--yes');
    expect(await deployment.json('db', 'restore', 'alice', '--at', id)).toMatchObject({ outcome: 'unchanged' });
  });

  test('a commit between the question and the commit is a conflict, and is not undone', async () => {
    await deployment.json('db', 'create', 'alice');
    const [{ id }] = (await history()).points;
    await set(7);
    const other = ['db', 'exec', 'alice', 'UPDATE col SET mod = 8'];
    let raced = false;
    const once = (): boolean => {
      const isFirst = !raced;
      raced = true;
      return isFirst;
    };
    const { server } = deployment;
    if (server !== undefined) {
      server.beforeWork = async ({ operation }) => {
        if (operation === 'PutObject' && once()) await deployment.runElsewhere(other);
      };
    }
    const restored = await deployment.run(['db', 'restore', 'alice', '--at', id, '--yes'], {
      atStep: (step) => {
        // Synchronous, so another process.
        if (server === undefined && step === 'checked' && once()) {
          const argv = [BIN, ...other, ...deployment.flags];
          expect(spawnSync(process.execPath, argv, { env: { ...process.env, ...deployment.env } }).status).toBe(0);
        }
      },
    });
    expect(restored.code).toBe(4);
    expect(await value()).toBe(8);
  });

  test('a damaged current version is no obstacle: it is what a restore is for', async () => {
    await deployment.json('db', 'create', 'alice');
    const [{ id }] = (await history()).points;
    await set(7);
    const { server } = deployment;
    if (server !== undefined) server.putObject(BUCKET, keyOf('alice'), 'no database at all');
    else {
      const folder = join(String(deployment.env.JAVUMBO_HOME), 'databases', 'alice');
      for (const file of readdirSync(folder)) {
        const bytes = readFileSync(join(folder, file));
        // The later of the two, by its content.
        if (bytes.equals(await pulled('--at', id))) continue;
        writeFileSync(join(folder, file), bytes.subarray(0, 4096));
      }
    }
    const asked = await deployment.runElsewhere(['db', 'restore', 'alice', '--at', id]);
    expect({ code: asked.code, stderr: asked.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('(the current version is damaged)'),
    });
    const restored = await deployment.runElsewhere(['db', 'restore', 'alice', '--at', id, '--yes']);
    expect({ code: restored.code, stderr: restored.stderr }).toMatchObject({ code: 0 });
    expect((await deployment.runElsewhere(['db', 'check', 'alice'])).code).toBe(0);
  });

  test('the question says which rows come and go, and how to look', async () => {
    await deployment.json('db', 'create', 'alice');
    const [{ id }] = (await history()).points;
    await deployment.json('db', 'add-note', 'alice', '--field', 'front', '--field', 'back');
    const unasked = await deployment.run(['db', 'restore', 'alice', '--at', id]);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain('(cards: 1 goes; col: 1 changes; notes: 1 goes)');
    const [{ id: current }] = (await history()).points;
    expect(unasked.stderr).toContain(`try:   javumbo db diff alice --from ${current} --to ${id}, and then --yes`);
    const diff = await deployment.json<Json>('db', 'diff', 'alice', '--from', current, '--to', id);
    expect(diff.tables).toEqual({
      cards: { added: 0, removed: 1, changed: 0 },
      col: { added: 0, removed: 0, changed: 1 },
      notes: { added: 0, removed: 1, changed: 0 },
    });
    const refused = await deployment.run(['db', 'restore', 'alice', '--at', id], { tty: true, typed: 'yes\n' });
    expect(refused.code).toBe(2);
    expect((await history()).points).toHaveLength(2);
    const agreed = await deployment.run(['db', 'restore', 'alice', '--at', id], { tty: true, typed: 'alice\n' });
    expect(agreed.code).toBe(0);
    expect((await history()).points).toHaveLength(3);
  });

  const losing: { name: string; argv: string[]; asks: RegExp }[] = [
    { name: 'db delete', argv: ['db', 'delete', 'alice'], asks: /^error: This deletes database "alice" \(/ },
    {
      name: 'a dropped table',
      argv: ['db', 'exec', 'alice', 'DROP TABLE cards'],
      asks: /table cards is dropped; javumbo/,
    },
    { name: 'an emptied table', argv: ['db', 'exec', 'alice', 'DELETE FROM notes'], asks: /table notes is emptied/ },
    { name: 'db purge', argv: ['db', 'purge', 'alice'], asks: /with its history \(2 versions\)/ },
  ];
  test.each(losing)('$name asks, and does nothing where nobody answers', async ({ argv, asks }) => {
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'add-note', 'alice', '--field', 'front', '--field', 'back');
    const unasked = await deployment.run(argv);
    expect({ code: unasked.code, stderr: unasked.stderr }).toEqual({ code: 2, stderr: expect.stringMatching(asks) });
    expect((await history()).points).toHaveLength(2);
    expect((await deployment.run(argv, { tty: true, typed: 'alice\n' })).code).toBe(0);
  });

  test('an edit that leaves no collection is refused, whatever was answered, unless it is forced', async () => {
    await deployment.json('db', 'create', 'alice');
    const argv = ['db', 'exec', 'alice', 'DROP TABLE col', '--yes'];
    expect((await deployment.run(argv)).code).toBe(2);
    expect(await deployment.json('db', 'exec', 'alice', 'SELECT 1')).toMatchObject({ outcome: 'unchanged' });
    expect((await deployment.run([...argv, '--force'])).code).toBe(0);
  });

  test('purge leaves nothing, and the user can be made anew', async () => {
    await deployment.json('db', 'create', 'alice');
    await set(1);
    await deployment.json('db', 'create', 'alicea');
    expect(await deployment.json('db', 'purge', 'alice', '--yes')).toMatchObject({
      outcome: 'purged',
      deletedCount: 2,
    });
    expect((await deployment.run(['db', 'history', 'alice'])).code).toBe(3);
    expect((await deployment.json<Json>('db', 'history', 'alicea')).points).toHaveLength(1);
    await deployment.json('db', 'create', 'alice');
    expect((await history()).points).toHaveLength(1);
  });

  test('rows that differ are shown, exactly', async () => {
    await deployment.json('db', 'create', 'alice');
    await set(9_007_199_254);
    const { tables } = await deployment.json<Json>('db', 'diff', 'alice', '--rows');
    expect(tables.col).toMatchObject({ added: 0, removed: 0, changed: 1 });
    expect(tables.col.rows[0].after).toMatchObject({ id: 1, mod: 9_007_199_254 });
  });

  test('--at an earlier time: info, check and pull', async () => {
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'add-note', 'alice', '--field', 'front', '--field', 'back');
    const [, { id, version }] = (await history()).points;
    expect(await deployment.json('db', 'info', 'alice', '--at', id)).toMatchObject({ version, tables: { notes: 0 } });
    expect(await deployment.json('db', 'check', 'alice', '--at', id)).toMatchObject({ version, findings: [] });
    const out = join(temporaryDirectory(), 'past.anki2');
    expect(await deployment.json('db', 'pull', 'alice', '--at', id, '--out', out)).toMatchObject({ version });
    expect((await deployment.run(['db', 'check', 'alice', '--at', id, '--repair'])).code).toBe(2);
    expect((await deployment.run(['db', 'info', 'bob', '--at', id])).code).toBe(3);
  });
});

test('a bucket without versions has only the present, and says so', async () => {
  const deployment = await openOnS3();
  await deployment.json('db', 'create', 'alice');
  await deployment.json('db', 'exec', 'alice', 'UPDATE col SET mod = 1');
  const { points } = await deployment.json<Json>('db', 'history', 'alice');
  expect(points).toMatchObject([{ id: 'null', current: true, writer: 'javumbo' }]);
  const deleted = await deployment.run(['db', 'delete', 'alice']);
  expect(deleted.stderr).toContain('nothing brings it back, since the bucket keeps no versions');
  const file = join(temporaryDirectory(), 'text');
  writeFileSync(file, 'no database');
  // What cannot be stored is refused before anybody is asked.
  expect((await deployment.run(['db', 'push', 'alice', file, '--force'])).code).toBe(8);
  await deployment.close();
});
