/** The command and its contracts on Node's own SQLite, under Node 22 and 24, for which better-sqlite3 has no binary here. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { sound } from '../testing/bad-files.ts';
import { type ChildResult, runScript, SCRIPTS } from '../testing/child-process.ts';
import { freshMachine, type Json } from '../testing/run-command.ts';

const nodes = inject('lambdaNodes');
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs test files, all of which must pass, and returns how many tests they hold. */
async function testsPassing(node: string, files: readonly string[]): Promise<number> {
  const projects = ['--project', 'unit', '--project', 'process'];
  const argv = ['node_modules/vitest/vitest.mjs', 'run', ...projects, '--reporter=json', ...files];
  const env = { PATH: process.env.PATH, HOME: freshMachine().HOME };
  const ended = promisify(execFile)(node, argv, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 });
  const { stdout } = await ended.catch((error: { stdout: string }) => error);
  const { success, numTotalTests, testResults } = JSON.parse(stdout) as Json;
  const others = testResults
    .flatMap(({ assertionResults }: Json) => assertionResults)
    .filter(({ status }: Json) => status !== 'passed');
  expect({ success, others: others.map(({ fullName }: Json) => fullName) }).toEqual({ success: true, others: [] });
  return numTotalTests;
}

describe.runIf(nodes !== undefined).each([
  { version: 'Node 22', node: nodes?.NODE_22 ?? '' },
  { version: 'Node 24', node: nodes?.NODE_24 ?? '' },
])('under $version', ({ node }) => {
  test('the engine keeps every clause that better-sqlite3 keeps', async () => {
    const files = 'src/sqlite/local-files.process.test.ts';
    const expected = await testsPassing(process.execPath, ['src/sqlite/better-sqlite.test.ts', files]);
    expect(await testsPassing(node, ['src/sqlite/node-sqlite.test.ts', files])).toBe(expected);
  });

  test('the repair of a collection loses no bytes', async () => {
    expect(await testsPassing(node, ['src/anki/repair.test.ts'])).toBeGreaterThan(20);
  });

  test('the commands for databases and accounts, and the library, pass their tests', async () => {
    // Those that do not need better-sqlite3 for themselves.
    const files = ['commands/db/db', 'commands/db/exec', 'commands/db/push', 'commands/user/user', 'library/library'];
    const passed = await testsPassing(
      node,
      files.map((file) => `src/${file}.process.test.ts`),
    );
    expect(passed).toBeGreaterThan(100);
  });

  describe('the built command', () => {
    let env: Record<string, string>;
    let home: string;

    beforeEach(() => {
      const machine = freshMachine();
      home = machine.HOME;
      env = { ...machine };
    });

    const run = (argv: readonly string[], input?: string): Promise<ChildResult> =>
      runScript(SCRIPTS.javumbo, argv, env, { node, ...(input === undefined ? {} : { input }) });

    /** Runs a command that must succeed without a word on stderr, such as Node's warning. */
    async function json(argv: readonly string[], input?: string): Promise<Json> {
      const { code, stdout, stderr } = await run([...argv, '--json', '--quiet'], input);
      expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
      return JSON.parse(stdout);
    }

    test('does the main jobs, and says nothing of the engine', async () => {
      expect((await json(['config', 'show'])).sqliteEngine).toEqual({ value: 'node:sqlite', source: 'default' });
      await json(['db', 'create', 'alice']);
      const { noteId } = await json(['db', 'add-note', 'alice', '--field', 'Grüße 🎉', '--field', 'back']);
      const query = ['db', 'query', 'alice', 'SELECT id, flds FROM notes WHERE id > ?', '9007199254740993'];
      expect((await json(query)).rows).toEqual([]);
      expect((await json([...query.slice(0, -1), '0'])).rows).toEqual([{ id: noteId, flds: 'Grüße 🎉\x1fback' }]);
      expect(await json(['db', 'exec', 'alice', 'UPDATE notes SET tags = ?', ' a '])).toMatchObject({ changes: 1 });
      expect(await json(['db', 'exec', 'alice', "UPDATE notes SET tags = ' b '", '--lease'])).toMatchObject({
        changes: 1,
      });
      expect(await json(['db', 'check', 'alice'])).toMatchObject({ findings: [] });
      const file = join(home, 'alice.anki2');
      const { version } = await json(['db', 'pull', 'alice', '--out', file]);
      expect(await json(['db', 'push', 'alice', file, '--if-version', version])).toMatchObject({
        outcome: 'committed',
      });
      expect(await json(['db', 'push', 'bob', file])).toMatchObject({ outcome: 'committed' });
      expect((await json(['db', 'info', 'bob'])).tables).toMatchObject({ notes: 1, cards: 1 });
      await json(['user', 'create', 'alice', '--name', 'Alice', '--password-stdin'], 'a long password');
      expect(await json(['user', 'get', 'alice'])).toMatchObject({ username: 'alice', name: 'Alice' });
      await json(['user', 'authenticate', 'alice', '--password-stdin'], 'a long password');
      expect(await json(['user', 'list'])).toMatchObject({ users: [{ username: 'alice' }] });
    });

    test('refuses to write by db query, and SQL that reaches outside', async () => {
      await json(['db', 'create', 'alice']);
      for (const [sql, message] of [
        ['DELETE FROM col', 'db query only reads, and DELETE does not'],
        ['WITH c AS (SELECT 1) DELETE FROM col RETURNING id', 'db query only reads, and WITH does not'],
        [
          'PRAGMA journal_mode = WAL',
          'line 1: databases are stored in rollback mode, which journal_mode cannot change',
        ],
        ["VACUUM INTO 'x'", 'line 1: VACUUM cannot run inside a transaction'],
      ] as const) {
        const { code, stderr } = await run(['db', 'query', 'alice', sql, '--json', '--quiet']);
        expect({ sql, code, error: JSON.parse(stderr).error }).toMatchObject({ sql, code: 2, error: { message } });
      }
    });

    test('reads and changes what better-sqlite3 wrote, and the other way round', async () => {
      const file = join(home, 'written.anki2');
      sound(file);
      const other = async (...argv: string[]): Promise<Json> => {
        const { code, stdout } = await runScript(SCRIPTS.javumbo, [...argv, '--json', '--quiet'], env);
        expect({ argv, code }).toEqual({ argv, code: 0 });
        return JSON.parse(stdout);
      };
      await other('db', 'create', 'alice', '--from', file);
      await json(['db', 'exec', 'alice', "UPDATE notes SET tags = ' node '"]);
      expect((await other('db', 'query', 'alice', 'SELECT DISTINCT tags FROM notes')).rows).toEqual([
        { tags: ' node ' },
      ]);
      await other('db', 'exec', 'alice', "UPDATE notes SET tags = ' better '");
      expect((await json(['db', 'query', 'alice', 'SELECT DISTINCT tags FROM notes'])).rows).toEqual([
        { tags: ' better ' },
      ]);
      expect(await json(['db', 'check', 'alice'])).toMatchObject({ findings: [] });
    });

    test('takes a path that begins with file: for a path', async () => {
      writeFileSync(join(home, 'file:x?mode=memory'), 'no database at all '.repeat(100));
      const { code, stderr } = await runScript(
        SCRIPTS.javumbo,
        ['db', 'push', 'alice', 'file:x?mode=memory', '--json', '--quiet'],
        env,
        { node, cwd: home },
      );
      expect({ code, error: JSON.parse(stderr).error }).toMatchObject({ code: 8, error: { kind: 'corrupt' } });
    });

    test('keeps other warnings, and those who listen for them', async () => {
      const program = join(home, 'program.mjs');
      writeFileSync(
        program,
        `
        process.on('warning', ({ name, message }) => console.log(name + ': ' + message));
        const { sqliteEngine } = await import(${JSON.stringify(new URL('../../dist/sqlite/choose-engine.js', import.meta.url).href)});
        console.log((await sqliteEngine()).name);
        process.emitWarning('SQLite is old', 'DeprecationWarning');
        process.emitWarning('Something is an experimental feature', 'ExperimentalWarning');
        `,
      );
      const { stdout } = await runScript(program, [], env, { node });
      expect(stdout.trimEnd().split('\n')).toEqual([
        'node:sqlite',
        'DeprecationWarning: SQLite is old',
        'ExperimentalWarning: Something is an experimental feature',
      ]);
    });
  });
});
