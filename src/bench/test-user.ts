import { unknownOutcome } from '../databases/outcome-failures.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { Random } from '../random.ts';
import { newRunId, testUser } from '../test-data.ts';

/** Runs `work` for a user of its own and removes that user's database afterwards, also when `work` throws. */
export async function withTestUser<T>(
  { store, cache }: Deployment,
  random: Random,
  purpose: string,
  work: (username: string) => Promise<T>,
): Promise<T> {
  const username = testUser(newRunId(random), purpose);
  const remove = async (): Promise<void> => {
    cache.invalidate(username);
    const outcome = await store.delete(username);
    if (outcome.kind === 'unknown') throw unknownOutcome(username, undefined, outcome.cause);
  };
  let result: T;
  try {
    result = await work(username);
  } catch (error) {
    // What the work threw matters more than what its clean-up may throw.
    await remove().catch(() => {});
    throw error;
  }
  await remove();
  return result;
}
