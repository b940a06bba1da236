import { describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { seededRandom } from '../core/random.ts';
import { asCorruption, asDatabaseFailure } from '../sqlite/failure.ts';
import { collectionFindings } from './check.ts';
import { addNote } from './note.ts';
import { repairCollection } from './repair.ts';
import { CREATED_AT, newCollection, sourcesAt } from './testing.ts';

const SEEDS = 100;
const NOW = CREATED_AT + 86_400_000;

const COLUMNS: readonly (readonly [table: string, column: string])[] = (
  [
    ['col', 'crt mod scm ver usn ls conf models decks dconf tags'],
    ['notes', 'id guid mid mod usn tags flds sfld csum flags data'],
    ['cards', 'id nid did ord mod type queue due ivl odue odid data'],
    ['revlog', 'id cid ivl lastIvl time'],
  ] as const
).flatMap(([table, columns]) => columns.split(' ').map((column) => [table, column] as const));

const VALUES = [
  '0',
  '-1',
  '1.5',
  '1e300',
  '9e999',
  '9223372036854775807',
  "''",
  "'text'",
  "x'ff00'",
  "CAST(x'ff1f' AS TEXT)",
  "'{'",
  "'null'",
  "'[]'",
  "'{}'",
  '\'{"1": 1}\'',
  '\'{"1": {"name": 5}}\'',
  '\'{"-1": {"name": "", "flds": [], "tmpls": []}}\'',
  '\'{"7": {"name": "x", "flds": [{"name": "a"}], "tmpls": []}}\'',
  '\'{"nextPos": 1e308, "curModel": "x", "curDeck": [1]}\'',
  '\'{"1": {"name": "Default", "dyn": 1}}\'',
  '\'{"1": {"name": "::::"}, "2": {"name": "::"}}\'',
];

const SCHEMA = [
  'DROP TABLE revlog',
  'DROP INDEX ix_cards_nid',
  'ALTER TABLE notes DROP COLUMN data',
  'ALTER TABLE cards ADD COLUMN more',
  'ALTER TABLE col RENAME COLUMN tags TO labels',
  'CREATE UNIQUE INDEX u ON cards (nid)',
  'CREATE UNIQUE INDEX u ON notes (mid)',
  "CREATE INDEX j ON notes (json_extract(flds, '$.a'))",
  'CREATE TRIGGER t BEFORE UPDATE ON notes BEGIN SELECT raise(abort, 1); END',
  'CREATE VIEW v AS SELECT * FROM nowhere',
  'CREATE VIRTUAL TABLE f USING fts5(a)',
  'DELETE FROM cards',
  'INSERT INTO col SELECT id + 1, crt, mod, scm, ver, dty, usn, ls, conf, models, decks, dconf, tags FROM col',
];

/** Returns how work ended: with a failure of ours, or a value. Anything else is a defect. */
function endOf(work: () => unknown): 'failed' | 'done' {
  try {
    work();
    return 'done';
  } catch (error) {
    const failure = asCorruption(error, 'alice') ?? asDatabaseFailure(error, 'alice');
    if (!(failure instanceof JavumboError) || failure.kind === 'internal') throw error;
    return 'failed';
  }
}

describe('a collection that anybody may have changed', () => {
  test('makes adding, checking and repairing end with a value or a failure, never with a defect', () => {
    const ends = { failed: 0, done: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seededRandom(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random.fraction() * list.length)] as T;
      const database = newCollection();
      const sources = { ...sourcesAt(NOW), random };
      for (const field of ['one', 'two']) addNote(database, { fields: [field], tags: ['a'] }, sources);
      database.exec('INSERT INTO revlog SELECT id, id, 0, 1, 1, 1, 0, 1, 0 FROM cards');
      const done: string[] = [];
      for (let changes = 1 + Math.floor(random.fraction() * 3); changes > 0; changes--) {
        const [table, column] = pick(COLUMNS);
        const sql =
          random.fraction() < 0.2 ? pick(SCHEMA) : `UPDATE OR IGNORE ${table} SET ${column} = ${pick(VALUES)}`;
        try {
          database.exec(sql);
          done.push(sql);
        } catch {
          // SQLite itself does not allow it.
        }
      }
      const works = [
        () => collectionFindings(database, NOW),
        () => addNote(database, { fields: ['a'], deck: 'A::B', tags: ['b'] }, sources),
        () => repairCollection(database, sources),
        () => collectionFindings(database, NOW),
      ];
      for (const [index, work] of works.entries()) {
        try {
          ends[endOf(work)]++;
        } catch (error) {
          throw new Error(`seed ${seed}, work ${index}, after ${done.join('; ')}`, { cause: error });
        }
      }
      database.close();
    }
    expect(Math.min(ends.failed, ends.done)).toBeGreaterThan(SEEDS / 4);
  });
});
