/** The session as a script runs it, through a pipe. tests of the session itself: src/shell/session.test.ts */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { freshMachine, type RunOptions, runCommand } from '../../testing/run-command.ts';

let env: ReturnType<typeof freshMachine>;

beforeEach(async () => {
  env = freshMachine();
  await runCommand(['db', 'create', 'alice'], { env });
});

const shell = (script: string, argv: readonly string[] = [], options: RunOptions = {}) =>
  runCommand(['db', 'shell', 'alice', '--quiet', ...argv], { env, piped: script, ...options });

const graves = async (): Promise<string> => {
  const { stdout } = await runCommand(['db', 'query', 'alice', 'SELECT usn FROM graves ORDER BY usn'], { env });
  return stdout.trimEnd().split('\n').join(' ');
};

const BURY = 'INSERT INTO graves VALUES';

test.each<{
  name: string;
  script: string;
  argv?: string[];
  code: number;
  stdout: string;
  error?: string;
  graves: string;
}>([
  {
    name: 'rows go to stdout, and what is committed is stored',
    script: `${BURY} (1, 1, 1);\nSELECT usn, oid\n  FROM graves;\n.commit\n`,
    code: 0,
    stdout: '1\t1\n',
    graves: '1',
  },
  {
    name: 'what is not committed is an error, and is not stored',
    script: `${BURY} (1, 1, 1);`,
    code: 2,
    stdout: '',
    error: 'the script ends with changes that it does not commit, so they are not stored',
    graves: '',
  },
  { name: 'what is discarded is not stored', script: `${BURY} (1, 1, 1);\n.discard`, code: 0, stdout: '', graves: '' },
  {
    name: 'the first error ends it, with its code',
    script: `${BURY} (1, 1, 1);\n.commit\nSELECT nope;\nSELECT 1;`,
    code: 2,
    stdout: '',
    error: 'no such column: nope',
    graves: '1',
  },
  {
    name: 'unless it is to go on: then it ends with the code of the first error',
    script: `SELECT nope;\nSELECT 1;\n${BURY} (1, 1, 1);\n.commit`,
    argv: ['--keep-going'],
    code: 2,
    stdout: '1\n',
    error: 'no such column: nope',
    graves: '1',
  },
  { name: 'the last statement needs no semicolon', script: 'SELECT 1', code: 0, stdout: '1\n', graves: '' },
  {
    name: 'rows have the format that is asked for',
    script: 'SELECT 1 AS a; SELECT NULL AS b;',
    argv: ['--format', 'jsonl'],
    code: 0,
    stdout: '{"a":1}\n{"b":null}\n',
    graves: '',
  },
  {
    name: 'a statement that changes rows and returns them does both',
    script: `${BURY} (3, 3, 3) RETURNING usn, oid;\n.commit`,
    code: 0,
    stdout: '3\t3\n',
    graves: '3',
  },
  { name: 'it can end before its end', script: 'SELECT 1;\n.quit\nSELECT 2;', code: 0, stdout: '1\n', graves: '' },
  {
    name: 'a table of Anki is not emptied without a question',
    script: 'DELETE FROM col;\n.commit',
    code: 2,
    stdout: '',
    error: 'In database "alice" table col is emptied',
    graves: '',
  },
  {
    name: 'and the lines behind a commit that would ask are no answer',
    script: 'DELETE FROM col;\n.commit\nalice\n;\nSELECT count(*) FROM col;\n.discard\nSELECT count(*) FROM col;',
    argv: ['--keep-going'],
    code: 2,
    stdout: '0\n1\n',
    error: 'In database "alice" table col is emptied',
    graves: '',
  },
  { name: '.exit is another name of .quit', script: 'SELECT 1;\n.exit\nSELECT 2;', code: 0, stdout: '1\n', graves: '' },
  {
    name: 'a command that is none',
    script: '.comit',
    code: 2,
    stdout: '',
    error: 'there is no command .comit\ntry:   .commit',
    graves: '',
  },
  {
    name: 'a command with too much behind it',
    script: '.commit now',
    code: 2,
    stdout: '',
    error: '.commit takes nothing behind it\ntry:   .commit',
    graves: '',
  },
  {
    name: 'a table that is none',
    script: '.schema grave',
    code: 2,
    stdout: '',
    error: 'there is no table or view grave\ntry:   .schema graves',
    graves: '',
  },
])('$name', async ({ script, argv, code, stdout, error, graves: left }) => {
  const ended = await shell(script, argv);
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout });
  expect(ended.stderr).toMatch(error === undefined ? /^$/ : /^error: /);
  expect(ended.stderr).toContain(error ?? '');
  expect(await graves()).toBe(left);
});

test('tables, the schema and the state of the session are shown', async () => {
  const { stdout } = await shell(`.tables\n.schema graves\n${BURY} (1, 1, 1);\n.status\n.discard\n.help`);
  expect(stdout).toContain('cards\ncol\ngraves\nnotes\nrevlog\n');
  expect(stdout).toContain('CREATE TABLE graves (');
  expect(stdout).toMatch(/^version\t[0-9a-f]{64}\nnewest\tthe same\nlast modified\t.*\nuncommitted\t1 statement$/m);
  expect(stdout).toContain('.save <file>\t');
  expect(stdout).toContain('.quit, .exit\t');
  expect(stdout).toMatch(/^\.commit\t.*temporary tables and settings by PRAGMA end$/m);
});

describe('the statements', () => {
  test('can be saved, and run by db exec', async () => {
    const file = join(mkdtempSync(join(env.HOME, 'x')), 'mine.sql');
    const { code } = await shell(`${BURY} (5, 5, 5);\n.save ${file}\n.discard`);
    expect({ code, script: readFileSync(file, 'utf8') }).toEqual({ code: 0, script: `${BURY} (5, 5, 5);\n` });
    await runCommand(['db', 'exec', 'alice', '--file', file], { env });
    expect(await graves()).toBe('5');
    expect((await shell(`.save ${file}`)).stderr).toContain('cannot be written: it exists');
  });
});

test('it prints no document', async () => {
  const { code, failure } = await shell('SELECT 1;', ['--json']);
  expect({ code, try: failure().try }).toEqual({
    code: 2,
    try: 'without --json; --format jsonl has an object on each line',
  });
});

test('a user without a database has no session', async () => {
  expect((await runCommand(['db', 'shell', 'bob'], { env, piped: '' })).code).toBe(3);
});
