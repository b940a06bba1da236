import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import { deleteObjects, objectsUnder } from '../cleanup/stored-objects.ts';
import type { Clock } from '../core/clock.ts';
import { inParallel } from '../core/parallel.ts';
import type { Random } from '../core/random.ts';
import { type TestRun, testUser } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { Deployment } from '../deployment/deployment.ts';

// As many as a backup has under way.
const AT_ONCE = 8;

/**
 * Runs `work` for a new test user, then removes everything stored for that user, with every version and delete marker,
 * even if `work` throws. `--keep` leaves it.
 */
export function withTestUser<T>(
  deployment: Deployment,
  run: TestRun,
  purpose: string,
  work: (username: string) => Promise<T>,
): Promise<T> {
  return withTestUsers(deployment, run, [purpose], ([username = '']) => work(username));
}

/** The same for several users, one for each purpose. Calls `onLooked` as it looks what they left. */
export async function withTestUsers<T>(
  deployment: Deployment,
  run: TestRun,
  purposes: readonly string[],
  work: (usernames: readonly string[]) => Promise<T>,
  onLooked: (count: number) => void = () => {},
): Promise<T> {
  const usernames = purposes.map((purpose) => testUser(run, purpose));
  const remove = run.cleanUps.add(() => removeTestUsers(deployment, run, usernames, onLooked));
  let result: T;
  try {
    result = await work(usernames);
  } catch (error) {
    // The error of the work matters more than that of its clean-up, which is only reported.
    await remove().catch((left) => run.onLeft?.(left));
    throw error;
  }
  await remove();
  return result;
}

async function removeTestUsers(
  deployment: Deployment,
  run: TestRun,
  usernames: readonly string[],
  onLooked: (count: number) => void,
): Promise<void> {
  if (run.keep) {
    for (const username of usernames) run.onKept?.('database', username);
    return;
  }
  for (const username of usernames) deployment.cache.invalidate(username);
  const objects = await deployment.testObjects();
  const list = (username: string) => objectsUnder(objects, [keyOf(username)], true);
  const found: Awaited<ReturnType<typeof list>>[] = [];
  for await (const versions of inParallel(usernames, AT_ONCE, list)) {
    found.push(versions);
    onLooked(found.length);
  }
  await deleteObjects(objects, found.flat());
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

/** Does the same for several users, all with notes of the same ids. */
export async function createAllWithNotes(
  databases: UserDatabases,
  usernames: readonly string[],
  notes: number,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  onProgress: (done: number) => void,
): Promise<number[]> {
  // A note's id is the time at which it is made.
  const now = clock.now();
  const sources = { random, clock: { ...clock, now: () => now } };
  let noteIds: number[] = [];
  let done = 0;
  const create = (username: string): Promise<number[]> => createWithNotes(databases, username, notes, sources);
  for await (const ids of inParallel(usernames, AT_ONCE, create)) {
    noteIds = ids;
    onProgress(++done);
  }
  return noteIds;
}
