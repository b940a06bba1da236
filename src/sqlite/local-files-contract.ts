import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { LocalLockTable } from '../locks/local-lock-table.ts';
import { describeLockTable } from '../locks/lock-table-contract.ts';
import { LocalDatabaseStore } from '../store/local-store.ts';
import { describeDatabaseStore } from '../store/store-contract.ts';
import { readAdminDatabase } from '../users/import.ts';
import { LocalUserTable } from '../users/local-user-table.ts';
import { describeUserTable } from '../users/user-table-contract.ts';
import { openReadOnly, type SqliteDatabase, type SqliteEngine } from './engine.ts';
import type { EngineTraits } from './engine-contract.ts';
import { copySource } from './import-copy.ts';

/** Runs the contracts of everything that is kept in SQLite files on one library, and reads files of other programs. */
export function describeLocalFiles(engine: SqliteEngine, { textEndsAtNul = false }: EngineTraits): void {
  let directory: string;
  let opened: { close(): unknown }[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'javumbo-files-'));
    opened = [];
  });

  const closing = <T extends { close(): unknown }>(what: T): T => {
    opened.push(what);
    return what;
  };

  const cleanup = (): void => {
    for (const each of opened) each.close();
    rmSync(directory, { recursive: true, force: true });
  };

  afterEach(cleanup);

  const users = (): LocalUserTable => closing(new LocalUserTable(directory, { sqlite: engine }));
  describeUserTable('the accounts of the local deployment', () => ({ table: users(), other: users(), cleanup }), {
    textEndsAtNul,
  });

  describeLockTable('the leases of the local deployment', () => ({
    handle: (clock) => closing(new LocalLockTable(directory, { clock, sqlite: engine })),
    cleanup,
  }));

  const options = { clock: systemClock, random: systemRandom, sqlite: engine };
  const store = (): LocalDatabaseStore => closing(new LocalDatabaseStore(directory, options));
  /** Cheaper than puts, each of which waits for the disk four times. */
  const fill = async (usernames: readonly string[]): Promise<void> => {
    // The first request makes the index.
    await store().list();
    const index = closing(engine.open(join(directory, 'index.sqlite'), 'read-write'));
    const insert = index.prepare(
      "INSERT INTO databases (username, file, version, writes, size_bytes, last_modified) VALUES (?, ?, 'v', '', 1, 1)",
    );
    index.exec('BEGIN');
    for (const username of usernames) insert.run(username, `${username}.file`);
    index.exec('COMMIT');
  };
  describeDatabaseStore(
    'the databases of the local deployment',
    () => ({ store: store(), otherHandle: store, fill, cleanup }),
    { longLists: true },
  );

  describe('a file of another program', () => {
    let source: string;
    let copy: string;
    let owner: SqliteDatabase;

    beforeEach(() => {
      source = join(directory, 'source.sqlite');
      copy = join(directory, 'copy.sqlite');
      owner = closing(engine.open(source, 'read-write'));
      owner.exec('CREATE TABLE users (id INTEGER, username TEXT, name TEXT, password_hash)');
      owner.exec("INSERT INTO users VALUES (7, 'anna', 'Anna', x'6861'), (9007199254740993, 'bob', 'Bob', 'sh')");
    });

    const copied = (signal?: AbortSignal): Promise<unknown> => copySource(engine, source, copy, () => [], { signal });

    test('is copied while it is in use, with what is only in its -wal', async () => {
      owner.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE more (x)');
      await copied();
      const database = closing(openReadOnly(engine, copy));
      expect(database.prepare('SELECT name FROM sqlite_master ORDER BY name').raw().all()).toEqual([
        ['more'],
        ['users'],
      ]);
    });

    test('whose bytes are copied twice gives the same bytes, schema cookie included', async () => {
      await copied();
      const cookie = (path: string): unknown =>
        closing(openReadOnly(engine, path)).prepare('PRAGMA schema_version').raw().get();
      expect(cookie(copy)).toEqual(cookie(source));
    });

    test('is not copied on after a signal', async () => {
      await expect(copied(AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
    });

    test('is read for its accounts, whatever their types', async () => {
      expect(await readAdminDatabase(engine, source, copy)).toEqual([
        { userId: 7, username: 'anna', name: 'Anna', passwordHash: 'ha' },
        { userId: undefined, username: 'bob', name: 'Bob', passwordHash: 'sh' },
      ]);
    });
  });
}
