import { expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import { interrupted } from '../core/interruptible.ts';
import { interruptibleResource } from './interruptible-resource.ts';
import type { Resource, ResourceSetting, SettingResult } from './provision.ts';

/** Examines a setting, is interrupted meanwhile, and has waited long enough at once. */
async function examined(
  examine: (cleanUps: CleanUps, stopped: Promise<void>) => Promise<SettingResult>,
): Promise<unknown> {
  const interruption = new AbortController();
  const cleanUps = new CleanUps();
  const clock = { ...systemClock, sleep: async () => {} };
  const stopped = new Promise<void>((resolve) => interruption.signal.addEventListener('abort', () => resolve()));
  const setting = { name: 'versioning', examine: () => examine(cleanUps, stopped) } as ResourceSetting;
  const bucket = { kind: 'bucket', name: 'b', settings: [setting] } as unknown as Resource;
  const options = { signal: interruption.signal, clock, cleanUps };
  const [interruptible] = interruptibleResource(bucket, options).settings;
  const result = interruptible?.examine?.().catch((error) => error.kind);
  interruption.abort(interrupted());
  return result;
}

test('an examination whose scratch bucket takes long to remove has an outcome that is known', async () => {
  const kind = await examined(async (cleanUps, stopped) => {
    const remove = cleanUps.add(() => new Promise((resolve) => setTimeout(resolve, 50)));
    await stopped;
    await remove();
    throw interrupted();
  });
  expect(kind).toBe('interrupted');
});

test('one that hangs is unknown', async () => {
  expect(await examined(() => new Promise(() => {}))).toBe('unknown');
});
