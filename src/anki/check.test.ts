import { describe, expect, test } from 'vitest';
import { systemRandom } from '../core/random.ts';
import { collectionFindings } from './check.ts';
import { addNote } from './note.ts';
import { repairCollection } from './repair.ts';
import { CREATED_AT, newCollection, sourcesAt, useNoteType } from './testing.ts';

const DAY_MS = 86_400_000;
const NOW = CREATED_AT + 10 * DAY_MS;

function spoiled(sql: string): ReturnType<typeof newCollection> {
  const database = newCollection();
  const sources = { ...sourcesAt(CREATED_AT + DAY_MS), random: systemRandom };
  for (const field of ['one', 'two']) addNote(database, { fields: [field, field], tags: ['a'] }, sources);
  database.exec(sql);
  return database;
}

const NOTE = `(SELECT min(id) FROM notes)`;
const CARD = `(SELECT min(id) FROM cards)`;
const COPY = (columns: string): string =>
  `INSERT INTO cards SELECT ${columns}, did, 0, mod, usn, type, queue, due, ivl, factor, reps, lapses, left, odue, odid,
     flags, data FROM cards WHERE id = ${CARD}`;

interface Case {
  readonly name: string;
  readonly sql: string;
  readonly finding: string | RegExp;
  /** What the repair has made of it: SQL that is true then. */
  readonly holds: string;
}

const REPAIRED: readonly Case[] = [
  {
    name: 'cards without a note are deleted',
    sql: `DELETE FROM notes WHERE id = ${NOTE}`,
    finding: '1 card has no note; Anki would delete it',
    holds: '(SELECT count(*) FROM cards) = 1',
  },
  {
    name: 'notes without a card get their cards',
    sql: `DELETE FROM cards WHERE id = ${CARD}`,
    finding: '1 note has no card; Anki would make its cards',
    holds: '(SELECT count(DISTINCT nid) FROM cards) = 2',
  },
  {
    name: 'an unknown deck is made',
    sql: 'UPDATE cards SET did = 123',
    finding: '2 cards are in an unknown deck; Anki would make a deck "recovered" with its number',
    holds: "(SELECT json_extract(decks, '$.123.name') FROM col) = 'recovered123'",
  },
  {
    name: 'an original deck is taken off outside of filtered decks',
    sql: 'UPDATE cards SET odid = 1, odue = 5',
    finding: /^2 cards have an original deck, and is in none that is filtered/,
    holds: '(SELECT sum(odid) + sum(odue) FROM cards) = 0',
  },
  {
    name: 'too few fields are filled up',
    sql: `UPDATE notes SET flds = 'only one' WHERE id = ${NOTE}`,
    finding: /^1 note has another number of fields than its note type; Anki would add/,
    holds: `(SELECT flds = 'only one' || char(31) AND tags = ' a db-check ' FROM notes WHERE id = ${NOTE})`,
  },
  {
    name: 'too many fields are joined',
    sql: `UPDATE notes SET flds = flds || char(31) || 'x' || char(31) || 'y' WHERE id = ${NOTE}`,
    finding: /^1 note has another number of fields/,
    holds: `(SELECT flds = 'one' || char(31) || 'one; x; y' FROM notes WHERE id = ${NOTE})`,
  },
  {
    name: 'cards beyond the templates are deleted, and their notes get a card',
    sql: 'UPDATE cards SET ord = 9',
    finding: '2 cards have no template; Anki would delete it',
    holds: '(SELECT count(*) = 2 AND max(ord) = 0 FROM cards)',
  },
  {
    name: 'the second card of a template is deleted',
    sql: COPY('id + 1000, nid'),
    finding: '1 card has the template of another card of its note; Anki would delete it',
    holds: `(SELECT count(*) = 2 AND min(id) < ${CARD} + 1 FROM cards)`,
  },
  {
    name: 'an unknown note type is made with as many fields and templates as are used',
    sql: `UPDATE notes SET mid = 5, flds = 'a' || char(31) || 'b' || char(31) || 'c'; ${COPY('id + 1000, nid')};
          UPDATE cards SET ord = 2 WHERE id = (SELECT max(id) FROM cards)`,
    finding: '2 notes have an unknown note type; Anki would make a note type "db-check" for it',
    holds: `(SELECT json_array_length(value, '$.flds') = 3 AND json_array_length(value, '$.tmpls') = 3
              AND json_extract(value, '$.name') LIKE 'db-check-%-3' FROM col, json_each(col.models)
            WHERE CAST(key AS INTEGER) = (SELECT mid FROM notes LIMIT 1))`,
  },
  {
    name: 'text that is not UTF-8 is replaced',
    sql: `UPDATE notes SET flds = CAST(x'636166e91f62' AS TEXT) WHERE id = ${NOTE}`,
    finding: '1 note has text that is not UTF-8; Anki would replace the bytes that are none',
    holds: `(SELECT flds = 'caf' || char(65533) || char(31) || 'b' FROM notes WHERE id = ${NOTE})`,
  },
  {
    name: 'a position that is too high is lowered',
    sql: `UPDATE cards SET due = 3000007 WHERE id = ${CARD}`,
    finding: '1 new card has a position above 999,999; Anki would lower it',
    holds: `(SELECT due = 1000007 FROM cards WHERE id = ${CARD})`,
  },
  {
    name: 'a review that is due in centuries is due today',
    sql: `UPDATE cards SET type = 2, queue = 2, due = 200000 WHERE id = ${CARD}`,
    finding: /^1 card has an impossible due date; Anki would make it due today/,
    holds: `(SELECT due = 10 FROM cards WHERE id = ${CARD})`,
  },
  {
    name: 'fractions of days are rounded',
    sql: `UPDATE cards SET ivl = 1.5, due = 2.4, odue = 1.5 WHERE id = ${CARD}`,
    finding: /^1 card has an interval that is no whole number of days/,
    holds: `(SELECT ivl = 2 AND due = 2 AND typeof(ivl) = 'integer' FROM cards WHERE id = ${CARD})`,
  },
  {
    name: 'an original due date without an original deck is taken off',
    sql: `UPDATE cards SET type = 2, queue = 2, odue = 7 WHERE id = ${CARD}`,
    finding: /^1 card has an impossible original due date/,
    holds: '(SELECT sum(odue) = 0 FROM cards)',
  },
  {
    name: 'reviews with fractions are rounded',
    sql: 'INSERT INTO revlog VALUES (1, 1, 0, 1, 1.5, -2.5, 0, -4, 0)',
    finding: /^1 review has an interval or a duration that is no whole number/,
    holds: '(SELECT ivl = 2 AND lastIvl = -3 AND time = 0 FROM revlog)',
  },
  {
    name: 'a deck without its parent gets one',
    sql: 'UPDATE col SET decks = json_set(decks, \'$.77\', json(\'{"name": "A::B::C", "dyn": 0, "conf": 1}\'))',
    finding: '2 decks have no parent; Anki would make it',
    holds: "(SELECT count(*) FROM col, json_each(decks) WHERE json_extract(value, '$.name') IN ('A', 'A::B')) = 2",
  },
  {
    name: 'a checksum of other fields is computed anew',
    sql: `UPDATE notes SET csum = csum + 1 WHERE id = ${NOTE}`,
    finding: '1 note has a sort field or a checksum that is not of its fields; Anki would compute them anew',
    // The SHA-1 of "one" begins with fe05bcdc.
    holds: `(SELECT csum = 0xfe05bcdc AND usn = -1 FROM notes WHERE id = ${NOTE})`,
  },
  {
    name: 'a checksum that is no number is computed anew',
    sql: "UPDATE notes SET csum = 'none'",
    finding: /^2 notes have a sort field or a checksum/,
    holds: "(SELECT count(*) FROM notes WHERE typeof(csum) = 'integer') = 2",
  },
  {
    name: 'a sort field that is not the field is computed anew, without HTML',
    sql: `UPDATE notes SET flds = '<b>one</b> &amp; two' || char(31), csum = 0 WHERE id = ${NOTE}`,
    finding: /^1 note has a sort field or a checksum/,
    holds: `(SELECT sfld = 'one & two' FROM notes WHERE id = ${NOTE})`,
  },
  {
    name: 'bytes in place of a sort field are computed anew',
    sql: "UPDATE notes SET sfld = x'00ff'",
    finding: /^2 notes have a sort field or a checksum/,
    holds: "(SELECT count(*) FROM notes WHERE sfld = 'one' OR sfld = 'two') = 2",
  },
  {
    name: 'a name of a deck twice gets a line behind it, and the older one stays',
    sql: `UPDATE col SET decks = json_set(decks, '$.7', json('{"name": "DEFAULT", "dyn": 0, "own": 1}'),
            '$.9', json('{"name": "default_", "dyn": 0}'))`,
    finding: '2 decks have the name of another one; Anki would rename it',
    holds: `(SELECT json_extract(decks, '$.1.name') = 'Default' AND json_extract(decks, '$.7.name') = 'DEFAULT_'
            AND json_extract(decks, '$.7.own') = 1 AND json_extract(decks, '$.9.name') = 'default__' FROM col)`,
  },
  {
    name: 'a name of a note type twice gets a line behind it',
    sql: `UPDATE col SET models = json_set(models, '$.7',
            json((SELECT value FROM json_each(col.models) ORDER BY CAST(key AS INTEGER) LIMIT 1)), '$.7.id', 7)`,
    finding: '1 note type has the name of another one; Anki would rename it',
    holds: `(SELECT count(*) FROM col, json_each(models) WHERE json_extract(value, '$.name') = 'Basic_') = 1`,
  },
  {
    name: 'a modification time in the future is set to now',
    sql: `UPDATE notes SET mod = ${NOW} WHERE id = ${NOTE}`,
    finding: /^1 note has a modification time in the future/,
    holds: `(SELECT max(mod) = ${Math.floor(NOW / 1000)} FROM notes)`,
  },
  {
    name: 'ids in the future are given anew, and what refers to them follows',
    sql: `INSERT INTO revlog VALUES (1, ${CARD}, 0, 1, 1, 1, 0, 4, 0);
          UPDATE revlog SET cid = 9223372036854775807; UPDATE cards SET id = 9223372036854775807, nid = 8000000000000
            WHERE id = ${CARD};
          UPDATE notes SET id = 8000000000000 WHERE id = ${NOTE}`,
    finding: '2 ids have a time in the future; Anki would give a new one',
    holds: `(SELECT max(id) <= ${NOW + DAY_MS} FROM notes) AND (SELECT count(*) FROM cards JOIN notes ON notes.id = nid) = 2
           AND (SELECT count(*) FROM revlog JOIN cards ON cards.id = cid) = 1`,
  },
  {
    name: 'a collection without note types gets Basic',
    sql: "DELETE FROM notes; DELETE FROM cards; UPDATE col SET models = '{}'",
    finding: 'the collection has no note type; Anki would add the note type Basic',
    holds: "(SELECT json_extract(value, '$.name') FROM col, json_each(models)) = 'Basic'",
  },
];

describe('what Anki mends is found, and repaired', () => {
  test.each(REPAIRED)('$name', ({ sql, finding, holds }) => {
    const database = spoiled(sql);
    expect(collectionFindings(database, NOW)).toContainEqual(
      typeof finding === 'string' ? finding : expect.stringMatching(finding),
    );
    const sources = { ...sourcesAt(NOW), random: systemRandom };
    expect(repairCollection(database, sources)).not.toEqual([]);
    expect(database.prepare(`SELECT ${holds}`).pluck().get()).toBe(1);
    expect(collectionFindings(database, NOW)).toEqual([]);
    expect(database.prepare('SELECT scm = mod FROM col').pluck().get()).toBe(1);
    expect(repairCollection(database, sources)).toEqual([]);
  });

  test.each([1, 2, 5, 7])('two at a time: each with the one %i further on', (further) => {
    const sources = { ...sourcesAt(NOW), random: systemRandom };
    for (const [index, one] of REPAIRED.entries()) {
      for (const other of REPAIRED.slice(index + further, index + further + 1)) {
        const database = spoiled(one.sql);
        try {
          database.exec(other.sql);
        } catch {
          // The second needs what the first has removed.
          continue;
        }
        repairCollection(database, sources);
        expect({ one: one.name, other: other.name, left: collectionFindings(database, NOW) }).toMatchObject({
          left: [],
        });
        database.close();
      }
    }
  });
});

describe('what Anki does not mend is found, and stays', () => {
  test.each([
    {
      name: 'a trigger',
      sql: 'CREATE TRIGGER t AFTER DELETE ON graves BEGIN SELECT 1; END',
      finding: /^the trigger "t" on table graves is not Anki's/,
    },
    { name: 'a view', sql: 'CREATE VIEW v AS SELECT 1', finding: /^the view "v" is not Anki's/ },
    {
      name: 'a virtual table',
      sql: 'CREATE VIRTUAL TABLE v USING fts5(a)',
      finding: /^the virtual table "v" is not Anki's/,
    },
    ...['conf', 'models', 'decks', 'dconf', 'tags'].flatMap((column) => [
      {
        name: `${column} that is not JSON`,
        sql: `UPDATE col SET ${column} = '{'`,
        finding: new RegExp(`^column "${column}" of the collection is not JSON; Anki would not open`),
      },
      {
        name: `${column} that is null`,
        sql: `UPDATE col SET ${column} = 'null'`,
        finding: new RegExp(`^column "${column}" of the collection is not Anki's`),
      },
      {
        name: `${column} in bytes`,
        sql: `UPDATE col SET ${column} = CAST(${column} AS BLOB)`,
        finding: new RegExp(`^column "${column}" of the collection is not text`),
      },
    ]),
    { name: 'no deck Default', sql: "UPDATE col SET decks = '{}'", finding: /^the collection has no deck Default/ },
    { name: 'a table that is gone', sql: 'DROP TABLE graves', finding: /^the table graves is missing/ },
    { name: 'no row', sql: 'DELETE FROM col', finding: /^the table col holds no version/ },
    { name: 'a GUID twice', sql: "UPDATE notes SET guid = 'g'", finding: /^1 note has the GUID of another one/ },
    {
      name: 'an unknown original deck',
      sql: 'UPDATE col SET decks = json_set(decks, \'$.7\', json(\'{"name": "F", "dyn": 1}\')); UPDATE cards SET odid = 9, did = 7',
      finding: /^2 cards have an unknown original deck/,
    },
    {
      name: 'words where a number must be',
      sql: "UPDATE cards SET reps = 'many'",
      finding: /^2 rows of cards hold no whole number where one must be; Anki would fail on it/,
    },
    {
      name: 'bytes where text must be',
      sql: "UPDATE notes SET guid = x'00' || guid, flds = x'611f62'",
      finding: /^2 rows of notes hold no text where one must be/,
    },
  ])('$name', ({ sql, finding }) => {
    const database = spoiled(sql);
    expect(collectionFindings(database, NOW)).toContainEqual(expect.stringMatching(finding));
  });

  test('each column of broken JSON is named, not only the first', () => {
    expect(collectionFindings(spoiled("UPDATE col SET decks = '{', tags = 'null'"), NOW)).toHaveLength(2);
  });
});

describe('nothing is found in', () => {
  test('a new collection', () => expect(collectionFindings(newCollection(), NOW)).toEqual([]));
  test('one with notes', () => expect(collectionFindings(spoiled(''), NOW)).toEqual([]));
  test('one with cloze deletions, whose cards have no template each', () => {
    const database = newCollection();
    useNoteType(database, ['Text'], ['{{cloze:Text}}'], { type: 1 });
    addNote(database, { fields: ['{{c1::a}} {{c7::b}}'] }, sourcesAt(CREATED_AT));
    expect(collectionFindings(database, NOW)).toEqual([]);
  });
});

test('a repair that would run a trigger is refused', () => {
  const database = spoiled('UPDATE cards SET ord = 9; CREATE TRIGGER t AFTER DELETE ON cards BEGIN SELECT 1; END');
  expect(() => repairCollection(database, sourcesAt(NOW))).toThrow(expect.objectContaining({ kind: 'violation' }));
});

describe('a clock that is behind', () => {
  const REVIEWED = NOW - DAY_MS;
  const reviewed = (): ReturnType<typeof newCollection> =>
    spoiled(`INSERT INTO revlog VALUES (${REVIEWED}, ${CARD}, 0, 1, 1, 1, 0, 4, 0); UPDATE col SET mod = ${REVIEWED}`);

  test.each([1, 2, 8, 400])('by %i days makes no true review one of the future', (days) => {
    const database = reviewed();
    const behind = NOW - days * DAY_MS;
    expect(collectionFindings(database, behind)).toEqual([]);
    expect(repairCollection(database, { ...sourcesAt(behind), random: systemRandom })).toEqual([]);
    expect(database.prepare('SELECT id FROM revlog').pluck().all()).toEqual([REVIEWED]);
  });

  test('still finds what is later than all that the collection saw', () => {
    const database = reviewed();
    database.exec(`INSERT INTO revlog VALUES (${NOW + 9 * DAY_MS}, ${CARD}, 0, 1, 1, 1, 0, 4, 0)`);
    const behind = { ...sourcesAt(NOW - 5 * DAY_MS), random: systemRandom };
    expect(repairCollection(database, behind)).toEqual(['1 id has a time in the future']);
    expect(database.prepare('SELECT id FROM revlog ORDER BY id').pluck().all()).toEqual([REVIEWED, REVIEWED + 1]);
  });
});

describe('a sort field that is a number', () => {
  test.each(['7', '007', '1.50', '1e3', ' 8', '-0', '9223372036854775808', '0x10'])(
    '%s is that of its field',
    (field) => {
      const database = newCollection();
      addNote(database, { fields: [field] }, sourcesAt(CREATED_AT));
      expect(collectionFindings(database, NOW)).toEqual([]);
    },
  );
});
