import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { spoil } from '../../testing/bad-files.ts';
import { ACCOUNT_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { type FunctionRig, startWithAlice } from '../../testing/function-rig.ts';
import { temporaryDirectory } from '../../testing/run-command.ts';

const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';

describe('a pushed collection with a schema of its own', () => {
  let deployment: CommandDeployment;
  let rig: FunctionRig;
  let close: () => Promise<void>;
  let file: string;

  beforeEach(async () => {
    const [{ open }] = ACCOUNT_DEPLOYMENTS as [(typeof ACCOUNT_DEPLOYMENTS)[number]];
    ({ deployment, rig, close } = await startWithAlice(open));
    file = join(temporaryDirectory(), 'alice.anki2');
    await deployment.json('db', 'pull', 'alice', '--out', file);
  });

  afterEach(() => close());

  const push = async (sql: string): Promise<void> => {
    spoil(file, sql);
    await deployment.json('db', 'push', 'alice', file, '--force', '--yes');
  };

  const CASES = [
    {
      name: 'a trigger that raises',
      sql: "CREATE TRIGGER t BEFORE INSERT ON notes BEGIN SELECT raise(abort, 'locked'); END",
      code: 7,
      message: /^database "alice": trigger "t" on table notes is not Anki's/,
    },
    {
      name: 'a trigger that never ends',
      sql: `CREATE TRIGGER t AFTER INSERT ON cards BEGIN SELECT count(*) FROM (${ENDLESS}); END`,
      code: 7,
      message: /^database "alice": trigger "t" on table cards is not Anki's/,
    },
    {
      name: 'a view that never ends in the place of notes',
      sql: `DROP TABLE notes; CREATE VIEW notes AS ${ENDLESS}`,
      code: 8,
      message: /^database "alice": the collection has lost Anki's table "notes"$/,
    },
    {
      name: 'an index over a function that is not here',
      sql: 'CREATE INDEX i ON notes (mine(flds))',
      code: 7,
      message: /^database "alice": (unknown|no such) function: mine/,
    },
    {
      name: 'note types without ids',
      sql: "UPDATE col SET models = (SELECT json_object('basic', json(value)) FROM json_each(col.models))",
      code: 8,
      message: /^database "alice": column "models" of the collection has the key "basic", which is no id$/,
    },
  ];

  test.each(CASES)('($name) makes add-note and the function say so', async ({ sql, code, message }) => {
    await push(sql);
    const added = await deployment.run(['db', 'add-note', 'alice', '--field', 'a', '--json']);
    expect(added.code).toBe(code);
    expect(added.failure()).toMatchObject({ message: expect.stringMatching(message), username: 'alice' });
    const { error } = await rig.invoke({ operation: 'write', username: 'alice', fields: ['a'], guid: 'g' });
    expect(error).toMatchObject({
      kind: code === 7 ? 'violation' : 'corrupt',
      message: expect.stringMatching(message),
      username: 'alice',
    });
  });

  test.each(CASES)('($name) is shown by info, and by the function, without running it', async ({ sql }) => {
    await push(sql);
    expect(await deployment.json('db', 'info', 'alice')).toMatchObject({ tables: { col: 1 } });
    expect(await rig.invoke({ operation: 'read', username: 'alice', stalenessSeconds: 0 })).toMatchObject({
      result: { tables: { col: 1 } },
    });
  });

  test.each([
    {
      name: 'an index by a collation that is not here',
      sql: `CREATE INDEX c ON notes (flds);
        UPDATE sqlite_master SET sql = 'CREATE INDEX c ON notes (flds COLLATE mine)' WHERE name = 'c'`,
      message: /alice\.anki2: no such collation sequence: mine/,
    },
    {
      name: 'a check by a function that is not here',
      sql: `UPDATE sqlite_master SET sql = substr(sql, 1, length(rtrim(sql, ' ' || char(10) || ')')))
        || ', CHECK (mine(1)))' WHERE name = 'notes'`,
      message: /unknown function: mine\(\)/,
    },
  ])('$name is named when it is pushed, and the push ends with 7', async ({ sql, message }) => {
    spoil(file, sql);
    expectFailure(await deployment.run(['db', 'push', 'alice', file, '--force', '--yes']), { code: 7, error: message });
  });

  test('a virtual table of a module that is not here is no trouble to info and add-note', async () => {
    await push("INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING nosuch(a)')");
    expect(await deployment.json('db', 'info', 'alice')).toMatchObject({ tables: { notes: 0 } });
    expect(await deployment.json('db', 'add-note', 'alice', '--field', 'a')).toMatchObject({ outcome: 'committed' });
  });

  test('an index over a function that is not here ends check with 7 and its name', async () => {
    await push('CREATE INDEX i ON notes (mine(flds))');
    expectFailure(await deployment.run(['db', 'check', 'alice']), {
      code: 7,
      error: /^error: database "alice": .*function: mine\(\), at: PRAGMA/,
      hint: /^try: {3}javumbo db query alice/,
    });
  });

  test('what Anki wrote in another type is named by the function', async () => {
    await push("INSERT INTO notes VALUES (5, 'g', 1, 1, 1, 7, x'00', 1, 1, 0, '')");
    const { error } = await rig.invoke({ operation: 'read', username: 'alice', noteId: 5, stalenessSeconds: 0 });
    expect(error).toMatchObject({
      kind: 'corrupt',
      message: expect.stringMatching(/column "flds" of note 5 is not text/),
    });
  });
});
