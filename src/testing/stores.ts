import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export function retrying(store: DatabaseStore): RetryingDatabaseStore {
  return new RetryingDatabaseStore(store, { clock: systemClock, random: systemRandom });
}

export async function put(store: DatabaseStore, username: string, content: string, base: string | undefined) {
  const directory = temporaryDirectory();
  try {
    const source = join(directory, 'source');
    writeFileSync(source, content);
    const condition = base === undefined ? { kind: 'absent' as const } : { kind: 'version' as const, version: base };
    return await store.put(username, source, { condition, writes: [systemRandom.hex(16)] });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export async function create(store: DatabaseStore, username: string, content: string): Promise<string> {
  const outcome = await put(store, username, content, undefined);
  if (outcome.kind !== 'committed') expect.fail(`the create ended as ${outcome.kind}`);
  return outcome.version;
}
