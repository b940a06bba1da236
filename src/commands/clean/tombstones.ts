import { ageSecondsOf, type CleanResult, cleanResult, type FailedDeletion } from '../../cleanup/plan.ts';
import { JavumboError } from '../../core/failure.ts';
import { isTestUser } from '../../core/test-data.ts';
import { USER_DATABASES_PREFIX, usernameOf } from '../../core/username.ts';
import { TOMBSTONE_AGE_MIN_MS, TOMBSTONE_BYTES } from '../../store/tombstone.ts';
import type { Invocation } from '../execute.ts';

const CHANGED = 'it was changed or removed after it was listed';

/**
 * Removes what deletes have left on an engine that does not compare on DELETE, once it is older than a day: no request is
 * under way for as long. Of test users they go with the other test data.
 */
export async function cleanTombstones(
  invocation: Invocation,
  { prefix, dryRun = false }: { readonly prefix?: string | undefined; readonly dryRun?: boolean | undefined },
): Promise<CleanResult> {
  if (prefix !== undefined) {
    throw new JavumboError('usage', '--tombstones are those of all users', { try: '--tombstones without --prefix' });
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
      if (kind !== 'deleted') failed.push({ name: key, reason: kind === 'unknown' ? 'nobody can tell' : CHANGED });
    }
  }
  return cleanResult(plan, dryRun, failed);
}
