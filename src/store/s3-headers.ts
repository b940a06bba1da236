import { statusOf } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';
import type { Trace, Version } from './database-store.ts';
import type { S3Subject } from './s3-errors.ts';
import { CLOSING, TOMBSTONE_BYTES } from './tombstone.ts';
import { decodeWrites } from './write-ids.ts';

// Lower case, no separators: metadata keys travel as header names, and proxies rewrite others.
export const WRITES_KEY = 'javumbowrites';
export const DIGEST_KEY = 'javumbodigest';
/** Marks a tombstone. `closing`: clean-up is about to remove it. */
export const DELETED_KEY = 'javumbodeleted';

/** Returns Last-Modified of a 304, which the SDK throws as an error, in milliseconds since 1970. */
export function lastModifiedOf(error: unknown): number | undefined {
  const headers = (error as { $response?: { headers?: Record<string, string> } }).$response?.headers;
  const time = Date.parse(headers?.['last-modified'] ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** `settled` once a put was accepted in this form: only a success distinguishes a wrong form from a lost race. */
export interface IfMatchForm {
  readonly form: 'quoted' | 'unquoted';
  readonly settled: boolean;
}

export function otherForm(form: IfMatchForm['form']): IfMatchForm['form'] {
  return form === 'quoted' ? 'unquoted' : 'quoted';
}

export function inForm(form: IfMatchForm['form'], version: Version): string {
  return form === 'quoted' ? quoted(version) : version;
}

export function quoted(version: Version): string {
  return `"${version}"`;
}

/** Returns an ETag as a version: one token, without the quotes that a shell would remove. */
export function unquoted(etag: string): Version {
  return etag.replace(/^"(.*)"$/, '$1');
}

/** Describes the object of a reply. Throws `unavailable` if the reply lacks an ETag or a length. */
export function describe(
  reply: {
    ETag?: string | undefined;
    ContentLength?: number | undefined;
    LastModified?: Date | undefined;
    Metadata?: Record<string, string> | undefined;
  },
  subject: S3Subject,
): Exclude<Trace, { kind: 'nothing' }> {
  if (reply.ETag === undefined || reply.ContentLength === undefined) {
    throw new JavumboError('unavailable', `${subject.verb} ${subject.name}: the reply has no ETag or no length`, {
      try: 'another --endpoint-url',
      username: subject.username,
    });
  }
  const { [WRITES_KEY]: writes, [DIGEST_KEY]: digest, [DELETED_KEY]: deleted } = reply.Metadata ?? {};
  const common = {
    version: unquoted(reply.ETag),
    writes: decodeWrites(writes),
    lastModified: reply.LastModified?.getTime() ?? 0,
  };
  if (deleted !== undefined && reply.ContentLength === TOMBSTONE_BYTES) {
    return { kind: 'tombstone', ...common, closing: deleted === CLOSING };
  }
  return {
    kind: 'database',
    ...common,
    sizeBytes: reply.ContentLength,
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Names the version to ask for; by default the current one. */
export function versionOf(point: string | undefined): { readonly VersionId?: string } {
  return point === undefined ? {} : { VersionId: point };
}

/** True if the version that was asked for is no longer there, or is a delete marker. */
export function isGone(error: unknown, point: string | undefined): boolean {
  return point !== undefined && ((error as Error).name === 'NoSuchVersion' || statusOf(error) === 405);
}
