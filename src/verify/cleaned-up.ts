import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestRun } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { listAll } from '../history/object-versions.ts';
import type { Assert } from './check.ts';

/** Asserts that nothing of a test user is left: no object, no version or marker of it, no cached file. */
export async function assertCleanedUp(
  assert: Assert,
  { objects, cache }: Deployment,
  { keep }: TestRun,
  username: string,
  claim: (name: string) => string = (name) => name,
): Promise<void> {
  if (keep) return;
  const left = await listAll(await objects(), keyOf(username), true);
  const cached = existsSync(join(cache.directory, 'entries', username));
  assert(claim('it is cleaned up'), left.length === 0 && !cached, {
    expected: 'no object, version, marker or cached file',
    actual: [...left.map(({ kind }) => kind), ...(cached ? ['cached file'] : [])].join(', ') || 'none',
  });
}
