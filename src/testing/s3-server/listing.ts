import { s3Error } from './error.ts';
import { type Bucket, type StoredObject, type StoredVersion, sequenceOfVersionId } from './objects.ts';

/** S3's page limit, whatever is requested. */
const KEYS_PER_PAGE_MAX = 1000;

export interface ObjectPage {
  readonly objects: readonly StoredObject[];
  readonly commonPrefixes: readonly string[];
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
  readonly maxKeys: number;
}

export interface VersionPage {
  readonly versions: readonly (StoredVersion & { readonly isLatest: boolean })[];
  readonly next: { readonly key: string; readonly versionId: string } | undefined;
  readonly maxKeys: number;
}

/** ListObjectsV2: current objects by key, with those behind a delimiter folded into one prefix each. */
export function listObjects(
  bucket: Bucket,
  query: {
    readonly prefix: string;
    readonly delimiter: string | undefined;
    readonly maxKeys: string | undefined;
    readonly token: string | undefined;
    readonly startAfter: string | undefined;
  },
): ObjectPage {
  const maxKeys = parseMaxKeys(query.maxKeys);
  const after = query.token === undefined ? query.startAfter : decodeToken(query.token);
  const objects: StoredObject[] = [];
  const commonPrefixes: string[] = [];
  let last: string | undefined;
  for (const key of keysFrom(bucket, query.prefix, after)) {
    const object = bucket.current(key);
    if (object === undefined) continue;
    const folded = foldedPrefix(key, query.prefix, query.delimiter);
    // A page that ended with a folded prefix resumes after everything in it, not after its first key.
    if (folded !== undefined && (folded === commonPrefixes.at(-1) || folded === after)) continue;
    if (objects.length + commonPrefixes.length === maxKeys) {
      return { objects, commonPrefixes, nextToken: last === undefined ? undefined : encodeToken(last), maxKeys };
    }
    if (folded === undefined) objects.push(object);
    else commonPrefixes.push(folded);
    last = folded ?? key;
  }
  return { objects, commonPrefixes, nextToken: undefined, maxKeys };
}

/** ListObjectVersions: by key, then newest first, including delete markers. */
export function listVersions(
  bucket: Bucket,
  query: {
    readonly prefix: string;
    readonly maxKeys: string | undefined;
    readonly keyMarker: string | undefined;
    readonly versionIdMarker: string | undefined;
  },
): VersionPage {
  const maxKeys = parseMaxKeys(query.maxKeys);
  const versions: (StoredVersion & { readonly isLatest: boolean })[] = [];
  for (const key of bucket.keys()) {
    if (!key.startsWith(query.prefix)) continue;
    if (query.keyMarker !== undefined && compareUtf8(key, query.keyMarker) < 0) continue;
    for (const version of versionsAfterMarker(bucket, key, query.keyMarker, query.versionIdMarker)) {
      if (versions.length === maxKeys) {
        const last = versions.at(-1);
        return { versions, next: last && { key: last.key, versionId: last.versionId }, maxKeys };
      }
      versions.push({ ...version, isLatest: version === bucket.latest(key) });
    }
  }
  return { versions, next: undefined, maxKeys };
}

function versionsAfterMarker(
  bucket: Bucket,
  key: string,
  keyMarker: string | undefined,
  versionIdMarker: string | undefined,
): readonly StoredVersion[] {
  const versions = bucket.versionsOf(key);
  if (key !== keyMarker) return versions;
  if (versionIdMarker === undefined) return [];
  const index = versions.findIndex((version) => version.versionId === versionIdMarker);
  if (index >= 0) return versions.slice(index + 1);
  // The marker was deleted between two pages, as by a clean-up: continue with what is older.
  const sequence = sequenceOfVersionId(versionIdMarker);
  return sequence === undefined ? versions : versions.filter((version) => version.sequence < sequence);
}

function* keysFrom(bucket: Bucket, prefix: string, after: string | undefined): Generator<string> {
  const keys = bucket.keys();
  // Binary search: paging through 100,000 keys must not scan all of them for each page.
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const key = keys[middle] ?? '';
    if (compareUtf8(key, prefix) < 0 || (after !== undefined && compareUtf8(key, after) <= 0)) low = middle + 1;
    else high = middle;
  }
  for (; low < keys.length; low += 1) {
    const key = keys[low] ?? '';
    if (!key.startsWith(prefix)) return;
    yield key;
  }
}

function foldedPrefix(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (!delimiter) return undefined;
  const index = key.indexOf(delimiter, prefix.length);
  return index < 0 ? undefined : key.slice(0, index + delimiter.length);
}

function parseMaxKeys(text: string | undefined): number {
  if (text === undefined || text === '') return KEYS_PER_PAGE_MAX;
  if (!/^\d+$/.test(text)) throw s3Error('InvalidArgument', 'Provided max-keys not an integer or within integer range');
  return Math.min(Number(text), KEYS_PER_PAGE_MAX);
}

function encodeToken(key: string): string {
  return `t${Buffer.from(key).toString('base64url')}`;
}

function decodeToken(token: string): string {
  const key = Buffer.from(token.slice(1), 'base64url').toString();
  if (encodeToken(key) !== token) throw s3Error('InvalidArgument', 'The continuation token provided is incorrect');
  return key;
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
