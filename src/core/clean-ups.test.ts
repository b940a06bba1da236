import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { CleanUps } from './clean-ups.ts';
import { interrupted, interruptibleRead, interruptibleWrite, stoppable } from './interruptible.ts';

describe('clean-ups', () => {
  test('run in reverse, each once, and one that fails keeps none from running', async () => {
    const cleanUps = new CleanUps();
    const ran: string[] = [];
    const failure = new Error('b fails');
    const first = cleanUps.add(() => void ran.push('a'));
    cleanUps.add(() => {
      ran.push('b');
      throw failure;
    });
    const third = cleanUps.add(async () => {
      await sleep(1);
      return ran.push('c');
    });
    cleanUps.add(() => void ran.push('d'));
    expect(await Promise.all([third(), third()])).toEqual([1, 1]);
    expect(await cleanUps.run()).toEqual([failure]);
    await first();
    expect(await cleanUps.run()).toEqual([]);
    expect(ran).toEqual(['c', 'd', 'b', 'a']);
  });

  test('are over when what must come to its end has', async () => {
    const cleanUps = new CleanUps();
    const failing = cleanUps.finish(sleep(5).then(() => Promise.reject(new Error('no'))));
    const work = cleanUps.finish(sleep(10, 'done'));
    expect(cleanUps.busy).toBe(true);
    await expect(failing).rejects.toThrow('no');
    await cleanUps.settled();
    expect({ busy: cleanUps.busy, done: await work }).toEqual({ busy: false, done: 'done' });
  });
});

describe('interrupted', () => {
  const NEVER = new Promise<never>(() => {});

  function interruptible() {
    const stopping = new AbortController();
    const options = { signal: stopping.signal, clock: new SteppedClock(), cleanUps: new CleanUps() };
    return { ...options, options, interrupt: () => stopping.abort(interrupted()) };
  }

  test('a read is given up at once, and no other begins', async () => {
    const { options, interrupt } = interruptible();
    const reading = interruptibleRead(options, () => NEVER);
    interrupt();
    await expect(reading).rejects.toMatchObject({ kind: 'interrupted' });
    await expect(interruptibleRead(options, () => expect.fail('begun'))).rejects.toMatchObject({ kind: 'interrupted' });
    await expect(interruptibleWrite(options, 'alice', () => expect.fail('begun'))).rejects.toMatchObject({
      kind: 'interrupted',
    });
  });

  test('a write is waited for, and its outcome is the answer', async () => {
    const { options, interrupt, clock } = interruptible();
    const writing = interruptibleWrite(options, 'alice', () => clock.sleep(1_900).then(() => ({ kind: 'committed' })));
    interrupt();
    expect(await clock.passUntil(writing, 100)).toEqual({ kind: 'committed' });
  });

  test('a write that fails throws what it fails with', async () => {
    const { options, interrupt } = interruptible();
    const writing = interruptibleWrite(options, 'alice', () => Promise.reject(new Error('refused')));
    interrupt();
    await expect(writing).rejects.toThrow('refused');
  });

  test('of a write without an answer nobody can tell after two seconds, and of test data nobody asks', async () => {
    const { options, interrupt, clock } = interruptible();
    const writing = interruptibleWrite(options, 'alice', () => NEVER);
    const testing = interruptibleWrite(options, 'javumbo-test-ab-latency', () => NEVER).catch((error) => error);
    interrupt();
    expect(await clock.passUntil(writing, 100)).toMatchObject({ kind: 'unknown', cause: { message: /^interrupted/ } });
    expect(await testing).toMatchObject({ kind: 'interrupted' });
    expect(clock.now()).toBeGreaterThanOrEqual(2_000);
    expect(options.cleanUps.busy).toBe(false);
  });

  test('work that does not stop is given up, and what it must finish is waited for before', async () => {
    const { options, interrupt, clock, cleanUps } = interruptible();
    let written = false;
    const work = stoppable(NEVER, options);
    void cleanUps.finish(clock.sleep(5_000).then(() => (written = true)));
    interrupt();
    await expect(clock.passUntil(work, 100)).rejects.toMatchObject({ kind: 'interrupted' });
    expect(written).toBe(true);
  });

  test('work that ends by itself is heard to its end', async () => {
    const { options, interrupt, clock } = interruptible();
    const work = stoppable(
      clock.sleep(1_000).then(() => 'its own words'),
      options,
    );
    interrupt();
    expect(await clock.passUntil(work, 100)).toBe('its own words');
  });
});
