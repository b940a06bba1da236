import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { JavumboError } from '../core/failure.ts';
import { type Content, chunksOf, type DigestAlgorithm, type RunningDigest, runningDigest } from '../core/file.ts';
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

/** The content digest, or one of the bytes as they are. */
export type DigestName = 'content' | DigestAlgorithm;

/** Digests in hexadecimal. */
export type NamedDigests = Readonly<Partial<Record<DigestName, string>>>;

/** Returns several digests of the same bytes, which are read once. */
export async function digestsOf(content: Content, names: readonly DigestName[]): Promise<NamedDigests> {
  const running = names.map((name) => ({ name, of: name === 'content' ? new ContentDigest() : runningDigest(name) }));
  if (running.length > 0) for await (const chunk of chunksOf(content)) for (const { of } of running) of.update(chunk);
  return Object.fromEntries(running.map(({ name, of }) => [name, of.digest().toString('hex')]));
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
  const running = new ContentDigest();
  for await (const chunk of chunks) running.update(chunk);
  return { digest: running.digest().toString('hex'), header: running.header };
}

class ContentDigest implements RunningDigest {
  readonly #rest = runningDigest('sha256');
  #header: Buffer | undefined;

  /** The first bytes, as they came. */
  get header(): Buffer {
    return this.#header ?? Buffer.alloc(0);
  }

  /** The first chunk holds the whole header, if the file does. */
  update(chunk: Buffer): void {
    if (this.#header !== undefined) {
      this.#rest.update(chunk);
      return;
    }
    this.#header = Buffer.from(chunk.subarray(0, HEADER_BYTES));
    const zeroed = Buffer.from(this.#header);
    for (const [from, to] of IGNORED) zeroed.fill(0, from, Math.min(to, zeroed.length));
    this.#rest.update(zeroed);
    this.#rest.update(chunk.subarray(HEADER_BYTES));
  }

  digest(): Buffer {
    return this.#rest.digest();
  }
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
