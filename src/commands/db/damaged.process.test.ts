import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BAD_FILES, damaged, SIZE, sound, soundBytes } from '../../testing/bad-files.ts';
import { BUCKET, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { writeSchema18 } from '../../testing/packages.ts';
import { IMPATIENT, type Json, temporaryDirectory } from '../../testing/run-command.ts';

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
      const result = await deployment.run(['db', command, 'alice', ...argv], { clock: IMPATIENT });
      expectFailure(result, { code: 8, error: /^error: database "alice": / });
      expect(deployment.server?.object(BUCKET, KEY)).toEqual(before);
      const json = await deployment.run(['db', command, 'alice', ...argv, '--json'], { clock: IMPATIENT });
      expect(json.failure()).toMatchObject({ kind: 'corrupt', username: 'alice' });
    },
  );

  test.each(broken)('($name) is listed, found by check, and replaced by push --force', async ({ bytes }) => {
    place(bytes(scratch));
    expect((await deployment.json<Json>('db', 'list')).databases).toHaveLength(1);
    expect((await deployment.run(['db', 'check', 'alice'])).code).toBe(8);
    expect(await deployment.json('db', 'push', 'alice', sound(scratch), '--force', '--yes')).toMatchObject({
      outcome: 'committed',
    });
    expect((await deployment.run(['db', 'check', 'alice'])).code).toBe(0);
  });

  test('can be deleted', async () => {
    place(Buffer.from('rubbish'));
    expect(await deployment.json('db', 'delete', '--yes', 'alice')).toMatchObject({ outcome: 'deleted' });
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
    '($name) can be pulled and looked at, and is refused by what changes it',
    async ({ make }) => {
      make(scratch);
      place(readFileSync(scratch));
      const out = join(temporaryDirectory(), 'out.anki2');
      await deployment.json('db', 'pull', 'alice', '--out', out);
      expect(readFileSync(out).equals(readFileSync(scratch))).toBe(true);
      for (const { command, argv } of commands) {
        if (command === 'info' || command === 'query') {
          await deployment.json('db', command, 'alice', ...argv);
          continue;
        }
        expectFailure(await deployment.run(['db', command, 'alice', ...argv], { clock: IMPATIENT }), {
          code: 2,
          error: /^error: database "alice" has a newer Anki schema/,
          hint: /in Anki/,
        });
      }
      expect(deployment.server?.counts.operations.PutObject).toBe(0);
    },
  );

  test('it is of today’s Anki: every table can be read, and the check says what it does not know', async () => {
    place(readFileSync(writeSchema18()));
    const before = deployment.server?.object(BUCKET, KEY);
    expect((await deployment.json<Json>('db', 'info', 'alice')).tables).toMatchObject({
      notetypes: 2,
      decks: 4,
      tags: 4,
    });
    const sql = "SELECT name, tag FROM notetypes, tags WHERE tag = 'ZOO' ORDER BY name";
    expect((await deployment.json<Json>('db', 'query', 'alice', sql)).rows).toEqual([
      { name: 'Basic (and reversed)', tag: 'zoo' },
      { name: 'Lücke', tag: 'zoo' },
    ]);
    const check = await deployment.run(['db', 'check', 'alice', '--json']);
    expect({ code: check.code, ...check.json() }).toMatchObject({
      code: 7,
      integrity: 'ok',
      findings: ['a newer Anki upgraded it; the rules of that are not known here'],
    });
    expectFailure(await deployment.run(['db', 'export', 'alice', '--out', join(temporaryDirectory(), 'a.apkg')]), {
      code: 2,
      error: /has a newer Anki schema than 11/,
    });
    expect(deployment.server?.object(BUCKET, KEY)).toEqual(before);
  });

  test('nothing about it is broken in WAL mode: it is read and written', async () => {
    place(soundBytes(scratch).fill(2, 18, 20));
    expect((await deployment.json<Json>('db', 'info', 'alice')).tables).toMatchObject({ notes: SIZE.notes });
    expect(await deployment.json('db', 'exec', 'alice', 'DELETE FROM revlog', '--yes')).toMatchObject({
      outcome: 'committed',
      changes: SIZE.reviews,
    });
    expect((await deployment.runElsewhere(['db', 'check', 'alice'])).code).toBe(0);
  });
});
