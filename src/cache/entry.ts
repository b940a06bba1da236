import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFailure } from '../core/cache-directory.ts';
import type { Moment } from '../core/clock.ts';
import { codeOf } from '../core/failure.ts';
import type { StoredDatabase, Version } from '../store/database-store.ts';

/** One version of one user's database in the cache. */
export interface CacheEntry extends StoredDatabase {
  readonly username: string;
  readonly directory: string;
  /** The database file. Never written to. */
  readonly path: string;
  /** The start of the last request that found this version current, in milliseconds since 1970. */
  readonly validatedAt: number;
  /** Wall clock minus monotonic clock at that moment; shows whether the wall clock was set since. */
  readonly clockOffset: number;
  readonly usedAt: number;
  /** The boot of the machine during which it was written: a power cut may have torn those of earlier ones. */
  readonly boot: string;
  /** Distinguishes the file from a later one at the same path. */
  readonly inode: number;
  /** That of `entry.json`. */
  readonly descriptionInode: number;
}

/** The content of `entry.json`. */
export type EntryDescription = StoredDatabase & Pick<CacheEntry, 'username' | 'clockOffset' | 'boot'>;

// The two clocks are read in turn, by a process that may be preempted in between.
const CLOCK_TOLERANCE_MS = 100;

export function clockOffsetOf({ wall, monotonic }: Moment): number {
  return wall - monotonic;
}

/** True if times taken at that offset are comparable with `now`: the clock was not set in between. */
export function sameClock(clockOffset: number, now: Moment): boolean {
  return Math.abs(clockOffset - clockOffsetOf(now)) <= CLOCK_TOLERANCE_MS;
}

/** Returns how long ago an entry was found current, in milliseconds; undefined if the clock was set since. */
export function ageOf({ validatedAt, clockOffset }: CacheEntry, now: Moment): number | undefined {
  const age = now.wall - validatedAt;
  return age >= 0 && sameClock(clockOffset, now) ? age : undefined;
}

export function descriptionOf({
  username,
  version,
  writes,
  lastModified,
  sizeBytes,
  digest,
  clockOffset,
  boot,
}: EntryDescription): EntryDescription {
  return {
    username,
    version,
    writes,
    lastModified,
    sizeBytes,
    ...(digest === undefined ? {} : { digest }),
    clockOffset,
    boot,
  };
}

/** True if `entry` was written on top of `base`, directly or not, as far back as write ids reach. */
export function isBasedOn(entry: StoredDatabase, base: StoredDatabase): boolean {
  return entry.writes.slice(1).includes(base.writes[0] ?? base.version);
}

/** Returns the directory name for a version, which may contain any characters. */
export function entryNameOf(version: Version): string {
  return createHash('sha256').update(version).digest('hex').slice(0, 32);
}

export function isEntryName(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name);
}

/** Returns where an entry's database and description are in its directory. */
export function entryFiles(directory: string, username: string): [file: string, description: string] {
  return [join(directory, `${username}.anki2`), join(directory, 'entry.json')];
}

/** Writes the database file of an entry into the directory in which it is put together. */
export function writeEntryFile(prepared: string, username: string, bytes: Buffer): void {
  writeFileSync(entryFiles(prepared, username)[0], bytes, { mode: 0o400 });
}

/**
 * Puts an entry together in the directory `prepared`: of the file that is in it already, or of a file that it moves there.
 * Returns it as it will be in `directory`.
 */
export function writeEntry(
  { prepared, directory }: { readonly prepared: string; readonly directory: string },
  moved: string | undefined,
  { username, stored, boot, at, usedAt }: NewEntry,
): CacheEntry {
  const [file, description] = entryFiles(prepared, username);
  if (moved !== undefined) {
    renameSync(moved, file);
    chmodSync(file, 0o400);
  }
  const { size: sizeBytes, ino: inode } = statSync(file);
  const described = descriptionOf({ ...stored, username, sizeBytes, clockOffset: clockOffsetOf(at), boot });
  writeFileSync(description, JSON.stringify(described), { mode: 0o600 });
  utimesSync(description, at.wall / 1000, at.wall / 1000);
  utimesSync(file, usedAt / 1000, usedAt / 1000);
  const [path] = entryFiles(directory, username);
  const descriptionInode = statSync(description).ino;
  return { ...described, directory, path, validatedAt: at.wall, usedAt, inode, descriptionInode };
}

interface NewEntry {
  readonly username: string;
  readonly stored: StoredDatabase;
  readonly boot: string;
  /** The start of the request that delivered or stored it. */
  readonly at: Moment;
  readonly usedAt: number;
}

/** Returns the entry in a directory, or undefined if it is missing or incomplete. */
export function readEntry(directory: string): CacheEntry | undefined {
  try {
    const described = JSON.parse(readFileSync(join(directory, 'entry.json'), 'utf8')) as EntryDescription;
    const path = join(directory, `${described.username}.anki2`);
    const file = statSync(path);
    // A cleaner of /tmp may have removed or truncated one of the two files.
    if (file.size !== described.sizeBytes || !Array.isArray(described.writes)) return undefined;
    const description = statSync(join(directory, 'entry.json'));
    // Written by a version that did not compare clocks: its age is unknown.
    const { clockOffset = Number.NaN, boot = '' } = described;
    const times = { validatedAt: description.mtimeMs, usedAt: file.mtimeMs };
    const inodes = { inode: file.ino, descriptionInode: description.ino };
    return { ...described, clockOffset, boot, directory, path, ...times, ...inodes };
  } catch {
    return undefined;
  }
}

/** Returns an entry with its times as they are now; undefined if its files are no longer those that were read. */
export function refreshed(entry: CacheEntry): CacheEntry | undefined {
  const description = statSync(join(entry.directory, 'entry.json'), { throwIfNoEntry: false });
  // A cleaner of /tmp may have removed or truncated one of the two files.
  const file = statSync(entry.path, { throwIfNoEntry: false });
  if (description?.ino !== entry.descriptionInode) return undefined;
  if (file?.ino !== entry.inode || file.size !== entry.sizeBytes) return undefined;
  return { ...entry, validatedAt: description.mtimeMs, usedAt: file.mtimeMs };
}

/** Records when an entry was used. Does nothing if another process has removed it. */
export function setUsedAt(entry: CacheEntry, usedAt: number): void {
  setTime(entry, entry.path, usedAt);
}

/** Records when an entry was used and found current. Does nothing if another process has removed it. */
export function setTimes(entry: CacheEntry, usedAt: number, validatedAt: number): void {
  setTime(entry, join(entry.directory, 'entry.json'), validatedAt);
  setUsedAt(entry, usedAt);
}

function setTime({ directory }: CacheEntry, path: string, time: number): void {
  try {
    utimesSync(path, time / 1000, time / 1000);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw cacheFailure(directory, error);
  }
}

/** Atomically rewrites an entry's description as found current at `at`. */
export function renew(entry: CacheEntry, at: Moment, usedAt: number, workDirectory: string): CacheEntry {
  const renewed = { ...entry, validatedAt: at.wall, clockOffset: clockOffsetOf(at), usedAt };
  try {
    const prepared = join(workDirectory, 'entry.json');
    writeFileSync(prepared, JSON.stringify(descriptionOf(renewed)), { mode: 0o600 });
    utimesSync(prepared, at.wall / 1000, at.wall / 1000);
    renameSync(prepared, join(entry.directory, 'entry.json'));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw cacheFailure(entry.directory, error);
  }
  setTimes(renewed, usedAt, at.wall);
  return renewed;
}

/**
 * Compares a version from a request that began at `at` with the user's other cached versions. Write ids decide as far
 * as they reach. Beyond that, an entry last used before `at` is older; any other may be older or newer, which is
 * `unclear`: none may stay, since serving one after the other could be a step back.
 */
export function standingAmong(
  others: readonly CacheEntry[],
  stored: StoredDatabase,
  at: Moment,
): 'outdated' | 'unclear' | 'based on one' | 'newest' {
  if (others.some((entry) => isBasedOn(entry, stored))) return 'outdated';
  const [bases, unrelated] = [
    others.filter((entry) => isBasedOn(stored, entry)),
    others.filter((entry) => !isBasedOn(stored, entry)),
  ];
  if (unrelated.some(({ usedAt, clockOffset }) => usedAt >= at.wall || !sameClock(clockOffset, at))) return 'unclear';
  return bases.length > 0 ? 'based on one' : 'newest';
}
