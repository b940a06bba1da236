/** The command, installed where better-sqlite3 was not, or not well. */
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { runScript } from '../testing/child-process.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE = `Node ${process.versions.node} has no node:sqlite`;
// Nothing listens there, and nothing is asked.
const ON_AWS = ['--bucket', 'bucket', '--endpoint-url', 'http://127.0.0.1:9'];
const HELP = 'Node 22.16 or later; or npm rebuild better-sqlite3, or npm install --allow-scripts=better-sqlite3';

// Where Node has SQLite itself, nothing is missed: src/sqlite/node-versions.engine.ts.
describe.skipIf(isBuiltin('node:sqlite'))('where better-sqlite3 cannot be loaded', () => {
  let installed: string;
  let library: string;
  let env: Record<string, string>;

  beforeAll(() => {
    installed = temporaryDirectory();
    const modules = join(installed, 'node_modules');
    library = join(modules, 'better-sqlite3');
    env = { HOME: installed, JAVUMBO_HOME: join(installed, 'home'), JAVUMBO_CACHE_DIR: join(installed, 'cache') };
    for (const name of ['bin', 'dist', 'package.json'])
      cpSync(join(ROOT, name), join(installed, name), { recursive: true });
    mkdirSync(modules);
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      if (name !== 'better-sqlite3') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
  });

  const run = (...argv: string[]) => runScript(join(installed, 'bin', 'javumbo.js'), argv, env);

  /** Runs a command that must fail, and returns the reason that it gives for better-sqlite3. */
  async function reasonOf(...argv: string[]): Promise<string | undefined> {
    const { code, stdout, stderr } = await run(...argv, '--json', '--quiet');
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    const { error } = JSON.parse(stderr);
    expect(error).toMatchObject({ kind: 'unavailable', try: HELP });
    const [, reason, node] = /^SQLite cannot be loaded: better-sqlite3 (.*); (.*)$/.exec(error.message) ?? [];
    expect(node).toBe(NODE);
    return reason;
  }

  test.each<{ name: string; make: (path: string) => void; reason: RegExp }>([
    {
      name: 'its install script did not run',
      make: () => {},
      reason: /^has no binary: its install script did not run$/,
    },
    {
      name: 'its binary is none',
      make: (path) => {
        mkdirSync(join(path, '..'), { recursive: true });
        writeFileSync(path, 'not a library');
      },
      reason: /^does not load \(.*better_sqlite3\.node: .*\)$/,
    },
  ])('because $name, a command says so', async ({ make, reason }) => {
    for (const name of ['lib', 'package.json']) {
      cpSync(join(ROOT, 'node_modules/better-sqlite3', name), join(library, name), { recursive: true });
    }
    make(join(library, 'build', 'Release', 'better_sqlite3.node'));
    expect(await reasonOf('db', 'list')).toMatch(reason);
    rmSync(library, { recursive: true });
  });

  describe('because it is not installed', () => {
    test.each([
      ['db', 'query', 'alice', 'SELECT 1'],
      ['user', 'list'],
      ['db', 'create', 'alice', ...ON_AWS],
    ])('%s %s says so', async (...argv) => {
      expect(await reasonOf(...argv)).toBe('is not installed');
    });

    test('config show says so, and shows the rest', async () => {
      const { code, stdout, stderr } = await run('config', 'show', '--json');
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        deployment: { value: 'local' },
        sqliteEngine: { value: null, source: 'default' },
      });
      expect(stderr).toMatch(/^warning: SQLite cannot be loaded: better-sqlite3 is not installed; /);
    });

    test('what opens no SQLite file works', async () => {
      for (const argv of [['--version'], ['db', 'exec', '--help'], ['cache', 'stats', ...ON_AWS]]) {
        expect(await run(...argv), argv.join(' ')).toMatchObject({ code: 0, stderr: '' });
      }
    });
  });
});
