import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { addNote } from './note.ts';
import { CREATED_AT, column, newCollection, patch, sourcesAt, useNoteType } from './testing.ts';

const sources = sourcesAt(CREATED_AT + 10_000, 2);

const cardsOf = (database: Database.Database) => database.prepare('SELECT did, ord, due FROM cards ORDER BY id').all();

describe('its cards', () => {
  test.each([
    { name: 'reversed, both fields', fields: ['a', 'b'], ords: [0, 1] },
    { name: 'reversed, an empty back', fields: ['a', '<br>'], ords: [0] },
    {
      name: 'an optional card that is asked for',
      qfmts: ['{{A}}', '{{#C}}{{B}}{{/C}}'],
      fields: ['a', 'b', 'y'],
      ords: [0, 1],
    },
    { name: 'an optional card that is not', qfmts: ['{{A}}', '{{#C}}{{B}}{{/C}}'], fields: ['a', 'b'], ords: [0] },
    {
      name: 'a card for tagged notes',
      qfmts: ['{{A}}', '{{#Tags}}{{A}}{{/Tags}}'],
      fields: ['a'],
      tags: ['t'],
      ords: [0, 1],
    },
    { name: 'the same without tags', qfmts: ['{{A}}', '{{#Tags}}{{A}}{{/Tags}}'], fields: ['a'], ords: [0] },
    { name: 'the first where no template renders', qfmts: ['{{B}}', '{{C}}'], fields: ['a'], ords: [0] },
    {
      name: 'one per cloze number, nested and repeated',
      type: 1,
      fields: ['{{c1::a {{c3::b}}}} {{c1::c}}', '{{c2::d}}'],
      ords: [0, 1, 2],
    },
    {
      name: 'cloze numbers beyond 500 share a card',
      type: 1,
      fields: ['{{c1::foo}} {{c500::x}} {{c501::y}} {{c0::z}}'],
      ords: [0, 499],
    },
    { name: 'the first where there is no cloze', type: 1, fields: ['a'], ords: [0] },
  ])('$name', ({ qfmts = ['{{A}}', '{{B}}'], type = 0, fields, tags = [], ords }) => {
    const database = newCollection();
    useNoteType(database, ['A', 'B', 'C'], qfmts, { type });
    const { cardIds } = addNote(database, { fields, tags }, sources);
    expect(cardsOf(database)).toEqual(ords.map((ord) => ({ did: 1, ord, due: 1 })));
    expect(database.prepare('SELECT id FROM cards ORDER BY id').pluck().all()).toEqual(cardIds);
    expect(column(database, 'conf').nextPos).toBe(2);
  });

  test('go to the deck of their template, or to Default where that is gone', () => {
    const database = newCollection();
    patch(database, 'decks', { 5: { name: 'Own', dyn: 0 } });
    const tmpls = [
      { qfmt: '{{A}}', did: 5 },
      { qfmt: '{{A}}', did: 99 },
      { qfmt: '{{A}}', did: null },
    ];
    useNoteType(database, ['A'], [], { tmpls });
    const { deckId } = addNote(database, { fields: ['a'], deck: 'Named' }, sources);
    expect(cardsOf(database)).toMatchObject([{ did: 5 }, { did: 1 }, { did: deckId }]);
  });

  test('share one random position where the options of their deck say random', () => {
    const database = newCollection();
    patch(database, 'dconf', { 1: { new: { order: 0 } } });
    useNoteType(database, ['A'], ['{{A}}', '{{A}}']);
    addNote(database, { fields: ['a'] }, sources);
    const [first, second] = database.prepare('SELECT due FROM cards').pluck().all() as [number, number];
    expect(first).toBe(second);
    expect(first).toBeGreaterThanOrEqual(1);
    expect(first).toBeLessThan(1000);
  });
});

describe('its deck', () => {
  const names = (database: Database.Database) => Object.values(column(database, 'decks')).map((deck) => deck.name);

  test.each([
    { name: 'is made with its parents', deck: 'A::B::C', made: ['A', 'A::B', 'A::B::C'] },
    { name: 'is found in any case', deck: 'dEFAULT', made: [] },
    { name: 'is spelt like its parent', deck: 'DEFAULT::x', made: ['Default::x'] },
    { name: 'is named as Anki would', deck: ' "A" ::\n:: b', made: ['A', 'A::blank', 'A::blank::b'] },
  ])('$name', ({ deck, made }) => {
    const database = newCollection();
    const { deckId } = addNote(database, { fields: ['a'], deck }, sources);
    expect(names(database)).toEqual(['Default', ...made]);
    expect(column(database, 'decks')[deckId]).toMatchObject({
      id: deckId,
      name: made.at(-1) ?? 'Default',
      conf: 1,
      dyn: 0,
    });
    expect(cardsOf(database)).toMatchObject([{ did: deckId }]);
  });

  test('has all the keys of the deck Default, and an id of its own', () => {
    const database = newCollection();
    patch(database, 'decks', { [CREATED_AT + 10_000]: { name: 'Taken', dyn: 0 } });
    const { deckId } = addNote(database, { fields: ['a'], deck: 'New' }, sources);
    const decks = column(database, 'decks');
    expect(deckId).toBe(CREATED_AT + 10_001);
    expect(Object.keys(decks[deckId] ?? {})).toEqual(Object.keys(decks[1] ?? {}));
    expect(decks[deckId]).toMatchObject({ usn: -1, mod: Math.floor((CREATED_AT + 10_000) / 1000) });
  });

  test.each([
    { name: 'the current deck', conf: { curDeck: 5 }, deckId: 5 },
    { name: 'the current deck, its id a text', conf: { curDeck: '5' }, deckId: 5 },
    { name: 'Default where the current deck is filtered', conf: { curDeck: 6 }, deckId: 1 },
    { name: 'Default where the current deck is gone', conf: { curDeck: 99 }, deckId: 1 },
    {
      name: 'the last deck of the note type, where the user prefers that',
      conf: { addToCur: false, [`_nt_${CREATED_AT}_lastDeck`]: 5 },
      deckId: 5,
    },
    { name: 'the current deck where the note type has no last deck', conf: { addToCur: false, curDeck: 5 }, deckId: 5 },
  ])('is, where none is named, $name', ({ conf, deckId }) => {
    const database = newCollection();
    patch(database, 'decks', { 5: { name: 'Five', dyn: 0 }, 6: { name: 'Six', dyn: 1 } });
    patch(database, 'conf', conf);
    expect(addNote(database, { fields: ['a'] }, sources).deckId).toBe(deckId);
  });
});
