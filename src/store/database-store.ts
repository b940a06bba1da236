import { JavumboError } from '../core/failure.ts';
import type { Content, DigestAlgorithm } from '../core/file.ts';

/**
 * The port to the store of user databases. One call is one request (S3's sends a second one while it learns an engine's
 * behaviour, and reports it). Implementations do not retry: retrying-store.ts does, where every attempt can be counted
 * and every doubt settled.
 *
 * Every implementation promises, and store-contract.ts checks:
 *
 * - `put` and `delete` compare and write in one atomic step. Of all puts and deletes on one base, at most one is
 *   accepted.
 * - `get` delivers one whole version, or throws. After a throw, the destination holds garbage.
 * - After `committed`, every later `get`, `head` and `list`, from any process, sees that version or a later one.
 * - A version is opaque. Different bytes have different versions. Equal bytes may have equal versions, as on S3, so an
 *   equal version never proves who wrote it; write ids do.
 *
 * Failures are thrown as `JavumboError`: `unavailable` if the request certainly changed nothing (`retryable` says
 * whether the same request can succeed later), `corrupt` if the store's own records are broken.
 */
export interface DatabaseStore {
  /** Which digest of the bytes `put` needs; undefined if none, or if nobody can save it the work. */
  readonly bodyDigest?: DigestAlgorithm | undefined;

  /**
   * Copies a user's database into the file `destination`, which is created or overwritten. If the store still holds the
   * version `ifVersionNot`, answers `not-modified` and leaves the file alone.
   */
  get(username: string, destination: string, options?: GetOptions): Promise<GetResult>;

  /** Describes a user's database; undefined if there is none, or a tombstone. */
  head(username: string): Promise<StoredDatabase | undefined>;

  /** Sends the same request as `head`, and distinguishes a tombstone from nothing. */
  trace(username: string, past?: Past): Promise<Trace>;

  /** Stores a database if `condition` holds. The file or the bytes must not change during the call. */
  put(username: string, source: Content, options: PutOptions): Promise<PutOutcome>;

  /**
   * Removes exactly the version `ifVersion`; without it, whatever is stored, tombstones too (only for test data).
   *
   * On an engine that does not compare on DELETE (Ceph), a conditional put replaces that version by a tombstone
   * instead.
   */
  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome>;

  /**
   * Returns a page of databases in the byte order of their keys, without tombstones: the first, or a page's `next`. With
   * `prefix`, only of users whose names begin so; the same for all pages of a list.
   */
  list(from?: string, prefix?: string): Promise<ListPage>;
}

/** A store's opaque token for one state of a database, in printable ASCII without quotes or spaces. */
export type Version = string;

/** Which state of a database is asked for; by default the current one. */
export interface Past {
  /** The id of a point in time (history/points.ts). A store without a history throws `internal`. */
  readonly point?: string | undefined;
}

export interface GetOptions extends Past {
  readonly ifVersionNot?: Version | undefined;
}

export interface StoredDatabase {
  readonly version: Version;
  /** Write ids, newest first; empty if another program wrote it. See write-ids.ts. */
  readonly writes: readonly string[];
  readonly sizeBytes: number;
  /** When it was stored, by the store's clock, in milliseconds since 1970. */
  readonly lastModified: number;
  /** The content digest from its writer (content-digest.ts); undefined if another program wrote it. */
  readonly digest?: string | undefined;
}

/** What a delete leaves on an engine that does not compare on DELETE. It reads as "no such database". */
export interface Tombstone {
  readonly version: Version;
  /** The delete's id, then those of the version it replaced. */
  readonly writes: readonly string[];
  readonly lastModified: number;
  /** Clean-up is about to remove it: no one may write over it until it is gone. */
  readonly closing: boolean;
}

/** What a key holds: a database, its tombstone, or nothing. */
export type Trace =
  | ({ readonly kind: 'database' } & StoredDatabase)
  | ({ readonly kind: 'tombstone' } & Tombstone)
  | { readonly kind: 'nothing' };

export type GetResult =
  | ({ readonly kind: 'found' } & StoredDatabase)
  | {
      readonly kind: 'not-modified';
      /** As in StoredDatabase, if the reply says it. */
      readonly lastModified?: number | undefined;
    }
  | { readonly kind: 'absent'; readonly tombstone?: Tombstone | undefined };

/** `absent`: only if nothing is stored. `version`: only over exactly that version. */
export type PutCondition = { readonly kind: 'absent' } | { readonly kind: 'version'; readonly version: Version };

export interface PutOptions {
  readonly condition: PutCondition;
  /** This write's id, then its base's list. Stored with the bytes and returned by `get` and `head`. */
  readonly writes: readonly string[];
  /** As in StoredDatabase. */
  readonly digest?: string | undefined;
  /** The digest of exactly these bytes that `bodyDigest` asks for. By default, or if it is another one, `put` computes it. */
  readonly body?: BodyDigest | undefined;
}

export interface BodyDigest {
  readonly algorithm: DigestAlgorithm;
  /** In hexadecimal. */
  readonly hex: string;
}

/**
 * How one conditional write ended.
 *
 * - `committed`: it is stored durably.
 * - `conflict`: the condition did not hold. `changed`: another version is stored (for a create, any version);
 *   `deleted`: nothing is stored any more. This copy of the request wrote nothing and never will, but another copy may
 *   have landed and be the reason. With `seen`, that was checked and it did not; without, the caller must look for its
 *   own write id before it reports a conflict (settle, write-ids.ts).
 * - `unknown`: the request may have landed. This is an answer, not a failure.
 */
export type PutOutcome =
  | {
      readonly kind: 'committed';
      /** The version that contains this write: its own, or with `superseded` a later one. */
      readonly version: Version;
      /** The reply was lost and others have written on top since, so this write is no longer the whole database. */
      readonly superseded?: boolean;
      /** As in StoredDatabase, if the reply says it. */
      readonly lastModified?: number | undefined;
    }
  | { readonly kind: 'conflict'; readonly reason: 'changed' | 'deleted'; readonly seen?: Trace | undefined }
  | { readonly kind: 'unknown'; readonly cause: Error };

export interface DeleteOptions {
  readonly ifVersion?: Version | undefined;
  /** What a tombstone carries: this delete's id, then the list of the version it removes. */
  readonly writes?: readonly string[] | undefined;
}

/**
 * `deleted`: nothing is left (S3 says so even if nothing was there before). `conflict`: another version is stored and
 * nothing was deleted. `unknown`: the request may have arrived.
 */
export type DeleteOutcome =
  | { readonly kind: 'deleted' | 'absent' | 'conflict' }
  | { readonly kind: 'unknown'; readonly cause: Error };

export interface ListPage {
  readonly databases: readonly ListedDatabase[];
  /** The number of keys on this page that name no user: objects of other programs or made by hand. */
  readonly foreignKeys: number;
  /** The argument for the next page; undefined on the last. */
  readonly next: string | undefined;
}

export interface ListedDatabase {
  readonly username: string;
  readonly version: Version;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** Returns the database in a trace, or undefined. */
export function databaseIn(seen: Trace): StoredDatabase | undefined {
  if (seen.kind !== 'database') return undefined;
  const { kind: _, ...stored } = seen;
  return stored;
}

/** Yields all pages of a store's list, one request each: of all users, or of those whose names begin so. */
export async function* listPages(store: DatabaseStore, prefix = ''): AsyncGenerator<ListPage> {
  const before = new Set<string>();
  let next: string | undefined;
  do {
    const page = await store.list(next, prefix);
    yield page;
    next = page.next;
    // A server that repeats itself would be asked for ever, and one that breaks off would hide databases.
    if (next === '' || (next !== undefined && before.has(next))) {
      throw new JavumboError('unavailable', 'the list of databases does not say how it goes on', {
        try: 'javumbo doctor, or another --endpoint-url',
      });
    }
    if (next !== undefined) before.add(next);
  } while (next !== undefined);
}
