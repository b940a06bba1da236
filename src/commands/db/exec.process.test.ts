import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeAnkiFile } from '../../testing/anki-file.ts';
import { COMMAND_DEPLOYMENTS, type CommandDeployment } from '../../testing/command-deployments.ts';
import { freshMachine, type Json, temporaryDirectory } from '../../testing/run-command.ts';

describe.each(COMMAND_DEPLOYMENTS)('db exec on $name', ({ name, open }) => {
  let deployment: CommandDeployment;
  let version: string;

  beforeEach(async () => {
    deployment = await open();
    const file = join(temporaryDirectory(), 'alice.anki2');
    writeAnkiFile(file, { notes: 5, reviews: 5 });
    version = (await deployment.json<Json>('db', 'push', 'alice', file)).version;
    deployment.server?.resetCounts();
  });

  afterEach(() => deployment.close());

  async function stored(): Promise<string> {
    const { databases } = await deployment.json<Json>('db', 'list');
    return databases.map(({ username, version }: Json) => `${username} ${version}`).join();
  }

  const puts = (): number => deployment.server?.counts.operations.PutObject ?? 0;

  test.each<{
    name: string;
    sql: string;
    values?: string[];
    changes: number;
    outcome: 'committed' | 'unchanged' | 'either';
  }>([
    { name: 'an update', sql: "UPDATE notes SET tags = ' x '", changes: 5, outcome: 'committed' },
    {
      name: 'an update with values',
      sql: 'UPDATE notes SET tags = ? WHERE guid = ?',
      values: [' x ', 'guid-1'],
      changes: 1,
      outcome: 'committed',
    },
    {
      name: 'several statements',
      sql: 'DELETE FROM revlog WHERE id > (SELECT min(id) FROM revlog); UPDATE col SET mod = 1; INSERT INTO graves VALUES (-1, 2, 0)',
      changes: 6,
      outcome: 'committed',
    },
    { name: 'an update without rows', sql: 'UPDATE notes SET tags = 1 WHERE 0', changes: 0, outcome: 'unchanged' },
    { name: 'a statement that reads', sql: 'SELECT * FROM notes', changes: 0, outcome: 'unchanged' },
    { name: 'an EXPLAIN of a write', sql: 'EXPLAIN DELETE FROM notes', changes: 0, outcome: 'unchanged' },
    { name: 'DDL, which changes no row', sql: 'CREATE TABLE extra (a)', changes: 0, outcome: 'committed' },
    { name: 'an index, which changes no row', sql: 'CREATE INDEX ix ON notes (mod)', changes: 0, outcome: 'committed' },
    { name: 'user_version', sql: 'PRAGMA user_version = 7', changes: 0, outcome: 'committed' },
    {
      name: 'a write that is taken back',
      sql: 'SAVEPOINT s; DELETE FROM notes; ROLLBACK TO s',
      changes: 5,
      outcome: 'either',
    },
    // SQLite may or may not write a page that stays as it was.
    {
      name: 'an update of each row to itself',
      sql: 'UPDATE notes SET mod = mod, flds = flds',
      changes: 5,
      outcome: 'either',
    },
    {
      name: 'a row that is deleted and inserted again',
      sql: 'CREATE TEMP TABLE t AS SELECT * FROM graves; DELETE FROM graves; INSERT INTO graves SELECT * FROM t',
      changes: 2,
      outcome: 'either',
    },
  ])('$name: $outcome', async ({ sql, values = [], changes, outcome }) => {
    const result = await deployment.json<Json>('db', 'exec', 'alice', sql, ...values);
    const asks = result.outcome === 'unchanged';
    if (outcome !== 'either') expect(result.outcome).toBe(outcome);
    // Whatever is said about it is true: unchanged is the old version, and not one PUT.
    expect(result).toEqual({
      outcome: asks ? 'unchanged' : 'committed',
      version: asks ? version : expect.not.stringContaining(version),
      attempts: 1,
      requests: { get: asks ? 1 : 0, put: asks ? 0 : 1, head: 0, delete: 0, list: 0 },
      changes,
    });
    if (deployment.server !== undefined) expect(puts()).toBe(asks ? 0 : 1);
    expect(await stored()).toBe(`alice ${result.version}`);
    expect((await deployment.run(['db', 'check', 'alice'])).code).not.toBe(8);
  });

  test.each<{ name: string; argv: string[]; message: RegExp }>([
    {
      name: 'commits',
      argv: ['DELETE FROM notes; COMMIT'],
      message: /^line 1: COMMIT would end the transaction, so nothing was stored$/,
    },
    {
      name: 'commits behind EXPLAIN and a comment',
      argv: ['DELETE FROM notes;\n/* now */ COMMIT'],
      message: /^line 2: COMMIT/,
    },
    {
      name: 'rolls back behind a comment that says TO',
      argv: ['DELETE FROM notes; ROLLBACK /* TO */; DELETE FROM cards'],
      message: /ROLLBACK/,
    },
    {
      name: 'rolls back on a constraint',
      argv: ['DELETE FROM notes; INSERT OR ROLLBACK INTO col SELECT * FROM col'],
      message: /UNIQUE constraint failed/i,
    },
    { name: 'begins', argv: ['BEGIN; DELETE FROM notes'], message: /^line 1: BEGIN/ },
    { name: 'vacuums', argv: ['VACUUM'], message: /^line 1: VACUUM/ },
    { name: 'attaches', argv: ["ATTACH '/tmp/javumbo-must-not-be' AS x"], message: /^line 1: ATTACH/ },
    {
      name: 'fails at the end',
      argv: ['DELETE FROM notes;\nDELETE FROM absent'],
      message: /^line 2: no such table: absent$/,
    },
    {
      name: 'does not parse',
      argv: ['DELET FROM notes'],
      message: /^near "DELET": syntax error; did you mean DELETE\?$/,
    },
    { name: 'has too few values', argv: ['DELETE FROM notes WHERE id = ?'], message: /^too few parameter values/ },
    {
      name: 'has values for several statements',
      argv: ['SELECT ?; SELECT ?', '1'],
      message: /values go with one statement/,
    },
    { name: 'is empty', argv: [' -- nothing'], message: /the SQL is empty/ },
    { name: 'is missing', argv: [], message: /^db exec needs SQL$/ },
    { name: 'is given twice', argv: ['SELECT 1', '--file', 'x.sql'], message: /given twice/ },
    {
      name: 'is in a file that is not there',
      argv: ['--file', '/nowhere/x.sql'],
      message: /^\/nowhere\/x.sql cannot be read/,
    },
    { name: 'leaves WAL mode to be set', argv: ['PRAGMA journal_mode = WAL'], message: /./ },
  ])('a script that $name is refused, and nothing is stored', async ({ argv, message }) => {
    const before = await stored();
    const result = await deployment.run(['db', 'exec', 'alice', ...argv, '--json']);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 2, stdout: '' });
    expect(result.failure()).toMatchObject({
      kind: 'usage',
      message: expect.stringMatching(message),
      try: expect.any(String),
    });
    expect(await stored()).toBe(before);
    expect(puts()).toBe(0);
    // Neither does anything of it stay in the cache.
    const { rows } = await deployment.json<Json>('db', 'query', 'alice', 'SELECT count(*) AS n FROM notes');
    expect(rows).toEqual([{ n: 5 }]);
  });

  test('a script comes from a file, with comments, strings and a trigger', async () => {
    const script = join(temporaryDirectory(), 'script.sql');
    writeFileSync(
      script,
      `\uFEFF-- what follows; is one transaction
CREATE TABLE log (note, at);
CREATE TRIGGER logged AFTER UPDATE ON notes BEGIN
  INSERT INTO log VALUES (new.id, CASE WHEN new.mod THEN 'changed; now' ELSE 'never' END);
END;
/* both; */ UPDATE notes SET data = 'a;b''c';
`,
    );
    expect(await deployment.json('db', 'exec', 'alice', '--file', script)).toMatchObject({
      outcome: 'committed',
      changes: 5,
    });
    const { rows } = await deployment.json<Json>(
      'db',
      'query',
      'alice',
      'SELECT count(*) AS n, min(at) AS at FROM log',
    );
    expect(rows).toEqual([{ n: 5, at: 'changed; now' }]);
  });

  test('values arrive as what they were written as', async () => {
    await deployment.json('db', 'exec', 'alice', 'CREATE TABLE v (a, b, c, d, e)');
    await deployment.json(
      'db',
      'exec',
      'alice',
      'INSERT INTO v VALUES (?, ?, ?, ?, ?)',
      '9223372036854775807',
      '-5',
      '1.5',
      '007',
      '',
    );
    const { rows } = await deployment.json<Json>(
      'db',
      'query',
      'alice',
      'SELECT a, b, c, d, e, typeof(a) || typeof(b) || typeof(c) || typeof(d) || typeof(e) AS types FROM v',
    );
    expect(rows).toEqual([
      { a: '9223372036854775807', b: -5, c: 1.5, d: '007', e: '', types: 'integerintegerrealtexttext' },
    ]);
  });

  describe('when somebody else commits first', () => {
    let theirs: string;

    // This machine has the first version cached, and a write never asks whether that is current.
    beforeEach(async () => {
      const elsewhere = await deployment.runElsewhere([
        'db',
        'exec',
        'alice',
        "UPDATE notes SET data = 'theirs' WHERE guid = 'guid-0'",
        '--json',
      ]);
      theirs = elsewhere.json<Json>().version;
      deployment.server?.resetCounts();
    });

    test('it fetches the winner and runs again', async () => {
      const result = await deployment.json<Json>('db', 'exec', 'alice', "UPDATE notes SET tags = 'ours'");
      // On an engine of one's own the adapter looks once whether the refusal was about the spelling of If-Match.
      const head = name === 'an S3 server' ? 1 : 0;
      expect(result).toMatchObject({
        outcome: 'committed',
        attempts: 2,
        requests: { get: 1, put: 2, delete: 0, list: 0 },
      });
      // A machine so busy that the wait would be long looks for its write before that once more.
      expect([head, head + 1]).toContain(result.requests.head);
      const { rows } = await deployment.json<Json>(
        'db',
        'query',
        'alice',
        "SELECT count(*) AS n FROM notes WHERE tags = 'ours' AND (data = 'theirs') = (guid = 'guid-0')",
      );
      expect(rows).toEqual([{ n: 5 }]);
    });

    test('with --retries 0 it is a conflict that names the user and both versions', async () => {
      const result = await deployment.run([
        'db',
        'exec',
        'alice',
        "UPDATE notes SET tags = 'ours'",
        '--retries',
        '0',
        '--json',
      ]);
      expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 4, stdout: '' });
      expect(result.failure()).toEqual({
        kind: 'conflict',
        message: `database "alice" was changed by somebody else: expected version ${version}, but the store holds version ${theirs}`,
        try: expect.any(String),
        username: 'alice',
        expectedVersion: version,
        actualVersion: theirs,
      });
      expect(await stored()).toBe(`alice ${theirs}`);
    });

    test('an edit that finds nothing to do in the old copy is run on the new one', async () => {
      const result = await deployment.json<Json>(
        'db',
        'exec',
        'alice',
        "UPDATE notes SET data = 'seen' WHERE data = 'theirs'",
      );
      expect(result).toMatchObject({ outcome: 'committed', attempts: 1, changes: 1, requests: { get: 1, put: 1 } });
    });

    test('an edit that fails on the old copy is run on the new one', async () => {
      const machine = freshMachine();
      const elsewhere = { env: { JAVUMBO_CACHE_DIR: machine.JAVUMBO_CACHE_DIR } };
      await deployment.run(['db', 'exec', 'alice', 'CREATE TABLE later (a)'], elsewhere);
      const result = await deployment.json<Json>('db', 'exec', 'alice', 'INSERT INTO later VALUES (1)');
      expect(result).toMatchObject({ outcome: 'committed', changes: 1 });
    });

    test('a database that was deleted meanwhile is a conflict, and stays deleted', async () => {
      await deployment.runElsewhere(['db', 'delete', '--yes', 'alice']);
      const result = await deployment.run(['db', 'exec', 'alice', "UPDATE notes SET tags = 'ours'", '--json']);
      expect(result.code).toBe(4);
      expect(result.failure()).toMatchObject({
        kind: 'conflict',
        username: 'alice',
        expectedVersion: version,
        message: expect.stringContaining('it was deleted'),
      });
      expect(await stored()).toBe('');
    });
  });
});
