import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type RunningDigest, runningDigest } from '../../core/file.ts';
import { type S3Error, s3Error } from './error.ts';
import { header } from './request.ts';

/** Which of the SDK's checksums an engine accepts: Ceph 16 refuses trailing ones, R2 refused all of them. */
export type ChecksumSupport = 'all' | 'no-trailers' | 'none';

/** A complete, verified request body. */
export interface ReceivedBody {
  readonly bytes: Buffer;
  /** Hexadecimal; the ETag of a plain object. */
  readonly md5: string;
  /** Checksum headers or trailers, as sent. */
  readonly checksums: Readonly<Record<string, string>>;
}

const CHECKSUM_PREFIX = 'x-amz-checksum-';

// CRC-32C and CRC-64/NVME are stored and returned unverified: Node has neither, and the SDK defaults to CRC-32.
const CHECKSUM_ALGORITHMS: Readonly<Record<string, () => RunningDigest>> = {
  crc32: () => runningDigest('crc32'),
  sha1: () => createHash('sha1'),
  sha256: () => createHash('sha256'),
};

/** Returns the refusal, before the body is read, of checksums that the imitated engine does not support. */
export function checkChecksumSupport(headers: IncomingHttpHeaders, support: ChecksumSupport): S3Error | undefined {
  const streaming = header(headers, 'x-amz-content-sha256')?.startsWith('STREAMING-') ?? false;
  if (support !== 'all' && streaming) {
    return s3Error('NotImplemented', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER is not implemented');
  }
  if (support === 'none' && Object.keys(checksumHeaders(headers)).length > 0) {
    return s3Error('NotImplemented', 'A header you provided implies functionality that is not implemented');
  }
  return undefined;
}

/** Reads the whole body, removes the `aws-chunked` framing, and verifies Content-MD5 and checksums. */
export async function readBody(source: AsyncIterable<Buffer>, headers: IncomingHttpHeaders): Promise<ReceivedBody> {
  const trailers: Record<string, string> = {};
  const framed = header(headers, 'x-amz-content-sha256')?.startsWith('STREAMING-') ?? false;
  const length = declaredLength(headers, framed);
  // One allocation of the declared size: joining chunks would hold a large body twice.
  const bytes = Buffer.allocUnsafeSlow(length);
  const md5 = createHash('md5');
  // Taken while the body arrives, as a store does that need not hold it whole.
  const sums = announcedSums(headers);
  let received = 0;
  for await (const chunk of framed ? decodeAwsChunked(source, trailers) : source) {
    if (received + chunk.length > length) throw incomplete();
    chunk.copy(bytes, received);
    md5.update(chunk);
    for (const sum of sums.values()) sum.update(chunk);
    received += chunk.length;
  }
  if (received < length) throw incomplete();
  const digest = md5.digest();
  const checksums = checksumHeaders({ ...headers, ...trailers });
  verifyContentMd5(header(headers, 'content-md5'), digest);
  verifyChecksums(checksums, sums);
  return { bytes, md5: digest.toString('hex'), checksums };
}

function declaredLength(headers: IncomingHttpHeaders, framed: boolean): number {
  const text = header(headers, framed ? 'x-amz-decoded-content-length' : 'content-length');
  if (text !== undefined && /^\d+$/.test(text)) return Number(text);
  if (headers['transfer-encoding'] === undefined && !framed) return 0;
  throw s3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
}

function checksumHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  // `x-amz-checksum-mode`, `-type` and `-algorithm` share the prefix but are not checksums.
  const sums = /^x-amz-checksum-(?:crc32|crc32c|crc64nvme|sha1|sha256)$/;
  const found: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (sums.test(name)) found[name] = header(headers, name) ?? '';
  }
  return found;
}

function verifyContentMd5(sent: string | undefined, digest: Buffer): void {
  if (sent === undefined) return;
  if (Buffer.from(sent, 'base64').length !== 16) throw s3Error('InvalidDigest', 'The Content-MD5 is not valid');
  if (sent !== digest.toString('base64')) {
    throw s3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
}

/** Begins the checksums that the headers give, or name as trailers. */
function announcedSums(headers: IncomingHttpHeaders): ReadonlyMap<string, RunningDigest> {
  const trailers = (header(headers, 'x-amz-trailer') ?? '').toLowerCase().split(',');
  const names = [...Object.keys(headers), ...trailers.map((name) => name.trim())];
  return new Map(
    Object.entries(CHECKSUM_ALGORITHMS).flatMap(([algorithm, begin]) => {
      const name = `${CHECKSUM_PREFIX}${algorithm}`;
      return names.includes(name) ? [[name, begin()]] : [];
    }),
  );
}

function verifyChecksums(checksums: Readonly<Record<string, string>>, sums: ReadonlyMap<string, RunningDigest>): void {
  for (const [name, sent] of Object.entries(checksums)) {
    const algorithm = name.slice(CHECKSUM_PREFIX.length);
    if (CHECKSUM_ALGORITHMS[algorithm] === undefined) continue;
    const sum = sums.get(name);
    if (sum === undefined) throw s3Error('MalformedTrailerError', `The trailer ${name} was not announced.`);
    if (sum.digest().toString('base64') !== sent) {
      throw s3Error('BadDigest', `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`);
    }
  }
}

/** `size[;extensions] CRLF data CRLF … 0 CRLF trailers CRLF`; chunk signatures are skipped, not checked. */
async function* decodeAwsChunked(
  source: AsyncIterable<Buffer>,
  trailers: Record<string, string>,
): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source);
  for (;;) {
    const size = (await reader.line()).split(';')[0] ?? '';
    if (!/^[0-9a-f]+$/i.test(size)) throw incomplete();
    if (Number.parseInt(size, 16) === 0) break;
    yield* reader.bytes(Number.parseInt(size, 16));
    if ((await reader.line()) !== '') throw incomplete();
  }
  for (let line = await reader.line(); line !== ''; line = await reader.line()) {
    const colon = line.indexOf(':');
    trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  await reader.end();
}

class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#held.toString('latin1', 0, end);
        this.#held = this.#held.subarray(end + 2);
        return line;
      }
      if (!(await this.#more())) throw incomplete();
    }
  }

  async *bytes(count: number): AsyncGenerator<Buffer> {
    let left = count;
    while (left > 0) {
      if (this.#held.length === 0 && !(await this.#more())) throw incomplete();
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** Reads to the end of the request, so that its connection can be reused. */
  async end(): Promise<void> {
    while (await this.#more());
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done) return false;
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
    return true;
  }
}

function incomplete() {
  return s3Error('IncompleteBody', 'You did not provide the number of bytes specified by the Content-Length header');
}
