/**
 * The port to wherever user databases are kept. One call is one request to the store (S3's makes a second one where it
 * must learn an engine's ways, and reports it), and no implementation retries: retrying-store.ts does, where every attempt can be
 * counted and every doubt settled.
 *
 * What each implementation swears to, and store-contract.ts checks:
 *
 * - `put` and `delete` compare and write in one atomic step. Of any number of puts and deletes on one base, one at most is
 *   accepted.
 * - `get` delivers one version whole, or throws. What it wrote to the destination before it threw is rubbish.
 * - After `committed`, every later `get`, `head` and `list`, from any process, sees that version or a later one.
 * - A version is opaque. Different bytes have different versions. Equal bytes may have equal versions, as on S3, so an
 *   equal version never proves who wrote it; write ids do.
 *
 * Trouble is thrown as `JavumboError`: `unavailable` when the request certainly changed nothing (`retryable` says
 * whether the same request can succeed later), `corrupt` when the store's own bookkeeping is broken.
 */
export interface DatabaseStore {
  /**
   * Copies a user's database into the file `destination`, which is created or overwritten.
   * With `ifVersionNot`, a store that still holds that version answers `not-modified` and leaves the file alone.
   */
  get(username: string, destination: string, options?: GetOptions): Promise<GetResult>;

  /** A user's database without its bytes; undefined where there is none, also where a tombstone is. */
  head(username: string): Promise<StoredDatabase | undefined>;

  /** The same request, which also tells a tombstone from nothing. */
  trace(username: string): Promise<Trace>;

  /** Stores the file `source` under a condition. The file must not change meanwhile. */
  put(username: string, source: string, options: PutOptions): Promise<PutOutcome>;

  /**
   * Removes exactly the version `ifVersion`, or without it whatever is there, tombstones too (for test data alone).
   *
   * Where the engine does not compare on DELETE (Ceph), a conditional put replaces that version by a tombstone instead.
   */
  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome>;

  /**
   * One page of the databases, ordered by the bytes of their keys: the first, or the one that `next` of a page names.
   * Tombstones are left out.
   */
  list(from?: string): Promise<ListPage>;
}

/** A store's opaque token for one state of one database, in printable ASCII without quotes or spaces. */
export type Version = string;

export interface GetOptions {
  readonly ifVersionNot?: Version | undefined;
}

export interface StoredDatabase {
  readonly version: Version;
  /** Write ids, newest first; empty when another program wrote it. See write-ids.ts. */
  readonly writes: readonly string[];
  readonly sizeBytes: number;
  /** When it was stored, by the store's clock, in milliseconds since 1970. */
  readonly lastModified: number;
  /** Of the content, as its writer knew it (content-digest.ts); undefined where another program wrote it. */
  readonly digest?: string | undefined;
}

/** What a delete leaves on an engine that does not compare on DELETE. It reads as "no such database". */
export interface Tombstone {
  readonly version: Version;
  /** The delete's own id first, then those of the version that it replaced. */
  readonly writes: readonly string[];
  readonly lastModified: number;
  /** Clean-up is about to remove it: nobody may write over it until it is gone. */
  readonly closing: boolean;
}

/** What is left of a user's database: itself, its tombstone, or nothing. */
export type Trace =
  | ({ readonly kind: 'database' } & StoredDatabase)
  | ({ readonly kind: 'tombstone' } & Tombstone)
  | { readonly kind: 'nothing' };

export type GetResult =
  | ({ readonly kind: 'found' } & StoredDatabase)
  | {
      readonly kind: 'not-modified';
      /** As in StoredDatabase, where the reply says it. */
      readonly lastModified?: number | undefined;
    }
  | { readonly kind: 'absent'; readonly tombstone?: Tombstone | undefined };

/** `absent`: only where the store holds nothing. Otherwise: only over exactly that version. */
export type PutCondition = { readonly kind: 'absent' } | { readonly kind: 'version'; readonly version: Version };

export interface PutOptions {
  readonly condition: PutCondition;
  /** Stored beside the bytes and returned by `get` and `head`: this write's id first, then its base's list. */
  readonly writes: readonly string[];
  /** As in StoredDatabase. */
  readonly digest?: string | undefined;
}

/**
 * How one conditional write ended.
 *
 * - `committed`: it is stored, and durable.
 * - `conflict`: the condition did not hold. `changed`: another version is there (or, for a create, any version);
 *   `deleted`: nothing is there any more. This copy of the request wrote nothing, and never will. Another copy may have
 *   landed, and be the reason: with `seen`, somebody looked and it did not; without, the caller must look for its own
 *   write id before it says so (settle, write-ids.ts).
 * - `unknown`: the request may have landed. An answer, not a failure.
 */
export type PutOutcome =
  | {
      readonly kind: 'committed';
      /** The version that holds this write: its own, or with `superseded` the later one that somebody wrote on top. */
      readonly version: Version;
      /** The reply was lost and others have written on top since: what was put is not the whole database any more. */
      readonly superseded?: boolean;
      /** As in StoredDatabase, where the reply says it. */
      readonly lastModified?: number | undefined;
    }
  | { readonly kind: 'conflict'; readonly reason: 'changed' | 'deleted'; readonly seen?: Trace | undefined }
  | { readonly kind: 'unknown'; readonly cause: Error };

export interface DeleteOptions {
  readonly ifVersion?: Version | undefined;
  /** What a tombstone carries: this delete's id first, then the list of the version that it removes. */
  readonly writes?: readonly string[] | undefined;
}

/**
 * `deleted`: nothing was left (S3 says so too when nothing was there before). `conflict`: another version is there, and
 * nothing was deleted. `unknown`: the request may have arrived. */
export type DeleteOutcome =
  | { readonly kind: 'deleted' | 'absent' | 'conflict' }
  | { readonly kind: 'unknown'; readonly cause: Error };

export interface ListPage {
  readonly databases: readonly ListedDatabase[];
  /** How many keys of this page name no user: somebody else's objects, or hand-made ones. */
  readonly foreignKeys: number;
  /** Where the next page begins; undefined on the last. */
  readonly next: string | undefined;
}

export interface ListedDatabase {
  readonly username: string;
  readonly version: Version;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** The database in a trace; undefined where it is deleted, or never was. */
export function databaseIn(seen: Trace): StoredDatabase | undefined {
  if (seen.kind !== 'database') return undefined;
  const { kind: _, ...stored } = seen;
  return stored;
}

/** All pages of a store's list, one request each. */
export async function* listPages(store: DatabaseStore): AsyncGenerator<ListPage> {
  let next: string | undefined;
  do {
    const page = await store.list(next);
    yield page;
    next = page.next;
  } while (next !== undefined);
}
