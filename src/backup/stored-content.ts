import { closeSync, constants, openSync, readSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { JavumboError } from '../core/failure.ts';
import { sha256Of } from '../core/file.ts';
import type { Random } from '../core/random.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import { readHeader, setRollbackMode } from '../sqlite/header.ts';
import { contentDigestOf, makeUnique } from '../store/content-digest.ts';
import type { Version } from '../store/database-store.ts';
import type { BackupFolder } from './folder.ts';
import type { BackedUpDatabase } from './manifest.ts';

/** What the deployment holds of one user. */
export interface StoredContent {
  readonly version: Version;
  /** Of the bytes themselves; undefined if they are damaged. */
  readonly digest: string | undefined;
}

/** Reads a user's database from the store: what its metadata says may be what has to be mended. One GET. */
export async function storedContent(databases: UserDatabases, username: string): Promise<StoredContent | undefined> {
  try {
    return await databases.withFile(username, async (path, { version }, damage) => ({
      version,
      digest: damage === undefined ? await contentDigestOf(path) : undefined,
    }));
  } catch (error) {
    if (error instanceof JavumboError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

/**
 * Returns the content digest that a file has once it is stored. That is its own, except where an old SQLite wrote last
 * and left the page count stale: a commit sets it.
 */
export async function digestOnceStored(
  folder: BackupFolder,
  { file, digest }: BackedUpDatabase,
  { directory, random }: { readonly directory: string; readonly random: Random },
): Promise<string> {
  const path = folder.pathOf(file);
  if (folder.sizeOf(file) === undefined || !isPageCountStale(path)) return digest;
  const copy = join(directory, `${random.hex(8)}.anki2`);
  try {
    await copyFile(path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    makeUnique(copy, random);
    return await contentDigestOf(copy);
  } finally {
    await rm(copy, { force: true });
  }
}

// https://sqlite.org/fileformat2.html, 1.3.7
function isPageCountStale(path: string): boolean {
  const header = Buffer.alloc(100);
  const descriptor = openSync(path, 'r');
  try {
    if (readSync(descriptor, header, 0, header.length, 0) < header.length) return false;
  } finally {
    closeSync(descriptor);
  }
  return header.readUInt32BE(24) !== header.readUInt32BE(92);
}

/** Copies a backed-up file to where it is committed from. Throws `corrupt` if it is not what was backed up. */
export async function copyBackedUp(folder: BackupFolder, database: BackedUpDatabase, path: string): Promise<void> {
  const { file, digest, sha256, damage } = database;
  if (damage !== undefined) throw new JavumboError('corrupt', `it was damaged when it was backed up: ${damage}`);
  if (folder.sizeOf(file) === undefined) throw new JavumboError('corrupt', 'its file is not in the folder');
  await copyFile(folder.pathOf(file), path, constants.COPYFILE_FICLONE);
  if ((await sha256Of(path)) !== sha256 && (await contentDigestOf(path)) !== digest) {
    throw new JavumboError('corrupt', 'its bytes in the folder are not those that were backed up');
  }
  // As a file is that travels alone. Then SQLite has nothing to write, and the content stays the same.
  if (readHeader(path).journal === 'wal') setRollbackMode(path);
}
