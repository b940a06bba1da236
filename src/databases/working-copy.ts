import { chmodSync, constants, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkDirectory } from '../cache/work-directory.ts';
import { type Content, copiedChunks } from '../core/file.ts';
import {
  type MemoryEngine,
  openInMemory,
  openWorkingCopy,
  type SqliteDatabase,
  type SqliteEngine,
} from '../sqlite/engine.ts';
import { readHeader, setRollbackMode } from '../sqlite/header.ts';
import { areDamaged, damaged, isDamaged } from '../store/content-digest.ts';
import type { LocalVersion } from './session.ts';

// No change counter is negative, so a first check finds the file changed.
const ALWAYS_CHANGED = -1;

// A larger database costs more to copy into memory and out than a file system does with less.
export const IN_MEMORY_BYTES_MAX = 1024 * 1024;

/** The private copy that a write session changes. Nobody else sees it. */
export interface WorkingCopy {
  readonly database: SqliteDatabase;
  /** Where a file of it is; undefined in memory. */
  readonly work: WorkDirectory | undefined;
  /** The change counter of the version that was copied. */
  readonly counterBefore: number;
  /** Closes the database, without an open transaction, and opens it again. Returns its change counter. */
  renew(): number;
  /** Returns the change counter of what is committed in it. Throws `corrupt` if it is no database. */
  counter(): number;
  /** Writes what is committed in it into a file, and leaves it open. */
  copyTo(path: string): void;
  /** Closes the database and returns what it holds. */
  close(): Content;
  /** Ends everything. Can be called at any time, also twice. */
  release(): void;
}

/** Opens the file in a work directory, which is released with the copy. */
export function fileCopy(engine: SqliteEngine, work: WorkDirectory, hasBase: boolean): WorkingCopy {
  const path = workingCopyIn(work);
  const counterBefore = hasBase ? readHeader(path).changeCounter : ALWAYS_CHANGED;
  let database = openWorkingCopy(engine, path);
  return {
    get database() {
      return database;
    },
    work,
    counterBefore,
    renew: () => {
      database.close();
      database = openWorkingCopy(engine, path);
      return readHeader(path).changeCounter;
    },
    counter: () => readHeader(path).changeCounter,
    copyTo: (destination) => copyFileSync(path, destination, constants.COPYFILE_FICLONE),
    close: () => {
      database.close();
      return path;
    },
    release: () => {
      try {
        database.close();
      } finally {
        work.release();
      }
    },
  };
}

/** Opens bytes in memory. */
export function memoryCopy(engine: MemoryEngine, bytes: Buffer): WorkingCopy {
  let database = openInMemory(engine, bytes);
  return {
    get database() {
      return database;
    },
    work: undefined,
    counterBefore: readHeader(bytes).changeCounter,
    renew: () => {
      // What an open transaction has written so far may be among the bytes.
      if (database.inTransaction) database.exec('ROLLBACK');
      const content = database.serialize();
      database.close();
      database = openInMemory(engine, content);
      return readHeader(content).changeCounter;
    },
    counter: () => readHeader(database.serialize()).changeCounter,
    copyTo: (destination) => writeFileSync(destination, database.serialize(), { mode: 0o600 }),
    close: () => {
      const content = database.serialize();
      database.close();
      return content;
    },
    release: () => void database.close(),
  };
}

/** Reads a version for a copy in memory. Throws `corrupt` if a cached one is damaged. */
export async function copyInMemory(local: LocalVersion): Promise<Buffer> {
  const bytes = readFileSync(local.path);
  if (local.entry !== undefined && (await isDamaged(bytes, local.stored))) throw damaged(IN_CACHE);
  if (readHeader(bytes).journal === 'wal') setRollbackMode(bytes);
  return bytes;
}

/**
 * Puts a version into the file of a working copy. A privately fetched file becomes it; a cached one is shared, so it is
 * copied, and the copy checked for damage before anything builds on it: throws `corrupt`.
 */
export async function copyTo(path: string, local: LocalVersion): Promise<void> {
  if (local.entry === undefined) renameSync(local.path, path);
  else if (await isCopyDamaged(local, path)) throw damaged(IN_CACHE);
  if (readHeader(path).journal === 'wal') setRollbackMode(path);
}

/**
 * Copies a cached version, and tells if the copy is damaged. Where the file system cannot share the blocks of a large one, it
 * is read once for both. Written in large pieces it is also read and removed faster than what the system's own copy leaves.
 * (benchmarks/results/one-row-write-before-and-after.md)
 */
async function isCopyDamaged({ path: source, stored }: LocalVersion, path: string): Promise<boolean> {
  const { digest, sizeBytes } = stored;
  const isLarge = digest !== undefined && sizeBytes > IN_MEMORY_BYTES_MAX;
  try {
    copyFileSync(source, path, isLarge ? constants.COPYFILE_FICLONE_FORCE : constants.COPYFILE_FICLONE);
  } catch (error) {
    if (!isLarge) throw error;
    // Whatever is wrong besides, this meets it again.
    return areDamaged(copiedChunks(source, path), digest);
  }
  chmodSync(path, 0o600);
  return isDamaged(path, stored);
}

const IN_CACHE = 'in the cache of this machine';

/** Where a file copy is in its work directory. */
export function workingCopyIn(work: WorkDirectory): string {
  return join(work.path, 'working-copy.anki2');
}
