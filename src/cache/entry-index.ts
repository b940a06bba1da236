import { statSync } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import { type CacheEntry, refreshed } from './entry.ts';

// Longer than the tick of any file system's clock: a change within the tick of the last one would not show.
const SETTLED_MS = 100;

// Beyond this, a process reads some entries again.
const USERS_MAX = 10_000;

interface Indexed {
  readonly inode: bigint;
  readonly modifiedAt: bigint;
  readonly entries: readonly CacheEntry[];
}

/**
 * What a process knows of the entries in the directories of users, which it need not read again while a directory shows
 * the same times: every entry comes and goes by a rename in it.
 */
export class EntryIndex {
  readonly #clock: Clock;
  readonly #known = new Map<string, Indexed>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the entries in the directory of one user, by `read` if they are not known. */
  entriesIn(directory: string, read: () => CacheEntry[]): CacheEntry[] {
    const found = statSync(directory, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) {
      this.#known.delete(directory);
      return [];
    }
    const known = this.#known.get(directory);
    if (known?.inode === found.ino && known.modifiedAt === found.mtimeNs) {
      const entries = known.entries.flatMap((entry) => refreshed(entry) ?? []);
      if (entries.length === known.entries.length) return entries;
    }
    const entries = read();
    const isSettled = this.#clock.now() - Number(found.mtimeMs) > SETTLED_MS;
    if (this.#known.size >= USERS_MAX) this.#known.clear();
    if (isSettled) this.#known.set(directory, { inode: found.ino, modifiedAt: found.mtimeNs, entries });
    else this.#known.delete(directory);
    return entries;
  }
}
