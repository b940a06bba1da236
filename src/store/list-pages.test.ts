import { describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { type ListPage, listPages } from './database-store.ts';
import { MemoryDatabaseStore } from './memory-store.ts';

/** A store whose list goes on as scripted: the token of each page by the one that asks for it. */
class ScriptedList extends MemoryDatabaseStore {
  readonly #next: Readonly<Record<string, string | undefined>>;
  asked: (string | undefined)[] = [];

  constructor(next: Readonly<Record<string, string | undefined>>) {
    super(systemClock);
    this.#next = next;
  }

  override async list(from?: string): Promise<ListPage> {
    this.asked.push(from);
    return { databases: [], foreignKeys: 0, next: this.#next[from ?? 'first'] };
  }
}

async function pagesOf(store: ScriptedList): Promise<number> {
  let count = 0;
  for await (const _ of listPages(store)) count++;
  return count;
}

describe('a list of databases', () => {
  test('goes on as long as it says how', async () => {
    const store = new ScriptedList({ first: 'a', a: 'b', b: undefined });
    expect(await pagesOf(store)).toBe(3);
    expect(store.asked).toEqual([undefined, 'a', 'b']);
  });

  test.each([
    { name: 'repeats a page at once', next: { first: 'a', a: 'a' }, requests: 2 },
    { name: 'comes back to an earlier page', next: { first: 'a', a: 'b', b: 'c', c: 'a' }, requests: 4 },
    { name: 'goes on without a token', next: { first: '' }, requests: 1 },
    { name: 'loses its token later', next: { first: 'a', a: '' }, requests: 2 },
  ])('that $name has no end, and is told as such', async ({ next, requests }) => {
    const store = new ScriptedList(next);
    await expect(pagesOf(store)).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the list of databases does not say how it goes on',
      try: expect.stringContaining('--endpoint-url'),
    });
    expect(store.asked).toHaveLength(requests);
  });
});
