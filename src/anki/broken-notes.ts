import type { SqlDatabase } from '../sqlite/engine.ts';

const BATCH = 1_000;

/** A note whose text is not UTF-8, with what its columns hold. */
export interface BrokenNote {
  /** In decimal, for it may be beyond 2^53. */
  readonly id: string;
  readonly columns: Readonly<Record<string, Uint8Array>>;
}

// What is stored as bytes is no text, and may hold anything.
const bytesOfText = (column: string): string =>
  `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) END AS ${column}`;

/** Returns the notes with text that is not UTF-8. */
export function brokenNotes(database: SqlDatabase): BrokenNote[] {
  const found: BrokenNote[] = [];
  const select = database.prepare(
    `SELECT CAST(id AS TEXT) AS id, ${['guid', 'tags', 'flds', 'sfld'].map(bytesOfText).join()} FROM notes WHERE id > CAST(? AS INTEGER) ORDER BY notes.id LIMIT ${BATCH}`,
  );
  for (let last = '-9223372036854775808'; ; ) {
    const notes = select.all(last) as Record<string, unknown>[];
    for (const { id, ...columns } of notes) {
      last = String(id);
      const bytes = Object.entries(columns).filter(([, value]) => value instanceof Uint8Array) as [
        string,
        Uint8Array,
      ][];
      const broken = bytes.filter(
        ([, value]) => Buffer.compare(Buffer.from(Buffer.from(value).toString()), value) !== 0,
      );
      if (broken.length > 0) found.push({ id: last, columns: Object.fromEntries(broken) });
    }
    if (notes.length < BATCH) return found;
  }
}
