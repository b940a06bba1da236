import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** The SHA-256 of a file as hexadecimal, read as a stream. */
export async function sha256Of(path: string): Promise<string> {
  return (await digestOf(path, 'sha256')).toString('hex');
}

/** A digest of a file, read as a stream. `crc32` is big-endian, as S3's `x-amz-checksum-crc32` has it. */
export async function digestOf(path: string, algorithm: 'sha256' | 'md5' | 'crc32'): Promise<Buffer> {
  if (algorithm === 'crc32') {
    let sum = 0;
    for await (const chunk of createReadStream(path)) sum = crc32(chunk as Buffer, sum);
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(sum);
    return digest;
  }
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
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
