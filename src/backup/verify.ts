import { basename } from 'node:path';
import type { WorkDirectory } from '../cache/work-directory.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { sha256Of } from '../core/file.ts';
import type { Random } from '../core/random.ts';
import type { RunBlocking } from '../core/run-blocking.ts';
import type { LoadSqlite } from '../sqlite/engine.ts';
import { contentDigestOf } from '../store/content-digest.ts';
import { examineFully } from './examine.ts';
import { BackupFolder } from './folder.ts';
import { type BackedUpDatabase, readManifest } from './manifest.ts';
import { openScratch, type Scratch } from './scratch.ts';

export interface VerifyOptions {
  readonly directory: string;
  readonly sqlite: LoadSqlite;
  readonly workDirectory: () => WorkDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly runBlocking?: RunBlocking | undefined;
  /** Ends it between two files, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What became of one user's file. Of older runs only what is damaged or missing is told.
 *
 * - `sound`: it is byte for byte what was backed up, SQLite finds no damage, and Anki's rules hold.
 * - `findings`: the same, but for Anki's rules.
 * - `damaged`: its bytes changed since, or it was damaged in the deployment already.
 * - `missing`: it is not in the folder.
 */
export interface VerifiedUser {
  readonly username: string;
  readonly outcome: 'sound' | 'findings' | 'damaged' | 'missing' | 'no-database';
  readonly version?: string | undefined;
  readonly file?: string | undefined;
  /** The manifest that names the file, if it is not the newest. */
  readonly run?: string | undefined;
  readonly sizeBytes?: number | undefined;
  readonly error?: string | undefined;
  readonly findings?: readonly string[] | undefined;
}

export interface VerifiedFolder {
  readonly runs: number;
  /** Those that have no last line. */
  readonly stoppedRuns: number;
  readonly damagedRuns: readonly { readonly run: string; readonly error: string }[];
  /** Files that no complete run names. */
  readonly unusedFiles: number;
}

const SCRATCH = `
  CREATE TABLE files (file TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE uses (file TEXT, username TEXT, run TEXT, newest INTEGER, line TEXT, PRIMARY KEY (file, username)) WITHOUT ROWID`;

/** Reads everything back that complete runs name, and yields each user. Changes nothing in the folder. */
export async function* verifyBackup(options: VerifyOptions): AsyncGenerator<VerifiedUser, VerifiedFolder> {
  const folder = BackupFolder.existing(options.directory);
  const scratch = openScratch(await options.sqlite(), options.workDirectory(), SCRATCH);
  try {
    const damagedRuns: { run: string; error: string }[] = [];
    let stoppedRuns = 0;
    let newest = true;
    const names = folder.runNames().reverse();
    for (const name of names) {
      try {
        const complete = await isClosed(folder, name);
        if (!complete) stoppedRuns++;
        else {
          yield* collect(folder, name, scratch, newest);
          newest = false;
        }
      } catch (error) {
        if (!(error instanceof JavumboError) || error.kind !== 'corrupt') throw error;
        damagedRuns.push({ run: name, error: error.message });
      }
    }
    for (const file of pagesOf(scratch, 'SELECT file FROM files WHERE file > ? ORDER BY file LIMIT 500')) {
      options.signal?.throwIfAborted();
      yield* verifyFile(folder, file, scratch, options);
    }
    let unusedFiles = 0;
    const named = scratch.database.prepare('SELECT 1 FROM files WHERE file = ?');
    for (const file of folder.files()) if (named.get(file) === undefined) unusedFiles++;
    return { runs: names.length, stoppedRuns, damagedRuns, unusedFiles };
  } finally {
    scratch.release();
  }
}

/** Reads a manifest to its end: whatever is wrong with it is known before its first user is. */
async function isClosed(folder: BackupFolder, name: string): Promise<boolean> {
  let closed = false;
  for await (const { kind } of readManifest(folder.runPath(name))) closed = kind === 'end';
  return closed;
}

async function* collect(
  folder: BackupFolder,
  run: string,
  { database }: Scratch,
  newest: boolean,
): AsyncGenerator<VerifiedUser> {
  const file = database.prepare('INSERT OR IGNORE INTO files VALUES (?)');
  const use = database.prepare('INSERT OR IGNORE INTO uses VALUES (?, ?, ?, ?, ?)');
  for await (const line of readManifest(folder.runPath(run))) {
    if (line.kind !== 'user') continue;
    const { username, database: held } = line.user;
    if (held === undefined) {
      if (newest) yield { username, outcome: 'no-database' };
      continue;
    }
    file.run(held.file);
    use.run(held.file, username, run, newest ? 1 : 0, JSON.stringify(held));
  }
}

function* pagesOf({ database }: Scratch, sql: string): Generator<string> {
  const next = database.prepare(sql);
  for (let after = ''; ; ) {
    const rows = next.all(after) as { file: string }[];
    if (rows.length === 0) return;
    for (const { file } of rows) yield file;
    after = rows.at(-1)?.file ?? '';
  }
}

interface Use {
  readonly username: string;
  readonly run: string;
  readonly newest: number;
  readonly line: string;
}

async function* verifyFile(
  folder: BackupFolder,
  file: string,
  scratch: Scratch,
  options: VerifyOptions,
): AsyncGenerator<VerifiedUser> {
  const rows = scratch.database
    .prepare('SELECT username, run, newest, line FROM uses WHERE file = ?')
    .all(file) as Use[];
  const uses = rows.map((use) => ({ ...use, held: JSON.parse(use.line) as BackedUpDatabase }));
  const found = await look(
    folder,
    file,
    uses.map(({ held }) => held),
    scratch,
    options,
  );
  for (const { username, run, newest, held } of uses) {
    const { version, sizeBytes, damage } = held;
    const about = { username, version, file, sizeBytes, ...(newest === 1 ? {} : { run }) };
    if (found.outcome === 'damaged' || found.outcome === 'missing') yield { ...about, ...found };
    else if (newest === 0) continue;
    else if (damage !== undefined) {
      yield { ...about, outcome: 'damaged', error: `it was damaged in the deployment already: ${damage}` };
    } else yield { ...about, ...found };
  }
}

type Found = Pick<VerifiedUser, 'outcome' | 'error' | 'findings'>;

async function look(
  folder: BackupFolder,
  file: string,
  held: readonly BackedUpDatabase[],
  { directory }: Scratch,
  { sqlite, clock, random, runBlocking }: VerifyOptions,
): Promise<Found> {
  if (folder.sizeOf(file) === undefined) return { outcome: 'missing', error: 'its file is not in the folder' };
  const path = folder.pathOf(file);
  const sha256 = await sha256Of(path);
  // Two users may have equal content in files that differ in their counters; one of the two is kept.
  if ((await contentDigestOf(path)) !== basename(file, '.anki2') || held.every((each) => each.sha256 !== sha256)) {
    return { outcome: 'damaged', error: 'its bytes are not those that were backed up' };
  }
  // What was damaged when it came cannot get better.
  if (held.every(({ damage }) => damage !== undefined)) return { outcome: 'sound' };
  const now = clock.now();
  const { damage, findings } = await examineFully(path, {
    sqlite: await sqlite(),
    directory,
    random,
    now,
    runBlocking,
  });
  if (damage !== undefined) return { outcome: 'damaged', error: damage };
  return findings.length > 0 ? { outcome: 'findings', findings } : { outcome: 'sound' };
}
