import { PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { JavumboError } from '../core/failure.ts';
import { type Content, type DigestAlgorithm, digestOf, readStreamOf, sizeOf } from '../core/file.ts';
import { keyOf } from '../core/username.ts';
import type { BodyDigest, PutOutcome } from './database-store.ts';
import { putOutcomeOf, s3Subject } from './s3-errors.ts';
import { unquoted } from './s3-headers.ts';
import type { S3DatabaseStoreOptions } from './s3-store-options.ts';

/** Sends PUTs of user databases into one bucket, one request each, and says how each ended. */
export class S3Puts {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #endpoint: string | undefined;
  readonly #onTransfer: S3DatabaseStoreOptions['onTransfer'];
  readonly bodyDigest: DigestAlgorithm;

  constructor(
    client: S3Client,
    { bucket, endpoint, bodyDigest, onTransfer }: Omit<S3DatabaseStoreOptions, 'onExtraRequest' | 'deletion'>,
  ) {
    this.#client = client;
    this.#bucket = bucket;
    this.#endpoint = endpoint;
    this.#onTransfer = onTransfer;
    this.bodyDigest = bodyDigest ?? (endpoint === undefined ? 'crc32' : 'md5');
  }

  /** Sends a database, a file as a stream. Throws `unavailable` if it was certainly not accepted. */
  async content(
    username: string,
    source: Content,
    metadata: Record<string, string>,
    condition: Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>,
    body?: BodyDigest,
  ): Promise<PutOutcome> {
    const size = sizeOf(source);
    const checksum = await this.#checksumOf(source, body);
    if (typeof source !== 'string') {
      const input = { Body: source, ContentLength: size, ...checksum, Metadata: metadata, ...condition };
      return this.#send(username, input, new AbortController());
    }
    // With a known end the stream finishes at its last byte. Without it the reply can come first, and a request that
    // never ended takes its connection with it.
    const stream = readStreamOf(source, size);
    this.#onTransfer?.({ direction: 'up', totalBytes: size, doneBytes: () => stream.bytesRead });
    // The SDK pipes the body without an error listener; an unhandled error would end the process.
    const request = new AbortController();
    let unreadable: Error | undefined;
    stream.once('error', (error) => {
      unreadable = error;
      request.abort();
    });
    try {
      const input = { Body: stream, ContentLength: size, ...checksum };
      return await this.#send(username, { ...input, Metadata: metadata, ...condition }, request);
    } catch (error) {
      if (unreadable === undefined) throw error;
      // The body stayed below its declared length, so the store cannot have kept it.
      throw new JavumboError('unavailable', `put database "${username}": ${unreadable.message}`, {
        username,
        cause: unreadable,
      });
    } finally {
      stream.destroy();
    }
  }

  async #send(
    username: string,
    input: Omit<PutObjectCommandInput, 'Bucket' | 'Key'>,
    request: AbortController,
  ): Promise<PutOutcome> {
    try {
      const place = { Bucket: this.#bucket, Key: keyOf(username), ContentType: 'application/vnd.sqlite3' };
      const command = new PutObjectCommand({ ...place, ...input });
      const reply = await this.#client.send(command, { abortSignal: request.signal });
      if (reply.ETag === undefined) {
        // Never an empty version: a condition on it would compare with nothing.
        return { kind: 'unknown', cause: new Error('the store acknowledged the put without an ETag') };
      }
      return { kind: 'committed', version: unquoted(reply.ETag) };
    } catch (error) {
      // A server that refuses before reading the whole body leaves an unusable connection.
      const unreadable = request.signal.aborted;
      request.abort();
      if (unreadable) throw error;
      return putOutcomeOf(
        error,
        input.IfMatch !== undefined,
        s3Subject({ bucket: this.#bucket, endpoint: this.#endpoint }, 'put', username),
      );
    }
  }

  /**
   * Returns a checksum for a header: by default the SDK sends a stream in chunks with a trailing checksum, which Ceph
   * RGW refuses.
   */
  async #checksumOf(
    source: Content,
    known: BodyDigest | undefined,
  ): Promise<Pick<PutObjectCommandInput, 'ContentMD5' | 'ChecksumCRC32'>> {
    const digest =
      known?.algorithm === this.bodyDigest ? Buffer.from(known.hex, 'hex') : await digestOf(source, this.bodyDigest);
    const base64 = digest.toString('base64');
    return this.bodyDigest === 'crc32' ? { ChecksumCRC32: base64 } : { ContentMD5: base64 };
  }
}
