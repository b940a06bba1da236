import type { DatabaseCache } from '../cache/cache.ts';
import type { Clock } from '../core/clock.ts';
import { unknownOutcome } from '../databases/outcome-failures.ts';
import type { CommitOutcome } from '../databases/session.ts';
import type { UserDatabases } from '../databases/user-databases.ts';

/** How long the phases of one request took, in milliseconds. */
export interface RequestTimes {
  /** GET, where one was needed, and open. */
  readonly downloadMs: number;
  /** SELECT; in the function all the work in SQLite except COMMIT. */
  readonly queryMs: number;
  /** The rest: UPDATE in this process, COMMIT and PUT; 0 for a read. */
  readonly uploadMs: number;
  readonly totalMs: number;
}

/** `bypass`: neither read nor fill the cache. `drop`: first empty it of the user. */
export type Caching = 'use' | 'bypass' | 'drop';

export interface TimedRead extends RequestTimes {
  /** Whether the cache served it, judged by the state of the cache and not by time. */
  readonly hit: boolean;
}

export interface TimedWrite extends RequestTimes {
  readonly version: string;
  readonly sizeBeforeBytes: number;
}

/** Makes the requests of a benchmark, one after the other, while nobody else writes. */
export interface Requester {
  /** Counts the notes of a user. */
  read(username: string, caching: Caching): Promise<TimedRead>;
  /** Commits a small change to a user's database. */
  write(username: string, caching: Caching): Promise<TimedWrite>;
}

export interface ProcessRequesterOptions {
  readonly cached: UserDatabases;
  readonly uncached: UserDatabases;
  readonly cache: DatabaseCache;
  readonly clock: Clock;
  /** Notes to change in turn. */
  readonly noteIds: readonly number[];
}

/** Makes requests in this process. */
export class ProcessRequester implements Requester {
  readonly #options: ProcessRequesterOptions;
  #writes = 0;

  constructor(options: ProcessRequesterOptions) {
    this.#options = options;
  }

  async read(username: string, caching: Caching): Promise<TimedRead> {
    const databases = this.#databases(username, caching);
    const hit = caching === 'use' && databases.isCached(username);
    return { hit, ...(await timedRead(databases, username, this.#options.clock)) };
  }

  async write(username: string, caching: Caching): Promise<TimedWrite> {
    const { noteIds, clock } = this.#options;
    const noteId = noteIds[this.#writes++ % noteIds.length] ?? 0;
    return timedWrite(this.#databases(username, caching), username, noteId, clock);
  }

  #databases(username: string, caching: Caching): UserDatabases {
    const { cached, uncached, cache } = this.#options;
    if (caching === 'bypass') return uncached;
    if (caching === 'drop') cache.invalidate(username);
    return cached;
  }
}

/** One read: open, count the notes, close. */
async function timedRead(databases: UserDatabases, username: string, clock: Clock): Promise<RequestTimes> {
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

/** One write: open, read and change a note, commit. */
async function timedWrite(
  databases: UserDatabases,
  username: string,
  noteId: number,
  clock: Clock,
): Promise<TimedWrite> {
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
