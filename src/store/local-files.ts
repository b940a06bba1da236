import { constants, copyFileSync, rmSync, type Stats, statSync } from 'node:fs';
import { syncToDisk } from '../core/file.ts';

/** Copies a file to a new path, durably: it survives a power cut. Fails if the path exists. */
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

export function statExists(path: string): boolean {
  return statOf(path) !== undefined;
}

export function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
