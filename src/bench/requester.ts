import type { DatabaseCache } from '../cache/cache.ts';
import type { Clock } from '../core/clock.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import { type RequestTimes, timedRead, timedWrite } from './timed-request.ts';

/** `bypass`: nothing is taken from a cache or left in it. `drop`: what it has of the user goes first. */
export type Caching = 'use' | 'bypass' | 'drop';

export interface TimedRead extends RequestTimes {
  /** That the cache served it: told from its state, and not from how long it took. */
  readonly hit: boolean;
}

export interface TimedWrite extends RequestTimes {
  readonly version: string;
  readonly sizeBeforeBytes: number;
}

/** Who makes the requests of a benchmark. One after the other; nobody else may be writing. */
export interface Requester {
  /** Counts the notes of a user. */
  read(username: string, caching: Caching): Promise<TimedRead>;
  /** Changes a user's database a little, and commits. */
  write(username: string, caching: Caching): Promise<TimedWrite>;
}

export interface ProcessRequesterOptions {
  readonly cached: UserDatabases;
  readonly uncached: UserDatabases;
  readonly cache: DatabaseCache;
  readonly clock: Clock;
  /** Of the notes that are changed, in turn. */
  readonly noteIds: readonly number[];
}

/** This process: what the command itself does. */
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
