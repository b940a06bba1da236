import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  type DeleteObjectCommandInput,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { statusOf } from '../aws-errors.ts';
import { JavumboError } from '../failure.ts';
import { digestOf, readStreamOf } from './file.ts';
import { asReadFailure, type S3Subject, whatBecameOfDelete, whatBecameOfPut } from './s3-errors.ts';
import {
  describe,
  type IfMatchForm,
  inForm,
  lastModifiedOf,
  otherForm,
  quoted,
  unquoted,
  WRITES_KEY,
} from './s3-headers.ts';
import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  GetOptions,
  GetResult,
  ListPage,
  PutOptions,
  PutOutcome,
  StoredDatabase,
} from './store.ts';
import { keyOf, USER_DATABASES_PREFIX, usernameOf } from './username.ts';
import { encodeWrites } from './write-ids.ts';

export interface S3DatabaseStoreOptions {
  readonly bucket: string;
  /** Set for anything that is not AWS itself; it decides about checksums and about the form of `If-Match`. */
  readonly endpoint?: string | undefined;
  /** Told of each request that a call makes beside its own, with the bytes that it sends, whatever becomes of it. */
  readonly onExtraRequest?: ((request: 'head' | 'put' | 'delete', bytesUp: number) => void) | undefined;
}

/**
 * User databases as objects of one bucket. A version is the object's ETag without its quotes.
 *
 * The client must not retry (`maxAttempts: 1`): a retry inside the SDK can be refused because of its own first attempt
 * (prior-art.md, 0.1), and nobody could count it.
 */
export class S3DatabaseStore implements DatabaseStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #endpoint: string | undefined;
  readonly #onExtraRequest: NonNullable<S3DatabaseStoreOptions['onExtraRequest']>;
  #ifMatch: IfMatchForm;

  constructor(client: S3Client, { bucket, endpoint, onExtraRequest = () => {} }: S3DatabaseStoreOptions) {
    this.#onExtraRequest = onExtraRequest;
    this.#client = client;
    this.#bucket = bucket;
    this.#endpoint = endpoint;
    // AWS wants the quotes. Ceph RGW compares without them; others take either, so there the first success decides.
    this.#ifMatch = endpoint === undefined ? { form: 'quoted', settled: true } : { form: 'unquoted', settled: false };
  }

  async get(username: string, destination: string, { ifVersionNot }: GetOptions = {}): Promise<GetResult> {
    const subject = this.#subject('get', username);
    try {
      const reply = await this.#client.send(
        new GetObjectCommand({
          Bucket: this.#bucket,
          Key: keyOf(username),
          ...(ifVersionNot === undefined ? {} : { IfNoneMatch: quoted(ifVersionNot) }),
        }),
      );
      const stored = describe(reply, subject);
      const file = createWriteStream(destination, { mode: 0o600 });
      await pipeline(reply.Body as Readable, file);
      if (file.bytesWritten !== stored.sizeBytes) {
        throw new JavumboError(
          'unavailable',
          `get ${subject.name}: ${file.bytesWritten} of ${stored.sizeBytes} bytes came`,
          {
            retryable: true,
            username,
          },
        );
      }
      return { kind: 'found', ...stored };
    } catch (error) {
      if (statusOf(error) === 304) return { kind: 'not-modified', lastModified: lastModifiedOf(error) };
      if ((error as Error).name === 'NoSuchKey') return { kind: 'absent' };
      throw asReadFailure(error, subject);
    }
  }

  async head(username: string): Promise<StoredDatabase | undefined> {
    const subject = this.#subject('head', username);
    try {
      const reply = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: keyOf(username) }));
      return describe(reply, subject);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw asReadFailure(error, subject);
    }
  }

  async put(username: string, source: string, options: PutOptions): Promise<PutOutcome> {
    const { condition } = options;
    if (condition.kind === 'absent') return this.#putOnce(username, source, options, { IfNoneMatch: '*' });

    const { form, settled } = this.#ifMatch;
    const first = await this.#putOnce(username, source, options, { IfMatch: inForm(form, condition.version) });
    if (settled || first.kind === 'unknown') return first;
    if (first.kind === 'committed') {
      this.#ifMatch = { form, settled: true };
      return first;
    }
    // Refused, by a store that may not understand this form: a conflict only if the base is no longer current.
    this.#onExtraRequest('head', 0);
    const current = await this.head(username);
    if (current === undefined) return { kind: 'conflict', reason: 'deleted' };
    if (current.version !== condition.version) return first;
    const other = otherForm(form);
    this.#onExtraRequest('put', (await stat(source)).size);
    const second = await this.#putOnce(username, source, options, { IfMatch: inForm(other, condition.version) });
    if (second.kind === 'committed') this.#ifMatch = { form: other, settled: true };
    return second;
  }

  async delete(username: string, { ifVersion }: DeleteOptions = {}): Promise<DeleteOutcome> {
    if (ifVersion === undefined) return this.#deleteOnce(username, {});
    const { form, settled } = this.#ifMatch;
    const first = await this.#deleteOnce(username, { IfMatch: inForm(form, ifVersion) });
    if (settled || first.kind !== 'conflict') return first;
    // As in put: refused, perhaps for the form alone.
    this.#onExtraRequest('head', 0);
    const current = await this.head(username);
    if (current?.version !== ifVersion) return first;
    this.#onExtraRequest('delete', 0);
    return this.#deleteOnce(username, { IfMatch: inForm(otherForm(form), ifVersion) });
  }

  async list(from?: string): Promise<ListPage> {
    try {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: USER_DATABASES_PREFIX,
          ...(from === undefined ? {} : { ContinuationToken: from }),
        }),
      );
      // S3 names the bucket in every listing; a web page that answers 200 names nothing, and is no empty bucket.
      if (page.Name === undefined) {
        throw new JavumboError(
          'unavailable',
          `list bucket "${this.#bucket}": ${this.#endpoint ?? 'AWS'} does not answer as S3 does`,
          {
            try: 'another --endpoint-url',
          },
        );
      }
      const objects = (page.Contents ?? []).map((object) => ({ object, username: usernameOf(object.Key ?? '') }));
      const databases = objects.flatMap(({ object, username }) =>
        username === undefined
          ? []
          : {
              username,
              version: unquoted(object.ETag ?? ''),
              sizeBytes: object.Size ?? 0,
              // Ceph lists milliseconds where every header has seconds; one database has one time.
              lastModified: Math.floor((object.LastModified?.getTime() ?? 0) / 1000) * 1000,
            },
      );
      const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      return { databases, foreignKeys: objects.length - databases.length, next };
    } catch (error) {
      throw asReadFailure(error, this.#subject('list', undefined));
    }
  }

  async #deleteOnce(username: string, condition: Pick<DeleteObjectCommandInput, 'IfMatch'>): Promise<DeleteOutcome> {
    try {
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: keyOf(username), ...condition }));
      return { kind: 'deleted' };
    } catch (error) {
      return whatBecameOfDelete(error, this.#subject('delete', username));
    }
  }

  async #putOnce(
    username: string,
    source: string,
    { writes }: PutOptions,
    condition: Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>,
  ): Promise<PutOutcome> {
    const { size } = await stat(source);
    const checksum = await this.#checksumOf(source);
    // Told where it ends, the stream ends with its last byte. Left to find out, it can be overtaken by the reply, and a
    // request that never ended takes its connection with it.
    const body = readStreamOf(source, size);
    // The SDK pipes the body without listening for its errors: unheard, one would end the process.
    const request = new AbortController();
    let unreadable: Error | undefined;
    body.once('error', (error) => {
      unreadable = error;
      request.abort();
    });
    try {
      const reply = await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: keyOf(username),
          Body: body,
          ContentLength: size,
          ContentType: 'application/vnd.sqlite3',
          Metadata: { [WRITES_KEY]: encodeWrites(writes) },
          ...checksum,
          ...condition,
        }),
        { abortSignal: request.signal },
      );
      if (reply.ETag === undefined) {
        // Never an empty version: whoever compared against it next would compare against nothing.
        return { kind: 'unknown', cause: new Error('the store acknowledged the put without an ETag') };
      }
      return { kind: 'committed', version: unquoted(reply.ETag) };
    } catch (error) {
      // A server that refuses before it has read the body leaves a connection that is good for nothing.
      request.abort();
      const subject = this.#subject('put', username);
      if (unreadable !== undefined) {
        // The body never came to its promised length, so there is nothing the store could have kept.
        throw new JavumboError('unavailable', `put ${subject.name}: ${unreadable.message}`, {
          username,
          cause: unreadable,
        });
      }
      return whatBecameOfPut(error, condition.IfMatch !== undefined, subject);
    } finally {
      body.destroy();
    }
  }

  /**
   * A checksum in a header, computed beforehand: left to itself the SDK sends a stream in chunks with a trailing
   * checksum, which Ceph RGW refuses. AWS gets the CRC32 it recommends; other engines the Content-MD5 all of them know.
   */
  async #checksumOf(source: string): Promise<Pick<PutObjectCommandInput, 'ContentMD5' | 'ChecksumCRC32'>> {
    return this.#endpoint === undefined
      ? { ChecksumCRC32: (await digestOf(source, 'crc32')).toString('base64') }
      : { ContentMD5: (await digestOf(source, 'md5')).toString('base64') };
  }

  #subject(verb: string, username: string | undefined): S3Subject {
    const name = username === undefined ? `bucket "${this.#bucket}"` : `database "${username}"`;
    return { verb, name, username, bucket: this.#bucket, endpoint: this.#endpoint };
  }
}
