import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { s3Error } from './error.ts';

/** What a client stores, without the bucket's own facts. */
export interface ObjectContent {
  readonly body: Buffer;
  /** Without quotes. */
  readonly etag: string;
  /** User metadata, with lower-case names without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType: string;
  /** Checksum headers as sent, such as `x-amz-checksum-crc32`. */
  readonly checksums: Readonly<Record<string, string>>;
}

interface VersionFacts {
  readonly key: string;
  /** The word `null` if written while versioning was not enabled. */
  readonly versionId: string;
  /** Ascending in the whole bucket: a listing can continue after a version that is gone. */
  readonly sequence: number;
  /** Milliseconds since 1970, in whole seconds like S3. */
  readonly lastModified: number;
}

export interface StoredObject extends VersionFacts, ObjectContent {
  readonly deleteMarker: false;
}

export interface DeleteMarker extends VersionFacts {
  readonly deleteMarker: true;
}

export type StoredVersion = StoredObject | DeleteMarker;

/** Absent if versioning was never set. */
export type Versioning = 'Enabled' | 'Suspended';

/** Returns the sequence number in one of this server's version ids; `undefined` for `null` and foreign ids. */
export function sequenceOfVersionId(versionId: string): number | undefined {
  return /^[0-9a-f]{28}$/.test(versionId) ? Number.parseInt(versionId.slice(0, 12), 16) : undefined;
}

/** A bucket: keys with their versions, newest first. Every method is synchronous, so check-then-write is atomic. */
export class Bucket {
  readonly name: string;
  readonly createdAt: number;
  versioning: Versioning | undefined;
  readonly #versions = new Map<string, StoredVersion[]>();
  readonly #clock: Clock;
  readonly #random: Random;
  #sequence = 0;
  #sortedKeys: readonly string[] | undefined;

  constructor(name: string, clock: Clock, random: Random) {
    this.name = name;
    this.createdAt = clock.now();
    this.#clock = clock;
    this.#random = random;
  }

  /** Every key with a version or delete marker, in UTF-8 byte order like S3. */
  keys(): readonly string[] {
    this.#sortedKeys ??= [...this.#versions.keys()]
      .map((key) => Buffer.from(key))
      .sort(Buffer.compare)
      .map(String);
    return this.#sortedKeys;
  }

  /** Newest first; empty for an unknown key. */
  versionsOf(key: string): readonly StoredVersion[] {
    return this.#versions.get(key) ?? [];
  }

  /** The newest version, delete marker or not. */
  latest(key: string): StoredVersion | undefined {
    return this.#versions.get(key)?.[0];
  }

  /** What a plain GET finds; undefined for nothing or a delete marker. */
  current(key: string): StoredObject | undefined {
    const latest = this.latest(key);
    return latest === undefined || latest.deleteMarker ? undefined : latest;
  }

  put(key: string, content: ObjectContent): StoredObject {
    const stored: StoredObject = { ...this.#facts(key), ...content, deleteMarker: false };
    this.#insert(stored);
    return stored;
  }

  /**
   * Deletes. With a version id that version is gone for good; without one a versioned bucket gets a delete marker and
   * an unversioned one loses the object. Deleting nothing is no error, as on S3.
   */
  delete(key: string, versionId?: string): { versionId: string | undefined; deleteMarker: boolean } {
    if (versionId !== undefined) {
      const removed = this.#remove(key, versionId);
      return { versionId, deleteMarker: removed?.deleteMarker ?? false };
    }
    if (this.versioning === undefined) {
      this.#remove(key, 'null');
      return { versionId: undefined, deleteMarker: false };
    }
    const marker: DeleteMarker = { ...this.#facts(key), deleteMarker: true };
    this.#insert(marker);
    return { versionId: marker.versionId, deleteMarker: true };
  }

  #facts(key: string): VersionFacts {
    this.#sequence += 1;
    const ordered = this.#sequence.toString(16).padStart(12, '0');
    return {
      key,
      versionId: this.versioning === 'Enabled' ? ordered + this.#random.hex(8) : 'null',
      sequence: this.#sequence,
      lastModified: Math.floor(this.#clock.now() / 1000) * 1000,
    };
  }

  #insert(version: StoredVersion): void {
    // There is at most one `null` version: a write without versioning replaces it.
    if (version.versionId === 'null') this.#remove(version.key, 'null');
    const versions = this.#versions.get(version.key);
    if (versions === undefined) {
      this.#versions.set(version.key, [version]);
      this.#sortedKeys = undefined;
    } else {
      versions.unshift(version);
    }
  }

  #remove(key: string, versionId: string): StoredVersion | undefined {
    const versions = this.#versions.get(key) ?? [];
    const index = versions.findIndex((version) => version.versionId === versionId);
    if (index < 0) return undefined;
    const [removed] = versions.splice(index, 1);
    if (versions.length === 0) {
      this.#versions.delete(key);
      this.#sortedKeys = undefined;
    }
    return removed;
  }
}

export class Buckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  all(): Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  has(name: string): boolean {
    return this.#buckets.has(name);
  }

  /** Throws NoSuchBucket. */
  get(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw s3Error('NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  create(name: string): Bucket {
    const bucket = new Bucket(name, this.#clock, this.#random);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Throws BucketNotEmpty while anything is left, including old versions and delete markers. */
  delete(name: string): void {
    if (this.get(name).keys().length > 0) {
      throw s3Error('BucketNotEmpty', 'The bucket you tried to delete is not empty');
    }
    this.#buckets.delete(name);
  }
}
