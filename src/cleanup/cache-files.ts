import { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isEntryName } from '../cache/entry.ts';
import { InvalidationMarks } from '../cache/invalidation-marks.ts';
import {
  isWorkDirectoryName,
  makeWorkDirectory,
  orphanedWorkDirectories,
  removeOrphan,
  unfinishedFile,
} from '../cache/work-directory.ts';
import { bootId } from '../core/boot.ts';
import { cacheFailure, requireOwnDirectory } from '../core/cache-directory.ts';
import type { Clock } from '../core/clock.ts';
import { codeOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { isUsername } from '../core/username.ts';
import { ageSecondsOf, type PlannedDeletion } from './plan.ts';

/** One item of a cache directory: an entry, the working copies of one process, or what that left unfinished elsewhere. */
export interface CacheFile {
  readonly kind: 'cached-database' | 'working-copy' | 'partial-file';
  /** `alice.anki2`, the work directory's name, or the path of the partial file. */
  readonly name: string;
  /** The directory that holds it and is removed with it. */
  readonly path: string;
  /** The names of its files. */
  readonly files: readonly string[];
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsedAt: number;
  /** True for a working copy whose process is alive. Entries are never in use: readers keep them open or copy them. */
  readonly inUse: boolean;
}

export interface CacheFilesOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Lists what all deployments keep in a cache directory, least recently used first, including what no cache would serve,
 * such as a damaged entry. Empty if there is no such directory. Throws `usage` for a directory of another user.
 */
export function listCacheFiles(root: string, clock: Clock): CacheFile[] {
  if (!isThere(root)) return [];
  requireOwnDirectory(root);
  return deploymentsIn(root)
    .flatMap((deployment) => [...entriesIn(deployment), ...workIn(deployment, clock)])
    .sort((a, b) => a.lastUsedAt - b.lastUsedAt);
}

function isThere(root: string): boolean {
  try {
    return lstatSync(root, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    // Such as a name that is too long.
    throw cacheFailure(root, error);
  }
}

export interface CacheLimitsToKeep {
  /** A glob of `*` and `?` for the file names; undefined: all files. */
  readonly pattern?: string | undefined;
  /** The age since last use, in milliseconds, above which files go; 0: all of them, whatever the clock says. */
  readonly ageMaxMs: number;
  /** The oldest of the rest go until all files together take no more than this. */
  readonly bytesMax: number;
  /** Files that go whatever their age. */
  readonly always?: ((file: CacheFile) => boolean) | undefined;
}

/** Returns the files that a clean-up removes: every orphan, what is too old, then the oldest above the limit. */
export function filesToRemove(files: readonly CacheFile[], limits: CacheLimitsToKeep, now: number): CacheFile[] {
  const { pattern, ageMaxMs, bytesMax, always = () => false } = limits;
  const matches = pattern === undefined ? undefined : matcherOf(pattern);
  const removable = files.filter((file) => !file.inUse && (matches === undefined || file.files.some(matches)));
  const due = (file: CacheFile): boolean =>
    file.kind !== 'cached-database' || ageMaxMs === 0 || now - file.lastUsedAt > ageMaxMs || always(file);
  const removed = new Set(removable.filter(due));
  let left = files.reduce((sum, file) => sum + (removed.has(file) ? 0 : file.sizeBytes), 0);
  for (const file of removable) {
    if (left <= bytesMax) break;
    if (removed.has(file)) continue;
    removed.add(file);
    left -= file.sizeBytes;
  }
  return files.filter((file) => removed.has(file));
}

/** Removes unused files. Ignores those that another process has removed. */
export function removeCacheFiles(files: readonly CacheFile[], options: CacheFilesOptions): void {
  for (const { kind, name, path } of files) {
    try {
      if (kind === 'partial-file') rmSync(name, { force: true });
      else if (kind === 'working-copy') removeOrphan(path);
      else removeEntry(path, name, options);
    } catch (error) {
      throw cacheFailure(path, error);
    }
  }
  // Removes expired marks, only where cache files were found and removed.
  for (const deployment of new Set(files.map(deploymentOf))) {
    new InvalidationMarks(join(deployment, 'invalidations'), options.clock, bootId()).removeOldMarks();
  }
}

export function plannedCacheFile({ kind, name, sizeBytes, lastUsedAt }: CacheFile, now: number): PlannedDeletion {
  return { kind, name, sizeBytes, ageSeconds: ageSecondsOf(lastUsedAt, now) };
}

function deploymentOf({ kind, path }: CacheFile): string {
  return kind === 'cached-database' ? join(path, '..', '..', '..') : join(path, '..', '..');
}

/** Like the cache itself: marks the user first, then moves the entry away in one step. */
function removeEntry(path: string, name: string, { clock, random }: CacheFilesOptions): void {
  const deployment = join(path, '..', '..', '..');
  new InvalidationMarks(join(deployment, 'invalidations'), clock, bootId()).mark(name.replace(/\.anki2$/, ''));
  const work = makeWorkDirectory(join(deployment, 'work'), random);
  try {
    renameSync(path, join(work.path, 'removed'));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  } finally {
    work.release();
  }
}

/** The caches of deployments are directories named by a hash. Anything else in a shared directory is not ours. */
function deploymentsIn(root: string): string[] {
  return directoriesIn(root)
    .filter((name) => /^[0-9a-f]{16}$/.test(name))
    .map((name) => join(root, name));
}

function entriesIn(deployment: string): CacheFile[] {
  const entries = join(deployment, 'entries');
  return directoriesIn(entries).flatMap((username) =>
    directoriesIn(join(entries, username)).flatMap((hash) => {
      const path = join(entries, username, hash);
      const found = contentsOf(path);
      const lastUsedAt = found.databaseUsedAt ?? found.modifiedAt;
      const name = `${username}.anki2`;
      // Only what the cache itself can have put there; anything else is not ours and stays.
      const ours = isUsername(username) && isEntryName(hash) && isFlat(path);
      if (!ours || found.files.some((file) => file !== name && file !== 'entry.json')) return [];
      return { kind: 'cached-database', name, path, ...found, lastUsedAt, inUse: false } satisfies CacheFile;
    }),
  );
}

function workIn(deployment: string, clock: Clock): CacheFile[] {
  const work = join(deployment, 'work');
  const orphans = new Set(orphanedWorkDirectories(work, clock));
  return directoriesIn(work)
    .filter(isWorkDirectoryName)
    .flatMap((name) => {
      const path = join(work, name);
      const found = contentsOf(path);
      const inUse = !orphans.has(path);
      // A process keeps an empty one for what it is about to move.
      if (inUse && found.files.length === 0) return [];
      const lastUsedAt = found.modifiedAt;
      const copy = { kind: 'working-copy', name, path, ...found, lastUsedAt, inUse } satisfies CacheFile;
      const partial = inUse ? undefined : unfinishedFile(path);
      if (partial === undefined) return [copy];
      const sizeBytes = lstatSync(partial, { throwIfNoEntry: false })?.size ?? 0;
      const files = [basename(partial)];
      return [
        copy,
        { kind: 'partial-file', name: partial, path, files, sizeBytes, lastUsedAt, inUse } satisfies CacheFile,
      ];
    });
}

function isFlat(path: string): boolean {
  return directoriesIn(path).length === 0;
}

interface Contents {
  readonly files: string[];
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  readonly databaseUsedAt: number | undefined;
}

/** Sums up everything below a directory, without following links. What vanishes meanwhile does not count. */
function contentsOf(directory: string): Contents {
  const files: string[] = [];
  let sizeBytes = 0;
  let modifiedAt = lstatSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  let databaseUsedAt: number | undefined;
  for (const item of listed(directory, true)) {
    if (item.isDirectory()) continue;
    const found = lstatSync(join(item.parentPath, item.name), { throwIfNoEntry: false });
    if (found === undefined) continue;
    files.push(item.name);
    sizeBytes += found.size;
    modifiedAt = Math.max(modifiedAt, found.mtimeMs);
    if (item.name.endsWith('.anki2')) databaseUsedAt = Math.max(databaseUsedAt ?? 0, found.mtimeMs);
  }
  return { files, sizeBytes, modifiedAt, databaseUsedAt };
}

function directoriesIn(path: string): string[] {
  return listed(path, false)
    .filter((item) => item.isDirectory())
    .map(({ name }) => name);
}

function listed(path: string, recursive: boolean) {
  try {
    return readdirSync(path, { withFileTypes: true, recursive });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw cacheFailure(path, error);
  }
}

/** Returns a matcher for a glob, in which `*` is any text and `?` any character. */
function matcherOf(glob: string): (name: string) => boolean {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const expression = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
  return (name) => expression.test(name);
}
