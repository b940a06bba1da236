import { createHash } from 'node:crypto';
import { readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../failure.ts';
import { cacheFailure } from './cache-directory.ts';
import type { StoredDatabase, Version } from './store.ts';

/** One version of one user's database in the cache. */
export interface CacheEntry extends StoredDatabase {
  readonly username: string;
  readonly directory: string;
  /** The database file. Never written to. */
  readonly path: string;
  /** When the last request began that found this version current, in milliseconds since 1970. */
  readonly validatedAt: number;
  readonly usedAt: number;
}

/** What `entry.json` holds. */
export type EntryDescription = StoredDatabase & { readonly username: string };

/** Whether `entry` was written on top of `base`, directly or over others, as far back as write ids reach. */
export function isBasedOn(entry: StoredDatabase, base: StoredDatabase): boolean {
  return entry.writes.slice(1).includes(base.writes[0] ?? base.version);
}

/** The name of the directory that holds a version, whatever characters that version consists of. */
export function entryNameOf(version: Version): string {
  return createHash('sha256').update(version).digest('hex').slice(0, 32);
}

/** Whether a directory has such a name. */
export function isEntryName(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name);
}

/** The entry in a directory, or undefined where there is none that is whole. */
export function readEntry(directory: string): CacheEntry | undefined {
  try {
    const described = JSON.parse(readFileSync(join(directory, 'entry.json'), 'utf8')) as EntryDescription;
    const path = join(directory, `${described.username}.anki2`);
    const file = statSync(path);
    // Whatever cleans /tmp may have taken one file of the two, or truncated it.
    if (file.size !== described.sizeBytes || !Array.isArray(described.writes)) return undefined;
    const validatedAt = statSync(join(directory, 'entry.json')).mtimeMs;
    return { ...described, directory, path, validatedAt, usedAt: file.mtimeMs };
  } catch {
    return undefined;
  }
}

/** Records when an entry was used and found current; nothing where another process has removed it. */
export function setTimes(entry: CacheEntry, usedAt: number, validatedAt: number): void {
  try {
    utimesSync(join(entry.directory, 'entry.json'), validatedAt / 1000, validatedAt / 1000);
    utimesSync(entry.path, usedAt / 1000, usedAt / 1000);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw cacheFailure(entry.directory, error);
  }
}
