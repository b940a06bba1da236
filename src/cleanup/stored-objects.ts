import { DELETE_BATCH_MAX, listAll, type ObjectVersion, type ObjectVersions } from '../databases/object-versions.ts';
import { JavumboError } from '../failure.ts';
import { ageSecondsOf, type PlannedDeletion } from './plan.ts';

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

/**
 * Deletes what was listed, batch by batch; what cannot be deleted does not keep the rest from going.
 * Throws `unavailable` in the end, with the first of what is left and why, or `interrupted` between two batches.
 */
export async function deleteObjects(
  objects: ObjectVersions,
  listed: readonly ObjectVersion[],
  {
    onProgress = () => {},
    signal,
  }: { readonly onProgress?: OnProgress; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  let refused = 0;
  let first = '';
  for (let from = 0; from < listed.length; from += DELETE_BATCH_MAX) {
    if (signal?.aborted) {
      throw new JavumboError('interrupted', `interrupted: ${from - refused} of ${listed.length} were deleted`);
    }
    const failures = await objects.delete(listed.slice(from, from + DELETE_BATCH_MAX));
    if (first === '' && failures[0] !== undefined) first = `${failures[0].object.key}: ${failures[0].reason}`;
    refused += failures.length;
    onProgress(`deleted ${Math.min(from + DELETE_BATCH_MAX, listed.length) - refused} of ${listed.length}`);
  }
  if (refused === 0) return;
  throw new JavumboError('unavailable', `${refused} of ${listed.length} could not be deleted, such as ${first}`, {
    try: 'the same command again, with credentials that may delete them (s3:DeleteObject, s3:DeleteObjectVersion)',
  });
}

export function plannedObject(
  { kind, key, versionId, sizeBytes, lastModified }: ObjectVersion,
  now: number,
): PlannedDeletion {
  const name = kind === 'object' || versionId === undefined ? key : `${key}?versionId=${versionId}`;
  return { kind, name, sizeBytes, ageSeconds: ageSecondsOf(lastModified, now) };
}
