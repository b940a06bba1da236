import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  type DeleteObjectCommandInput,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { statusOf } from '../aws/errors.ts';
import { namedErrorOfHead } from '../aws/refusals.ts';
import { cacheFailure } from '../core/cache-directory.ts';
import { JavumboError } from '../core/failure.ts';
import { type Content, type DigestAlgorithm, sizeOf, writeStreamTo } from '../core/file.ts';
import { systemRandom } from '../core/random.ts';
import type { Unknown } from '../core/settled-write.ts';
import { isUsername, keyOf, USER_DATABASES_PREFIX, usernameOf } from '../core/username.ts';
import {
  type DatabaseStore,
  type DeleteOptions,
  type DeleteOutcome,
  databaseIn,
  type GetOptions,
  type GetResult,
  type ListPage,
  type Past,
  type PutOptions,
  type PutOutcome,
  type StoredDatabase,
  type Trace,
  type Version,
} from './database-store.ts';
import { asReadFailure, deleteOutcomeOf, type S3Subject, s3Subject } from './s3-errors.ts';
import {
  DELETED_KEY,
  DIGEST_KEY,
  describe,
  type IfMatchForm,
  inForm,
  isGone,
  lastModifiedOf,
  otherForm,
  quoted,
  unquoted,
  versionOf,
  WRITES_KEY,
} from './s3-headers.ts';
import { S3Puts } from './s3-puts.ts';
import type { S3DatabaseStoreOptions, SdkS3Client } from './s3-store-options.ts';
import { CLOSING, OPEN, TOMBSTONE_BYTES } from './tombstone.ts';
import { encodeWrites } from './write-ids.ts';

/**
 * User databases as objects of one bucket. A version is the object's ETag without its quotes.
 *
 * The client must not retry (`maxAttempts: 1`): the SDK's retry can be refused because its own first attempt landed
 * (docs/engines.md), and could not be counted.
 */
export class S3DatabaseStore implements DatabaseStore {
  readonly #client: S3Client;
  readonly #puts: S3Puts;
  readonly #bucket: string;
  readonly #endpoint: string | undefined;
  readonly #onExtraRequest: NonNullable<S3DatabaseStoreOptions['onExtraRequest']>;
  readonly #deletion: S3DatabaseStoreOptions['deletion'];
  readonly #onTransfer: S3DatabaseStoreOptions['onTransfer'];
  #ifMatch: IfMatchForm;

  constructor(client: SdkS3Client, options: S3DatabaseStoreOptions) {
    const { bucket, endpoint, onExtraRequest = () => {}, deletion, onTransfer } = options;
    this.#onExtraRequest = onExtraRequest;
    this.#deletion = deletion;
    this.#onTransfer = onTransfer;
    this.#client = client as S3Client;
    this.#puts = new S3Puts(this.#client, options);
    this.#bucket = bucket;
    this.#endpoint = endpoint;
    // AWS requires the quotes, Ceph RGW compares without them, others take either. On a custom endpoint the first
    // success decides.
    this.#ifMatch = endpoint === undefined ? { form: 'quoted', settled: true } : { form: 'unquoted', settled: false };
  }

  get bodyDigest(): DigestAlgorithm {
    return this.#puts.bodyDigest;
  }

  async get(username: string, destination: string, { ifVersionNot, point }: GetOptions = {}): Promise<GetResult> {
    const subject = this.#subject('get', username);
    try {
      const reply = await this.#client.send(
        new GetObjectCommand({
          Bucket: this.#bucket,
          Key: keyOf(username),
          ...(ifVersionNot === undefined ? {} : { IfNoneMatch: quoted(ifVersionNot) }),
          ...versionOf(point),
        }),
      );
      const described = describe(reply, subject);
      if (described.kind === 'tombstone') {
        (reply.Body as Readable).resume();
        const { kind: _, ...tombstone } = described;
        return { kind: 'absent', tombstone };
      }
      const { kind: _, ...stored } = described;
      const file = writeStreamTo(destination);
      let unwritable: Error | undefined;
      file.once('error', (error) => {
        unwritable = error;
      });
      this.#onTransfer?.({ direction: 'down', totalBytes: stored.sizeBytes, doneBytes: () => file.bytesWritten });
      try {
        await pipeline(reply.Body as Readable, file);
      } catch (error) {
        throw unwritable === undefined ? error : cacheFailure(dirname(destination), unwritable);
      }
      if (file.bytesWritten !== stored.sizeBytes) {
        throw new JavumboError(
          'unavailable',
          `get ${subject.name}: ${file.bytesWritten} of ${stored.sizeBytes} bytes came`,
          { retryable: true, username },
        );
      }
      return { kind: 'found', ...stored };
    } catch (error) {
      if (statusOf(error) === 304 && ifVersionNot !== undefined)
        return { kind: 'not-modified', lastModified: lastModifiedOf(error) };
      if ((error as Error).name === 'NoSuchKey' || isGone(error, point)) return { kind: 'absent' };
      throw asReadFailure(error, subject);
    }
  }

  async head(username: string): Promise<StoredDatabase | undefined> {
    return databaseIn(await this.trace(username));
  }

  async trace(username: string, { point }: Past = {}): Promise<Trace> {
    const subject = this.#subject('head', username);
    try {
      const place = { Bucket: this.#bucket, Key: keyOf(username), ...versionOf(point) };
      const reply = await this.#client.send(new HeadObjectCommand(place));
      return describe(reply, subject);
    } catch (error) {
      if (statusOf(error) === 404 || isGone(error, point)) return { kind: 'nothing' };
      throw asReadFailure(await namedErrorOfHead(error, () => this.#getFirstByte(username)), subject);
    }
  }

  async #getFirstByte(username: string): Promise<void> {
    this.#onExtraRequest('get', 0);
    const get = new GetObjectCommand({ Bucket: this.#bucket, Key: keyOf(username), Range: 'bytes=0-0' });
    ((await this.#client.send(get)).Body as Readable).destroy();
  }

  async put(username: string, source: Content, { condition, writes, digest, body }: PutOptions): Promise<PutOutcome> {
    const metadata = { [WRITES_KEY]: encodeWrites(writes), ...(digest === undefined ? {} : { [DIGEST_KEY]: digest }) };
    if (condition.kind === 'absent') return this.#puts.content(username, source, metadata, { IfNoneMatch: '*' }, body);
    return this.#compared(
      username,
      condition.version,
      (ifMatch) => this.#puts.content(username, source, metadata, { IfMatch: ifMatch }, body),
      async () => this.#onExtraRequest('put', sizeOf(source)),
    );
  }

  async delete(username: string, { ifVersion, writes = [] }: DeleteOptions = {}): Promise<DeleteOutcome> {
    if (ifVersion === undefined) return this.#deleteOnce(username, {});
    if ((await this.#deletion?.kind()) === 'tombstone') return this.#bury(username, ifVersion, writes, OPEN);
    return this.#compared(
      username,
      ifVersion,
      (ifMatch) => this.#deleteOnce(username, { IfMatch: ifMatch }),
      async () => this.#onExtraRequest('delete', 0),
    );
  }

  /**
   * Marks a tombstone as closing, and removes it (tombstone.ts). Returns `absent` if there is none or it was made after
   * `olderThan` (milliseconds since 1970), `conflict` if another writer came first. For clean-up only.
   */
  async removeTombstone(username: string, olderThan: number): Promise<DeleteOutcome> {
    const seen = await this.trace(username);
    if (seen.kind !== 'tombstone' || seen.lastModified > olderThan) return { kind: 'absent' };
    const closed = await this.#bury(username, seen.version, seen.writes, CLOSING);
    if (closed.kind !== 'deleted') return closed;
    // The condition helps on an engine that compares after all.
    const current = await this.trace(username);
    if (current.kind !== 'tombstone' || !current.closing) return { kind: 'conflict' };
    return this.#deleteOnce(username, { IfMatch: inForm(this.#ifMatch.form, current.version) });
  }

  async #bury(
    username: string,
    version: Version,
    writes: readonly string[],
    mark: typeof OPEN | typeof CLOSING,
  ): Promise<DeleteOutcome> {
    const bytes = Buffer.from((this.#deletion?.random ?? systemRandom).hex(TOMBSTONE_BYTES), 'hex');
    const metadata = { [WRITES_KEY]: encodeWrites(writes), [DELETED_KEY]: mark };
    if (mark === OPEN) this.#onExtraRequest('tombstone', bytes.length);
    const { kind, ...more } = await this.#compared(
      username,
      version,
      (ifMatch) => this.#puts.content(username, bytes, metadata, { IfMatch: ifMatch }),
      async () => this.#onExtraRequest('put', bytes.length),
    );
    if (kind === 'unknown') return { kind, cause: (more as { cause: Error }).cause };
    return { kind: kind === 'committed' ? 'deleted' : kind };
  }

  /**
   * Sends a conditional request in the form of `If-Match` that the engine understands, which its first success shows.
   * Until then a refusal is a conflict only if the version is no longer current; otherwise the other form is tried.
   */
  async #compared<Outcome extends PutOutcome | DeleteOutcome>(
    username: string,
    version: Version,
    send: (ifMatch: string) => Promise<Outcome>,
    onSecond: () => Promise<void>,
  ): Promise<Outcome | Unknown> {
    const { form, settled } = this.#ifMatch;
    const first = await send(inForm(form, version));
    if (settled || first.kind === 'unknown') return first;
    if (first.kind !== 'conflict') {
      if (first.kind === 'committed') this.#ifMatch = { form, settled: true };
      return first;
    }
    this.#onExtraRequest('head', 0);
    let current: Trace;
    try {
      current = await this.trace(username);
    } catch (error) {
      // Refused because of its form, or because another copy of it landed.
      return { kind: 'unknown', cause: error as Error };
    }
    if (current.kind === 'nothing' || current.version !== version) return first;
    const other = otherForm(form);
    await onSecond();
    const second = await send(inForm(other, version));
    if (second.kind === 'committed') this.#ifMatch = { form: other, settled: true };
    return second;
  }

  async list(from?: string, prefix = ''): Promise<ListPage> {
    // What cannot begin a username is not sent either: not every engine takes every character.
    const asked = `${USER_DATABASES_PREFIX}${isUsername(prefix) ? prefix : ''}`;
    try {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: asked,
          ...(from === undefined ? {} : { ContinuationToken: from }),
        }),
      );
      // S3 names the bucket in every listing. A web page that answers 200 names nothing, and is not an empty bucket.
      if (page.Name === undefined) {
        throw new JavumboError(
          'unavailable',
          `list bucket "${this.#bucket}": ${this.#endpoint ?? 'AWS'} does not answer as S3 does`,
          { try: 'another --endpoint-url' },
        );
      }
      const objects = (page.Contents ?? []).map((object) => ({ object, username: usernameOf(object.Key ?? '') }));
      const named = objects.filter(({ username }) => username !== undefined);
      const databases = named.flatMap(({ object, username }) =>
        // A key's suffix can continue the prefix too: `al.anki2` is the database of `al`.
        username?.startsWith(prefix) !== true || object.Size === TOMBSTONE_BYTES
          ? []
          : {
              username,
              version: unquoted(object.ETag ?? ''),
              sizeBytes: object.Size ?? 0,
              // Ceph lists milliseconds but its headers have seconds; one database must have one time.
              lastModified: Math.floor((object.LastModified?.getTime() ?? 0) / 1000) * 1000,
            },
      );
      const next = page.IsTruncated === true ? (page.NextContinuationToken ?? '') : undefined;
      return { databases, foreignKeys: objects.length - named.length, next };
    } catch (error) {
      throw asReadFailure(error, this.#subject('list', undefined));
    }
  }

  async #deleteOnce(username: string, condition: Pick<DeleteObjectCommandInput, 'IfMatch'>): Promise<DeleteOutcome> {
    try {
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: keyOf(username), ...condition }));
      return { kind: 'deleted' };
    } catch (error) {
      return deleteOutcomeOf(error, this.#subject('delete', username));
    }
  }

  #subject(verb: string, username: string | undefined): S3Subject {
    return s3Subject({ bucket: this.#bucket, endpoint: this.#endpoint }, verb, username);
  }
}
