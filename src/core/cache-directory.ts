import { lstatSync, readdirSync, statSync } from 'node:fs';
import { codeOf, JavumboError, messageOf } from './failure.ts';
import { makeDirectory } from './make-directory.ts';

/**
 * Creates a directory that only this user may open, or checks that an existing one is safe: /tmp is shared, and a file
 * that another user can replace must not be opened. An existing directory keeps its mode, since it may be shared on
 * purpose. Throws `usage` for one that belongs to another user, or is writable by others and not sticky.
 */
export function requireOwnDirectory(path: string): void {
  try {
    makeDirectory(path);
    const link = lstatSync(path);
    // A link of one's own leads where one wants; anybody may plant one in /tmp.
    const own = process.getuid === undefined || link.uid === process.getuid();
    const found = link.isSymbolicLink() && own ? statSync(path) : link;
    if (!found.isDirectory()) {
      throw new JavumboError('usage', `the cache path ${path} is not a directory`, { try: OTHER_PLACE });
    }
    if (process.getuid !== undefined && found.uid !== process.getuid()) {
      throw new JavumboError('usage', `the cache directory ${path} belongs to another user`, { try: OTHER_PLACE });
    }
    const othersMayWrite = (found.mode & 0o022) !== 0;
    const sticky = (found.mode & 0o1000) !== 0;
    if (othersMayWrite && !sticky) {
      throw new JavumboError('usage', `others may write to the cache directory ${path}`, {
        try: `chmod 700 ${path}, or ${OTHER_PLACE}`,
      });
    }
  } catch (error) {
    throw cacheFailure(path, error);
  }
}

/** Returns the names in a directory, or none if it does not exist. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw cacheFailure(directory, error);
  }
}

const OTHER_PLACE = 'another directory with --cache-dir';

// The SQLITE_ codes come from SQLite for its own files; better-sqlite3 reports the last when it could not create one.
const DISK_FULL = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'SQLITE_IOERR_WRITE'];

export function isDiskFull(error: unknown): boolean {
  return DISK_FULL.includes(codeOf(error) ?? '');
}

/** Turns an error in the cache directory into `unavailable` for a full disk (nothing was stored), else `usage`. */
export function cacheFailure(path: string, error: unknown): Error {
  if (error instanceof JavumboError) return error;
  if (isDiskFull(error)) {
    return new JavumboError('unavailable', `no space is left on the disk of the cache directory ${path}`, {
      try: 'javumbo cache clear, or another --cache-dir',
      cause: error,
    });
  }
  return new JavumboError(
    isWrongPlace(error) ? 'usage' : 'unavailable',
    `the cache directory ${path} cannot be used: ${messageOf(error)}`,
    {
      try: OTHER_PLACE,
      cause: error,
    },
  );
}

// A directory that this user cannot have: waiting does not help, and naming another one does.
const WRONG_PLACE = ['EACCES', 'EEXIST', 'ELOOP', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'EPERM', 'EROFS'];

/** True for a configured place that cannot be used, as opposed to a disk that fails. */
export function isWrongPlace(error: unknown): boolean {
  return WRONG_PLACE.includes(codeOf(error) ?? '');
}
