import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addNote, type NewNote } from './note.ts';
import { CREATED_AT, column, type Json, newCollection, patch, sourcesAt, useNoteType } from './testing.ts';

const sources = sourcesAt(CREATED_AT + 10_000, 2);

describe('a note', () => {
  test('is stored with its card, never synced', () => {
    const database = newCollection();
    const added = addNote(database, { fields: ['<b>test</b>', 'back'], tags: ['b', 'a'] }, sources);
    const time = CREATED_AT + 10_000;
    expect(added).toEqual({ noteId: time, guid: expect.any(String), cardIds: [time], deckId: 1 });
    const [note] = database.prepare('SELECT * FROM notes').all() as Json[];
    expect(note).toEqual({
      id: time,
      guid: note?.guid,
      mid: CREATED_AT,
      mod: Math.floor(time / 1000),
      usn: -1,
      tags: ' a b ',
      flds: '<b>test</b>\x1fback',
      sfld: 'test',
      csum: 2840236005,
      flags: 0,
      data: '',
    });
    const zeros = { type: 0, queue: 0, ivl: 0, factor: 0, reps: 0, lapses: 0, left: 0, odue: 0, odid: 0, flags: 0 };
    const mod = Math.floor(time / 1000);
    const card = { id: time, nid: time, did: 1, ord: 0, mod, usn: -1, due: 1, data: '', ...zeros };
    expect(database.prepare('SELECT * FROM cards').all()).toEqual([card]);
    expect(column(database, 'tags')).toEqual({ a: -1, b: -1 });
    expect(database.prepare('SELECT mod, usn FROM col').get()).toEqual({ mod: time, usn: 0 });
  });

  test('leaves the transaction to the caller', () => {
    const database = newCollection();
    const before = database.serialize();
    database.exec('BEGIN');
    addNote(database, { fields: ['a'], deck: 'New', tags: ['t'] }, sources);
    expect(database.inTransaction).toBe(true);
    database.exec('ROLLBACK');
    expect(database.serialize().equals(before)).toBe(true);
  });

  test.each([
    { name: 'missing fields are empty', fields: ['a'], flds: 'a\x1f', sfld: 'a' },
    {
      name: 'control characters go, newline and tab stay',
      fields: ['a\x1fb\r\n\tc\x7f'],
      flds: 'ab\n\tc\x1f',
      sfld: 'ab\n\tc',
    },
    { name: 'characters are composed', fields: ['\ufa47'], flds: '\u6f22\x1f', sfld: '\u6f22' },
    { name: 'a number sorts as a number', fields: ['007'], flds: '007\x1f', sfld: 7 },
    { name: 'a number in markup too', fields: ['<i>12</i>'], flds: '<i>12</i>\x1f', sfld: 12 },
    {
      name: 'the name of an image is enough',
      fields: ['<img src="a.png">'],
      flds: '<img src="a.png">\x1f',
      sfld: ' a.png ',
    },
  ])('$name', ({ fields, flds, sfld }) => {
    const database = newCollection();
    addNote(database, { fields }, sources);
    expect(database.prepare('SELECT flds, sfld FROM notes').get()).toEqual({ flds, sfld });
  });

  test('is not composed where the collection says so', () => {
    const database = newCollection();
    patch(database, 'conf', { normalize_note_text: false });
    addNote(database, { fields: ['\ufa47'] }, sources);
    expect(database.prepare('SELECT sfld FROM notes').pluck().get()).toBe('\ufa47');
  });

  test('is sorted by the field that its type names', () => {
    const database = newCollection();
    useNoteType(database, ['A', 'B'], ['{{A}}'], { sortf: 1 });
    addNote(database, { fields: ['test', '<b>b</b>'] }, sources);
    expect(database.prepare('SELECT sfld, csum FROM notes').get()).toEqual({ sfld: 'b', csum: 2840236005 });
  });

  test('takes the id it is given', () => {
    const database = newCollection();
    expect(addNote(database, { fields: ['a'], noteId: 42 }, sources).noteId).toBe(42);
  });

  test('gets another id, position and guid than one of the same millisecond, and moves the time of change', () => {
    const database = newCollection();
    const first = addNote(database, { fields: ['a'] }, sourcesAt(CREATED_AT, 5));
    const second = addNote(database, { fields: ['a'] }, sourcesAt(CREATED_AT, 5));
    expect(second).toEqual({
      noteId: first.noteId + 1,
      guid: expect.not.stringMatching(`^${first.guid.replaceAll(/[^A-Za-z0-9]/g, '\\$&')}$`),
      cardIds: [CREATED_AT + 1],
      deckId: 1,
    });
    expect(database.prepare('SELECT count(DISTINCT guid) FROM notes').pluck().get()).toBe(2);
    expect(database.prepare('SELECT due FROM cards ORDER BY id').pluck().all()).toEqual([1, 2]);
    expect(database.prepare('SELECT mod FROM col').pluck().get()).toBe(CREATED_AT + 2);
  });

  test('is of the current type, else Basic, else the oldest', () => {
    const database = newCollection();
    const mid = (json: object) => {
      patch(database, 'conf', json);
      const { noteId } = addNote(database, { fields: ['a'] }, sources);
      return database.prepare('SELECT mid FROM notes WHERE id = ?').pluck().get(noteId);
    };
    useNoteType(database, ['A'], ['{{A}}']);
    expect(mid({})).toBe(7);
    expect(mid({ curModel: String(CREATED_AT) })).toBe(CREATED_AT);
    expect(mid({ curModel: 99 })).toBe(CREATED_AT);
    patch(database, 'models', { [CREATED_AT]: { name: 'Einfach' } });
    expect(mid({ curModel: null })).toBe(7);
  });

  test('is remembered as the last of its type and deck, in whole numbers', () => {
    const database = newCollection();
    addNote(database, { fields: ['a'] }, sources);
    expect(database.prepare('SELECT conf FROM col').pluck().get()).toContain(
      `"curModel":${CREATED_AT},"nextPos":2,"sortType"`,
    );
    expect(column(database, 'conf')).toMatchObject({
      [`_nt_${CREATED_AT}_lastDeck`]: 1,
      _deck_1_lastNotetype: CREATED_AT,
    });
  });

  test('keeps what other programs wrote into the collection, to the digit', () => {
    const database = newCollection();
    database.exec(`UPDATE col SET conf = json_set(conf, '$.addon', json('{"big":9007199254740993,"float":1.0}')),
      decks = json_set(decks, '$."1".addon', json('[12345678901234567890]')), tags = '{"old":1234567890123456789}'`);
    addNote(database, { fields: ['a'], deck: 'New', tags: ['a\\b', 'é'] }, sources);
    const row = database.prepare('SELECT conf, decks, tags FROM col').get() as Record<string, string>;
    expect(row.conf).toContain('"addon":{"big":9007199254740993,"float":1.0}');
    expect(row.decks).toContain('"addon":[12345678901234567890]');
    expect(row.tags).toBe('{"old":1234567890123456789,"a\\\\b":-1,"é":-1}');
  });

  test('keeps the collection sound, whatever it says', () => {
    const database = newCollection();
    const text = fc.string({ unit: 'binary' });
    const notes = fc.record({ fields: fc.tuple(text, text), tags: fc.array(text), deck: text });
    fc.assert(
      fc.property(notes, ({ fields, tags, deck }) => {
        addNote(database, { fields: [`x${fields[0]}`, fields[1]], tags, deck: `d${deck}` }, sources);
        const row = database.prepare('SELECT flds, typeof(csum) AS type FROM notes ORDER BY id DESC').get() as Json;
        expect(String(row.flds).split('\x1f').length).toBe(2);
        expect(row.type).toBe('integer');
      }),
    );
    expect(Object.keys(column(database, 'decks')).length).toBeGreaterThan(1);
    expect(database.prepare('SELECT count(*) = count(DISTINCT guid) FROM notes').pluck().get()).toBe(1);
    expect(database.prepare('SELECT count(*) FROM cards WHERE nid NOT IN (SELECT id FROM notes)').pluck().get()).toBe(
      0,
    );
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  });
});

describe('refused', () => {
  const filtered = 'UPDATE col SET decks = json_set(decks, \'$."6"\', json(\'{"name":"Six","dyn":1}\'))';
  test.each<{ name: string; note: NewNote; sql?: string; kind: string; message: string }>([
    {
      name: 'too many fields',
      note: { fields: ['a', 'b', 'c'] },
      kind: 'usage',
      message: 'note type "Basic" has 2 fields, and 3 were given',
    },
    {
      name: 'no fields',
      note: { fields: [] },
      kind: 'usage',
      message: 'field "Front", the first of a note, must not be empty',
    },
    {
      name: 'a first field of markup only',
      note: { fields: ['<b>&nbsp;</b>', 'b'] },
      kind: 'usage',
      message: 'must not be empty',
    },
    {
      name: 'an empty deck name',
      note: { fields: ['a'], deck: ' ' },
      kind: 'usage',
      message: 'the name of a deck must not be empty',
    },
    {
      name: 'a filtered deck',
      note: { fields: ['a'], deck: 'six' },
      sql: filtered,
      kind: 'usage',
      message: 'deck "Six" is filtered',
    },
    {
      name: 'a child of a filtered deck',
      note: { fields: ['a'], deck: 'six::b' },
      sql: filtered,
      kind: 'usage',
      message: 'deck "Six" is filtered',
    },
    { name: 'an id that is none', note: { fields: ['a'], noteId: 1.5 }, kind: 'usage', message: 'note id 1.5 is not' },
    {
      name: 'a taken id',
      note: { fields: ['a'], noteId: 3 },
      sql: "INSERT INTO notes VALUES (3,'',0,0,0,'','',0,0,0,'')",
      kind: 'conflict',
      message: 'note 3 exists already',
    },
    {
      name: 'a newer schema',
      note: { fields: ['a'] },
      sql: 'UPDATE col SET ver = 18',
      kind: 'usage',
      message: 'a newer Anki wrote the collection (schema 18)',
    },
    {
      name: 'an older schema',
      note: { fields: ['a'] },
      sql: 'UPDATE col SET ver = 10',
      kind: 'usage',
      message: 'the collection has schema 10, which is too old',
    },
    {
      name: 'no collection',
      note: { fields: ['a'] },
      sql: 'DROP TABLE col; DROP TABLE notes; DROP TABLE cards; DROP TABLE revlog; DROP TABLE graves',
      kind: 'violation',
      message: "it is no Anki collection: it has none of Anki's tables",
    },
    {
      name: 'a collection that lost a table',
      note: { fields: ['a'] },
      sql: 'DROP TABLE col',
      kind: 'corrupt',
      message: 'the collection has lost Anki\'s table "col"',
    },
    {
      name: 'decks that are not JSON',
      note: { fields: ['a'] },
      sql: "UPDATE col SET decks = '{'",
      kind: 'corrupt',
      message: 'column "decks" of the collection is not JSON',
    },
    {
      name: 'decks without a name',
      note: { fields: ['a'] },
      sql: `UPDATE col SET decks = '{"1":{}}'`,
      kind: 'corrupt',
      message: 'column "decks" of the collection is not Anki\'s: 1.name',
    },
    {
      name: 'no deck Default',
      note: { fields: ['a'] },
      sql: "UPDATE col SET decks = '{}'",
      kind: 'corrupt',
      message: 'the collection has no deck Default',
    },
    {
      name: 'no note type',
      note: { fields: ['a'] },
      sql: "UPDATE col SET models = '{}'",
      kind: 'corrupt',
      message: 'the collection has no note type',
    },
  ])('$name', ({ note, sql, kind, message }) => {
    const database = newCollection();
    if (sql !== undefined) database.exec(sql);
    const before = database.serialize();
    expect(() => addNote(database, note, sources)).toThrow(
      expect.objectContaining({ kind, message: expect.stringContaining(message) }),
    );
    expect(database.serialize().equals(before)).toBe(true);
  });

  test('chance that only repeats itself', () => {
    const database = newCollection();
    const stuck = { ...sources, random: { fraction: () => 0, hex: () => '0000000000000001' } };
    addNote(database, { fields: [randomUUID()] }, stuck);
    expect(() => addNote(database, { fields: [randomUUID()] }, stuck)).toThrow(
      expect.objectContaining({ kind: 'internal' }),
    );
  });
});
