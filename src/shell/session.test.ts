import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { createTable, failureOf, insert, interposed, values } from '../testing/values-table.ts';
import { Workbench } from '../testing/workbench.ts';
import { ShellSession } from './session.ts';

const NOTHING_LOST = { agreed: [], all: false, force: false };

let bench: Workbench;

beforeEach(async () => {
  bench = new Workbench();
  await bench.machine().databases.create('alice', createTable);
});

afterEach(() => {
  bench.remove();
});

async function open(store: DatabaseStore = bench.store): Promise<ShellSession> {
  return ShellSession.open(bench.machine({ store }).databases, 'alice', {});
}

async function runAll(session: ShellSession, ...statements: string[]): Promise<void> {
  for (const sql of statements) await session.run(sql);
}

/** What somebody else reads. */
const stored = (): Promise<number[]> => values(bench.machine().databases);

const somebodyWrites = (value: number): Promise<unknown> => bench.machine().databases.update('alice', insert(value));

async function found(session: ShellSession): Promise<unknown[]> {
  const { found: rows } = await session.run('SELECT x FROM t ORDER BY x');
  return [...(rows?.rows ?? [])].flat();
}

test('changes are seen inside, and outside only once they are committed, with one PUT', async () => {
  const session = await open();
  await runAll(session, 'INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (2)');
  expect({ inside: await found(session), outside: await stored() }).toEqual({ inside: [1, 2], outside: [] });
  const before = bench.store.counts();
  const { outcome, version } = await session.commit(NOTHING_LOST);
  const after = bench.store.counts();
  expect({
    outcome,
    puts: after.put - before.put,
    gets: after.get - before.get,
    heads: after.head - before.head,
  }).toEqual({
    outcome: 'committed',
    puts: 1,
    gets: 0,
    heads: 0,
  });
  expect({ outside: await stored(), version: session.version, statements: session.statements }).toEqual({
    outside: [1, 2],
    version,
    statements: [],
  });
  await session.run('INSERT INTO t VALUES (3)');
  await session.commit(NOTHING_LOST);
  expect(await stored()).toEqual([1, 2, 3]);
});

test('statements that change nothing need no commit', async () => {
  const session = await open();
  await runAll(session, 'SELECT 1', 'UPDATE t SET x = 1', 'PRAGMA user_version');
  expect(session.hasChanges).toBe(false);
  const { put } = bench.store.counts();
  expect((await session.commit(NOTHING_LOST)).outcome).toBe('unchanged');
  expect(bench.store.counts().put).toBe(put);
});

test('a statement that fails changes nothing, and nothing before it is lost', async () => {
  const session = await open();
  await session.run('CREATE UNIQUE INDEX u ON t (x)');
  await session.run('INSERT INTO t VALUES (1)');
  for (const sql of ['INSERT INTO t VALUES (2), (1)', 'INSERT OR ROLLBACK INTO t VALUES (3), (1)', 'SELECT y FROM t']) {
    expect((await failureOf(session.run(sql))).kind, sql).toBe('usage');
  }
  expect({ inside: await found(session), statements: session.statements.length }).toEqual({
    inside: [1],
    statements: 2,
  });
});

test('a savepoint that is still open is committed', async () => {
  const session = await open();
  await runAll(
    session,
    'SAVEPOINT s',
    'INSERT INTO t VALUES (1)',
    'SAVEPOINT r',
    'INSERT INTO t VALUES (2)',
    'ROLLBACK TO r',
  );
  expect(session.hasChanges).toBe(true);
  await session.commit(NOTHING_LOST);
  expect(await stored()).toEqual([1]);
});

test('what a database on disk keeps in its write-ahead log is stored too', async () => {
  await bench.machine().databases.update('alice', (database) => {
    database.exec('CREATE TABLE large AS SELECT zeroblob(3000000) AS x');
  });
  const session = await open();
  // What is refused as SQL may yet happen to a file.
  session.database.exec('PRAGMA journal_mode = WAL');
  await session.run('INSERT INTO t VALUES (1)');
  expect((await session.commit(NOTHING_LOST)).outcome).toBe('committed');
  expect({ inside: await found(session), outside: await stored() }).toEqual({ inside: [1], outside: [1] });
});

test('a foreign key that is violated at the commit is named, and the changes are still here', async () => {
  const session = await open();
  await runAll(
    session,
    'CREATE TABLE parent (x PRIMARY KEY)',
    'CREATE TABLE child (x REFERENCES parent DEFERRABLE INITIALLY DEFERRED)',
    'SAVEPOINT s',
    'INSERT INTO child VALUES (1)',
  );
  const failure = await failureOf(session.commit(NOTHING_LOST));
  expect({ kind: failure.kind, message: failure.message }).toEqual({
    kind: 'violation',
    message: expect.stringContaining('FOREIGN KEY constraint failed'),
  });
  await session.run('INSERT INTO parent VALUES (1)');
  expect((await session.commit(NOTHING_LOST)).outcome).toBe('committed');
});

test('what ROLLBACK TO took away does not come back with .rebase or .save', async () => {
  const session = await open();
  await runAll(
    session,
    'SAVEPOINT s',
    'INSERT INTO t VALUES (1)',
    'ROLLBACK TO s',
    'INSERT INTO t VALUES (2)',
    'RELEASE s',
  );
  expect(session.script()).toContain('ROLLBACK TO s');
  await somebodyWrites(7);
  await session.rebase();
  expect(await found(session)).toEqual([2, 7]);
});

test.each<{ name: string; before?: string; failing: string }>([
  { name: 'OR FAIL', failing: 'INSERT OR FAIL INTO t VALUES (2), (1)' },
  { name: 'OR FAIL that returns rows', failing: 'INSERT OR FAIL INTO t VALUES (2), (1) RETURNING x' },
  { name: 'OR FAIL inside a savepoint', before: 'SAVEPOINT s', failing: 'INSERT OR FAIL INTO t VALUES (2), (1)' },
  {
    name: 'a trigger that raises FAIL',
    before: "CREATE TRIGGER a AFTER INSERT ON t WHEN new.x = 3 BEGIN SELECT RAISE(FAIL, 'three'); END",
    failing: 'INSERT INTO t VALUES (2), (3)',
  },
  {
    name: 'a foreign key that is deferred',
    before: 'CREATE TABLE child (x REFERENCES t (x) DEFERRABLE INITIALLY DEFERRED)',
    failing: 'INSERT INTO child VALUES (9)',
  },
])('a statement that fails half way leaves nothing: $name', async ({ before = 'SELECT 1', failing }) => {
  const session = await open();
  await runAll(session, 'CREATE UNIQUE INDEX u ON t (x)', 'INSERT INTO t VALUES (1)', before);
  const { statements, database } = session;
  const [count, { inTransaction }] = [statements.length, database];
  expect((await failureOf(session.run(failing))).kind).toBe('usage');
  expect({ inside: await found(session), count: session.statements.length }).toEqual({ inside: [1], count });
  expect(session.database.inTransaction).toBe(inTransaction);
});

test('a statement that fails and rolls back an open savepoint takes along what was recorded since', async () => {
  const session = await open();
  await runAll(session, 'CREATE UNIQUE INDEX u ON t (x)', 'INSERT INTO t VALUES (1)', 'SAVEPOINT s', 'SAVEPOINT r');
  await session.run('INSERT INTO t VALUES (2)');
  const failure = await failureOf(session.run('INSERT OR ROLLBACK INTO t VALUES (3), (1)'));
  expect({ kind: failure.kind, message: failure.message }).toEqual({
    kind: 'usage',
    message: expect.stringContaining('that undid 3 statements, from the first open SAVEPOINT on'),
  });
  expect({ inside: await found(session), statements: session.statements.length }).toEqual({
    inside: [1],
    statements: 2,
  });
  await somebodyWrites(7);
  await session.rebase();
  expect(await found(session)).toEqual([1, 7]);
});

test.each(['BEGIN', 'COMMIT;', 'END', 'ROLLBACK', 'ROLLBACK TRANSACTION;', "ATTACH 'x' AS x", "VACUUM INTO 'x'"])(
  '%s is refused',
  async (sql) => {
    expect((await failureOf((await open()).run(sql))).kind).toBe('usage');
  },
);

describe('when somebody else commits first', () => {
  test('nothing is stored, and the changes are made again on what is newest', async () => {
    const session = await open();
    await runAll(session, 'INSERT INTO t VALUES (1)', 'UPDATE t SET x = x + 100');
    await somebodyWrites(7);
    const failure = await failureOf(session.commit(NOTHING_LOST));
    expect({ kind: failure.kind, hint: failure.try }).toEqual({
      kind: 'conflict',
      hint: expect.stringMatching(/^\.rebase/),
    });
    expect({ inside: await found(session), outside: await stored() }).toEqual({ inside: [101], outside: [7] });
    // The same again, for nothing has been decided yet.
    expect((await failureOf(session.commit(NOTHING_LOST))).kind).toBe('conflict');

    await session.rebase();
    expect({ inside: await found(session), outside: await stored() }).toEqual({ inside: [101, 107], outside: [7] });
    await session.commit(NOTHING_LOST);
    expect(await stored()).toEqual([101, 107]);
  });

  test('a statement that fails there leaves everything as it was', async () => {
    const session = await open();
    await runAll(session, 'INSERT INTO t VALUES (1)', 'CREATE TABLE other (y)');
    await bench.machine().databases.update('alice', (database) => database.exec('CREATE TABLE other (z)'));
    const failure = await failureOf(session.rebase());
    expect(failure.message).toBe('statement 2 of 2 fails on the newest version: table other already exists');
    expect({ inside: await found(session), statements: session.statements.length }).toEqual({
      inside: [1],
      statements: 2,
    });
  });

  test('the changes can be dropped', async () => {
    const session = await open();
    await session.run('INSERT INTO t VALUES (1)');
    await somebodyWrites(7);
    await session.discard();
    expect({ inside: await found(session), changes: session.hasChanges, statements: session.statements }).toEqual({
      inside: [7],
      changes: false,
      statements: [],
    });
  });

  test('or leave nothing, the changes are still here', async () => {
    const session = await open();
    await session.run('INSERT INTO t VALUES (1)');
    await bench.machine().databases.delete('alice');
    expect((await failureOf(session.commit(NOTHING_LOST))).try).toMatch(/^\.save/);
    for (const again of [session.rebase(), session.discard()]) expect((await failureOf(again)).kind).toBe('not-found');
    expect(session.script()).toBe('INSERT INTO t VALUES (1)\n;\n');
  });
});

test.each<{ name: string; put: (inner: DatabaseStore) => DatabaseStore['put']; kind: string; outside: number[] }>([
  {
    name: 'a store that cannot be reached',
    put: () => async () => {
      throw new JavumboError('unavailable', 'no network');
    },
    kind: 'unavailable',
    outside: [],
  },
  {
    name: 'a lost request',
    put: () => async () => ({ kind: 'unknown', cause: new Error('no answer') }),
    kind: 'unknown',
    outside: [],
  },
])('after $name the changes are still here, and are committed once it answers', async ({ put, kind, outside }) => {
  let isBroken = true;
  const broken = put(bench.store);
  const session = await open(
    interposed(bench.store, (...call) => (isBroken ? broken(...call) : bench.store.put(...call))),
  );
  await session.run('INSERT INTO t VALUES (1)');
  expect((await failureOf(session.commit(NOTHING_LOST))).kind).toBe(kind);
  expect({ inside: await found(session), outside: await stored() }).toEqual({ inside: [1], outside });
  isBroken = false;
  await session.commit(NOTHING_LOST);
  expect(await stored()).toEqual([1]);
});

test('the statements are a script', async () => {
  const session = await open();
  await runAll(session, "INSERT INTO t VALUES (1); -- it's one", 'SELECT 1;', 'UPDATE t SET x = 2 -- all');
  expect(session.script()).toBe("INSERT INTO t VALUES (1); -- it's one\nUPDATE t SET x = 2 -- all\n;\n");
});
