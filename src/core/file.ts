import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync, type ReadStream, readFileSync, statSync } from 'node:fs';
import { crc32 } from 'node:zlib';

// Node's own 64 KiB cost a round through the thread pool each, which takes longer than their CRC32.
// (benchmarks/results/one-row-write-before-and-after.md)
const CHUNK_BYTES = 1024 * 1024;

/** A file as a stream of its first `sizeBytes` bytes, in chunks that suit a large one. */
export function readStreamOf(path: string, sizeBytes: number): ReadStream {
  // `end` is the last byte itself, so an empty file has none.
  const end = sizeBytes === 0 ? {} : { end: sizeBytes - 1 };
  return createReadStream(path, { highWaterMark: CHUNK_BYTES, ...end });
}

/** The bytes of a file, a chunk at a time. The chunks are the caller's to change. */
export function chunksOf(path: string): AsyncIterable<Buffer> | Iterable<Buffer> {
  const { size } = statSync(path);
  // What is one chunk anyway is here before a stream has taken its first turn.
  return size <= CHUNK_BYTES ? [readFileSync(path)] : readStreamOf(path, size);
}

/** The SHA-256 of a file as hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  return (await digestOf(path, 'sha256')).toString('hex');
}

/** A digest of a file, of which at most a chunk is in memory. `crc32` is big-endian, as S3's `x-amz-checksum-crc32` has it. */
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

/** Returns when what was written to a file, or which names a directory holds, would survive a power cut. */
export function syncToDisk(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
