import { join } from 'node:path';
import { DatabaseCache } from '../cache/cache.ts';
import type { WorkDirectory } from '../cache/work-directory.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { SqliteDatabase, SqliteEngine } from '../sqlite/engine.ts';

/** What a command must remember of each user: in a file, so that no number of users fills the memory. */
export interface Scratch {
  readonly database: SqliteDatabase;
  /** A directory for copies. */
  readonly directory: string;
  release(): void;
}

/** Opens a scratch file in a work directory, which the next process removes if this one is killed. */
export function openScratch(sqlite: SqliteEngine, work: WorkDirectory, schema: string): Scratch {
  try {
    const database = sqlite.open(join(work.path, 'scratch'), 'read-write');
    // Nobody needs it after this process.
    for (const pragma of ['journal_mode = OFF', 'synchronous = OFF', 'cache_size = -4000']) {
      database.exec(`PRAGMA ${pragma}`);
    }
    database.exec(schema);
    database.exec('BEGIN');
    const release = (): void => {
      database.close();
      work.release();
    };
    return { database, directory: work.path, release };
  } catch (error) {
    work.release();
    throw error;
  }
}

/** Makes a work directory for what reads a backup, which belongs to no deployment. */
export function backupWork(
  cacheDirectory: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): WorkDirectory {
  return new DatabaseCache({ root: cacheDirectory, deployment: 'backup', clock, random }).workDirectory();
}
