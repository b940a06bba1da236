import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { seededRandom } from '../../core/random.ts';
import { Scheduler } from './scheduler.ts';

const FILE = fileURLToPath(import.meta.url);

/** Three actors who write down each of their turns, and read a real file in it. */
async function turnsOf(seed: number): Promise<string[]> {
  const scheduler = new Scheduler(seededRandom(seed));
  const turns: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    scheduler.spawn({
      work: async () => {
        for (let turn = 0; turn < 5; turn++) {
          await scheduler.sleep(10);
          turns.push(`${name} begins ${scheduler.monotonic()}`);
          await readFile(FILE);
          turns.push(`${name} ends ${scheduler.monotonic()}`);
        }
      },
    });
  }
  await scheduler.run();
  return turns;
}

test('turns never overlap, and no two are at one moment', async () => {
  const turns = await turnsOf(1);
  expect(turns).toHaveLength(30);
  const moments = turns.flatMap((begin, index) => {
    if (index % 2 === 1) return [];
    expect(turns[index + 1]).toBe(begin.replace('begins', 'ends'));
    return Number(begin.split(' ')[2]);
  });
  expect(moments).toEqual([...new Set(moments)].sort((a, b) => a - b));
});

test('one seed gives one order, and another seed another', async () => {
  const [once, again, other] = [await turnsOf(1), await turnsOf(1), await turnsOf(2)];
  expect(again).toEqual(once);
  expect(other).not.toEqual(once);
});

test('one who dies does not go on, and the others do', async () => {
  const scheduler = new Scheduler(seededRandom(1));
  const seen: string[] = [];
  let turns = 0;
  scheduler.spawn({
    work: async () => {
      seen.push('lived');
      await scheduler.sleep(1);
      seen.push('went on');
    },
    dies: () => ++turns === 2,
    onDeath: () => {
      seen.push('died');
      scheduler.spawn({ work: async () => void seen.push('was started again') });
    },
  });
  let another = false;
  scheduler.spawn({
    work: async () => {
      await scheduler.sleep(50);
      another = true;
    },
  });
  await scheduler.run();
  expect(seen).toEqual(['lived', 'died', 'was started again']);
  expect(another).toBe(true);
});

test('what an actor throws ends the run', async () => {
  const scheduler = new Scheduler(seededRandom(1));
  scheduler.spawn({ work: () => Promise.reject(new Error('a defect')) });
  await expect(scheduler.run()).rejects.toThrow('a defect');
});

test('nobody but an actor sleeps', () => {
  expect(() => new Scheduler(seededRandom(1)).sleep(1)).toThrow('only actors sleep');
});
