import { deleteObjects, objectsUnder } from '../cleanup/stored-objects.ts';
import { type TestRun, testUser } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { Deployment } from '../deployment/deployment.ts';

/**
 * Runs `work` for a user of its own and removes all that is stored for that user afterwards, with every version and
 * delete marker, also when `work` throws. With `--keep` it stays.
 */
export async function withTestUser<T>(
  deployment: Deployment,
  run: TestRun,
  purpose: string,
  work: (username: string) => Promise<T>,
): Promise<T> {
  const username = testUser(run, purpose);
  const remove = run.cleanUps.add(() => removeTestUser(deployment, run, username));
  let result: T;
  try {
    result = await work(username);
  } catch (error) {
    // What the work threw matters more than what its clean-up may throw, which is told all the same.
    await remove().catch((left) => run.onLeft?.(left));
    throw error;
  }
  await remove();
  return result;
}

async function removeTestUser(deployment: Deployment, run: TestRun, username: string): Promise<void> {
  if (run.keep) {
    run.onKept?.('database', username);
    return;
  }
  deployment.cache.invalidate(username);
  const objects = await deployment.testObjects();
  await deleteObjects(objects, await objectsUnder(objects, [keyOf(username)], true));
}
