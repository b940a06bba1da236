import { JavumboError } from '../core/failure.ts';
import {
  DELETE_BATCH_MAX,
  type DeleteFailure,
  listAll,
  type ObjectVersion,
  type ObjectVersions,
} from '../history/object-versions.ts';
import { ageSecondsOf, type FailedDeletion, type PlannedDeletion } from './plan.ts';

/** Told how far it is, for whoever waits. */
type OnProgress = (text: string) => void;

/** Everything under these prefixes, which must not contain one another. */
export async function objectsUnder(
  objects: ObjectVersions,
  prefixes: readonly string[],
  versions: boolean,
  onProgress: OnProgress = () => {},
): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  for (const prefix of prefixes) {
    const onPage = (count: number): void => onProgress(`listing ${prefix}: ${found.length + count} so far`);
    found.push(...(await listAll(objects, prefix, versions, onPage)));
  }
  return found;
}

interface DeleteOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Deletes what was listed, batch by batch; what cannot be deleted does not keep the rest from going, and is returned with
 * the reason. Throws `interrupted` between two batches.
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

/** As `deleteWhatCan`, and throws `unavailable` in the end, with the first of what is left and why. */
export async function deleteObjects(
  objects: ObjectVersions,
  listed: readonly ObjectVersion[],
  options: DeleteOptions = {},
): Promise<void> {
  const failures = await deleteWhatCan(objects, listed, options);
  const [first] = failures;
  if (first === undefined) return;
  throw new JavumboError(
    'unavailable',
    `${failures.length} of ${listed.length} could not be deleted, such as ${first.object.key}: ${first.reason}`,
    { try: 'the same command again, with credentials that may delete them (s3:DeleteObject, s3:DeleteObjectVersion)' },
  );
}

/** Of what was listed, what still is as it was then. The rest is gone, or was changed since, and is nobody's to delete. */
export function stillThere(listed: readonly ObjectVersion[], now: readonly ObjectVersion[]): ObjectVersion[] {
  const identity = ({ key, kind, versionId, etag, lastModified }: ObjectVersion): string =>
    JSON.stringify([key, kind, versionId, etag, lastModified]);
  const found = new Set(now.map(identity));
  return listed.filter((object) => found.has(identity(object)));
}

/** Why an object is still there, under the name that it has in a plan. */
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
