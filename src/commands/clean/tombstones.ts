import { ageSecondsOf, type CleanResult, cleanResult, type FailedDeletion } from '../../cleanup/plan.ts';
import { JavumboError } from '../../core/failure.ts';
import { isTestUser } from '../../core/test-data.ts';
import { USER_DATABASES_PREFIX, usernameOf } from '../../core/username.ts';
import { TOMBSTONE_AGE_MIN_MS, TOMBSTONE_BYTES } from '../../store/tombstone.ts';
import type { Invocation } from '../execute.ts';
import { CHANGED } from './plan.ts';

/**
 * Removes the tombstones that deletes leave on an engine that ignores their conditions, once they are a day old: no
 * request lasts that long. Those of test users are removed with the other test data.
 */
export async function cleanTombstones(
  invocation: Invocation,
  { prefix, dryRun = false }: { readonly prefix?: string | undefined; readonly dryRun?: boolean | undefined },
): Promise<CleanResult> {
  if (prefix !== undefined) {
    throw new JavumboError('usage', '--tombstones removes those of all users', {
      try: '--tombstones without --prefix',
    });
  }
  const { context } = invocation;
  const deployment = await invocation.deployment();
  const { removeTombstone } = deployment;
  if (removeTombstone === undefined) return cleanResult([], dryRun);
  const now = context.clock.now();
  const objects = await deployment.objects();
  const plan: CleanResult['plan'][number][] = [];
  const failed: FailedDeletion[] = [];
  for await (const page of objects.list(USER_DATABASES_PREFIX, { versions: false })) {
    for (const { key, sizeBytes, lastModified } of page) {
      const username = usernameOf(key);
      if (username === undefined || isTestUser(username) || sizeBytes !== TOMBSTONE_BYTES) continue;
      if (now - lastModified < TOMBSTONE_AGE_MIN_MS) continue;
      context.signal?.throwIfAborted();
      plan.push({ kind: 'tombstone', name: key, sizeBytes, ageSeconds: ageSecondsOf(lastModified, now) });
      if (dryRun) continue;
      const { kind } = await removeTombstone(username, now - TOMBSTONE_AGE_MIN_MS);
      if (kind !== 'deleted')
        failed.push({ name: key, reason: kind === 'unknown' ? 'the outcome is unknown' : CHANGED });
    }
  }
  return cleanResult(plan, dryRun, failed);
}
