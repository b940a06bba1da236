import type { Random } from '../core/random.ts';

/** Anki's digits, in the order that gives them their value. Quotes and the backslash are missing on purpose. */
const DIGITS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()*+,-./:;<=>?@[]^_`{|}~';

/** A 64-bit number as Anki writes it in base 91: most significant digit first, and nothing at all for zero. */
export function base91(value: bigint): string {
  const base = BigInt(DIGITS.length);
  let digits = '';
  for (let rest = value; rest > 0n; rest /= base) digits = DIGITS.charAt(Number(rest % base)) + digits;
  return digits;
}

/** The name by which sync and import know a note: 64 random bits, as Anki makes them. At most 10 characters. */
export function createGuid(random: Random): string {
  return base91(BigInt(`0x${random.hex(8)}`));
}
