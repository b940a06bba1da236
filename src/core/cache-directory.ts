import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { codeOf, JavumboError, messageOf } from './failure.ts';

/**
 * Makes a directory for this user alone, or makes sure that an existing one is this user's: /tmp is everybody's, and
 * what others can replace there must not be opened. One that exists keeps its mode; it may be shared on purpose, and
 * the deployment's directory in it is checked likewise.
 */
export function requireOwnDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const found = lstatSync(path);
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

/** The names in a directory; none where it does not exist. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw cacheFailure(directory, error);
  }
}

const OTHER_PLACE = 'another directory with --cache-dir';

// SQLite says the second of its own files, and better-sqlite3 the last where it could not even make one.
const DISK_FULL = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'SQLITE_IOERR_WRITE'];

export function isDiskFull(error: unknown): boolean {
  return DISK_FULL.includes(codeOf(error) ?? '');
}

/** A full disk is `unavailable`: nothing was stored. Other trouble with the cache directory is its owner's to mend: `usage`. */
export function cacheFailure(path: string, error: unknown): Error {
  if (error instanceof JavumboError) return error;
  if (isDiskFull(error)) {
    return new JavumboError('unavailable', `no space is left on the disk of the cache directory ${path}`, {
      try: 'javumbo cache clear, or another --cache-dir',
      cause: error,
    });
  }
  return new JavumboError('usage', `the cache directory ${path} cannot be used: ${messageOf(error)}`, {
    try: OTHER_PLACE,
    cause: error,
  });
}
