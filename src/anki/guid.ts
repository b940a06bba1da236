import type { Random } from '../core/random.ts';

/** Anki's digits in order of value. Quotes and backslash are missing on purpose. */
const DIGITS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()*+,-./:;<=>?@[]^_`{|}~';

/** Formats a 64-bit number like Anki in base 91: most significant digit first, empty for zero. */
export function base91(value: bigint): string {
  const base = BigInt(DIGITS.length);
  let digits = '';
  for (let rest = value; rest > 0n; rest /= base) digits = DIGITS.charAt(Number(rest % base)) + digits;
  return digits;
}

/** Creates a note's name for sync and import: 64 random bits, at most 10 characters, as in Anki. */
export function createGuid(random: Random): string {
  return base91(BigInt(`0x${random.hex(8)}`));
}
