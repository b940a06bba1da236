import type { Clock } from '../core/clock.ts';
import { unknownOutcome } from '../databases/outcome-failures.ts';
import type { CommitOutcome } from '../databases/session.ts';
import type { UserDatabases } from '../databases/user-databases.ts';

/** How long the phases of one request took, in milliseconds. */
export interface RequestTimes {
  /** GET, where one was needed, and open. */
  readonly downloadMs: number;
  /** SELECT; in the function, whose edit is one, all the work in SQLite but COMMIT. */
  readonly queryMs: number;
  /** What comes after it: UPDATE in this process, COMMIT and PUT; 0 for a read. */
  readonly uploadMs: number;
  readonly totalMs: number;
}

/** One read: open, count the notes, close. */
export async function timedRead(databases: UserDatabases, username: string, clock: Clock): Promise<RequestTimes> {
  const startedAt = clock.monotonic();
  const session = await databases.openForReading(username);
  const openedAt = clock.monotonic();
  try {
    session.database.prepare('SELECT count(*) FROM notes').get();
  } finally {
    session.close();
  }
  const endedAt = clock.monotonic();
  return { downloadMs: openedAt - startedAt, queryMs: endedAt - openedAt, uploadMs: 0, totalMs: endedAt - startedAt };
}

/** One write: open, read a note and change it, commit. Nobody else may be writing. */
export async function timedWrite(
  databases: UserDatabases,
  username: string,
  noteId: number,
  clock: Clock,
): Promise<RequestTimes & { readonly version: string; readonly sizeBeforeBytes: number }> {
  const startedAt = clock.monotonic();
  const session = await databases.openForWriting(username);
  const sizeBeforeBytes = session.base?.sizeBytes ?? 0;
  const openedAt = clock.monotonic();
  let queriedAt: number;
  try {
    session.database.prepare('SELECT flds FROM notes WHERE id = ?').get(noteId);
    queriedAt = clock.monotonic();
    session.database.prepare('UPDATE notes SET mod = mod + 1 WHERE id = ?').run(noteId);
  } catch (error) {
    session.discard();
    throw error;
  }
  const version = committedVersion(username, await session.commit());
  const endedAt = clock.monotonic();
  return {
    downloadMs: openedAt - startedAt,
    queryMs: queriedAt - openedAt,
    uploadMs: endedAt - queriedAt,
    totalMs: endedAt - startedAt,
    version,
    sizeBeforeBytes,
  };
}

function committedVersion(username: string, outcome: CommitOutcome): string {
  switch (outcome.kind) {
    case 'committed':
      return outcome.version;
    case 'unknown':
      throw unknownOutcome(username, outcome.base, outcome.cause);
    case 'unchanged':
    case 'conflict':
      throw new Error(`a request of the benchmark ended in ${outcome.kind}: somebody else works on "${username}"`);
  }
}
