import {
  type _Object,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ObjectIdentifier,
  type S3Client,
  type ObjectVersion as S3Version,
} from '@aws-sdk/client-s3';
import { errorNameOf, statusOf } from '../aws/errors.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { asReadFailure, type S3Subject } from '../store/s3-errors.ts';
import { unquoted } from '../store/s3-headers.ts';
import type { DeleteFailure, ObjectVersion, ObjectVersions } from './object-versions.ts';

export interface S3ObjectVersionsOptions {
  readonly bucket: string;
  /** Set for any engine but AWS. */
  readonly endpoint?: string | undefined;
  readonly clock: Clock;
}

// S3 reports these for a single key in a reply with status 200.
const PASSING = new Set(['InternalError', 'SlowDown', 'ServiceUnavailable', 'RequestTimeout']);
const CHANGED = 'it was changed after it was listed';
const ATTEMPTS_MAX = 4;
const PAUSE_MS = 250;

/**
 * The objects of one bucket with their versions. The client may retry: every request here is idempotent, except that a
 * plain delete on a versioned bucket leaves one more marker.
 */
export class S3ObjectVersions implements ObjectVersions {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #endpoint: string | undefined;
  readonly #clock: Clock;

  constructor(client: S3Client, { bucket, endpoint, clock }: S3ObjectVersionsOptions) {
    this.#client = client;
    this.#bucket = bucket;
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  async *list(prefix: string, { versions }: { readonly versions: boolean }): AsyncGenerator<readonly ObjectVersion[]> {
    try {
      if (versions) {
        let found = false;
        try {
          for await (const page of this.#listVersions(prefix)) {
            found = true;
            yield page;
          }
        } catch (error) {
          if (found || !isUnknownRequest(error)) throw error;
        }
        // An engine without versions refuses the request, or ignores that it asks for them: then the reply is a plain
        // list, in which there are no versions to be seen.
        if (found) return;
      }
      yield* this.#listObjects(prefix);
    } catch (error) {
      throw asReadFailure(error, this.#subject(versions ? 'list the versions in' : 'list'));
    }
  }

  async delete(batch: readonly ObjectVersion[]): Promise<readonly DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    let pending = batch;
    for (let attempt = 1; pending.length > 0; attempt++) {
      const refused = await this.#deleteOnce(pending);
      const again = attempt < ATTEMPTS_MAX ? refused.filter(({ code }) => PASSING.has(code)) : [];
      failures.push(...refused.filter((failure) => !again.includes(failure)));
      pending = again.map(({ object }) => object);
      if (pending.length > 0) await this.#clock.sleep(PAUSE_MS * 2 ** (attempt - 1));
    }
    return failures;
  }

  async #deleteOnce(batch: readonly ObjectVersion[]): Promise<(DeleteFailure & { readonly code: string })[]> {
    try {
      const { Errors = [] } = await this.#client.send(
        new DeleteObjectsCommand({
          Bucket: this.#bucket,
          Delete: { Objects: batch.map((object) => this.#identifierOf(object)), Quiet: true },
        }),
      );
      return Errors.flatMap(({ Key, VersionId, Code = 'unknown', Message }) => {
        // Already gone.
        if (Code === 'NoSuchKey' || Code === 'NoSuchVersion') return [];
        const object =
          batch.find(({ key, versionId }) => key === Key && (versionId ?? '') === (VersionId ?? '')) ??
          batch.find(({ key }) => key === Key);
        if (object === undefined)
          throw new JavumboError('unavailable', `an error for "${Key}", which was not in the request`);
        const reason = Code === 'PreconditionFailed' ? CHANGED : `${Code} ${Message ?? ''}`;
        return { object, reason: reason.trim(), code: Code };
      });
    } catch (error) {
      if (isUnknownRequest(error)) return this.#deleteSingly(batch);
      throw asReadFailure(error, this.#subject('delete from'));
    }
  }

  /** Deletes where the engine takes no batch. */
  async #deleteSingly(batch: readonly ObjectVersion[]): Promise<(DeleteFailure & { readonly code: string })[]> {
    const failures: (DeleteFailure & { readonly code: string })[] = [];
    for (const object of batch) {
      try {
        const { Key, VersionId, ETag } = this.#identifierOf(object);
        await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key, VersionId, IfMatch: ETag }));
      } catch (error) {
        const status = statusOf(error);
        if (status === undefined || status >= 500) throw asReadFailure(error, this.#subject('delete from'));
        if (status === 404) continue;
        const reason = status === 412 ? CHANGED : messageOf(error);
        failures.push({ object, reason, code: errorNameOf(error) });
      }
    }
    return failures;
  }

  #identifierOf({ key, versionId, etag }: ObjectVersion): ObjectIdentifier {
    if (versionId !== undefined) return { Key: key, VersionId: versionId };
    // Other engines do not compare here: Ceph deletes whatever is stored.
    return this.#endpoint === undefined && etag !== undefined ? { Key: key, ETag: `"${etag}"` } : { Key: key };
  }

  async *#listObjects(prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
    const before = new Set<string>();
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token }),
      );
      this.#requireAnswer(page.Name);
      const objects = (page.Contents ?? []).map((object) => described(object, 'object', undefined));
      if (objects.length > 0) yield objects;
      token = page.IsTruncated === true ? this.#progressed(before, page.NextContinuationToken) : undefined;
    } while (token !== undefined);
  }

  async *#listVersions(prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
    const before = new Set<string>();
    let marker: { readonly KeyMarker?: string | undefined; readonly VersionIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await this.#client.send(
        new ListObjectVersionsCommand({ Bucket: this.#bucket, Prefix: prefix, ...marker }),
      );
      this.#requireAnswer(page.Name);
      const versions = (page.Versions ?? []).map((version) =>
        described(version, version.IsLatest === false ? 'old-version' : 'object', version.VersionId),
      );
      const markers = (page.DeleteMarkers ?? []).map((found) => described(found, 'delete-marker', found.VersionId));
      if (versions.length + markers.length > 0) yield [...versions, ...markers].sort(byKey);
      if (page.IsTruncated !== true) return;
      const next = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
      this.#progressed(before, JSON.stringify(next));
      marker = next;
    }
  }

  /** Returns the next page's token. An engine that returns none, or an earlier one, would be asked for ever. */
  #progressed(before: Set<string>, next: string | undefined): string {
    if (next !== undefined && next !== '{}' && !before.has(next)) {
      before.add(next);
      return next;
    }
    throw new JavumboError('unavailable', `list bucket "${this.#bucket}": ${this.#where} does not say how to go on`, {
      try: 'another --endpoint-url: this list has no end',
    });
  }

  #requireAnswer(name: string | undefined): void {
    if (name !== undefined) return;
    throw new JavumboError('unavailable', `list bucket "${this.#bucket}": ${this.#where} does not answer as S3 does`, {
      try: 'another --endpoint-url',
    });
  }

  get #where(): string {
    return this.#endpoint ?? 'AWS';
  }

  #subject(verb: string): S3Subject {
    const name = `bucket "${this.#bucket}"`;
    return { verb, name, username: undefined, bucket: this.#bucket, endpoint: this.#endpoint };
  }
}

function described(
  found: Pick<S3Version & _Object, 'Key' | 'ETag' | 'Size' | 'LastModified' | 'IsLatest'>,
  kind: ObjectVersion['kind'],
  versionId: string | undefined,
): ObjectVersion {
  return {
    key: found.Key ?? '',
    kind,
    versionId,
    etag: found.ETag === undefined ? undefined : unquoted(found.ETag),
    sizeBytes: found.Size ?? 0,
    isLatest: found.IsLatest,
    lastModified: found.LastModified?.getTime() ?? 0,
  };
}

// The SDK returns versions and markers separately. The sort is stable, so each key's versions stay newest first.
function byKey(a: ObjectVersion, b: ObjectVersion): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

/** True where the engine does not know the request itself (R2, GCS and small servers). */
function isUnknownRequest(error: unknown): boolean {
  const status = statusOf(error);
  return status === 501 || status === 405 || (status === 404 && errorNameOf(error) !== 'NoSuchBucket');
}
