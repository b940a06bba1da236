import { join } from 'node:path';
import { namesIn } from '../core/cache-directory.ts';
import { isUsername, parseUsername } from '../core/username.ts';
import type { Version } from '../store/database-store.ts';
import { type CacheEntry, entryNameOf, readEntry } from './entry.ts';
import type { CacheScan } from './evictions.ts';

/** Where the entries of a cache are, of whatever boot. */
export class EntryPlaces {
  readonly #directory: string;

  /** `directory`: one for each user, with one for each version in it. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Throws `usage` for what is no username: it would be a path to elsewhere. */
  ofUser(username: string): string {
    return join(this.#directory, parseUsername(username));
  }

  ofEntry(username: string, version: Version): string {
    return join(this.ofUser(username), entryNameOf(version));
  }

  /** Returns where the user's entries are, readable or torn. */
  directoriesOf(username: string): string[] {
    const directory = this.ofUser(username);
    return namesIn(directory).map((name) => join(directory, name));
  }

  entriesOf(username: string): CacheEntry[] {
    return this.directoriesOf(username).flatMap((path) => this.read(path, username));
  }

  /** Returns the entry in a directory, or nothing if it is torn, gone, or another user's. */
  read(directory: string, username: string): CacheEntry | [] {
    const entry = readEntry(directory);
    return entry?.username === username ? entry : [];
  }

  /** Reads everything, least recently used first; yields after each entry. */
  *scan(): Generator<void, CacheScan> {
    const entries: CacheEntry[] = [];
    const torn: string[] = [];
    for (const username of namesIn(this.#directory).filter(isUsername)) {
      for (const path of this.directoriesOf(username)) {
        const entry = readEntry(path);
        if (entry === undefined) torn.push(path);
        else if (entry.username === username) entries.push(entry);
        yield;
      }
    }
    return { entries: entries.sort((a, b) => a.usedAt - b.usedAt), torn };
  }
}
