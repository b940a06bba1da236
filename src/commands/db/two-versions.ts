import { runBlockingIn } from '../../core/run-blocking.ts';
import type { UserDatabases } from '../../databases/user-databases.ts';
import { countDiff, diffRows, type RowDiff, type TableDiff } from '../../history/diff.ts';
import type { PointInTime } from '../../history/points.ts';
import { sqliteEngine } from '../../sqlite/choose-engine.ts';
import { openReadOnly, type SqliteDatabase } from '../../sqlite/engine.ts';
import { readHeader, setRollbackMode } from '../../sqlite/header.ts';
import type { Invocation } from '../execute.ts';

/** A file of one version, which goes when the work on it ends. */
export interface VersionFile {
  readonly path: string;
  /** The content digest, if its writer left one. */
  readonly digest: string | undefined;
}

/** Fetches a version into a file for `use`, damaged or not. Throws `corrupt` for a damaged one. */
export function withVersion<T>(
  databases: UserDatabases,
  username: string,
  { id, current }: PointInTime,
  use: (file: VersionFile) => Promise<T>,
): Promise<T> {
  return databases.withFile(
    username,
    async (path, { digest }, damage) => {
      if (damage !== undefined) throw damage;
      if (readHeader(path).journal === 'wal') setRollbackMode(path);
      return use({ path, digest });
    },
    current ? {} : { point: id },
  );
}

/** Passes the rows that differ between two files to `use`. */
export async function withDiff<T>(
  { config, context }: Invocation,
  before: VersionFile,
  after: VersionFile,
  use: (rows: Iterable<RowDiff>) => T,
): Promise<T> {
  const sqlite = await sqliteEngine(config.sqliteEngine.value);
  const opened: SqliteDatabase[] = [];
  const open = ({ path }: VersionFile): SqliteDatabase => {
    const database = openReadOnly(sqlite, path);
    opened.push(database);
    return database;
  };
  try {
    return await runBlockingIn(context)(() => use(diffRows(open(before), open(after))));
  } finally {
    for (const database of opened) database.close();
  }
}

/** Counts the rows that differ between two files, by table. */
export function countedDiff(
  invocation: Invocation,
  before: VersionFile,
  after: VersionFile,
): Promise<Record<string, TableDiff>> {
  return withDiff(invocation, before, after, countDiff);
}

/** Says in words what a change of versions does: `notes: 3 come, 1 goes, 2 change`. */
export function changesInWords(tables: Readonly<Record<string, TableDiff>>): string {
  const parts = Object.entries(tables).map(([table, { added, removed, changed }]) => {
    const counts = [
      ...(added > 0 ? [`${added} ${added === 1 ? 'comes' : 'come'}`] : []),
      ...(removed > 0 ? [`${removed} ${removed === 1 ? 'goes' : 'go'}`] : []),
      ...(changed > 0 ? [`${changed} ${changed === 1 ? 'changes' : 'change'}`] : []),
    ];
    return `${table}: ${counts.join(', ')}`;
  });
  return parts.length === 0 ? 'no row changes' : parts.join('; ');
}
