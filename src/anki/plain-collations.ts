import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { SqliteEngine } from '../sqlite/engine.ts';

const HEADER_BYTES = 100;
const SCHEMA_PAGE = 1;
const [INTERIOR, LEAF] = [0x05, 0x0d];
const UNICASE = /collate unicase/gi;
// As long, so that nothing moves.
const NOCASE = 'COLLATE NOCASE ';

/**
 * Gives a private copy of a newer collection a collation that SQLite has, in place of Anki's `unicase`, which it cannot
 * register. Names then differ in case by ASCII alone. Only for looking: Anki must never get that file.
 */
export function plainCollations(sqlite: SqliteEngine, path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    replaceInSchema(descriptor, SCHEMA_PAGE, new Set());
  } finally {
    closeSync(descriptor);
  }
  const database = sqlite.open(path, 'read-write');
  try {
    // A table without row ids is an index itself, which REINDEX does not sort.
    const sorted = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%NOCASE%WITHOUT ROWID%'")
      .all() as { name: string }[];
    database.exec('PRAGMA temp_store = MEMORY');
    for (const { name } of sorted) {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      database.exec(`CREATE TEMP TABLE rows_of AS SELECT * FROM ${quoted}; DELETE FROM ${quoted};
        INSERT INTO ${quoted} SELECT * FROM rows_of; DROP TABLE rows_of`);
    }
    database.exec('REINDEX');
  } finally {
    database.close();
  }
}

/** Walks the b-tree of the schema, whose root is page 1. (https://sqlite.org/fileformat2.html, 1.6) */
function replaceInSchema(descriptor: number, page: number, seen: Set<number>): void {
  const header = Buffer.alloc(HEADER_BYTES);
  readSync(descriptor, header, 0, HEADER_BYTES, 0);
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  if (seen.has(page)) return;
  seen.add(page);
  const bytes = Buffer.alloc(pageSize);
  readSync(descriptor, bytes, 0, pageSize, (page - 1) * pageSize);
  const start = page === SCHEMA_PAGE ? HEADER_BYTES : 0;
  if (bytes[start] === INTERIOR) {
    const cells = bytes.readUInt16BE(start + 3);
    for (let index = 0; index < cells && start + 14 + 2 * index <= pageSize; index++) {
      const cell = bytes.readUInt16BE(start + 12 + 2 * index);
      if (cell + 4 <= pageSize) replaceInSchema(descriptor, bytes.readUInt32BE(cell), seen);
    }
    replaceInSchema(descriptor, bytes.readUInt32BE(start + 8), seen);
  }
  if (bytes[start] !== LEAF) return;
  const text = bytes.toString('latin1');
  const replaced = text.replace(UNICASE, NOCASE);
  if (replaced !== text) writeSync(descriptor, Buffer.from(replaced, 'latin1'), 0, pageSize, (page - 1) * pageSize);
}
