import type { IncomingHttpHeaders } from 'node:http';
import type { Conditions } from './conditions.ts';
import { s3Error } from './error.ts';

/** The operations that the server supports; others are `Unsupported`, answered with 501. */
export const S3_OPERATIONS = [
  'CreateBucket',
  'DeleteBucket',
  'DeleteObject',
  'DeleteObjects',
  'GetBucketVersioning',
  'GetObject',
  'HeadBucket',
  'HeadObject',
  'ListBuckets',
  'ListObjectVersions',
  'ListObjectsV2',
  'PutBucketVersioning',
  'PutObject',
  'Unsupported',
] as const;

/** An operation, named like the SDK's command. */
export type S3Operation = (typeof S3_OPERATIONS)[number];

/** A parsed request. */
export interface S3Request {
  readonly operation: S3Operation;
  /** Empty for ListBuckets. */
  readonly bucket: string;
  /** Empty for an operation on a bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly conditions: Conditions;
}

/** Query parameters that select another operation on a bucket or key. */
const SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'location',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'website',
];

/** Parses request line and headers, path style: `/bucket/key`. Never throws; what it cannot parse is `Unsupported`. */
export function parseRequest(method: string, url: string, headers: IncomingHttpHeaders): S3Request {
  // Not `new URL`, which would resolve `..` and fold slashes: ordinary characters of an S3 key.
  const [path = '', search = ''] = splitOnce(url, '?');
  const [bucket = '', key = ''] = splitOnce(path.replace(/^\//, ''), '/');
  const query = new URLSearchParams(search);
  const conditions = { ifMatch: header(headers, 'if-match'), ifNoneMatch: header(headers, 'if-none-match') };
  try {
    const decoded = { bucket: decodeURIComponent(bucket), key: decodeURIComponent(key) };
    const operation = operationOf(method, decoded.bucket, decoded.key, query, headers);
    return { operation, ...decoded, query, headers, conditions };
  } catch {
    return { operation: 'Unsupported', bucket, key, query, headers, conditions };
  }
}

function operationOf(
  method: string,
  bucket: string,
  key: string,
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
): S3Operation {
  if (SUBRESOURCES.some((name) => query.has(name))) return 'Unsupported';
  if (bucket === '') return method === 'GET' ? 'ListBuckets' : 'Unsupported';
  return key === '' ? bucketOperation(method, query) : objectOperation(method, query, headers);
}

function bucketOperation(method: string, query: URLSearchParams): S3Operation {
  switch (method) {
    case 'PUT':
      return query.has('versioning') ? 'PutBucketVersioning' : 'CreateBucket';
    case 'HEAD':
      return 'HeadBucket';
    case 'DELETE':
      return 'DeleteBucket';
    case 'POST':
      return query.has('delete') ? 'DeleteObjects' : 'Unsupported';
    case 'GET':
      if (query.has('versioning')) return 'GetBucketVersioning';
      if (query.has('versions')) return 'ListObjectVersions';
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'Unsupported';
    default:
      return 'Unsupported';
  }
}

const MULTIPART = ['uploads', 'uploadId', 'partNumber'];

function objectOperation(method: string, query: URLSearchParams, headers: IncomingHttpHeaders): S3Operation {
  if (MULTIPART.some((name) => query.has(name))) return 'Unsupported';
  switch (method) {
    case 'PUT':
      return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'Unsupported';
    case 'GET':
      return 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'DELETE':
      return 'DeleteObject';
    default:
      return 'Unsupported';
  }
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Returns the access key that signed a request, by header or presigned query; `undefined` if unsigned. */
export function signingKey(request: S3Request): string | undefined {
  const authorization = header(request.headers, 'authorization') ?? '';
  const credential = /Credential=([^,\s]+)/.exec(authorization)?.[1] ?? request.query.get('X-Amz-Credential');
  return credential?.split('/')[0];
}

/** Returns a PUT's user metadata. Throws MetadataTooLarge above S3's 2 KB of names and values. */
export function userMetadata(headers: IncomingHttpHeaders): Record<string, string> {
  const prefix = 'x-amz-meta-';
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const name of Object.keys(headers).filter((each) => each.startsWith(prefix))) {
    const value = header(headers, name) ?? '';
    metadata[name.slice(prefix.length)] = value;
    bytes += Buffer.byteLength(name.slice(prefix.length)) + Buffer.byteLength(value);
  }
  if (bytes > 2048) {
    throw s3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size');
  }
  return metadata;
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + separator.length)];
}
