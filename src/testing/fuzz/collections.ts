import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../core/random.ts';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import { writeAnkiFile } from '../anki-file.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { below, damaged, oneOf } from './mutate.ts';

const COLUMNS = {
  col: ['crt', 'mod', 'scm', 'ver', 'dty', 'usn', 'ls', 'conf', 'models', 'decks', 'dconf', 'tags'],
  notes: ['id', 'guid', 'mid', 'mod', 'usn', 'tags', 'flds', 'sfld', 'csum', 'flags', 'data'],
  cards: ['id', 'nid', 'did', 'ord', 'mod', 'usn', 'type', 'queue', 'due', 'ivl', 'factor', 'odue', 'odid', 'data'],
  revlog: ['id', 'cid', 'usn', 'ease', 'ivl', 'lastIvl', 'factor', 'time', 'type'],
} as const;

const VALUES = [
  'NULL',
  '0',
  '-1',
  '9223372036854775807',
  '1e300',
  '2.5',
  "''",
  "'x'",
  "'{}'",
  "'[]'",
  "'{'",
  "'null'",
  `'{"1":null}'`,
  `'{"1":{}}'`,
  `'{"a":{"id":"b"}}'`,
  "x'00ff'",
  'char(31, 31, 31)',
  "cast(x'ff' AS TEXT)",
  "'a' || char(0) || 'b'",
] as const;

const STATEMENTS = [
  'DELETE FROM col',
  'INSERT INTO col SELECT id + 1, crt, mod, scm, ver, dty, usn, ls, conf, models, decks, dconf, tags FROM col',
  'CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO notes SELECT * FROM notes; END',
  "CREATE TRIGGER t BEFORE UPDATE ON col BEGIN SELECT RAISE(ABORT, 'no'); END",
  'CREATE VIEW v AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c',
  'CREATE VIRTUAL TABLE words USING fts5(a)',
  'CREATE TABLE strange (a, b GENERATED ALWAYS AS (a || a), CHECK (a > 0))',
  'CREATE INDEX i ON notes (flds COLLATE NOCASE)',
  'PRAGMA user_version = 77',
  'PRAGMA application_id = 77',
  'PRAGMA auto_vacuum = FULL; VACUUM',
  'PRAGMA page_size = 512; VACUUM',
  "PRAGMA encoding = 'UTF-16'; VACUUM",
  'ALTER TABLE notes RENAME COLUMN flds TO f',
  'ALTER TABLE cards ADD COLUMN more',
] as const;

/** Makes damaged Anki collections: by SQL, by bytes, or by both. */
export class Collections {
  readonly #directory = temporaryDirectory();
  readonly #sound: Buffer;

  constructor() {
    const path = join(this.#directory, 'sound.anki2');
    writeAnkiFile(path, { notes: 12, reviews: 12 });
    this.#sound = readFileSync(path);
  }

  next(random: Random): Buffer {
    const bySql = random.fraction() < 0.6 ? this.#changedBySql(random) : this.#sound;
    return bySql === this.#sound || random.fraction() < 0.2 ? damaged(bySql, random) : bySql;
  }

  #changedBySql(random: Random): Buffer {
    const path = join(this.#directory, 'changed.anki2');
    writeFileSync(path, this.#sound);
    const database = betterSqlite.open(path, 'read-write');
    for (let left = 1 + below(random, 3); left > 0; left--) {
      try {
        database.exec(statement(random));
      } catch {
        // An earlier one stands in its way.
      }
    }
    database.close();
    return readFileSync(path);
  }
}

function statement(random: Random): string {
  const table = oneOf(random, Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]);
  const kind = random.fraction();
  if (kind < 0.1) return `DROP TABLE ${table}`;
  if (kind < 0.3) return oneOf(random, STATEMENTS);
  const column = oneOf<string>(random, COLUMNS[table]);
  const rows = random.fraction() < 0.5 ? '' : ` WHERE rowid = (SELECT max(rowid) FROM ${table})`;
  return `UPDATE ${table} SET ${column} = ${oneOf(random, VALUES)}${rows}`;
}
