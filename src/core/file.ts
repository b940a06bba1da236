import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  createWriteStream,
  fsyncSync,
  openSync,
  type ReadStream,
  readFileSync,
  rmSync,
  statSync,
  type WriteStream,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

// Each of Node's default 64 KiB chunks costs a round through the thread pool, which takes longer than their CRC32.
// (benchmarks/results/one-row-write-before-and-after.md)
const CHUNK_BYTES = 1024 * 1024;

/** A file, by its path, or bytes in memory. */
export type Content = string | Buffer;

export type DigestAlgorithm = 'sha256' | 'md5' | 'crc32';

/** Returns the size in bytes. */
export function sizeOf(content: Content): number {
  return typeof content === 'string' ? statSync(content).size : content.length;
}

/** Returns the size in bytes of a file that is being written, or is to be. */
export function sizeSoFar(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Returns the bytes, which the caller may change. */
export async function bytesOf(content: Content): Promise<Buffer> {
  return typeof content === 'string' ? readFile(content) : Buffer.from(content);
}

/** Streams the first `sizeBytes` bytes of a file in large chunks. */
export function readStreamOf(path: string, sizeBytes: number): ReadStream {
  // `end` is inclusive, so an empty file has none.
  const end = sizeBytes === 0 ? {} : { end: sizeBytes - 1 };
  return createReadStream(path, { highWaterMark: CHUNK_BYTES, ...end });
}

/**
 * Opens a file of its owner for a stream of chunks of any size, which it writes as large ones: a file of small pieces takes
 * longer to write, to read and to remove. (benchmarks/results/one-row-write-before-and-after.md)
 */
export function writeStreamTo(path: string): WriteStream {
  return createWriteStream(path, { mode: 0o600, highWaterMark: CHUNK_BYTES });
}

/** Returns the bytes in chunks, each of which is valid until the next one is asked for. */
export function chunksOf(content: Content): AsyncIterable<Buffer> | Iterable<Buffer> {
  if (typeof content !== 'string') return [content];
  const { size } = statSync(content);
  return size <= CHUNK_BYTES ? [readFileSync(content)] : readInTurn(content);
}

/** Reads into two buffers in turn. A stream allocates one for each chunk, and the last of them wait for a collection. */
async function* readInTurn(path: string): AsyncGenerator<Buffer> {
  const file = await open(path);
  let [current, next] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
  let reading = file.read(current, 0, CHUNK_BYTES, null);
  try {
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return;
      reading = file.read(next, 0, CHUNK_BYTES, null);
      yield current.subarray(0, bytesRead);
      [current, next] = [next, current];
    }
  } finally {
    // A caller that stops early does not wait for the chunk after.
    await reading.catch(() => {});
    await file.close();
  }
}

/**
 * Copies a file, and yields its chunks meanwhile: what is yielded is what is written. Each is valid until the next one is
 * asked for. The copy is complete when the last one was.
 */
export async function* copiedChunks(source: string, destination: string): AsyncGenerator<Buffer> {
  const copy = await open(destination, 'w', 0o600);
  try {
    for await (const chunk of readInTurn(source)) {
      const writing = writeWhole(copy, chunk);
      try {
        yield chunk;
      } finally {
        await writing;
      }
    }
  } finally {
    await copy.close();
  }
}

/** Writes all bytes; the system may take a part at a time, as when the disk is nearly full. */
async function writeWhole(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length; ) from += (await file.write(bytes, from)).bytesWritten;
}

/** Returns the SHA-256 in hexadecimal. */
export async function sha256Of(content: Content): Promise<string> {
  return (await digestOf(content, 'sha256')).toString('hex');
}

/** A digest of bytes that come in chunks. */
export interface RunningDigest {
  update(chunk: Buffer): void;
  /** Called once, after the last chunk. */
  digest(): Buffer;
}

/** Begins a digest. `crc32` is big-endian, as in `x-amz-checksum-crc32`. */
export function runningDigest(algorithm: DigestAlgorithm): RunningDigest {
  if (algorithm !== 'crc32') {
    const hash = createHash(algorithm);
    return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
  }
  let sum = 0;
  return {
    update: (chunk) => {
      sum = crc32(chunk, sum);
    },
    digest: () => {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(sum);
      return digest;
    },
  };
}

/** Returns a digest, using one chunk of memory for a file. */
export async function digestOf(content: Content, algorithm: DigestAlgorithm): Promise<Buffer> {
  const running = runningDigest(algorithm);
  for await (const chunk of chunksOf(content)) running.update(chunk);
  return running.digest();
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

/** Copies content to a path that must not exist, and syncs it. Calls `copied` in between. Leaves nothing on failure. */
export function copyDurably(content: Content, destination: string, copied: () => void): void {
  try {
    if (typeof content !== 'string') writeFileSync(destination, content, { flag: 'wx', mode: 0o600 });
    else copyFileSync(content, destination, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    // A copy has the mode of its original.
    chmodSync(destination, 0o600);
    copied();
    syncToDisk(destination);
  } catch (error) {
    rmSync(destination, { force: true });
    throw error;
  }
}
