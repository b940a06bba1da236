import { describe, expect, test } from 'vitest';
import type { SqliteEngineName } from '../core/sqlite-engines.ts';
import { chooseEngine, type EngineLoaders, sqliteEngine, whyNot } from './choose-engine.ts';
import type { SqliteEngine } from './engine.ts';

const HELP = 'Node 22.16 or later; or npm rebuild better-sqlite3, or npm install --allow-scripts=better-sqlite3';

describe('the engine', () => {
  /** Loaders of the engines that are there; `asked`: which of them were called. */
  function loadersOf(there: readonly SqliteEngineName[], asked: SqliteEngineName[]): EngineLoaders {
    const load = (name: SqliteEngineName) => async (): Promise<SqliteEngine> => {
      asked.push(name);
      if (!there.includes(name)) throw new Error(`${name} is not there`);
      return { name, open: () => expect.fail('nothing is opened') };
    };
    return { 'better-sqlite3': load('better-sqlite3'), 'node:sqlite': load('node:sqlite') };
  }

  const BOTH = ['better-sqlite3', 'node:sqlite'] as const;

  test.each<{
    name: string;
    there: readonly SqliteEngineName[];
    only?: SqliteEngineName;
    is: SqliteEngineName;
    asked: readonly SqliteEngineName[];
  }>([
    { name: 'is better-sqlite3 where both are there', there: BOTH, is: 'better-sqlite3', asked: ['better-sqlite3'] },
    { name: 'is node:sqlite where only that is there', there: ['node:sqlite'], is: 'node:sqlite', asked: BOTH },
    {
      name: 'is the one that is asked for',
      there: BOTH,
      only: 'node:sqlite',
      is: 'node:sqlite',
      asked: ['node:sqlite'],
    },
  ])('$name', async ({ there, only, is, asked }) => {
    const called: SqliteEngineName[] = [];
    expect((await chooseEngine(loadersOf(there, called), only)).name).toBe(is);
    expect(called).toEqual(asked);
  });

  test.each<{
    name: string;
    there: readonly SqliteEngineName[];
    only?: SqliteEngineName;
    message: string;
    help: string;
  }>([
    {
      name: 'neither is there',
      there: [],
      message: 'SQLite cannot be loaded: better-sqlite3 is not there; node:sqlite is not there',
      help: HELP,
    },
    {
      name: 'the one that is asked for is not there, though the other one is',
      there: ['better-sqlite3'],
      only: 'node:sqlite',
      message: 'SQLite cannot be loaded: node:sqlite is not there, and JAVUMBO_SQLITE_ENGINE asks for node:sqlite',
      help: `without JAVUMBO_SQLITE_ENGINE; or ${HELP}`,
    },
  ])('is unavailable where $name', async ({ there, only, message, help }) => {
    await expect(chooseEngine(loadersOf(there, []), only)).rejects.toMatchObject({
      kind: 'unavailable',
      message,
      try: help,
    });
  });

  test('of this process is loaded once', async () => {
    const first = sqliteEngine();
    expect(sqliteEngine()).toBe(first);
    await first;
  });
});

describe('better-sqlite3', () => {
  const withCode = (message: string, code?: string): Error => Object.assign(new Error(message), { code });

  test.each<{ name: string; error: Error; is: string }>([
    {
      name: 'is missing',
      error: withCode("Cannot find package 'better-sqlite3' imported from /x/dist/sqlite.js", 'ERR_MODULE_NOT_FOUND'),
      is: 'is not installed',
    },
    {
      name: 'is missing in the bundle',
      error: withCode(
        "Cannot find module 'better-sqlite3'\nRequire stack:\n- /x/dist/bundle/a.cjs",
        'MODULE_NOT_FOUND',
      ),
      is: 'is not installed',
    },
    {
      name: 'lacks its binary',
      error: withCode('Could not locate the bindings file. Tried:\n → /x/build/better_sqlite3.node\n → /x/y'),
      is: 'has no binary: its install script did not run',
    },
    {
      name: 'has a binary for another Node',
      error: withCode(
        "The module '/x/better_sqlite3.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 115. This version of Node.js requires\nNODE_MODULE_VERSION 127. Please try re-compiling",
        'ERR_DLOPEN_FAILED',
      ),
      is: 'has a binary for another Node (NODE_MODULE_VERSION 115, and this one has 127)',
    },
    {
      name: 'has a binary for another machine',
      error: withCode('/x/better_sqlite3.node: invalid ELF header\nmore', 'ERR_DLOPEN_FAILED'),
      is: 'does not load (/x/better_sqlite3.node: invalid ELF header)',
    },
  ])('that $name $is', ({ error, is }) => {
    expect(whyNot(error)).toBe(is);
  });
});
