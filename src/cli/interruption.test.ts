import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import { interruptibleRead } from '../core/interruptible.ts';
import { Interruption } from './interruption.ts';

test('any number of requests at once can be interrupted, without a warning of Node', async () => {
  const emitter = Object.assign(new EventEmitter(), { pid: 1, kill: () => true });
  const interruption = new Interruption(emitter as unknown as NodeJS.Process, {
    clock: systemClock,
    cleanUps: new CleanUps(),
  });
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on('warning', onWarning);
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const requests = Array.from({ length: 50 }, () => interruptibleRead(interruption, () => answered));
  await new Promise((resolve) => setTimeout(resolve, 1));
  answer();
  await Promise.all(requests);
  process.off('warning', onWarning);
  interruption.over();
  expect(warnings).toEqual([]);
});
