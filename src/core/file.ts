import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  fsyncSync,
  openSync,
  type ReadStream,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';

// Each of Node's default 64 KiB chunks costs a round through the thread pool, which takes longer than their CRC32.
// (benchmarks/results/one-row-write-before-and-after.md)
const CHUNK_BYTES = 1024 * 1024;

/** Streams the first `sizeBytes` bytes of a file in large chunks. */
export function readStreamOf(path: string, sizeBytes: number): ReadStream {
  // `end` is inclusive, so an empty file has none.
  const end = sizeBytes === 0 ? {} : { end: sizeBytes - 1 };
  return createReadStream(path, { highWaterMark: CHUNK_BYTES, ...end });
}

/** Returns the bytes of a file in chunks, which the caller may modify. */
export function chunksOf(path: string): AsyncIterable<Buffer> | Iterable<Buffer> {
  const { size } = statSync(path);
  // A single chunk is read faster than a stream starts.
  return size <= CHUNK_BYTES ? [readFileSync(path)] : readStreamOf(path, size);
}

/** Returns the SHA-256 of a file in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  return (await digestOf(path, 'sha256')).toString('hex');
}

/** Returns a file's digest, using one chunk of memory. `crc32` is big-endian, as in `x-amz-checksum-crc32`. */
export async function digestOf(path: string, algorithm: 'sha256' | 'md5' | 'crc32'): Promise<Buffer> {
  if (algorithm === 'crc32') {
    let sum = 0;
    for await (const chunk of chunksOf(path)) sum = crc32(chunk, sum);
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(sum);
    return digest;
  }
  const hash = createHash(algorithm);
  for await (const chunk of chunksOf(path)) hash.update(chunk);
  return hash.digest();
}

/** Syncs a file's bytes, or a directory's names, so that they survive a power cut. */
export function syncToDisk(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Copies a file to a path that must not exist, and syncs it. Calls `copied` in between. Leaves nothing on failure. */
export function copyDurably(source: string, destination: string, copied: () => void): void {
  try {
    copyFileSync(source, destination, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    copied();
    syncToDisk(destination);
  } catch (error) {
    rmSync(destination, { force: true });
    throw error;
  }
}
