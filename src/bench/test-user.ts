import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import { deleteObjects, objectsUnder } from '../cleanup/stored-objects.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { type TestRun, testUser } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { Deployment } from '../deployment/deployment.ts';

/**
 * Runs `work` for a new test user, then removes everything stored for that user, with every version and delete marker,
 * even if `work` throws. `--keep` leaves it.
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
    // The error of the work matters more than that of its clean-up, which is only reported.
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

/** Stores a new collection of that many notes, with one PUT. Returns the ids of the notes. */
export async function createWithNotes(
  databases: UserDatabases,
  username: string,
  notes: number,
  sources: { readonly clock: Clock; readonly random: Random },
): Promise<number[]> {
  const { value } = await databases.create(username, (database) => {
    createCollection(database, sources);
    database.exec('BEGIN');
    const ids = Array.from(
      { length: notes },
      (_, index) => addNote(database, { fields: [`Front ${index + 1}`, `Back ${index + 1}`] }, sources).noteId,
    );
    database.exec('COMMIT');
    return ids;
  });
  return value;
}
