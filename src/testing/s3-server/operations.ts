import { BUCKET_OPERATIONS } from './bucket-operations.ts';
import { checkReadConditions, checkWriteConditions } from './conditions.ts';
import { s3Error } from './error.ts';
import type { Bucket, StoredObject, StoredVersion } from './objects.ts';
import { emptyReply, type S3Call, type S3Reply } from './reply.ts';
import { header, type S3Operation, type S3Request, userMetadata } from './request.ts';

const OBJECT_OPERATIONS = {
  DeleteObject: deleteObject,
  GetObject: getObject,
  HeadObject: headObject,
  PutObject: putObject,
  Unsupported: () => {
    throw s3Error('NotImplemented', 'This test server does not implement that operation');
  },
} satisfies Partial<Record<S3Operation, (call: S3Call) => S3Reply>>;

const OPERATIONS: Readonly<Record<S3Operation, (call: S3Call) => S3Reply>> = {
  ...BUCKET_OPERATIONS,
  ...OBJECT_OPERATIONS,
};

/**
 * Performs one request, synchronously from the check of its conditions to the write, so that no other can intervene:
 * the first to arrive completely wins. Throws S3Error.
 */
export function perform(call: S3Call): S3Reply {
  if (Buffer.byteLength(call.request.key) > 1024) throw s3Error('KeyTooLongError', 'Your key is too long');
  return OPERATIONS[call.request.operation](call);
}

function putObject({ state, request, body, ignoreConditions }: S3Call): S3Reply {
  const bucket = state.buckets.get(request.bucket);
  const metadata = userMetadata(request.headers);
  if (!ignoreConditions) checkWriteConditions(bucket.current(request.key), request.conditions, state.rules);
  const stored = bucket.put(request.key, {
    body: body.bytes,
    etag: body.md5,
    metadata,
    contentType: contentTypeOf(request),
    checksums: body.checksums,
  });
  return emptyReply(200, { etag: `"${stored.etag}"`, ...stored.checksums, ...versionHeaders(bucket, stored) });
}

function getObject({ state, request }: S3Call): S3Reply {
  const bucket = state.buckets.get(request.bucket);
  const stored = findVersion(bucket, request);
  if (checkReadConditions(stored.etag, request.conditions) === 'not-modified') return notModified(stored);
  return { status: 200, headers: objectHeaders(bucket, stored, request), body: stored.body };
}

function headObject({ state, request }: S3Call): S3Reply {
  const bucket = state.buckets.get(request.bucket);
  const stored = findVersion(bucket, request);
  if (checkReadConditions(stored.etag, request.conditions) === 'not-modified') return notModified(stored);
  return emptyReply(200, {
    ...objectHeaders(bucket, stored, request),
    'content-length': String(stored.body.length),
  });
}

function deleteObject({ state, request, ignoreConditions }: S3Call): S3Reply {
  const bucket = state.buckets.get(request.bucket);
  if (!ignoreConditions) checkWriteConditions(bucket.current(request.key), request.conditions, state.rules);
  const deleted = bucket.delete(request.key, request.query.get('versionId') ?? undefined);
  return emptyReply(204, {
    ...(deleted.versionId === undefined ? {} : { 'x-amz-version-id': deleted.versionId }),
    ...(deleted.deleteMarker ? { 'x-amz-delete-marker': 'true' } : {}),
  });
}

/** The object that a GET or HEAD means. Throws as S3 does for what is missing, deleted, or itself a delete marker. */
function findVersion(bucket: Bucket, request: S3Request): StoredObject {
  const versionId = request.query.get('versionId');
  if (versionId === null) {
    const latest = bucket.latest(request.key);
    if (latest !== undefined && !latest.deleteMarker) return latest;
    throw s3Error('NoSuchKey', 'The specified key does not exist.', deleteMarkerHeaders(latest));
  }
  const version = bucket.versionsOf(request.key).find((each) => each.versionId === versionId);
  if (version === undefined) throw s3Error('NoSuchVersion', 'The specified version does not exist.');
  if (version.deleteMarker) {
    const message = 'The specified method is not allowed against this resource.';
    throw s3Error('MethodNotAllowed', message, deleteMarkerHeaders(version));
  }
  return version;
}

function deleteMarkerHeaders(version: StoredVersion | undefined): Record<string, string> {
  return version === undefined ? {} : { 'x-amz-delete-marker': 'true', 'x-amz-version-id': version.versionId };
}

/** Neither metadata nor version: Ceph sends none with a 304, so no one may rely on them. */
function notModified(stored: StoredObject): S3Reply {
  return emptyReply(304, { etag: `"${stored.etag}"`, 'last-modified': new Date(stored.lastModified).toUTCString() });
}

function objectHeaders(bucket: Bucket, stored: StoredObject, request: S3Request): Record<string, string> {
  const metadata = Object.entries(stored.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
  const checksums = request.headers['x-amz-checksum-mode'] === 'ENABLED' ? stored.checksums : {};
  return {
    etag: `"${stored.etag}"`,
    'last-modified': new Date(stored.lastModified).toUTCString(),
    'content-type': stored.contentType,
    ...checksums,
    ...versionHeaders(bucket, stored),
    ...Object.fromEntries(metadata),
  };
}

function versionHeaders(bucket: Bucket, stored: StoredVersion): Record<string, string> {
  return bucket.versioning === undefined ? {} : { 'x-amz-version-id': stored.versionId };
}

function contentTypeOf(request: S3Request): string {
  return header(request.headers, 'content-type') ?? 'binary/octet-stream';
}
