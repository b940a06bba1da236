import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { once } from '../core/once.ts';
import { SQLITE_ENGINES, type SqliteEngineName } from '../core/sqlite-engines.ts';
import type { SqliteEngine } from './engine.ts';

/** Loads an engine and proves that it works, or throws an Error whose message says why it does not. */
export type EngineLoaders = Readonly<Record<SqliteEngineName, () => Promise<SqliteEngine>>>;

const LOADERS: EngineLoaders = {
  'better-sqlite3': loadBetterSqlite,
  'node:sqlite': async () => (await import('./node-sqlite.ts')).loadNodeSqlite(),
};

const HELP = 'Node 22.16 or later; or npm rebuild better-sqlite3, or npm install --allow-scripts=better-sqlite3';

const CHOICES = new Map<SqliteEngineName | undefined, () => Promise<SqliteEngine>>();

/**
 * Returns the engine of this process: better-sqlite3 where its binary can be loaded, else Node's own SQLite; `only`: that
 * one and no other. The first call loads it. Throws `unavailable` if there is none.
 */
export function sqliteEngine(only?: SqliteEngineName): Promise<SqliteEngine> {
  const choice = CHOICES.get(only) ?? once(() => chooseEngine(LOADERS, only));
  CHOICES.set(only, choice);
  return choice();
}

/** See `sqliteEngine`. */
export async function chooseEngine(loaders: EngineLoaders, only?: SqliteEngineName): Promise<SqliteEngine> {
  const reasons: string[] = [];
  for (const name of only === undefined ? SQLITE_ENGINES : [only]) {
    try {
      return await loaders[name]();
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  const asked = only === undefined ? '' : `, and JAVUMBO_SQLITE_ENGINE asks for ${only}`;
  throw new JavumboError('unavailable', `SQLite cannot be loaded: ${reasons.join('; ')}${asked}`, {
    try: only === undefined ? HELP : `without JAVUMBO_SQLITE_ENGINE; or ${HELP}`,
  });
}

async function loadBetterSqlite(): Promise<SqliteEngine> {
  try {
    const { betterSqlite } = await import('./better-sqlite.ts');
    // Opening loads the binary; importing does not.
    betterSqlite.open(':memory:', 'read-write').close();
    return betterSqlite;
  } catch (error) {
    throw new Error(`better-sqlite3 ${whyNot(error)}`, { cause: error });
  }
}

/** Says why better-sqlite3 did not load, without the lists of paths that its loader adds. */
export function whyNot(error: unknown): string {
  const message = messageOf(error);
  // The first of `import`, the second of `require`.
  const isMissing = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(codeOf(error) ?? '');
  if (isMissing && message.includes("'better-sqlite3'")) return 'is not installed';
  if (message.startsWith('Could not locate the bindings file')) return 'has no binary: its install script did not run';
  const [, theirs, ours] = /NODE_MODULE_VERSION (\d+)[\s\S]*NODE_MODULE_VERSION (\d+)/.exec(message) ?? [];
  if (theirs !== undefined) {
    return `has a binary for another Node (NODE_MODULE_VERSION ${theirs}, and this one has ${ours})`;
  }
  return `does not load (${message.split('\n', 1)[0]})`;
}
