import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { JavumboError } from '../failure.ts';
import { digestOf } from './file.ts';
import { asReadFailure, type S3Subject, statusOf, whatBecameOfPut } from './s3-errors.ts';
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
  Version,
} from './store.ts';
import { keyOf, USER_DATABASES_PREFIX, usernameOf } from './username.ts';
import { decodeWrites, encodeWrites } from './write-ids.ts';

// Lower case and without separators: metadata keys travel as header names, and proxies rewrite the others.
const WRITES_KEY = 'javumbowrites';

export interface S3DatabaseStoreOptions {
  readonly bucket: string;
  /** Set for anything that is not AWS itself; it decides about checksums and about the form of `If-Match`. */
  readonly endpoint?: string | undefined;
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
  #ifMatch: IfMatchForm;

  constructor(client: S3Client, { bucket, endpoint }: S3DatabaseStoreOptions) {
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
    const current = await this.head(username);
    if (current?.version !== condition.version) return { ...first, extraRequests: { head: 1 } };
    const other: IfMatchForm['form'] = form === 'quoted' ? 'unquoted' : 'quoted';
    const second = await this.#putOnce(username, source, options, { IfMatch: inForm(other, condition.version) });
    if (second.kind === 'committed') this.#ifMatch = { form: other, settled: true };
    return { ...second, extraRequests: { head: 1, put: 1 } };
  }

  async delete(username: string, { ifVersion }: DeleteOptions = {}): Promise<DeleteOutcome> {
    try {
      await this.#client.send(
        new DeleteObjectCommand({
          Bucket: this.#bucket,
          Key: keyOf(username),
          ...(ifVersion === undefined ? {} : { IfMatch: inForm(this.#ifMatch.form, ifVersion) }),
        }),
      );
      return { kind: 'deleted' };
    } catch (error) {
      if (statusOf(error) === 412) return { kind: 'conflict' };
      if ((error as Error).name === 'NoSuchKey') return { kind: 'absent' };
      throw asReadFailure(error, this.#subject('delete', username));
    }
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
      const objects = (page.Contents ?? []).map((object) => ({ object, username: usernameOf(object.Key ?? '') }));
      const databases = objects.flatMap(({ object, username }) =>
        username === undefined
          ? []
          : {
              username,
              version: unquoted(object.ETag ?? ''),
              sizeBytes: object.Size ?? 0,
              lastModified: object.LastModified?.getTime() ?? 0,
            },
      );
      const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      return { databases, foreignKeys: objects.length - databases.length, next };
    } catch (error) {
      throw asReadFailure(error, this.#subject('list', undefined));
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
    const body = createReadStream(source);
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
      );
      if (reply.ETag === undefined) {
        // Never an empty version: whoever compared against it next would compare against nothing.
        return { kind: 'unknown', cause: new Error('the store acknowledged the put without an ETag') };
      }
      return { kind: 'committed', version: unquoted(reply.ETag) };
    } catch (error) {
      return whatBecameOfPut(error, condition.IfMatch !== undefined, this.#subject('put', username));
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

/** A 304 is an error to the SDK, which keeps its headers aside. */
function lastModifiedOf(error: unknown): number | undefined {
  const headers = (error as { $response?: { headers?: Record<string, string> } }).$response?.headers;
  const time = Date.parse(headers?.['last-modified'] ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** `settled` once a put was accepted in this form: only a success tells a wrong form from a lost race. */
interface IfMatchForm {
  readonly form: 'quoted' | 'unquoted';
  readonly settled: boolean;
}

function inForm(form: IfMatchForm['form'], version: Version): string {
  return form === 'quoted' ? quoted(version) : version;
}

function quoted(version: Version): string {
  return `"${version}"`;
}

function unquoted(etag: string): Version {
  return etag.replace(/^"(.*)"$/, '$1');
}

function describe(
  reply: {
    ETag?: string | undefined;
    ContentLength?: number | undefined;
    LastModified?: Date | undefined;
    Metadata?: Record<string, string> | undefined;
  },
  subject: S3Subject,
): StoredDatabase {
  if (reply.ETag === undefined || reply.ContentLength === undefined) {
    throw new JavumboError('unavailable', `${subject.verb} ${subject.name}: the reply has no ETag or no length`, {
      try: 'javumbo doctor',
      username: subject.username,
    });
  }
  return {
    version: unquoted(reply.ETag),
    writes: decodeWrites(reply.Metadata?.[WRITES_KEY]),
    sizeBytes: reply.ContentLength,
    lastModified: reply.LastModified?.getTime() ?? 0,
  };
}
