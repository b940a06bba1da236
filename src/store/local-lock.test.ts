import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../core/clock.ts';
import { systemRandom as random } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { LocalDatabaseStore } from './local-store.ts';

let directory: string;
let other: Database.Database;
const stores: LocalDatabaseStore[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-lock-'));
  writeFileSync(join(directory, 'source'), 'bytes');
  await create(open(systemClock), 'alice');
  // What another process would hold while it copies its file.
  other = new Database(join(directory, 'home', 'index.sqlite'));
  other.exec('BEGIN IMMEDIATE');
});

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  other.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(clock: Clock): LocalDatabaseStore {
  const store = new LocalDatabaseStore(join(directory, 'home'), { clock, random, sqlite: betterSqlite });
  stores.push(store);
  return store;
}

function create(store: LocalDatabaseStore, username: string) {
  return store.put(username, join(directory, 'source'), { condition: { kind: 'absent' }, writes: ['a'.repeat(32)] });
}

test('writes wait for the lock of another process between two turns of the event loop, and none is lost', async () => {
  const store = open(systemClock);
  // This can only happen because the writes below let this process go on.
  setTimeout(() => other.exec('ROLLBACK'), 20);
  const waiting = [create(store, 'bob'), create(store, 'carol'), store.delete('alice')];
  expect((await Promise.all(waiting)).map(({ kind }) => kind)).toEqual(['committed', 'committed', 'deleted']);
  expect((await store.list()).databases.map(({ username }) => username)).toEqual(['bob', 'carol']);
});

test('a write that a signal stops before it has the lock throws its reason, and has had no effect', async () => {
  const interrupt = new AbortController();
  const store = new LocalDatabaseStore(join(directory, 'home'), {
    clock: systemClock,
    random,
    sqlite: betterSqlite,
    signal: interrupt.signal,
  });
  stores.push(store);
  const seen = await store.head('alice');
  const waiting = [create(store, 'bob'), store.delete('alice', { ifVersion: seen?.version })];
  interrupt.abort(new Error('stopped'));
  for (const write of waiting) await expect(write).rejects.toThrow('stopped');
  other.exec('ROLLBACK');
  expect((await store.list()).databases.map(({ username }) => username)).toEqual(['alice']);
  // What clean-ups do.
  expect(await store.delete('alice')).toEqual({ kind: 'deleted' });
});

test('a delete does not wait for the lock again to remove an empty folder', async () => {
  const store = open(systemClock);
  other.exec('ROLLBACK');
  const blocking = new LocalDatabaseStore(join(directory, 'home'), {
    clock: systemClock,
    random,
    sqlite: betterSqlite,
    atStep: (step) => step === 'deleted' && other.exec('BEGIN IMMEDIATE'),
  });
  stores.push(blocking);
  expect(await blocking.delete('alice')).toEqual({ kind: 'deleted' });
  expect(await store.head('alice')).toBeUndefined();
});

test('a write that waited for half a minute is unavailable, and has had no effect', async () => {
  let now = 0;
  const clock: Clock = {
    ...systemClock,
    monotonic: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
  };
  const store = open(clock);
  await expect(create(store, 'bob')).rejects.toMatchObject({ kind: 'unavailable', message: /locked/, retryable: true });
  expect(now).toBe(30_000);
  expect(await store.head('bob')).toBeUndefined();
});
