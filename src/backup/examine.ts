import { constants } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { collectionFindings } from '../anki/check.ts';
import { missingTables } from '../anki/foreign-schema.ts';
import { isNewerSchema } from '../anki/schema.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { type RunBlocking, runBlockingIn } from '../core/run-blocking.ts';
import {
  integrityFindings,
  openReadOnly,
  quickCheck,
  type SqliteDatabase,
  type SqliteEngine,
} from '../sqlite/engine.ts';
import { blameOf } from '../sqlite/failure.ts';
import { readHeader, setRollbackMode } from '../sqlite/header.ts';

/** What is wrong with a database file: damage, or what breaks Anki's rules. */
export interface Examination {
  /** Why SQLite cannot use it; undefined if it can. */
  readonly damage?: string | undefined;
  readonly findings: readonly string[];
}

const NEWER_SCHEMA = 'its Anki schema is newer than 11, so it cannot be checked, and restore cannot store it';

/** Looks at a file as it comes: at SQLite's structure and Anki's tables. Takes time by the size of the file. */
export function examineQuickly(sqlite: SqliteEngine, path: string): Examination {
  return examined(() => {
    // The caller's own copy. In WAL mode, opening it would write beside it.
    if (readHeader(path).journal === 'wal') setRollbackMode(path);
    return opened(sqlite, path, (database) => {
      quickCheck(database);
      const missing = missingTables(database);
      return missing.length === 0 ? [] : [`it is not an Anki collection: it has no table ${missing.join(', ')}`];
    });
  });
}

export interface FullExamination {
  readonly sqlite: SqliteEngine;
  /** Where a copy may lie. */
  readonly directory: string;
  readonly random: Random;
  /** Milliseconds since 1970: what is due when is a rule of Anki's too. */
  readonly now: number;
  readonly runBlocking?: RunBlocking | undefined;
}

/** Examines every page, index and foreign row of a file, and the collection by Anki's rules. Writes nothing beside it. */
export async function examineFully(path: string, options: FullExamination): Promise<Examination> {
  const { sqlite, directory, random, now } = options;
  let copy: string | undefined;
  try {
    if (isInWalMode(path)) {
      copy = join(directory, `${random.hex(8)}.anki2`);
      await copyFile(path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      setRollbackMode(copy);
    }
    const file = copy ?? path;
    return await runBlockingIn(options)(() =>
      examined(() => {
        readHeader(file);
        return opened(sqlite, file, (database) => {
          const [damage, ...more] = integrityFindings(database);
          if (damage !== undefined) throw new JavumboError('corrupt', [damage, ...more.slice(0, 2)].join('; '));
          return collectionFindings(database, now);
        });
      }),
    );
  } finally {
    if (copy !== undefined) await rm(copy, { force: true });
  }
}

function isInWalMode(path: string): boolean {
  try {
    return readHeader(path).journal === 'wal';
  } catch {
    return false;
  }
}

function opened(sqlite: SqliteEngine, path: string, look: (database: SqliteDatabase) => string[]): string[] {
  const database = openReadOnly(sqlite, path);
  try {
    // SQLite alone cannot even check it.
    return isNewerSchema(database) ? [NEWER_SCHEMA] : look(database);
  } finally {
    database.close();
  }
}

/** Tells damage and findings from trouble with this machine, which is thrown. */
function examined(examine: () => string[]): Examination {
  try {
    return { findings: examine() };
  } catch (error) {
    const blame = blameOf(error);
    if ((error instanceof JavumboError && error.kind === 'corrupt') || blame === 'damage') {
      return { damage: messageOf(error), findings: [] };
    }
    // What the user's own schema does, such as calling a function that is not there.
    if (blame === 'statement') return { findings: [messageOf(error)] };
    throw error;
  }
}
