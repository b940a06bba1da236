import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import { base91, createGuid } from './guid.ts';

test.each([
  { name: 'zero is nothing', value: 0n, digits: '' },
  { name: 'one is the second digit', value: 1n, digits: 'b' },
  { name: 'the largest 64-bit number', value: 2n ** 64n - 1n, digits: 'Rj&Z5m[>Zp' },
  { name: "Anki's own test value", value: 1234567890n, digits: 'saAKk' },
])('base 91: $name', ({ value, digits }) => {
  expect(base91(value)).toBe(digits);
});

test('different numbers have different digits', () => {
  const number = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(fc.property(number, number, (a, b) => (base91(a) === base91(b)) === (a === b)));
});

test('a guid is 1 to 10 characters without quotes, backslash or space, and the same for the same chance', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const guid = createGuid(seededRandom(seed));
      return /^[!#-&(-[\]-~]{1,10}$/.test(guid) && guid === createGuid(seededRandom(seed));
    }),
  );
});
