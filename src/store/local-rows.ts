import type { IndexRow } from '../sqlite/index-file.ts';
import type { StoredDatabase, Trace } from './database-store.ts';
import { decodeWrites } from './write-ids.ts';

/** Describes what a row of the local index stands for; undefined: no row. */
export function traceOf(row: IndexRow | undefined): Trace {
  return row === undefined ? { kind: 'nothing' } : { kind: 'database', ...described(row) };
}

export function described(row: IndexRow): StoredDatabase {
  return {
    version: row.version,
    writes: decodeWrites(row.writes),
    sizeBytes: row.size_bytes,
    lastModified: row.last_modified,
    ...(row.digest === null ? {} : { digest: row.digest }),
  };
}
