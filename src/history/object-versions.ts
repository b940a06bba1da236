import { JavumboError } from '../core/failure.ts';

/**
 * The port to everything stored under a key prefix, which clean-up lists and removes. Unlike `DatabaseStore` it knows
 * nothing of users and compares only what it has listed; commands that work on a database do not use it.
 *
 * Every implementation promises, and object-versions-contract.ts checks:
 *
 * - `list` names each thing under the prefix once, in key order, and nothing else. Prefixes are compared byte by byte;
 *   an empty one matches everything.
 * - What was listed with `versions` and deleted is gone for good. What was listed without is gone from `list` without
 *   `versions`; a versioned bucket keeps a delete marker and the versions.
 * - Deleting what is already gone succeeds, so `delete` may be repeated.
 *
 * Failures are thrown as `JavumboError`: `unavailable`, or `not-found` for a bucket that does not exist.
 */
export interface ObjectVersions {
  /** Yields the current objects under `prefix` page by page; with `versions` also old versions and delete markers. */
  list(prefix: string, options: { readonly versions: boolean }): AsyncIterable<readonly ObjectVersion[]>;

  /** Deletes at most DELETE_BATCH_MAX listed objects. Returns those that could not be deleted, with the reason. */
  delete(batch: readonly ObjectVersion[]): Promise<readonly DeleteFailure[]>;
}

export interface ObjectVersion {
  readonly key: string;
  readonly kind: 'object' | 'old-version' | 'delete-marker';
  /**
   * Identifies this version for good, except "null", which on a bucket without versions is whatever is current.
   * Undefined for an object listed as current, whatever its version.
   */
  readonly versionId: string | undefined;
  /** The ETag when it was listed; undefined if it cannot be compared. */
  readonly etag: string | undefined;
  readonly sizeBytes: number;
  /** True for what a key holds now; undefined if it was not asked for versions. */
  readonly isLatest?: boolean | undefined;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

export interface DeleteFailure {
  readonly object: ObjectVersion;
  readonly reason: string;
}

/** The most that S3 accepts in one DeleteObjects. */
export const DELETE_BATCH_MAX = 1000;

/** Lists everything under a prefix. Throws `unavailable` if the store lists anything else. */
export async function listAll(
  objects: ObjectVersions,
  prefix: string,
  versions: boolean,
  onPage: (count: number) => void = () => {},
): Promise<ObjectVersion[]> {
  const all: ObjectVersion[] = [];
  for await (const page of objects.list(prefix, { versions })) {
    // What is listed here is deleted next, and a server that ignores the prefix lists everything.
    const stray = page.find(({ key }) => !key.startsWith(prefix));
    if (stray !== undefined) {
      throw new JavumboError(
        'unavailable',
        `the store was asked for keys under "${prefix}", and lists "${stray.key}"`,
        {
          try: 'another --endpoint-url: nothing was deleted, and nothing can be deleted safely there',
        },
      );
    }
    // Not as arguments of one call: a page of the local deployment may hold more than those may be.
    for (const object of page) all.push(object);
    onPage(all.length);
  }
  return all;
}
