import type { SqlDatabase } from '../sqlite/engine.ts';
import type { StoredCollection } from './stored-collection.ts';
import { fieldChecksum, stripHtml } from './text.ts';

const BATCH = 1_000;

/** What Anki computes of a note's fields and stores beside them. */
export interface DerivedFields {
  /** In decimal, for it may be beyond 2^53. */
  readonly id: string;
  readonly sortField: string;
  readonly checksum: number;
}

interface StoredNote {
  readonly id: string;
  readonly mid: number;
  readonly flds: string;
  /** The sort field, if it is text. */
  readonly text: string | null;
  /** If it can be one. */
  readonly csum: number | null;
}

/**
 * Returns the notes whose sort field or checksum is not that of their fields, with what it should be. Looks only at notes that
 * can be read and have as many fields as their note type: others have no sort field yet.
 */
export function wronglyDerived(
  database: SqlDatabase,
  { noteTypes }: StoredCollection,
  isReadable: string,
): DerivedFields[] {
  const found: DerivedFields[] = [];
  const select = database.prepare(
    `SELECT CAST(id AS TEXT) AS id, mid, flds, CASE typeof(sfld) WHEN 'text' THEN sfld END AS text,
       CASE WHEN typeof(csum) = 'integer' AND csum BETWEEN 0 AND 4294967295 THEN csum END AS csum
     FROM notes WHERE id > CAST(? AS INTEGER) AND ${isReadable}
     ORDER BY notes.id LIMIT ${BATCH}`,
  );
  // In SQL, for there a sort field that is a number compares as one: "007" is stored as 7.
  const stored = database.prepare('SELECT sfld = ? AND csum = ? AS right FROM notes WHERE id = CAST(? AS INTEGER)');
  for (let last = '-9223372036854775808'; ; ) {
    const notes = select.all(last) as StoredNote[];
    for (const { id, mid, flds, text, csum } of notes) {
      last = id;
      const noteType = noteTypes.get(mid);
      const fields = flds.split('\x1f');
      if (noteType === undefined || fields.length !== noteType.flds.length) continue;
      const sortField = stripHtml(fields[noteType.sortf] ?? '');
      const checksum = fieldChecksum(fields[0] ?? '');
      if (text === sortField && csum === checksum) continue;
      if ((stored.get(sortField, checksum, id) as { right: unknown }).right === 1) continue;
      found.push({ id, sortField, checksum });
    }
    if (notes.length < BATCH) return found;
  }
}

/** Stores what was computed. */
export function storeDerived(database: SqlDatabase, notes: readonly DerivedFields[]): void {
  const update = database.prepare('UPDATE notes SET sfld = ?, csum = ?, usn = -1 WHERE id = CAST(? AS INTEGER)');
  for (const { id, sortField, checksum } of notes) update.run(sortField, checksum, id);
}
