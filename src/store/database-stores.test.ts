import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { requestTeller } from '../core/requests.ts';
import { delaying } from '../core/round-trip.ts';
import { put, retrying } from '../testing/stores.ts';
import { aroundStore } from './around-store.ts';
import { CountingDatabaseStore } from './counting-store.ts';
import type { DatabaseStore } from './database-store.ts';
import { MemoryDatabaseStore } from './memory-store.ts';
import { describeDatabaseStore } from './store-contract.ts';
import type { StoreUnderTest } from './store-under-contract.ts';
import { tellingStore } from './telling-store.ts';

describeDatabaseStore('memory', () => overMemory((store) => store), { longLists: true });

describeDatabaseStore(
  'retrying(counting(memory))',
  () => overMemory((store) => retrying(new CountingDatabaseStore(store))),
  {
    needsWriteIds: true,
  },
);

for (const roundTripMs of [0, 1]) {
  describeDatabaseStore(`delayed(memory) by ${roundTripMs} ms`, () =>
    overMemory((store) => aroundStore(store, delaying({ roundTripMs, clock: systemClock }))),
  );
}

describeDatabaseStore(
  'retrying(counting(delayed(memory))), as a deployment stacks them',
  () =>
    overMemory((store) =>
      retrying(new CountingDatabaseStore(aroundStore(store, delaying({ roundTripMs: 1, clock: systemClock })))),
    ),
  { needsWriteIds: true },
);

describe('a wrapper says which digest the store below needs', () => {
  const memory = Object.assign(new MemoryDatabaseStore(systemClock), { bodyDigest: 'md5' as const });
  test.each<{ name: string; wrapped: DatabaseStore }>([
    { name: 'retrying', wrapped: retrying(memory) },
    { name: 'counting', wrapped: new CountingDatabaseStore(memory) },
    { name: 'delaying', wrapped: aroundStore(memory, delaying({ roundTripMs: 0, clock: systemClock })) },
    {
      name: 'telling',
      wrapped: tellingStore(
        memory,
        requestTeller(systemClock, () => {}),
      ),
    },
  ])('$name', ({ wrapped }) => {
    expect(wrapped.bodyDigest).toBe('md5');
  });
});

describe('the delayed store', () => {
  const absent = { kind: 'absent' } as const;
  const noFile = join(tmpdir(), 'javumbo-no-such-file');
  const requests: { name: string; request: (store: DatabaseStore) => Promise<unknown> }[] = [
    { name: 'get', request: (store) => store.get('alice', noFile) },
    { name: 'head', request: (store) => store.head('alice') },
    { name: 'put', request: (store) => put(store, 'alice', 'one', 'no-such-version') },
    { name: 'delete', request: (store) => store.delete('alice') },
    { name: 'list', request: (store) => store.list() },
    {
      name: 'a failure',
      request: (store) => store.put('alice', noFile, { condition: absent, writes: [] }).catch(() => {}),
    },
  ];
  for (const { name, request } of requests) {
    test(`${name} travels half of the round trip before and half after`, async () => {
      const sleeps: number[] = [];
      const clock = { ...systemClock, sleep: async (milliseconds: number) => void sleeps.push(milliseconds) };
      await request(aroundStore(new MemoryDatabaseStore(systemClock), delaying({ roundTripMs: 30, clock })));
      expect(sleeps).toEqual([15, 15]);
    });
  }
});

/** A store in memory under a stack of wrappers, and another stack on the same memory. */
function overMemory(wrap: (store: DatabaseStore) => DatabaseStore): StoreUnderTest {
  const memory = new MemoryDatabaseStore(systemClock);
  return { store: wrap(memory), otherHandle: () => wrap(memory), cleanup: () => {} };
}
