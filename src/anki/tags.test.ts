import { describe, expect, test } from 'vitest';
import { canonicalTags, joinedTags } from './tags.ts';

describe('tags', () => {
  test.each([
    { name: 'none', given: [], known: [], stored: '', added: [] },
    {
      name: 'sorted without regard to case',
      given: ['b', 'C', 'a'],
      known: [],
      stored: ' a b C ',
      added: ['b', 'C', 'a'],
    },
    { name: 'the first spelling wins', given: ['foo', 'FOO'], known: [], stored: ' foo ', added: ['foo'] },
    { name: 'the known spelling wins over both', given: ['FOO', 'Foo'], known: ['foo'], stored: ' foo ', added: [] },
    {
      name: 'split at spaces',
      given: ['one two', 'three\u3000four'],
      known: [],
      stored: ' four one three two ',
      added: ['one', 'two', 'three', 'four'],
    },
    {
      name: 'spelt like the parent that exists',
      given: ['ANIMAL::dog::Rex'],
      known: ['animal'],
      stored: ' animal::dog::Rex ',
      added: ['animal::dog::Rex'],
    },
    {
      name: 'spelt like the nearest parent',
      given: ['A::B::c'],
      known: ['a', 'A::b'],
      stored: ' A::b::c ',
      added: ['A::b::c'],
    },
    {
      name: 'empty parts are blank',
      given: ['', ' ', '::', 'foo::'],
      known: ['foo'],
      stored: ' blank::blank foo::blank ',
      added: ['blank::blank', 'foo::blank'],
    },
    { name: 'composed', given: ['\ufa47'], known: [], stored: ' \u6f22 ', added: ['\u6f22'] },
    { name: 'without double quotes', given: ['a"b'], known: [], stored: ' ab ', added: ['ab'] },
  ])('$name', ({ given, known, stored, added }) => {
    const result = canonicalTags(given, known);
    expect(joinedTags(result.tags)).toBe(stored);
    expect(result.added).toEqual(added);
  });
});
