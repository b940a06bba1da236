import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CommandDeployment, openLocal } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { type Json, temporaryDirectory } from '../../testing/run-command.ts';

let deployment: CommandDeployment;
let directory: string;

beforeEach(async () => {
  deployment = openLocal();
  directory = temporaryDirectory();
  await deployment.json('db', 'create', 'alice');
});

afterEach(() => deployment.close());

describe('what a command refuses, and the advice that helps', () => {
  test.each([
    {
      name: 'a query that would begin a transaction',
      argv: ['db', 'query', 'alice', 'BEGIN'],
      error: /^error: db query only reads, and BEGIN does not$/,
      hint: /one statement needs no transaction/,
    },
    {
      name: 'a query that would set the journal mode, which db exec would not set either',
      argv: ['db', 'query', 'alice', 'PRAGMA journal_mode = wal'],
      error: /which journal_mode cannot change$/,
      hint: /the same without it/,
    },
    {
      name: 'a time to live without a lease',
      argv: ['db', 'exec', 'alice', 'DELETE FROM notes', '--lease-ttl', '5s'],
      error: /^error: --lease-ttl is the time to live of a lease, and there is no --lease$/,
      hint: /both, or none/,
    },
    {
      name: 'a benchmark with a time to live and without a lease',
      argv: ['bench', 'concurrent', '--lease-ttl', '5s'],
      error: /^error: --lease-ttl is the time to live/,
      hint: /both, or none/,
    },
    {
      name: 'a pull into a device',
      argv: ['db', 'pull', 'alice', '--out', '/dev/null'],
      error: /^error: \/dev\/null cannot be written: it is not an ordinary file$/,
      hint: /the name of a file/,
    },
    {
      name: 'a pull into a directory that is not there, before anything is fetched',
      argv: ['db', 'pull', 'alice', '--out', '/nowhere/alice.anki2'],
      error: /^error: \/nowhere\/alice\.anki2 cannot be written: there is no directory \/nowhere$/,
      hint: /mkdir -p \/nowhere$/,
    },
  ])('$name', async ({ argv, error, hint }) => {
    expectFailure(await deployment.run(argv), { code: 2, error, hint });
  });

  test('a push over a version of nobody’s database is a conflict that says so', async () => {
    const file = join(directory, 'alice.anki2');
    await deployment.json('db', 'pull', 'alice', '--out', file);
    const argv = ['db', 'push', 'nobody', file, '--if-version', 'abc'];
    expectFailure(await deployment.run(argv), {
      code: 4,
      error: /^error: user "nobody" has no database, so no version abc of it$/,
      hint: /without --if-version/,
    });
    expect((await deployment.run(argv.slice(0, 4))).code).toBe(0);
  });

  test('a pull that cannot write says why, without the name of its own file, and leaves none', async () => {
    const file = join(directory, `${'x'.repeat(250)}.anki2`);
    const result = await deployment.run(['db', 'pull', 'alice', '--out', file]);
    expectFailure(result, { code: 2, error: /cannot be written: ENAMETOOLONG: name too long$/ });
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a file that is no collection', () => {
  test.each([
    {
      name: 'has none of Anki’s tables',
      sql: 'CREATE TABLE t (a)',
      lacks: /\(it has no table "col", "notes", "cards"/,
    },
    {
      name: 'has lost some',
      sql: 'CREATE TABLE col (ver); CREATE TABLE notes (id)',
      lacks: /\(it has no table "cards"/,
    },
  ])('is stored with a warning that --quiet does not hide from JSON: it $name', async ({ sql, lacks }) => {
    const file = join(directory, 'file.db');
    const database = new Database(file);
    database.exec(sql);
    database.close();
    const stored = await deployment.json<Json>('db', 'push', 'bob', file, '--quiet');
    expect(stored).toMatchObject({ outcome: 'committed', warnings: [expect.stringMatching(lacks)] });
  });

  test('is not what a collection is: that has no warnings', async () => {
    const file = join(directory, 'alice.anki2');
    await deployment.json('db', 'pull', 'alice', '--out', file);
    expect(await deployment.json<Json>('db', 'push', 'bob', file)).not.toHaveProperty('warnings');
  });
});
