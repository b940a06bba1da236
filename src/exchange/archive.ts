import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { formatBytes } from '../core/format.ts';

/*
 * Reads a zip by its directory, as Anki does, and so without reading what is not asked for. Nothing that a zip says is
 * believed: names, sizes and checksums are checked, and what grows beyond its size is stopped as it comes.
 */

/** What a package may hold beside its media, unpacked. */
const UNPACKED_BYTES_MAX = 300_000_000;
/** How many times larger than in the package something may be; what is small may be anything. */
const RATIO_MAX = 100;
const SMALL_BYTES = 1_000_000;

const DIRECTORY_BYTES_MAX = 32_000_000;
const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const [STORED, DEFLATED] = [0, 8];
const ENCRYPTED_FLAG = 1;
/** Stand for numbers that need more bits. */
const ENTRIES_MAX = 0xffff;
const ZIP64 = 0xffff_ffff;

interface Entry {
  readonly method: number;
  readonly flags: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

/** Throws `usage` for something that grows beyond what is allowed. */
export function refuseBomb(what: string, sizeBytes: number, packedBytes: number): void {
  const tooLarge = sizeBytes > UNPACKED_BYTES_MAX;
  if (!tooLarge && (sizeBytes <= SMALL_BYTES || sizeBytes <= packedBytes * RATIO_MAX)) return;
  const why = tooLarge
    ? `more than ${formatBytes(UNPACKED_BYTES_MAX)}`
    : `more than ${RATIO_MAX} times what it is packed`;
  throw new JavumboError('usage', `${what} has unpacked ${why}`, { try: 'a smaller package, of fewer decks' });
}

/** A zip of files without folders. */
export class Archive {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(file: string, handle: FileHandle, entries: ReadonlyMap<string, Entry>) {
    this.#file = file;
    this.#handle = handle;
    this.#entries = entries;
  }

  /** Opens a zip. Throws `corrupt` for anything else, and for one with a name that leads elsewhere or is there twice. */
  static async open(file: string): Promise<Archive> {
    const handle = await open(file, 'r');
    try {
      return new Archive(file, handle, await entriesOf(handle, file));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Unpacks an entry into a new file that only this user may read. Throws `corrupt` for damage and `usage` for a bomb. */
  async extract(name: string, destination: string, signal?: AbortSignal): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw damaged(this.#file, `${name} is missing`);
    const { method, flags, crc, packedBytes, sizeBytes } = entry;
    if ((flags & ENCRYPTED_FLAG) !== 0 || (method !== STORED && method !== DEFLATED)) {
      throw damaged(this.#file, `${name} is packed in a way that Anki does not use`);
    }
    refuseBomb(`${name} in ${this.#file}`, sizeBytes, packedBytes);
    const start = await this.#startOf(name, entry);
    let [length, checksum] = [0, 0];
    const checked = new Transform({
      transform: (piece: Buffer, _encoding, done) => {
        length += piece.length;
        checksum = crc32(piece, checksum);
        done(length > sizeBytes ? damaged(this.#file, `${name} is larger than it says`) : null, piece);
      },
    });
    // Without bytes there is no range to read.
    const content =
      packedBytes === 0 ? Readable.from([]) : createReadStream(this.#file, { start, end: start + packedBytes - 1 });
    const output = createWriteStream(destination, { flags: 'wx', mode: 0o600 });
    try {
      await (method === DEFLATED
        ? pipeline(content, createInflateRaw(), checked, output, { signal })
        : pipeline(content, checked, output, { signal }));
    } catch (error) {
      if (codeOf(error)?.startsWith('Z_') === true) {
        throw damaged(this.#file, `${name} cannot be unpacked: ${messageOf(error)}`);
      }
      throw error;
    }
    if (length !== sizeBytes || checksum !== crc) throw damaged(this.#file, `${name} is not what was packed`);
  }

  async #startOf(name: string, { offset, packedBytes }: Entry): Promise<number> {
    const local = await bytesAt(this.#handle, offset, LOCAL_BYTES);
    if (local.length < LOCAL_BYTES || local.readUInt32LE(0) !== LOCAL_SIGNATURE) {
      throw damaged(this.#file, `${name} is not where it should be`);
    }
    const start = offset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
    const { size } = await this.#handle.stat();
    if (start + packedBytes > size) throw damaged(this.#file, `${name} is cut off`);
    return start;
  }
}

export function damaged(file: string, why: string): JavumboError {
  return new JavumboError('corrupt', `${file} is damaged, or is no package of Anki's: ${why}`, {
    try: 'a sound copy of the file',
  });
}

/** Reads up to `length` bytes: fewer at the end of the file. */
export async function bytesAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function entriesOf(handle: FileHandle, file: string): Promise<Map<string, Entry>> {
  const { size } = await handle.stat();
  const tail = await bytesAt(handle, Math.max(0, size - END_BYTES - COMMENT_BYTES_MAX), END_BYTES + COMMENT_BYTES_MAX);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw damaged(file, 'it is not a zip, or its end is missing');
  const count = tail.readUInt16LE(end + 10);
  const length = tail.readUInt32LE(end + 12);
  const start = tail.readUInt32LE(end + 16);
  if (count === ENTRIES_MAX || start === ZIP64 || length > DIRECTORY_BYTES_MAX) {
    throw damaged(file, 'it holds more files than a zip of 4 GB');
  }
  const directory = await bytesAt(handle, start, length);
  const entries = new Map<string, Entry>();
  let position = 0;
  for (let index = 0; index < count; index++) {
    if (position + ENTRY_BYTES > directory.length || directory.readUInt32LE(position) !== ENTRY_SIGNATURE) {
      throw damaged(file, 'its directory is not whole');
    }
    const at = (offset: number): number => directory.readUInt32LE(position + offset);
    const [nameLength, ...more] = [28, 30, 32].map((offset) => directory.readUInt16LE(position + offset)) as number[];
    const nameEnd = position + ENTRY_BYTES + (nameLength ?? 0);
    const name = directory.toString('utf8', position + ENTRY_BYTES, nameEnd);
    if (/^[/\\]|^[a-z]:|\0|(^|[/\\])\.\.([/\\]|$)/i.test(name)) throw damaged(file, `${name} leads out of it`);
    if (entries.has(name)) throw damaged(file, `${name} is in it twice`);
    const entry = {
      flags: directory.readUInt16LE(position + 8),
      method: directory.readUInt16LE(position + 10),
      crc: at(16),
      packedBytes: at(20),
      sizeBytes: at(24),
      offset: at(42),
    };
    if (entry.packedBytes === ZIP64 || entry.offset === ZIP64)
      throw damaged(file, `${name} begins or ends beyond 4 GB`);
    entries.set(name, entry);
    position = more.reduce((sum, each) => sum + each, nameEnd);
  }
  return entries;
}
