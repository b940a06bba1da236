import { JavumboError } from '../core/failure.ts';

/**
 * The port to everything that is stored under a prefix of keys, whatever it is: what clean-up looks at and removes. Unlike
 * `DatabaseStore` it knows nothing of users and compares nothing but what it has listed itself; no command that works on a
 * database uses it.
 *
 * What each implementation swears to, and object-versions-contract.ts checks:
 *
 * - `list` names each thing under the prefix once, in the order of keys, and nothing that is not under it. Prefixes are
 *   compared byte by byte; an empty one is everything.
 * - What was listed with `versions` and deleted is gone for good. What was listed without is gone from `list` without
 *   `versions`; on a versioned bucket a delete marker and the versions stay.
 * - Deleting what is gone already is no failure, so `delete` may be repeated.
 *
 * Trouble is thrown as `JavumboError`: `unavailable`, or `not-found` for a bucket that does not exist.
 */
export interface ObjectVersions {
  /**
   * Page by page: the current objects whose keys begin with `prefix`; with `versions` also what lies beneath them, old
   * versions and delete markers. A store without versions has none.
   */
  list(prefix: string, options: { readonly versions: boolean }): AsyncIterable<readonly ObjectVersion[]>;

  /** Deletes what was listed, at most DELETE_BATCH_MAX at once, and returns what could not be deleted, with the reason. */
  delete(batch: readonly ObjectVersion[]): Promise<readonly DeleteFailure[]>;
}

export interface ObjectVersion {
  readonly key: string;
  readonly kind: 'object' | 'old-version' | 'delete-marker';
  /**
   * Names this version for good, except for "null", which on a bucket without versions is whatever is current. Undefined
   * where it was listed as the current object, whatever version that is.
   */
  readonly versionId: string | undefined;
  /** What was there when it was listed; undefined where nothing can be compared. */
  readonly etag: string | undefined;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

export interface DeleteFailure {
  readonly object: ObjectVersion;
  readonly reason: string;
}

/** S3 takes no more in one DeleteObjects. */
export const DELETE_BATCH_MAX = 1000;

/** Everything under a prefix, in one list. Throws `unavailable` where the store lists anything else. */
export async function listAll(
  objects: ObjectVersions,
  prefix: string,
  versions: boolean,
  onPage: (count: number) => void = () => {},
): Promise<ObjectVersion[]> {
  const all: ObjectVersion[] = [];
  for await (const page of objects.list(prefix, { versions })) {
    // What is listed here is deleted next. A server that does not know the parameter lists everything.
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
    all.push(...page);
    onPage(all.length);
  }
  return all;
}
