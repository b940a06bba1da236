import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { seededRandom } from '../core/random.ts';
import type { PutCondition, PutOutcome, StoredDatabase } from '../store/database-store.ts';
import { MemoryDatabaseStore } from '../store/memory-store.ts';
import { describeDatabaseStore } from '../store/store-contract.ts';
import { ManualClock } from '../testing/workbench.ts';
import { FAULT_NAMES, type Fault, FaultyDatabaseStore, type StoreOperation } from './faulty-store.ts';

describeDatabaseStore('faulty(memory), no faults', () => {
  const memory = new MemoryDatabaseStore(systemClock);
  const wrap = () =>
    new FaultyDatabaseStore(memory, {
      faults: [],
      random: seededRandom(1),
      clock: systemClock,
      directory: '/nonexistent',
    });
  return { store: wrap(), otherHandle: wrap, cleanup: () => {} };
});

const ALL: readonly StoreOperation[] = ['get', 'head', 'put', 'delete', 'list'];
const ABSENT: PutCondition = { kind: 'absent' };

let directory: string;
let clock: ManualClock;
let memory: MemoryDatabaseStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-faulty-'));
  clock = new ManualClock();
  memory = new MemoryDatabaseStore(clock);
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function faulty(faults: readonly Fault[], seed = 1): FaultyDatabaseStore {
  return new FaultyDatabaseStore(memory, { faults, random: seededRandom(seed), clock, directory });
}

function source(text: string): string {
  const path = join(directory, 'source');
  writeFileSync(path, text);
  return path;
}

function put(store: FaultyDatabaseStore, text: string, condition: PutCondition = ABSENT): Promise<PutOutcome> {
  return store.put('alice', source(text), { condition, writes: [`id-of-${text}`] });
}

async function stored(): Promise<string | undefined> {
  const path = join(directory, 'stored');
  return (await memory.get('alice', path)).kind === 'found' ? readFileSync(path, 'utf8') : undefined;
}

const always = (name: Exclude<Fault['name'], 'late-request' | 'delay' | 'lost-reply' | 'damaged-reply'>): Fault => ({
  name,
  direction: 'upstream',
  operations: ALL,
  probability: 1,
});
const LOST_REPLY: Fault = { name: 'lost-reply', direction: 'downstream', operations: ALL, probability: 1 };
const LATE: Fault = {
  name: 'late-request',
  direction: 'upstream',
  operations: ['put'],
  probability: 1,
  creates: true,
};

const retryable = expect.objectContaining({ kind: 'unavailable', retryable: true });
const inDoubt = { kind: 'unknown', cause: expect.any(Error) };

/** How every request ends that meets a fault. A read can be asked again; a write is in doubt, or was refused. */
const ROWS: readonly {
  readonly fault: Fault;
  readonly write: unknown;
  readonly holdsAfterPut: string | undefined;
  readonly holdsAfterDelete: string | undefined;
}[] = [
  { fault: always('lost-request'), write: inDoubt, holdsAfterPut: undefined, holdsAfterDelete: 'before' },
  { fault: LOST_REPLY, write: inDoubt, holdsAfterPut: 'after', holdsAfterDelete: undefined },
  { fault: always('contended'), write: retryable, holdsAfterPut: undefined, holdsAfterDelete: 'before' },
  { fault: always('throttled'), write: retryable, holdsAfterPut: undefined, holdsAfterDelete: 'before' },
];

describe('a request that is repeated', () => {
  const REPEATED = always('repeated-request');
  const THROTTLED = always('throttled-repeat');

  test.each([
    { fault: REPEATED, ends: { kind: 'conflict', reason: 'changed' } },
    { fault: THROTTLED, ends: expect.objectContaining({ kind: 'unavailable', retryable: true, sent: true }) },
  ])('$fault.name: a put lands, and its sender hears the second answer', async ({ fault, ends }) => {
    const store = faulty([fault]);
    expect(await put(store, 'after').catch((error: unknown) => error)).toEqual(ends);
    expect(await stored()).toBe('after');
    expect(store.landed()[fault.name]).toBe(1);
  });

  test('a delete of a version is told that it is gone already', async () => {
    await put(faulty([]), 'before');
    const ifVersion = (await memory.head('alice'))?.version;
    expect(await faulty([REPEATED]).delete('alice', { ifVersion })).toEqual({ kind: 'absent' });
    expect(await stored()).toBeUndefined();
  });
});

describe('a reply that is damaged', () => {
  test('brings one digit after a v that is not what is stored, and says nothing of it', async () => {
    await put(faulty([]), 'v12 v3');
    const fault: Fault = { name: 'damaged-reply', direction: 'downstream', operations: ['get'], probability: 1 };
    const store = faulty([fault]);
    const path = join(directory, 'damaged');
    expect(await store.get('alice', path)).toMatchObject({ kind: 'found', sizeBytes: 6 });
    expect(readFileSync(path, 'utf8')).not.toBe('v12 v3');
    expect(readFileSync(path, 'utf8')).toMatch(/^v\d\d v\d$/);
    expect(await stored()).toBe('v12 v3');
    expect(store.landed()['damaged-reply']).toBe(1);
  });
});

describe.each(ROWS)('$fault.name', ({ fault, write, holdsAfterPut, holdsAfterDelete }) => {
  const endOf = (request: Promise<unknown>): Promise<unknown> => request.catch((error: unknown) => error);

  test('of a put', async () => {
    expect(await endOf(put(faulty([fault]), 'after'))).toEqual(write);
    expect(await stored()).toBe(holdsAfterPut);
  });

  test('of a delete', async () => {
    await put(faulty([]), 'before');
    expect(await endOf(faulty([fault]).delete('alice'))).toEqual(write);
    expect(await stored()).toBe(holdsAfterDelete);
  });

  test('of a read', async () => {
    await put(faulty([]), 'before');
    const store = faulty([fault]);
    for (const read of [
      () => store.get('alice', join(directory, 'read')),
      () => store.head('alice'),
      () => store.list(),
    ]) {
      const error = await endOf(read());
      expect(error).toBeInstanceOf(JavumboError);
      expect(error).toEqual(retryable);
    }
    expect(store.fired()).toMatchObject({ [fault.name]: 3 });
  });
});

describe('late-request', () => {
  test('arrives after its sender gave up and removed the file, and is kept nowhere then', async () => {
    const store = faulty([LATE]);
    expect(await put(store, 'late')).toEqual(inDoubt);
    rmSync(join(directory, 'source'));
    expect(await stored()).toBeUndefined();
    let requests = 0;
    while ((await store.head('alice')) === undefined) requests++;
    expect(requests).toBeLessThan(16);
    expect(await stored()).toBe('late');
    expect(store.landed()['late-request']).toBe(1);
    expect(readdirSync(directory)).toEqual(['stored']);
  });

  test('is refused where its condition does not hold any more', async () => {
    const store = faulty([LATE]);
    await put(store, 'late');
    await put(faulty([]), 'another');
    await store.disarm();
    expect(await stored()).toBe('another');
    expect(store.landed()['late-request']).toBe(0);
  });

  test('of a create only where that is asked for', async () => {
    const store = faulty([{ ...LATE, creates: false }]);
    const created = await put(store, 'created');
    expect(created).toMatchObject({ kind: 'committed' });
    const { version } = (await store.head('alice')) as StoredDatabase;
    expect(await put(store, 'updated', { kind: 'version', version })).toEqual(inDoubt);
  });

  test('all arrive when the faults end, in the order of their arrival', async () => {
    const store = faulty([LATE]);
    for (const text of ['one', 'two', 'three']) await put(store, text);
    await store.disarm();
    expect(['one', 'two', 'three']).toContain(await stored());
    expect(store.landed()['late-request']).toBe(1);
    expect(await put(store, 'four')).toMatchObject({ kind: 'conflict' });
  });
});

describe('delay', () => {
  test.each(['upstream', 'downstream'] as const)('%s takes time and changes nothing', async (direction) => {
    const store = faulty([{ name: 'delay', direction, operations: ALL, probability: 1, longestMs: 1_000 }]);
    const before = clock.now();
    expect(await put(store, 'slow')).toMatchObject({ kind: 'committed' });
    expect(clock.now()).toBeGreaterThan(before);
    expect(await stored()).toBe('slow');
  });
});

test('a fault meets only the operations that it is about, as often as its probability says', async () => {
  const store = faulty([{ name: 'throttled', direction: 'upstream', operations: ['head'], probability: 0.3 }]);
  await put(store, 'sound');
  let refused = 0;
  for (let request = 0; request < 1_000; request++) {
    await store.list();
    await store.head('alice').catch(() => refused++);
  }
  expect(refused).toBeGreaterThan(200);
  expect(refused).toBeLessThan(400);
  expect(store.fired()).toEqual({
    ...Object.fromEntries(FAULT_NAMES.map((name) => [name, 0])),
    throttled: refused,
  });
});

test('one seed brings the same faults', async () => {
  const run = async (seed: number): Promise<string> => {
    const store = faulty([{ name: 'lost-request', direction: 'upstream', operations: ALL, probability: 0.5 }], seed);
    let ends = '';
    for (let request = 0; request < 50; request++) {
      ends += await store.head('alice').then(
        () => '.',
        () => 'x',
      );
    }
    return ends;
  };
  expect(await run(7)).toBe(await run(7));
  expect(await run(8)).not.toBe(await run(7));
});
