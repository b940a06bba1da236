import type { Random } from '../../core/random.ts';

/** Returns a whole number in [0, below). */
export function below(random: Random, bound: number): number {
  return Math.floor(random.fraction() * bound);
}

export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T;
}

// Lengths, counts and offsets in file formats are where a reader believes what it reads.
const TELLING = [0x00, 0x01, 0x7f, 0x80, 0xff];

const CHANGES: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  (bytes, random) => {
    if (bytes.length > 0) bytes[below(random, bytes.length)] = below(random, 256);
    return bytes;
  },
  (bytes, random) => bytes.fill(oneOf(random, TELLING), ...rangeIn(bytes, random, 8)),
  (bytes, random) => bytes.fill(oneOf(random, TELLING), ...rangeIn(bytes, random, 1024)),
  (bytes, random) => bytes.subarray(0, below(random, bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = rangeIn(bytes, random, 512);
    const at = below(random, bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at)]);
  },
  (bytes, random) => {
    const [from, to] = rangeIn(bytes, random, 512);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, random) => {
    const at = below(random, bytes.length + 1);
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(random.hex(1 + below(random, 8)), 'hex'),
      bytes.subarray(at),
    ]);
  },
];

function rangeIn(bytes: Buffer, random: Random, lengthMax: number): [number, number] {
  const from = below(random, bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + below(random, lengthMax))];
}

/** Returns bytes with one to four changes, the first quarter of a kilobyte (headers) as often as the rest. */
export function damaged(sound: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(sound);
  for (let left = 1 + below(random, 4); left > 0; left--) {
    const change = oneOf(random, CHANGES);
    const inHeader = random.fraction() < 0.5 && bytes.length > 256;
    bytes = inHeader
      ? Buffer.concat([change(Buffer.from(bytes.subarray(0, 256)), random), bytes.subarray(256)])
      : change(bytes, random);
  }
  return bytes;
}

const HOSTILE = [
  '',
  ' ',
  '-',
  '--',
  '0',
  '-1',
  '1e999',
  'NaN',
  '9007199254740993',
  '../../etc/passwd',
  '/dev/null',
  '/proc/self/mem',
  '/proc/nowhere/at/all',
  'a'.repeat(5_000),
  '\u0000',
  '\u001b[2J',
  '\u202e',
  '\ud800',
  '😀',
  "'",
  '"; DROP TABLE notes; --',
  '%s%n',
  '$(id)',
  '{"a":1}',
  '[]',
  'null',
  '1970-01-01T00:00:00Z',
  'http://[',
  'http://user:pw@host',
  'file:///etc/passwd',
] as const;

/** Returns a text that programs stumble over, or the given one with a few changes. */
export function hostileText(random: Random, sound: string): string {
  if (random.fraction() < 0.6) return oneOf(random, HOSTILE);
  return damaged(Buffer.from(sound), random).toString('utf8');
}
