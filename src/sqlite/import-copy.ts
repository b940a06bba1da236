import { constants, existsSync, rmSync, type Stats, statSync } from 'node:fs';
import { chmod, copyFile, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { type RunBlocking, runBlockingIn } from '../core/run-blocking.ts';
import { openReadOnly, quickCheck, type SqliteDatabase, type SqliteEngine } from './engine.ts';
import { asSourceFailure } from './failure.ts';
import { readHeader, setRollbackMode, setSchemaCookie } from './header.ts';

interface CopyEnvironment {
  /** What messages call the source. Default: its path. */
  readonly name?: string | undefined;
  readonly runBlocking?: RunBlocking | undefined;
  readonly signal?: AbortSignal | undefined;
}

// As better-sqlite3 has it before it yields.
const PAGES_AT_ONCE = 100;

// A writer that commits holds its lock for less.
const BUSY_TIMEOUT_MS = 5_000;

export interface CopiedSource {
  /** Reservations about a sound copy, for the user. */
  readonly warnings: readonly string[];
}

/**
 * Copies a SQLite file that may be in use to `destination`, consistently, with SQLite's backup, which includes a live
 * -wal that a plain copy would lose. What a crash left in a -journal is undone in the copy. Checks the copy. Writes
 * nothing beside the source, except the -shm that SQLite needs to read a -wal whose writer is gone. A program that locks the file exclusively, as Anki does, must close it
 * first.
 *
 * `inspect` returns warnings, or refuses the copy by throwing. `environment` runs the queries over the file and can
 * stop the copying.
 *
 * Throws `usage` for a file that cannot be read or has lost its rows to a missing -wal, `corrupt` for one that is not
 * SQLite, truncated or damaged.
 */
export async function copySource(
  sqlite: SqliteEngine,
  source: string,
  destination: string,
  inspect: (database: SqliteDatabase) => readonly string[],
  environment: CopyEnvironment = {},
): Promise<CopiedSource> {
  requireFile(source);
  const { name = source } = environment;
  // SQLite opens them too, and would wait for the other end of a pipe.
  const strange = ['-journal', '-wal', '-shm'].map((end) => `${source}${end}`).find(isOtherThanFile);
  if (strange !== undefined) {
    throw new JavumboError('usage', `${strange} is not a file`, { try: 'the file alone, in another directory' });
  }
  try {
    const walMode = readHeader(source).journal === 'wal';
    // Without a -wal the file itself is complete, and opening it would create one beside it.
    let undone = false;
    const alone = walMode && !existsSync(`${source}-wal`);
    if (alone) await copyFile(source, destination, constants.COPYFILE_FICLONE);
    else undone = await backUpOrUndo(sqlite, source, destination, environment);
    if (readHeader(destination).journal === 'wal') setRollbackMode(destination);
    const warnings = await runBlockingIn(environment)(() => inspectCopy(sqlite, name, destination, alone, inspect));
    if (undone) warnings.unshift(`a program ended while it changed ${source}: that change is not in the copy`);
    return { warnings };
  } catch (error) {
    if (isDiskFull(error)) throw cacheFailure(dirname(destination), error);
    throw asSourceFailure(error, name);
  }
}

/** Throws `usage` for a path without an ordinary file. */
export function requireFile(path: string): void {
  const found = statOf(path);
  if (found === undefined) throw new JavumboError('usage', `there is no file ${path}`, { try: 'another path' });
  if (!found.isFile()) throw new JavumboError('usage', `${path} is not a file`, { try: 'the path of an .anki2 file' });
}

/** Returns undefined for what is not there. Throws `usage` for what cannot be examined, such as a name that is too long. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new JavumboError('usage', `${path} cannot be read: ${messageOf(error)}`, {
      try: 'another path',
      cause: error,
    });
  }
}

function isOtherThanFile(path: string): boolean {
  // With its ending a name may be too long, and then there is none.
  if (Buffer.byteLength(basename(path)) > FILE_NAME_BYTES_MAX) return false;
  return statOf(path)?.isFile() === false;
}

const FILE_NAME_BYTES_MAX = 255;

// https://sqlite.org/fileformat2.html, 3
const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');

/** Copies the file. Returns true if a crash had left a change half done, which was undone in the copy. */
async function backUpOrUndo(
  sqlite: SqliteEngine,
  source: string,
  destination: string,
  environment: CopyEnvironment,
): Promise<boolean> {
  const journal = `${source}-journal`;
  try {
    await backUp(sqlite, source, destination, environment);
    return false;
  } catch (error) {
    // What has to be undone cannot be read without writing.
    if (!codeOf(error)?.startsWith('SQLITE_READONLY') || !existsSync(journal)) throw error;
  }
  // The journal first: should another program undo the change meanwhile, doing so again changes nothing.
  await copyFile(journal, `${destination}-journal`);
  await copyFile(source, destination, constants.COPYFILE_FICLONE);
  await Promise.all([chmod(`${destination}-journal`, 0o600), chmod(destination, 0o600)]);
  // Anything else there is no journal, and SQLite undoes nothing.
  const isJournal = (await readFile(`${destination}-journal`)).subarray(0, JOURNAL_MAGIC.length).equals(JOURNAL_MAGIC);
  const copy = sqlite.open(destination, 'read-write');
  try {
    copy.prepare('SELECT count(*) FROM sqlite_master').get();
  } finally {
    copy.close();
  }
  rmSync(`${destination}-journal`, { force: true });
  return isJournal;
}

async function backUp(
  sqlite: SqliteEngine,
  source: string,
  destination: string,
  environment: CopyEnvironment,
): Promise<void> {
  const database = sqlite.open(source, 'read-only', BUSY_TIMEOUT_MS);
  try {
    // One read transaction around the whole backup: a writer cannot make it restart again and again, and a locked file
    // is reported here (a backup that cannot begin resolves without copying anything).
    const cookie = await runBlockingIn(environment)(() => {
      database.exec('BEGIN');
      return (database.prepare('PRAGMA schema_version').get() as { schema_version: number }).schema_version;
    });
    const progress = (): number => {
      environment.signal?.throwIfAborted();
      return PAGES_AT_ONCE;
    };
    await database.backup(destination, { progress });
    // The backup changes the copy's schema cookie, for connections that have it open. There are none, and equal content
    // must stay equal.
    setSchemaCookie(destination, cookie);
  } finally {
    database.close();
  }
}

function inspectCopy(
  sqlite: SqliteEngine,
  source: string,
  destination: string,
  alone: boolean,
  inspect: (database: SqliteDatabase) => readonly string[],
): string[] {
  const copy = openReadOnly(sqlite, destination);
  try {
    const warnings = [...inspect(copy)];
    quickCheck(copy);
    const tables = copy.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    if (tables.length === 0) {
      throw new JavumboError(
        'usage',
        alone
          ? `${source} holds no tables: it was in use when it was copied, and its rows are in a -wal file that is not beside it`
          : `${source} holds no tables`,
        { try: 'the original file, or a copy together with its -wal' },
      );
    }
    if (alone) {
      warnings.unshift(
        `${source} is in WAL mode and has no -wal beside it: if it was copied while in use, its last changes are missing`,
      );
    }
    return warnings;
  } finally {
    copy.close();
  }
}
