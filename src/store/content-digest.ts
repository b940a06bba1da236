import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { JavumboError } from '../core/failure.ts';
import { type Content, chunksOf, type DigestAlgorithm, digestOf } from '../core/file.ts';
import type { Random } from '../core/random.ts';
import type { StoredDatabase } from './database-store.ts';

/**
 * The content digest of a database file is its SHA-256 with the header bytes zeroed that say nothing about the content:
 * the read and write versions (18 and 19: WAL or not) and the two change counters (24 to 27 and 92 to 95). Equal
 * contents have equal digests. (https://sqlite.org/fileformat2.html, 1.3)
 *
 * It is stored beside the write ids in the store and in the cache. A file that does not match it is damaged.
 */
const CHANGE_COUNTER = 24;
const PAGE_COUNT = 28;
const VERSION_VALID_FOR = 92;
const IGNORED: readonly (readonly [from: number, to: number])[] = [
  [18, 20],
  [CHANGE_COUNTER, CHANGE_COUNTER + 4],
  [VERSION_VALID_FOR, VERSION_VALID_FOR + 4],
];

const HEADER_BYTES = 100;

/** Returns the content digest in hexadecimal, using one chunk of memory for a file. */
export async function contentDigestOf(content: Content): Promise<string> {
  return (await scan(chunksOf(content))).digest;
}

export type DigestName = 'content' | DigestAlgorithm;

/** Returns the content digest, or one of the bytes as they are, in hexadecimal. */
export async function namedDigestOf(content: Content, name: DigestName): Promise<string> {
  return name === 'content' ? contentDigestOf(content) : (await digestOf(content, name)).toString('hex');
}

/** True if a database is not what its writer stored; false also if that is unknown (another program wrote it). */
export async function isDamaged(content: Content, { digest }: Pick<StoredDatabase, 'digest'>): Promise<boolean> {
  return digest !== undefined && areDamaged(chunksOf(content), digest);
}

/** The same for the chunks of a database whose digest is known. Reads all of them. */
export async function areDamaged(chunks: Chunks, digest: string): Promise<boolean> {
  const found = await scan(chunks);
  return found.digest !== digest || !isOurs(found.header);
}

/** Checks the bytes that the digest omits: our writers leave two equal counters and a known mode. */
function isOurs(header: Buffer): boolean {
  if (header.length < HEADER_BYTES) return false;
  const modes = header.readUInt16BE(18);
  if (modes !== 0x0101 && modes !== 0x0202) return false;
  return header.readUInt32BE(CHANGE_COUNTER) === header.readUInt32BE(VERSION_VALID_FOR);
}

type Chunks = ReturnType<typeof chunksOf>;

async function scan(chunks: Chunks): Promise<{ readonly digest: string; readonly header: Buffer }> {
  const hash = createHash('sha256');
  let header: Buffer | undefined;
  for await (const chunk of chunks) {
    if (header !== undefined) {
      hash.update(chunk);
      continue;
    }
    header = Buffer.from(chunk.subarray(0, HEADER_BYTES));
    const zeroed = Buffer.from(header);
    for (const [from, to] of IGNORED) zeroed.fill(0, from, Math.min(to, zeroed.length));
    hash.update(zeroed).update(chunk.subarray(HEADER_BYTES));
  }
  return { digest: hash.digest('hex'), header: header ?? Buffer.alloc(0) };
}

/** Returns the failure for bytes that differ from what was stored. `asCorruption` adds the user. */
export function damaged(where: string): JavumboError {
  return new JavumboError('corrupt', `its bytes ${where} are not those that were stored`);
}

/**
 * Gives a closed database random change counters, so that no two commits have equal bytes and no version ever recurs: a
 * late request can never find its condition true again. SQLite only compares the counters.
 */
export function makeUnique(content: Content, random: Random): void {
  if (typeof content !== 'string') {
    setCounters(content, content.length, random);
    return;
  }
  const descriptor = openSync(content, 'r+');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    readSync(descriptor, header, 0, HEADER_BYTES, 0);
    setCounters(header, fstatSync(descriptor).size, random);
    writeSync(descriptor, header, CHANGE_COUNTER, VERSION_VALID_FOR + 4 - CHANGE_COUNTER, CHANGE_COUNTER);
  } finally {
    closeSync(descriptor);
  }
}

function setCounters(header: Buffer, sizeBytes: number, random: Random): void {
  // If the two differ, an old SQLite wrote last and left the page count stale. Making them equal makes it valid.
  if (header.readUInt32BE(CHANGE_COUNTER) !== header.readUInt32BE(VERSION_VALID_FOR)) {
    const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
    header.writeUInt32BE(Math.floor(sizeBytes / pageSize), PAGE_COUNT);
  }
  const counter = Number.parseInt(random.hex(4), 16);
  for (const position of [CHANGE_COUNTER, VERSION_VALID_FOR]) header.writeUInt32BE(counter, position);
}
