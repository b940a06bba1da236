/**
 * In the local store a delete removes the user's folder after releasing its lock, while others may be about to write
 * into it. Needs the built code, since the racers are processes.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { LocalDatabaseStore } from './local-store.ts';
import { LOCAL_PUT_STEPS, type LocalPutStep } from './local-store-options.ts';

const CREATE = { condition: { kind: 'absent' }, writes: ['c'.repeat(32), 'new'] } as const;

/** Prints its outcome. Creates the file `ready` before it begins, and waits for the file `go` if told to. */
const OTHER_PROCESS = `
  import { existsSync, writeFileSync } from 'node:fs';
  const [dist, directory, work, rounds] = process.argv.slice(1);
  const { LocalDatabaseStore } = await import(dist + '/store/local-store.js');
  const { systemClock: clock } = await import(dist + '/core/clock.js');
  const { systemRandom: random } = await import(dist + '/core/random.js');
  const { betterSqlite } = await import(dist + '/sqlite/better-sqlite.js');
  const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  const atStep = (step) => {
    if (work !== 'delete and wait' || step !== 'deleted') return;
    writeFileSync(directory + '/ready', '');
    while (!existsSync(directory + '/go')) pause();
  };
  const store = new LocalDatabaseStore(directory + '/store', { clock, random, sqlite: betterSqlite, atStep });
  const remove = async () => {
    const outcome = await store.delete('alice');
    for (const { id, current } of store.files.points('alice')) if (!current) await store.files.removePoint('alice', String(id));
    return outcome;
  };
  const writes = ['c'.repeat(32), 'new'];
  const create = () => store.put('alice', directory + '/source', { condition: { kind: 'absent' }, writes });
  const all = { create: [create], 'delete and wait': [remove], both: [create, remove] }[work];
  if (work === 'create') { await store.list(); writeFileSync(directory + '/ready', ''); }
  const ended = {};
  for (let round = 0; round < Number(rounds); round++) {
    for (const one of all) {
      const said = await one().then(({ kind }) => kind, (error) => error.message);
      ended[said] = (ended[said] ?? 0) + 1;
    }
  }
  process.stdout.write(JSON.stringify(ended));
`;

const DIST = new URL('../../dist', import.meta.url).href;

let directory: string;
let store: LocalDatabaseStore;
let atStep: (step: LocalPutStep) => void;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-folders-'));
  writeFileSync(join(directory, 'source'), 'what is stored');
  atStep = () => {};
  const recording = (step: LocalPutStep): void => atStep(step);
  const options = { clock: systemClock, random: systemRandom, sqlite: betterSqlite, atStep: recording };
  store = new LocalDatabaseStore(join(directory, 'store'), options);
});

afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true, force: true });
});

const argv = (work: string, rounds: number): string[] => [
  ...['--input-type=module', '-e', OTHER_PROCESS],
  ...[DIST, directory, work, String(rounds)],
];

function begin(work: string, rounds = 1): { ended: Promise<unknown>; child: ChildProcess } {
  const child = spawn(process.execPath, argv(work, rounds), { stdio: ['ignore', 'pipe', 'inherit'] });
  let written = '';
  child.stdout.on('data', (text) => {
    written += text;
  });
  return { child, ended: once(child, 'close').then(() => JSON.parse(written)) };
}

function runToItsEnd(work: string): unknown {
  const { stdout, stderr } = spawnSync(process.execPath, argv(work, 1), { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

/** Waits synchronously: this process may be in the middle of a step. */
function waitFor(name: string): void {
  while (!existsSync(join(directory, name))) pause(5);
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const create = () => store.put('alice', join(directory, 'source'), CREATE);

/** Deletes the database and its history, and with that its folder. */
async function remove(): Promise<unknown> {
  const outcome = await store.delete('alice');
  for (const { id } of store.files.points('alice')) await store.files.removePoint('alice', String(id));
  return outcome;
}

/** Only what a put stored is there. */
async function holdsWhatWasCreated(): Promise<void> {
  const destination = join(directory, 'got');
  expect(await store.get('alice', destination)).toMatchObject({ kind: 'found' });
  expect(readFileSync(destination, 'utf8')).toBe('what is stored');
  expect(store.files.orphans()).toEqual([]);
}

describe('a delete and a create', () => {
  test('a create in another process, when a delete has just given its lock back: both succeed', async () => {
    await create();
    let other: unknown;
    atStep = (step) => {
      if (step === 'deleted') other = runToItsEnd('create');
    };
    expect({ ended: await store.delete('alice'), other }).toEqual({
      ended: { kind: 'deleted' },
      other: { committed: 1 },
    });
    await holdsWhatWasCreated();
  });

  test('a create in another process, while the folder is removed under the lock: both succeed', async () => {
    await create();
    let deleted = false;
    let other: ReturnType<typeof begin> | undefined;
    atStep = (step) => {
      if (step === 'deleted') deleted = true;
      if (step !== 'locked' || !deleted || other !== undefined) return;
      other = begin('create');
      waitFor('ready');
      // Whether it already waits for the lock or comes later: the folder vanishes meanwhile.
      pause(100);
    };
    expect(await remove()).toEqual({ kind: 'deleted' });
    expect(await other?.ended).toEqual({ committed: 1 });
    await holdsWhatWasCreated();
  });

  for (const step of LOCAL_PUT_STEPS) {
    test(`a create at its step ${step}, while a delete in another process wants the folder: both succeed`, async () => {
      await create();
      const other = begin('delete and wait');
      waitFor('ready');
      atStep = (reached) => {
        if (reached !== step) return;
        writeFileSync(join(directory, 'go'), '');
        pause(100);
      };
      expect(await create()).toMatchObject({ kind: 'committed' });
      expect(await other.ended).toEqual({ deleted: 1 });
      await holdsWhatWasCreated();
    });
  }

  test('without history no folder is left behind, and a delete that finds nothing is not disturbed by its absence', async () => {
    await create();
    expect(await remove()).toEqual({ kind: 'deleted' });
    expect(readdirSync(join(directory, 'store', 'databases'))).toEqual([]);
    expect(await store.delete('alice')).toEqual({ kind: 'absent' });
    expect(await create()).toMatchObject({ kind: 'committed' });
    await holdsWhatWasCreated();
  });

  test('three processes that create and delete the same user 150 times each never miss a folder', async () => {
    const processes = [begin('both', 150), begin('both', 150), begin('both', 150)];
    const counts: Record<string, number> = {};
    for (const { ended } of processes) {
      for (const [said, count] of Object.entries((await ended) as Record<string, number>)) {
        counts[said] = (counts[said] ?? 0) + count;
      }
    }
    const { committed = 0, deleted = 0, conflict = 0, absent = 0, ...other } = counts;
    expect(other).toEqual({});
    expect(committed + conflict).toBe(450);
    expect(deleted + absent).toBe(450);
    // Every created one was deleted, except perhaps the last.
    expect([0, 1]).toContain(committed - deleted);
    expect((await store.head('alice')) === undefined).toBe(committed === deleted);
    expect(store.files.orphans()).toEqual([]);
  });
});
