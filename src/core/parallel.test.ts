import { expect, test } from 'vitest';
import { inParallel } from './parallel.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function collected<T>(results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const result of results) all.push(result);
  return all;
}

test('runs as many at once as it may, and takes no item before there is room for it', async () => {
  let running = 0;
  let most = 0;
  let taken = 0;
  let ended = 0;
  function* items(): Generator<number> {
    for (let item = 0; item < 50; item++) {
      taken++;
      expect(taken - ended).toBeLessThanOrEqual(4);
      yield item;
    }
  }
  const work = async (item: number): Promise<number> => {
    most = Math.max(most, ++running);
    for (let turns = item % 5; turns >= 0; turns--) await turn();
    running--;
    ended++;
    return item;
  };
  const results = await collected(inParallel(items(), 4, work));
  expect(results.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, item) => item));
  expect(most).toBe(4);
});

test('a caller that takes longer than the work gets every result', async () => {
  const items = Array.from({ length: 50 }, (_, item) => item);
  const results: number[] = [];
  for await (const result of inParallel(items, 4, async (item) => item)) {
    results.push(result);
    for (let turns = result % 7; turns >= 0; turns--) await turn();
  }
  expect(results.sort((a, b) => a - b)).toEqual(items);
});

test('after a failure it starts nothing more, yields what still ends well, and throws', async () => {
  const started: number[] = [];
  const yielded: number[] = [];
  const work = async (item: number): Promise<number> => {
    started.push(item);
    if (item === 1) throw new Error('one');
    await turn();
    return item;
  };
  const all = async (): Promise<void> => {
    for await (const result of inParallel([0, 1, 2, 3, 4, 5], 3, work)) yielded.push(result);
  };
  await expect(all()).rejects.toThrow('one');
  expect(started).toEqual([0, 1, 2]);
  expect(yielded).toEqual([0, 2]);
});

test('a caller that stops early waits for what is under way, and closes the source', async () => {
  let running = 0;
  let closed = false;
  async function* items(): AsyncGenerator<number> {
    try {
      for (let item = 0; ; item++) yield item;
    } finally {
      closed = true;
    }
  }
  const work = async (item: number): Promise<number> => {
    running++;
    for (let turns = item; turns >= 0; turns--) await turn();
    running--;
    return item;
  };
  for await (const result of inParallel(items(), 3, work)) {
    expect(result).toBe(0);
    break;
  }
  expect({ running, closed }).toEqual({ running: 0, closed: true });
});
