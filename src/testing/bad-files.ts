import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { writeAnkiFile } from './anki-file.ts';
import { temporaryDirectory } from './run-command.ts';

export const SIZE = { notes: 60, reviews: 60 };

/** Ways in which a file is not a database that can be stored, each made at `path`. */
export const BAD_FILES: readonly {
  readonly name: string;
  readonly make: (path: string) => void;
  readonly code: number;
  readonly error: RegExp;
}[] = [
  { name: 'missing', make: () => {}, code: 2, error: /^error: there is no file \S+\/file\.anki2$/ },
  { name: 'a directory', make: (path) => mkdirSync(path), code: 2, error: /^error: \S+ is not a file$/ },
  {
    name: 'empty',
    make: (path) => writeFileSync(path, ''),
    code: 8,
    error: /^error: \S+: it is not a SQLite database$/,
  },
  {
    name: 'text',
    make: (path) => writeFileSync(path, 'no database at all\n'.repeat(100)),
    code: 8,
    error: /is not a SQLite database$/,
  },
  {
    name: 'a header and nothing behind it',
    make: (path) => writeFileSync(path, soundBytes(path).subarray(0, 100)),
    code: 8,
    error: /: it is truncated: 100 bytes of \d+$/,
  },
  {
    name: 'truncated',
    make: (path) => truncateSync(sound(path), soundBytes(path).length / 2),
    code: 8,
    error: /: it is truncated: \d+ bytes of \d+$/,
  },
  {
    name: 'damaged inside',
    make: (path) => writeFileSync(path, damaged(soundBytes(path))),
    code: 8,
    error: /^error: \S+: .*(damaged|malformed)/,
  },
  {
    name: 'a header before rubbish',
    make: (path) => writeFileSync(path, soundBytes(path).fill(0x5a, 100)),
    code: 8,
    error: /malformed|damaged|not a database/,
  },
  {
    name: 'a database without tables',
    make: (path) => withDatabase(path, 'CREATE TABLE t (a); DROP TABLE t'),
    code: 2,
    error: /holds no tables$/,
  },
  {
    name: 'a copy of a file in use, whose rows are in a -wal elsewhere',
    make: (path) => copyWithoutWal(path),
    code: 2,
    error: /holds no tables: it was in use when it was copied, and its rows are in a -wal file/,
  },
  {
    name: 'an Anki schema of 2022',
    make: (path) => withDatabase(sound(path), 'UPDATE col SET ver = 18'),
    code: 2,
    error: /newer Anki schema than 11/,
  },
  {
    name: 'a table with Anki’s collation',
    make: (path) =>
      withDatabase(sound(path), 'CREATE TABLE tags (tag text NOT NULL PRIMARY KEY COLLATE unicase)', true),
    code: 2,
    error: /newer Anki schema than 11/,
  },
];

export function sound(path: string): string {
  rmSync(path, { force: true });
  writeAnkiFile(path, SIZE);
  return path;
}

export function soundBytes(path: string): Buffer {
  return readFileSync(sound(path));
}

/** A page in the middle becomes rubbish; the first one, which the header is on, stays. */
export function damaged(bytes: Buffer): Buffer {
  return Buffer.from(bytes).fill(0xee, 4096 * 3, 4096 * 5);
}

export function withDatabase(path: string, sql: string, foreignCollation = false): void {
  const database = new Database(path);
  try {
    // A collation that SQLite does not know is refused where it is declared with an index, and written in by Anki alone.
    if (!foreignCollation) database.exec(sql);
    else {
      database.unsafeMode(true);
      database.exec('CREATE TABLE tags (tag text NOT NULL)');
      database.pragma('writable_schema = ON');
      database
        .prepare(
          "UPDATE sqlite_master SET sql = 'CREATE TABLE tags (tag text NOT NULL COLLATE unicase)' WHERE name = 'tags'",
        )
        .run();
    }
  } finally {
    database.close();
  }
}

export function copyWithoutWal(path: string): void {
  const original = join(temporaryDirectory(), 'live.anki2');
  const database = new Database(original);
  database.pragma('journal_mode = WAL');
  database.exec('CREATE TABLE col (ver integer); INSERT INTO col VALUES (11)');
  copyFileSync(original, path);
  database.close();
}

/** Changes a file behind SQLite's back, as somebody's own program may have. */
export function spoil(path: string, sql: string): void {
  const database = new Database(path);
  database.unsafeMode(true);
  database.function('mine', { deterministic: true }, (value) => value);
  database.exec(`PRAGMA writable_schema = ON; ${sql}`);
  database.close();
}
