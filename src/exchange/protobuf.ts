import { JavumboError } from '../core/failure.ts';

/*
 * Reads Protocol Buffers as far as Anki's messages need it: numbers, floats, texts, messages, and lists of them.
 * https://protobuf.dev/programming-guides/encoding
 */

/**
 * How a field is read. With `?` it is null if it is absent; without, it is what a default is: 0, false, an empty text
 * or list. `messages`: the bytes of each.
 */
type Kind = 'int' | 'int?' | 'bool' | 'float' | 'float?' | 'text' | 'ints' | 'floats' | 'messages';

/** The fields of a message, by number: the name under which each is returned, and its kind. */
export type MessageShape = Readonly<Record<number, readonly [name: string, kind: Kind]>>;

interface Message {
  /** Integers beyond 2^53 are bigints. */
  readonly values: Record<string, unknown>;
  /** Numbers of the fields that the shape does not have. */
  readonly unknown: readonly number[];
}

const VARINT_BYTES_MAX = 10;
const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

/** Reads a message. Throws `corrupt` for bytes that are none, or that lie about their length. */
export function readMessage(bytes: Uint8Array, shape: MessageShape): Message {
  const reader = new Reader(bytes);
  const values = Object.fromEntries(Object.values(shape).map(([name, kind]) => [name, defaultOf(kind)]));
  const unknown = new Set<number>();
  while (!reader.isAtEnd) {
    const tag = Number(reader.varint());
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    const value = reader.value(wire);
    const [name, kind] = shape[number] ?? [];
    if (name === undefined || kind === undefined) unknown.add(number);
    else values[name] = read(kind, value, values[name]);
  }
  return { values, unknown: [...unknown] };
}

function defaultOf(kind: Kind): unknown {
  if (kind.endsWith('?')) return null;
  return kind === 'bool' ? false : kind === 'text' ? '' : kind.endsWith('s') ? [] : 0;
}

/** Returns the value of a field; a list is the one before, with more in it. */
function read(kind: Kind, value: bigint | Buffer, before: unknown): unknown {
  switch (kind) {
    case 'int':
    case 'int?':
      return integer(value);
    case 'bool':
      return integer(value) !== 0;
    case 'float':
    case 'float?':
      return float(value);
    case 'text':
      return blob(value).toString('utf8');
    case 'messages':
      return added(before, [blob(value)]);
    case 'ints':
      return added(before, typeof value === 'bigint' ? [integer(value)] : integers(value));
    case 'floats': {
      const list = blob(value);
      if (list.length % 4 !== 0) throw lie();
      return added(
        before,
        Array.from({ length: list.length / 4 }, (_, index) => float(list.subarray(4 * index, 4 * index + 4))),
      );
    }
  }
}

function added(before: unknown, more: readonly unknown[]): unknown {
  for (const each of more) (before as unknown[]).push(each);
  return before;
}

function integers(list: Buffer): unknown[] {
  const reader = new Reader(list);
  const found: unknown[] = [];
  while (!reader.isAtEnd) found.push(integer(reader.varint()));
  return found;
}

function integer(value: bigint | Buffer): number | bigint {
  if (typeof value !== 'bigint') throw lie();
  const signed = BigInt.asIntN(64, value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

function blob(value: bigint | Buffer): Buffer {
  if (typeof value === 'bigint') throw lie();
  return value;
}

/** Returns the shortest number that is this float: 0.9 is stored as 0.8999999762. */
function float(value: bigint | Buffer): number {
  const bytes = blob(value);
  if (bytes.length !== 4) throw lie();
  const exact = bytes.readFloatLE();
  const short = [6, 7, 8].map((digits) => Number(exact.toPrecision(digits)));
  return short.find((each) => Math.fround(each) === exact) ?? exact;
}

function lie(): JavumboError {
  return new JavumboError('corrupt', 'what should be a message of Protocol Buffers is none');
}

class Reader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = this.#take(1)[0] ?? 0;
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw lie();
  }

  /** A number for a varint, else the bytes. */
  value(wire: number): bigint | Buffer {
    if (wire === VARINT) return this.varint();
    if (wire === FIXED64) return this.#take(8);
    if (wire === FIXED32) return this.#take(4);
    if (wire === LENGTH) return this.#take(Number(this.varint()));
    throw lie();
  }

  #take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw lie();
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }
}
