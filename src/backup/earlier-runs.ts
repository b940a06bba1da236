import { JavumboError } from '../core/failure.ts';
import { sha256Of } from '../core/file.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { ListedDatabase } from '../store/database-store.ts';
import type { BackupFolder } from './folder.ts';
import { type BackedUpDatabase, looksStopped, readManifest } from './manifest.ts';
import { isComplete, readRun } from './runs.ts';

export interface EarlierRun {
  readonly name: string;
  /**
   * `complete`: the newest one. `stopped`: since then; what it has is not fetched again. `forgotten`: before it, left by
   * a run that was killed before it could remove it.
   */
  readonly state: 'complete' | 'stopped' | 'forgotten';
  /** Those of a complete run. */
  readonly databases?: number | undefined;
}

/**
 * Returns the runs that a new one builds on, or removes when it is complete. Throws `usage` for a folder with the
 * backups of another deployment.
 */
export async function earlierRuns(folder: BackupFolder, deploymentId: string): Promise<EarlierRun[]> {
  const found: EarlierRun[] = [];
  const names = folder.runNames().reverse();
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const run = await readRun(folder, name);
    const other = run.header?.deployment.id ?? deploymentId;
    if (other !== deploymentId) {
      throw new JavumboError('usage', `${folder.path} is the backup of another deployment: ${other}`, {
        try: 'a directory of its own for each deployment',
      });
    }
    // `verify` names a damaged manifest. Nothing is taken from it.
    if (run.damage !== undefined) continue;
    if (isComplete(run)) {
      found.push({ name, state: 'complete', databases: run.databases });
      break;
    }
    found.push({ name, state: 'stopped' });
  }
  for (const name of names) if (await looksStopped(folder.runPath(name))) found.push({ name, state: 'forgotten' });
  return found;
}

/** Returns the time that a run begins at: after all others, though somebody set the clock back. The newest is restored. */
export function timeOfNewRun(folder: BackupFolder, now: number): number {
  const newest = folder.runNames().at(-1);
  return newest === undefined ? now : Math.max(now, folder.timeOf(newest) + 1);
}

export const KNOWN_SCHEMA = `CREATE TABLE known (
  username TEXT, version TEXT, line TEXT, trusted INTEGER, PRIMARY KEY (username, version)
) WITHOUT ROWID`;

/** Copies what a run has into the scratch table `known`. */
export async function rememberRun(scratch: SqliteDatabase, path: string, complete: boolean): Promise<void> {
  const insert = scratch.prepare('INSERT OR IGNORE INTO known VALUES (?, ?, ?, ?)');
  for await (const line of readManifest(path)) {
    if (line.kind !== 'user' || line.user.database === undefined) continue;
    const { username, database } = line.user;
    insert.run(username, database.version, JSON.stringify(database), complete ? 1 : 0);
  }
}

/** Returns what an earlier run has of a listed version, if its file is there. */
export async function knownDatabase(
  scratch: SqliteDatabase,
  folder: BackupFolder,
  { username, version, sizeBytes }: ListedDatabase,
): Promise<BackedUpDatabase | undefined> {
  const row = scratch
    .prepare('SELECT line, trusted FROM known WHERE username = ? AND version = ?')
    .get(username, version) as { line: string; trusted: number } | undefined;
  if (row === undefined) return undefined;
  const known = JSON.parse(row.line) as BackedUpDatabase;
  if (known.sizeBytes !== sizeBytes || folder.sizeOf(known.file) !== sizeBytes) return undefined;
  // A run that was stopped may have lost bytes with the power.
  if (row.trusted === 0 && (await sha256Of(folder.pathOf(known.file))) !== known.sha256) return undefined;
  return known;
}
