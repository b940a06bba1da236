import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { makeDirectory } from './make-directory.ts';

/**
 * Makes a file that only this user may read, and takes one that exists from others, whatever the umask and the mode of
 * its directory. What SQLite puts beside it inherits the mode.
 */
export function makePrivateFile(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
}

/** Makes a directory, and those above it, and takes an older one of this user's from others. */
export function makePrivateDirectory(path: string): void {
  makeDirectory(path);
  const { mode, uid } = statSync(path);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(path, 0o700);
}
