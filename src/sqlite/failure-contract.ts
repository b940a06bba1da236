import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import { systemClock } from '../core/clock.ts';
import { seededRandom } from '../core/random.ts';
import { type SqliteDatabase, type SqliteEngine, tableCounts } from './engine.ts';
import { asCorruption, asDatabaseFailure } from './failure.ts';

interface Spoiled {
  readonly name: string;
  /** What somebody has done to a collection. */
  readonly sql: string;
  readonly kind: 'violation' | 'corrupt';
  readonly message: RegExp;
}

const STATEMENT = /, at: INSERT INTO (notes|cards) VALUES/;

const SPOILED: readonly Spoiled[] = [
  {
    name: 'a trigger that raises',
    sql: "CREATE TRIGGER guard BEFORE INSERT ON notes BEGIN SELECT raise(abort, 'locked'); END",
    kind: 'violation',
    message: /^database "alice": trigger "guard" on table notes is not Anki's/,
  },
  {
    name: 'a trigger that never ends',
    sql: `CREATE TRIGGER spin AFTER UPDATE ON col BEGIN
            SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n);
          END`,
    kind: 'violation',
    message: /^database "alice": trigger "spin" on table col is not Anki's/,
  },
  {
    name: 'a view that never ends in the place of a table',
    sql: `DROP TABLE cards;
          CREATE VIEW cards AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n`,
    kind: 'corrupt',
    message: /^database "alice": the collection has lost Anki's table "cards"$/,
  },
  {
    name: 'a table renamed',
    sql: 'ALTER TABLE notes RENAME TO mine',
    kind: 'corrupt',
    message: /^database "alice": the collection has lost Anki's table "notes"$/,
  },
  {
    name: 'several tables dropped',
    sql: 'DROP TABLE col; DROP TABLE revlog',
    kind: 'corrupt',
    message: /lost Anki's table "col", "revlog"$/,
  },
  {
    name: 'a table without its row',
    sql: 'DELETE FROM col',
    kind: 'corrupt',
    message: /the table "col" of the collection holds no version$/,
  },
  {
    name: 'one column more',
    sql: 'ALTER TABLE notes ADD COLUMN mine',
    kind: 'violation',
    message: /^database "alice": table notes has 12 columns but 11 values were supplied, at: INSERT INTO notes VALUES/,
  },
  {
    name: 'a unique index over what repeats',
    sql: "CREATE UNIQUE INDEX mine ON notes (data); INSERT INTO notes VALUES (1, 'a', 1, 1, 1, '', '', 1, 1, 0, '')",
    kind: 'violation',
    message: STATEMENT,
  },
  {
    name: 'an index over what is not JSON',
    sql: "CREATE INDEX mine ON notes (json_extract(flds, '$.a'))",
    kind: 'violation',
    message: STATEMENT,
  },
  {
    name: 'note types under names instead of ids',
    sql: "UPDATE col SET models = json_object('basic', json('{}'))",
    kind: 'corrupt',
    message: /column "models" of the collection/,
  },
  {
    name: 'decks under numbers that no id has',
    sql: 'UPDATE col SET decks = json_set(decks, \'$."1e30"\', json_extract(decks, \'$."1"\'))',
    kind: 'corrupt',
    message: /column "decks" of the collection has the key "1e30", which is no id$/,
  },
  {
    name: 'bytes for its settings',
    sql: 'UPDATE col SET conf = CAST(conf AS BLOB)',
    kind: 'corrupt',
    message: /column "conf" of the collection is not text$/,
  },
  {
    name: 'words for its time',
    sql: "UPDATE col SET mod = 'yesterday'",
    kind: 'corrupt',
    message: /column "mod" of the collection is not a time/,
  },
  {
    name: 'the highest id there is',
    sql: `INSERT INTO notes VALUES (1000, 'g', 1, 1, 1, '', '', 1, 1, 0, '');
          INSERT INTO notes VALUES (9223372036854775807, 'a', 1, 1, 1, '', '', 1, 1, 0, '')`,
    kind: 'corrupt',
    message:
      /the highest id in table notes is 9223372036854775807|the highest id in table notes is 9223372036854776000/,
  },
];

/** Runs what this program does on collections that somebody changed, on one library, which must not show which it is. */
export function describeSchemaFailures(engine: SqliteEngine): void {
  const sources = { clock: { ...systemClock, now: () => 1000 }, random: seededRandom(1) };
  let database: SqliteDatabase;

  beforeEach(() => {
    database = engine.open(':memory:', 'read-write');
    createCollection(database, sources);
  });

  afterEach(() => database.close());

  const failureOf = (work: () => unknown): unknown => {
    try {
      return work();
    } catch (error) {
      return asCorruption(error, 'alice') ?? asDatabaseFailure(error, 'alice');
    }
  };

  describe('adding a note blames the collection, by name, for', () => {
    test.each(SPOILED)('$name', ({ sql, kind, message }) => {
      database.exec(sql);
      expect(failureOf(() => addNote(database, { fields: ['a'] }, sources))).toMatchObject({
        kind,
        username: 'alice',
        message: expect.stringMatching(message),
        try: expect.not.stringContaining('<username>'),
      });
    });
  });

  test('what is virtual is not counted, for that would run it', () => {
    database.exec('CREATE VIRTUAL TABLE words USING fts5(word)');
    expect(tableCounts(database)).toMatchObject({ notes: 0, words_content: 0 });
    expect(tableCounts(database)).not.toHaveProperty('words');
  });

  test('a statement stands in the message on one line, and not to its end', () => {
    const sql = `SELECT missing\n  FROM col WHERE ${'1 = 1 AND '.repeat(50)} 1`;
    expect(failureOf(() => database.prepare(sql))).toMatchObject({
      kind: 'violation',
      message: expect.stringMatching(
        /^database "alice": no such column: missing, at: SELECT missing FROM col .{1,200}…$/,
      ),
    });
  });

  test('a caller’s error that SQLite did not raise is left as it is', () => {
    const error = new TypeError('no');
    expect(asDatabaseFailure(error, 'alice')).toBe(error);
  });
}
