import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Decompress } from 'fzstd';
import { JavumboError, messageOf } from '../core/failure.ts';
import { bytesAt, refuseBomb } from './archive.ts';

/* Zstandard, by https://www.rfc-editor.org/rfc/rfc8878. Node has it from version 22.15 on. */

/** Anki's have 2 MB; a window is held in memory. */
const WINDOW_BYTES_MAX = 32 * 1024 * 1024;
const BLOCK_BYTES_MAX = 128 * 1024;
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPED_MAGIC = 0x184d2a50;
const HEADER_BYTES_MAX = 18;
const RUN_OF_ONE_BYTE = 1;

/** Unpacks a file into a new one. `what`: its name in messages. Throws `corrupt` for damage and `usage` for a bomb. */
export async function unpackZstd(from: string, to: string, what: string, signal?: AbortSignal): Promise<void> {
  const packedBytes = await checkFrames(from, what);
  let length = 0;
  let pieces: Uint8Array[] = [];
  const decompress = new Decompress((piece) => {
    length += piece.length;
    refuseBomb(what, length, packedBytes);
    pieces.push(piece);
  });
  const unpack = new Transform({
    transform(piece: Buffer, _encoding, done) {
      done(step(() => decompress.push(piece), this));
    },
    flush(done) {
      done(step(() => decompress.push(new Uint8Array(), true), this));
    },
  });
  const step = (work: () => void, stream: Transform): Error | null => {
    try {
      work();
      for (const piece of pieces) stream.push(piece);
      pieces = [];
      return null;
    } catch (error) {
      return error instanceof JavumboError ? error : damagedZstd(what, messageOf(error));
    }
  };
  const output = createWriteStream(to, { flags: 'wx', mode: 0o600 });
  await pipeline(createReadStream(from, { highWaterMark: BLOCK_BYTES_MAX }), unpack, output, { signal });
}

function damagedZstd(what: string, why: string): JavumboError {
  return new JavumboError('corrupt', `${what} cannot be unpacked: ${why}`, { try: 'a sound copy of the file' });
}

/**
 * Looks at the frames of a file and returns its size. The decompressor believes what they say of themselves: one that
 * asks for a large window would get the memory.
 */
async function checkFrames(path: string, what: string): Promise<number> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    let position = 0;
    while (position < size) position = await frameEnd(handle, position, size, what);
    return size;
  } finally {
    await handle.close();
  }
}

async function frameEnd(handle: FileHandle, start: number, size: number, what: string): Promise<number> {
  const cutOff = damagedZstd(what, 'it is cut off');
  const header = Buffer.concat([await bytesAt(handle, start, HEADER_BYTES_MAX), Buffer.alloc(HEADER_BYTES_MAX)]);
  const magic = header.readUInt32LE();
  if ((magic & 0xfffffff0) === SKIPPED_MAGIC) return start + 8 + header.readUInt32LE(4);
  if (magic !== FRAME_MAGIC) throw damagedZstd(what, 'it is not Zstandard');
  const descriptor = header[4] ?? 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentBytes = descriptor >> 6 === 0 ? Number(isSingle) : 1 << (descriptor >> 6);
  const contentAt = 5 + Number(!isSingle) + dictionaryBytes;
  const window = header[5] ?? 0;
  const windowBytes = isSingle
    ? Number(header.readBigUInt64LE(contentAt) & ((1n << BigInt(8 * contentBytes)) - 1n))
    : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  if (windowBytes > WINDOW_BYTES_MAX) throw damagedZstd(what, `it needs ${windowBytes} bytes of memory`);
  let position = start + contentAt + contentBytes;
  for (;;) {
    if (position + 3 > size) throw cutOff;
    const block = (await bytesAt(handle, position, 3)).readUIntLE(0, 3);
    const blockBytes = block >> 3;
    if (blockBytes > BLOCK_BYTES_MAX) throw damagedZstd(what, 'it has a block that is too large');
    position += 3 + (((block >> 1) & 3) === RUN_OF_ONE_BYTE ? 1 : blockBytes);
    if ((block & 1) === 1) break;
  }
  if ((descriptor & 4) !== 0) position += 4;
  if (position > size) throw cutOff;
  return position;
}
