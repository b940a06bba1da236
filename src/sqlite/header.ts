import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { JavumboError } from '../core/failure.ts';
import type { Content } from '../core/file.ts';

const HEADER_BYTES = 100;

/** The facts in a database's first 100 bytes. (https://sqlite.org/fileformat2.html, 1.3) */
export interface SqliteHeader {
  readonly journal: 'rollback' | 'wal';
  /** Grows with every change in rollback mode; does not move in WAL mode. */
  readonly changeCounter: number;
}

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');

/** Reads the header. Throws `corrupt` for content that is not SQLite, or is shorter than its header says. */
export function readHeader(content: Content): SqliteHeader {
  if (typeof content !== 'string') return parseHeader(content, content.length);
  const descriptor = openSync(content, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const length = readSync(descriptor, header, 0, HEADER_BYTES, 0);
    return parseHeader(header.subarray(0, length), fstatSync(descriptor).size);
  } finally {
    closeSync(descriptor);
  }
}

function parseHeader(header: Buffer, sizeBytes: number): SqliteHeader {
  if (header.length < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new JavumboError('corrupt', 'it is not a SQLite database');
  }
  // SQLite would read it and refuse to write, or blame the schema.
  if (!header.subarray(18, 20).every((version) => version === 1 || version === 2) || header.readUInt32BE(44) > 4) {
    throw new JavumboError('corrupt', 'its header has a format that SQLite does not know');
  }
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const changeCounter = header.readUInt32BE(24);
  const pages = header.readUInt32BE(28);
  // The page count is valid only if the version-valid-for number equals the change counter.
  const expected = header.readUInt32BE(92) === changeCounter ? pages * pageSize : pageSize;
  if (sizeBytes < expected) throw new JavumboError('corrupt', `it is truncated: ${sizeBytes} bytes of ${expected}`);
  return { journal: header[18] === 2 || header[19] === 2 ? 'wal' : 'rollback', changeCounter };
}

/**
 * Marks a database as being in rollback mode. Only for a file without a -wal, such as one from a store: then these two
 * bytes are the only difference, and opening it writes nothing beside it.
 */
export function setRollbackMode(content: Content): void {
  overwrite(content, Buffer.from([1, 1]), 18);
}

/** Sets the schema cookie of a file that nobody has open. (https://sqlite.org/fileformat2.html, 1.3.9) */
export function setSchemaCookie(path: string, cookie: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(cookie >>> 0);
  overwrite(path, bytes, 40);
}

function overwrite(content: Content, bytes: Buffer, position: number): void {
  if (typeof content !== 'string') {
    bytes.copy(content, position);
    return;
  }
  const descriptor = openSync(content, 'r+');
  try {
    writeSync(descriptor, bytes, 0, bytes.length, position);
  } finally {
    closeSync(descriptor);
  }
}
