/** The file of a commit's cache entry is written while the request that stores it is under way, and never left behind. */
import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { aroundStore } from '../store/around-store.ts';
import type { PutOutcome } from '../store/database-store.ts';
import { Workbench } from '../testing/workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.remove());

const addRow = (database: SqliteDatabase): void => void database.exec('INSERT INTO t VALUES (1)');

/** Returns the files in the work directories of a machine. */
function preparedFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => /\/work\/.*\.anki2$/.test(path));
}

type Ending = (put: () => Promise<PutOutcome>) => Promise<PutOutcome>;
const CONFLICT: PutOutcome = { kind: 'conflict', reason: 'changed' };

test.each<{ name: string; ending: Ending; kind: string; isCached: boolean }>([
  { name: 'is stored', ending: (put) => put(), kind: 'committed', isCached: true },
  {
    name: 'is stored, and superseded',
    ending: async (put) => ({ ...(await put()), superseded: true }) as PutOutcome,
    kind: 'committed',
    isCached: false,
  },
  { name: 'is refused', ending: async () => CONFLICT, kind: 'refused', isCached: false },
  {
    name: 'is in doubt',
    ending: async () => ({ kind: 'unknown', cause: new Error('lost') }),
    kind: 'unknown',
    isCached: false,
  },
  { name: 'cannot be sent', ending: () => Promise.reject(new Error('unsent')), kind: 'unsent', isCached: true },
])('what was prepared for a version that $name is used or removed', async ({ ending, kind, isCached }) => {
  let ended: Ending | undefined;
  let during: string[] = [];
  const store = aroundStore(bench.store, {
    read: (read) => read(),
    write: async (_, put) => {
      if (ended === undefined) return put();
      await turn();
      await turn();
      during = preparedFiles(machine.root);
      return ended(put as () => Promise<PutOutcome>) as never;
    },
  });
  const machine = bench.machine({ store, stalenessMaxMs: Number.MAX_SAFE_INTEGER });
  await machine.databases.create('alice', (database) => database.exec('CREATE TABLE t (x)'));
  ended = ending;
  const session = await machine.databases.openForWriting('alice');
  addRow(session.database);
  const outcome = await session.send().catch((error: Error) => ({ kind: error.message }));
  expect(outcome.kind).toBe(kind);
  expect(during).toHaveLength(1);
  session.discard();
  expect(preparedFiles(machine.root)).toEqual([]);
  expect(machine.cache.lookup('alice') !== undefined).toBe(isCached);

  ended = undefined;
  if (kind === 'committed') {
    const rows = await machine.databases.read('alice', ({ database }) => database.prepare('SELECT * FROM t').all());
    expect(rows).toHaveLength(1);
  }
  expect(await machine.databases.update('alice', addRow)).toMatchObject({ outcome: 'committed' });
});

test('a session that is sent again prepares its file once', async () => {
  let sends = 0;
  const store = aroundStore(bench.store, {
    read: (read) => read(),
    write: async (_, put) => {
      await turn();
      await turn();
      return ++sends === 2 ? (CONFLICT as never) : put();
    },
  });
  const machine = bench.machine({ store, stalenessMaxMs: Number.MAX_SAFE_INTEGER });
  await machine.databases.create('alice', (database) => database.exec('CREATE TABLE t (x)'));
  const session = await machine.databases.openForWriting('alice');
  addRow(session.database);
  expect(await session.send()).toMatchObject({ kind: 'refused' });
  expect(await session.send()).toMatchObject({ kind: 'committed' });
  session.discard();
  expect(preparedFiles(machine.root)).toEqual([]);
  expect(machine.cache.lookup('alice')).toBeDefined();
});
