import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './failure.ts';

/**
 * Makes a directory and those above it, for this user alone; one that exists is left as it is. Throws as `mkdir` does.
 * Not Node's own recursive mkdir, which never returns where a parent exists and nothing can be made in it, as in /proc.
 */
export function makeDirectory(path: string): void {
  // The usual case: an error costs ten times as much as this look.
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  try {
    makeOne(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    makeOne(path);
  }
}

/** Another process may make it at the same moment. */
function makeOne(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** Says whether there is a directory at a path that can be examined. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
