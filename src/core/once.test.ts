import { expect, test } from 'vitest';
import { once } from './once.ts';

test('opens once for callers that ask together or later, and again after a failure', async () => {
  const endings = [new Error('not yet'), 'opened'];
  let calls = 0;
  const open = once(async () => {
    const ending = endings[calls++];
    if (ending instanceof Error) throw ending;
    return ending;
  });
  const together = await Promise.allSettled([open(), open()]);
  expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await Promise.all([open(), open()])).toEqual(['opened', 'opened']);
  expect(await open()).toBe('opened');
  expect(calls).toBe(2);
});
