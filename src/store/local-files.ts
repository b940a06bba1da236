import { constants, copyFileSync, rmSync, type Stats, statSync } from 'node:fs';
import { syncToDisk } from '../core/file.ts';

/** Copies a file to where none may be yet, and returns when it would survive a power cut. */
export function writeDurably(source: string, destination: string, copied: () => void): void {
  try {
    copyFileSync(source, destination, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    copied();
    syncToDisk(destination);
  } catch (error) {
    rmSync(destination, { force: true });
    throw error;
  }
}

/** Whether there is anything at a path. */
export function statExists(path: string): boolean {
  return statOf(path) !== undefined;
}

/** What is at a path, or undefined where nothing is. */
export function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
