import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SCRIPTS } from '../testing/child-process.ts';
import { type CommandDeployment, openLocal } from '../testing/command-deployments.ts';
import { expectFailure } from '../testing/expect-failure.ts';
import { type Json, runCommand, temporaryDirectory } from '../testing/run-command.ts';

let deployment: CommandDeployment;
let directory: string;

beforeEach(async () => {
  deployment = openLocal();
  directory = temporaryDirectory();
  await deployment.json('db', 'create', 'alice');
});

afterEach(() => deployment.close());

describe('what never ends is refused as a file', () => {
  const COMMANDS = [
    { option: 'db exec --file', argv: (file: string) => ['db', 'exec', 'alice', '--file', file] },
    { option: 'db push', argv: (file: string) => ['db', 'push', 'bob', file] },
    { option: 'db create --from', argv: (file: string) => ['db', 'create', 'bob', '--from', file] },
    { option: 'user import', argv: (file: string) => ['user', 'import', file] },
    { option: 'report show', argv: (file: string) => ['report', 'show', file] },
    { option: 'bench --prices', argv: (file: string) => ['bench', 'cache', '--prices', file] },
  ];
  test.each(COMMANDS)('by $option', async ({ argv }) => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const file of [pipe, '/dev/zero']) {
      expectFailure(await deployment.run(argv(file)), { code: 2, error: /is not (a|an ordinary) file/ });
    }
  });
});

test('a pipe is no --package: nothing waits for its writer', async () => {
  const pipe = join(directory, 'package.zip');
  execFileSync('mkfifo', [pipe]);
  const argv = ['function', 'deploy', '--bucket', 'b', '--function', 'f', '--package', pipe];
  expectFailure(await runCommand(argv, { env: { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' } }), {
    code: 2,
    error: /package\.zip is not an ordinary file$/,
    hint: /another file with --package/,
  });
});

describe('a script', () => {
  test('comes through what the shell makes of <(…), or through standard input', () => {
    const { JAVUMBO_HOME = '', JAVUMBO_CACHE_DIR = '' } = deployment.env;
    const line = 'echo "UPDATE col SET mod = mod + 1"';
    const exec = `"${process.execPath}" "${SCRIPTS.javumbo}" db exec alice --quiet --json --file`;
    for (const command of [`${exec} <(${line})`, `${line} | ${exec} /dev/stdin`]) {
      const env = { ...process.env, JAVUMBO_HOME, JAVUMBO_CACHE_DIR };
      expect(JSON.parse(execFileSync('bash', ['-c', command], { env }).toString())).toMatchObject({ changes: 1 });
    }
  });

  test('that is not UTF-8 is refused with the position, and changes nothing', async () => {
    const file = join(directory, 'latin1.sql');
    writeFileSync(file, Buffer.from('-- first\nUPDATE col SET tags = \'{"caf\u00e9":-1}\'', 'latin1'));
    const before = await deployment.json<Json>('db', 'info', 'alice');
    expectFailure(await deployment.run(['db', 'exec', 'alice', '--file', file]), {
      code: 2,
      error: /latin1\.sql is not UTF-8: byte 38, on line 2$/m,
      hint: /UTF-8/,
    });
    expect((await deployment.json<Json>('db', 'info', 'alice')).version).toBe(before.version);
  });

  test('may begin with a byte order mark', async () => {
    const file = join(directory, 'bom.sql');
    writeFileSync(file, '\ufeffUPDATE col SET tags = \'{"caf\u00e9":-1}\'');
    expect(await deployment.json('db', 'exec', 'alice', '--file', file)).toMatchObject({ changes: 1 });
    expect((await deployment.json<Json>('db', 'query', 'alice', 'SELECT tags FROM col')).rows).toEqual([
      { tags: '{"caf\u00e9":-1}' },
    ]);
  });
});

test('an argument that Node decoded with loss is refused, with its position', async () => {
  const result = await deployment.run(['db', 'exec', 'alice', "UPDATE col SET tags = 'caf\ufffd'"]);
  expectFailure(result, { code: 2, error: /^error: argument \d+ is not UTF-8: character 27$/m, hint: /UTF-8/ });
});

describe('a password', () => {
  const create = (password: string | Buffer): Promise<Json> =>
    deployment.run(['user', 'create', 'bob', '--name', 'B', '--password-stdin'], { piped: password });
  const authenticate = async (password: string): Promise<number> =>
    (await deployment.run(['user', 'authenticate', 'bob', '--password-stdin'], { piped: password })).code;

  test('behind a byte order mark is the password without it', async () => {
    expect((await create('\ufeffcorrect horse\r\n')).code).toBe(0);
    expect(await authenticate('correct horse')).toBe(0);
  });

  test('may be composed by one keyboard and decomposed by another', async () => {
    expect((await create('cafe\u0301 correct')).code).toBe(0);
    expect(await authenticate('caf\u00e9 correct')).toBe(0);
    expect(await authenticate('cafe\u0301 correct')).toBe(0);
    expect(await authenticate('cafe correct')).toBe(7);
  });

  test('that is not UTF-8 is refused', async () => {
    expectFailure(await create(Buffer.from('caf\u00e9 correct', 'latin1')), { code: 2, error: /not UTF-8: byte 4/ });
  });
});

describe('an admin.db that somebody made', () => {
  const HASH = `$2b$04$${'a'.repeat(53)}`;
  const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)';
  const importing = (sql: string): Promise<Json> => {
    const file = join(directory, 'admin.db');
    const database = new Database(file);
    database.exec(sql);
    database.close();
    return deployment.run(['user', 'import', file, '--json']);
  };

  test('with a view that never ends for users is refused, and the view not run', async () => {
    const view = `CREATE TABLE t (a); CREATE VIEW users AS ${ENDLESS} SELECT i AS username, i AS password_hash FROM n`;
    const result = await importing(view);
    expect(result.code).toBe(2);
    expect(result.failure()).toMatchObject({ message: expect.stringMatching(/has no table of users/) });
  });

  test('with a trigger that never ends is imported, for nothing is written to it', async () => {
    const trigger = `CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT count(*) FROM (${ENDLESS} SELECT i FROM n); END`;
    const users = 'CREATE TABLE users (username, name, password_hash)';
    const result = await importing(`${users}; INSERT INTO users VALUES ('ann', 'Ann', '${HASH}'); ${trigger}`);
    expect(result.json()).toMatchObject({ importedCount: 1 });
  });

  test.each([
    { name: 'a name that is not UTF-8', row: `'ann', CAST(x'c3' AS TEXT), '${HASH}'`, reason: 'the name is not UTF-8' },
    { name: 'a hash of cost 31', row: `'ann', 'Ann', '${HASH.replace('04', '31')}'`, reason: /has cost 31/ },
  ])('with $name skips that account', async ({ row, reason }) => {
    const result = await importing(
      `CREATE TABLE users (username, name, password_hash); INSERT INTO users VALUES (${row})`,
    );
    expect(result.code).toBe(7);
    expect(result.json()).toMatchObject({
      importedCount: 0,
      skipped: [{ username: 'ann', reason: expect.stringMatching(reason) }],
    });
  });
});
