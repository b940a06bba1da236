import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test('no more letters are wrong than may be', () => {
  expect([1, 2].map((limit) => nearest('nots', ['noted'], limit))).toEqual([undefined, 'noted']);
});

test.each<[word: string, names: string[], meant: string | undefined]>([
  ['fld', ['id', 'flds', 'sfld'], 'flds'],
  ['FLDS', ['flds', 'sfld'], 'flds'],
  ['note', ['notes', 'nodes', 'col'], 'notes'],
  ['ntoes', ['notes', 'tones'], 'notes'],
  ['.comit', ['.commit', '.quit'], '.commit'],
  ['card', ['cards', 'cart'], undefined],
  ['xyzzy', ['notes', 'cards'], undefined],
  ['x', ['id'], undefined],
  ['notes', [], undefined],
])('%s of %j was meant to be %s', (word, names, meant) => {
  expect(nearest(word, names)).toBe(meant);
});
