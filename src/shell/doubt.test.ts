/** A commit of a session that ends `unknown`: what the session does until it is known. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { createTable, failureOf, insert, interposed, values } from '../testing/values-table.ts';
import { Workbench } from '../testing/workbench.ts';
import { ShellSession } from './session.ts';

const NOTHING_LOST = { agreed: [], all: false, force: false };

type Put = DatabaseStore['put'];

let bench: Workbench;
/** What becomes of each PUT in turn; those after the last one are stored, and answered. */
let fates: ((send: () => ReturnType<Put>) => ReturnType<Put>)[];
let isReachable: boolean;
let session: ShellSession;

const noAnswer = { kind: 'unknown', cause: new Error('no answer') } as const;
/** It is stored, and the reply is lost. */
const stores: (typeof fates)[number] = async (send) => {
  await send();
  return noAnswer;
};
/** It is on its way when the answer is given up. */
let late: (() => ReturnType<Put>) | undefined;
const delays: (typeof fates)[number] = async (send) => {
  late = send;
  return noAnswer;
};

beforeEach(async () => {
  bench = new Workbench();
  await bench.machine().databases.create('alice', createTable);
  fates = [];
  late = undefined;
  isReachable = true;
  const store = interposed(bench.store, (username, source, options) => {
    // One that is late outlives its file.
    const bytes = typeof source === 'string' ? readFileSync(source) : source;
    const send = () => bench.store.put(username, bytes, options);
    return (fates.shift() ?? ((sent) => sent()))(send);
  });
  const trace: DatabaseStore['trace'] = async (...call) => {
    if (!isReachable) throw new JavumboError('unavailable', 'no network');
    return bench.store.trace(...call);
  };
  session = await ShellSession.open(bench.machine({ store: { ...store, trace } }).databases, 'alice', {});
});

afterEach(() => {
  bench.remove();
});

const commit = () => session.commit(NOTHING_LOST);
const stored = (): Promise<number[]> => values(bench.machine().databases);
const somebodyWrites = (value: number): Promise<unknown> => bench.machine().databases.update('alice', insert(value));

async function commitInDoubt(fate: (typeof fates)[number]): Promise<void> {
  await session.run('INSERT INTO t VALUES (1)');
  fates = [fate];
  const failure = await failureOf(commit());
  expect({ kind: failure.kind, hint: failure.try }).toEqual({
    kind: 'unknown',
    hint: '.commit again: it finds out whether it was stored, and sends it again if not',
  });
}

test('a commit whose reply is lost is found, and not made twice', async () => {
  await commitInDoubt(stores);
  expect((await commit()).outcome).toBe('committed');
  expect({ outside: await stored(), statements: session.statements, changes: session.hasChanges }).toEqual({
    outside: [1],
    statements: [],
    changes: false,
  });
  await session.run('INSERT INTO t VALUES (2)');
  await commit();
  expect(await stored()).toEqual([1, 2]);
});

test('also if others have written on top of it', async () => {
  await commitInDoubt(stores);
  await somebodyWrites(7);
  expect((await commit()).outcome).toBe('committed');
  await session.run('UPDATE t SET x = x + 100');
  await commit();
  expect(await stored()).toEqual([101, 107]);
});

test('also if the store could not be reached for a while', async () => {
  await commitInDoubt(stores);
  isReachable = false;
  for (const again of [commit(), session.rebase()]) expect((await failureOf(again)).kind).toBe('unavailable');
  isReachable = true;
  await commit();
  expect(await stored()).toEqual([1]);
});

test('what ran after it is stored once too', async () => {
  await commitInDoubt(stores);
  await session.run('UPDATE t SET x = x + 100');
  expect((await commit()).outcome).toBe('committed');
  expect({ outside: await stored(), statements: session.statements }).toEqual({ outside: [101], statements: [] });
});

test('what ran after it meets a conflict if others have written on top of it', async () => {
  await commitInDoubt(stores);
  await somebodyWrites(7);
  await session.run('UPDATE t SET x = x + 100');
  const failure = await failureOf(commit());
  expect({ kind: failure.kind, hint: failure.try }).toEqual({
    kind: 'conflict',
    hint: expect.stringMatching(/^\.rebase/),
  });
  expect(session.statements).toEqual(['UPDATE t SET x = x + 100']);
  await session.rebase();
  await commit();
  expect(await stored()).toEqual([101, 107]);
});

test('one that was not stored is sent again', async () => {
  await commitInDoubt(delays);
  expect((await commit()).outcome).toBe('committed');
  expect(await stored()).toEqual([1]);
  await late?.();
  expect(await stored()).toEqual([1]);
});

test('one that arrives while it is sent again is found', async () => {
  await commitInDoubt(delays);
  fates = [
    async (send) => {
      await late?.();
      return send();
    },
  ];
  expect((await commit()).outcome).toBe('committed');
  expect({ outside: await stored(), statements: session.statements }).toEqual({ outside: [1], statements: [] });
});

test('the first of two in doubt is found', async () => {
  await commitInDoubt(delays);
  fates = [async () => noAnswer];
  expect((await failureOf(commit())).kind).toBe('unknown');
  await late?.();
  expect((await commit()).outcome).toBe('committed');
  expect(await stored()).toEqual([1]);
});

test('nothing runs again while it may still arrive', async () => {
  await commitInDoubt(delays);
  const failure = await failureOf(session.rebase());
  expect({ kind: failure.kind, hint: failure.try }).toEqual({
    kind: 'unknown',
    hint: expect.stringMatching(/^\.commit/),
  });
  await late?.();
  expect(await session.rebase()).toEqual({ commitInDoubt: 'stored' });
  expect({ outside: await stored(), statements: session.statements }).toEqual({ outside: [1], statements: [] });
});

test('once somebody else was first, it is a conflict like any other', async () => {
  await commitInDoubt(delays);
  await somebodyWrites(7);
  expect((await failureOf(commit())).kind).toBe('conflict');
  expect(await session.rebase()).toEqual({});
  await commit();
  await late?.();
  expect(await stored()).toEqual([1, 7]);
});

test('nobody can tell once the database was deleted', async () => {
  await commitInDoubt(stores);
  await bench.machine().databases.delete('alice');
  await bench.machine().databases.create('alice', createTable);
  for (const again of [commit(), session.rebase()]) expect((await failureOf(again)).kind).toBe('unknown');
  expect(session.statements).toHaveLength(1);
  expect(await session.discard()).toEqual({ commitInDoubt: 'open' });
  expect((await commit()).outcome).toBe('unchanged');
});

test.each([
  { name: 'was stored', fate: stores, told: { commitInDoubt: 'stored' }, inside: [1] },
  { name: 'may still arrive', fate: delays, told: { commitInDoubt: 'open' }, inside: [] },
])('dropping the changes says that it $name', async ({ fate, told, inside }) => {
  await commitInDoubt(fate);
  expect(await session.discard()).toEqual(told);
  const { found } = await session.run('SELECT x FROM t');
  expect({ inside: [...(found?.rows ?? [])].flat(), changes: session.hasChanges }).toEqual({ inside, changes: false });
});
