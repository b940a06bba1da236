import { JavumboError } from '../core/failure.ts';
import {
  DELETE_BATCH_MAX,
  type DeleteFailure,
  listAll,
  type ObjectVersion,
  type ObjectVersions,
} from '../history/object-versions.ts';
import { ageSecondsOf, type FailedDeletion, type PlannedDeletion } from './plan.ts';

type OnProgress = (text: string) => void;

/** Lists everything under these prefixes, which must not contain one another. */
export async function objectsUnder(
  objects: ObjectVersions,
  prefixes: readonly string[],
  versions: boolean,
  onProgress: OnProgress = () => {},
): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  for (const prefix of prefixes) {
    const onPage = (count: number): void => onProgress(`listing ${prefix}: ${found.length + count} so far`);
    // Not as arguments of one call, which may have some 120,000.
    for (const object of await listAll(objects, prefix, versions, onPage)) found.push(object);
  }
  return found;
}

interface DeleteOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Deletes what was listed, in batches. Continues after failures and returns them with their reasons. Throws
 * `interrupted` between batches.
 */
export async function deleteWhatCan(
  objects: ObjectVersions,
  listed: readonly ObjectVersion[],
  { onProgress = () => {}, signal }: DeleteOptions = {},
): Promise<DeleteFailure[]> {
  const failures: DeleteFailure[] = [];
  for (let from = 0; from < listed.length; from += DELETE_BATCH_MAX) {
    if (signal?.aborted) {
      throw new JavumboError('interrupted', `interrupted: ${from - failures.length} of ${listed.length} were deleted`);
    }
    failures.push(...(await objects.delete(listed.slice(from, from + DELETE_BATCH_MAX))));
    onProgress(`deleted ${Math.min(from + DELETE_BATCH_MAX, listed.length) - failures.length} of ${listed.length}`);
  }
  return failures;
}

/** Like `deleteWhatCan`, but throws `unavailable` at the end, with the first failure. */
export async function deleteObjects(
  objects: ObjectVersions,
  listed: readonly ObjectVersion[],
  options: DeleteOptions = {},
): Promise<void> {
  const refused = await deleteWhatCan(objects, listed, options);
  const keys = [...new Set(listed.map(({ key }) => key))];
  const failures = refused.length > 0 ? refused : await survivors(objects, keys, listed);
  const [first] = failures;
  if (first === undefined) return;
  throw new JavumboError(
    'unavailable',
    `${failures.length} of ${listed.length} could not be deleted, such as ${first.object.key}: ${first.reason}`,
    { try: 'the same command again, with credentials that may delete them (s3:DeleteObject, s3:DeleteObjectVersion)' },
  );
}

/**
 * Looks again for what was deleted, by the other list than the one that found it where there are versions, and returns
 * what is still there: a reply that says "deleted" proves nothing on an engine that does not know versions.
 */
export async function survivors(
  objects: ObjectVersions,
  prefixes: readonly string[],
  deleted: readonly ObjectVersion[],
): Promise<DeleteFailure[]> {
  if (deleted.length === 0) return [];
  const now = await objectsUnder(objects, prefixes, false);
  const left = new Set(now.map(({ key, etag }) => `${etag} ${key}`));
  return deleted
    .filter(({ key, etag, kind }) => kind === 'object' && left.has(`${etag} ${key}`))
    .map((object) => ({ object, reason: 'it is still there after it was deleted' }));
}

/** Returns the listed objects that are unchanged. The others are gone, or changed since and must not be deleted. */
export function stillThere(listed: readonly ObjectVersion[], now: readonly ObjectVersion[]): ObjectVersion[] {
  const identity = ({ key, kind, versionId, etag, lastModified }: ObjectVersion): string =>
    JSON.stringify([key, kind, versionId, etag, lastModified]);
  const found = new Set(now.map(identity));
  return listed.filter((object) => found.has(identity(object)));
}

/** Returns a failed deletion under the object's name in a plan. */
export function failedObject({ object, reason }: DeleteFailure): FailedDeletion {
  return { name: objectNameOf(object), reason };
}

function objectNameOf({ kind, key, versionId }: ObjectVersion): string {
  return kind === 'object' || versionId === undefined ? key : `${key}?versionId=${versionId}`;
}

export function plannedObject(object: ObjectVersion, now: number): PlannedDeletion {
  const { kind, sizeBytes, lastModified } = object;
  return { kind, name: objectNameOf(object), sizeBytes, ageSeconds: ageSecondsOf(lastModified, now) };
}
