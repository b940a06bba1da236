import { createReadStream, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { statusOf } from '../../src/aws/errors.ts';
import type { Clock } from '../../src/core/clock.ts';
import { keyOf } from '../../src/core/username.ts';
import type { SqliteDatabase } from '../../src/sqlite/engine.ts';

/** Somebody else changed the object between opening and closing; nothing of this connection was stored. */
export class WeekOneConflict extends Error {}

export interface WeekOneOptions {
  /** Made by src/aws/s3-client.ts, so that it differs from the one measured beside it in nothing. */
  readonly client: S3Client;
  readonly bucket: string;
  /** The machine's `/tmp`. */
  readonly directory: string;
  /** How old a cached file may be and still be opened without asking, in milliseconds; week 1: 300 s. */
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Makes the content of a database that does not exist yet. */
  readonly createDatabase: (database: SqliteDatabase) => void;
}

interface CacheEntry {
  etag: string;
  timestamp: number;
}

/**
 * The Python prototype with the locking of its fourth day, written anew (docs/benchmarks-method.md): HEAD and GET on opening
 * unless the cached file is younger than the TTL; work in that file; on every close, a read's too, HEAD, compare, PUT.
 *
 * Between that HEAD and that PUT another machine can store: its update is then lost, and both were acknowledged. That is
 * what the baseline is here to show, so it is not mended.
 *
 * One thing is done as its plan says and not as its code did: that deleted an entry past its TTL before the HEAD that could
 * have found it current, and so always downloaded the file again. Here the HEAD saves the GET.
 */
export class WeekOneDatabases {
  readonly #options: WeekOneOptions;
  /** Least recently opened first. */
  readonly #cache = new Map<string, CacheEntry>();
  readonly #open = new Set<string>();

  constructor(options: WeekOneOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  }

  /**
   * Runs `work` in a transaction on the user's database, which is made where there is none, and uploads the file.
   * Throws `WeekOneConflict` where another machine has stored since, what `work` throws (nothing is uploaded then), and
   * the SDK's errors. One connection to a user at a time.
   */
  async withConnection<T>(username: string, work: (database: SqliteDatabase) => T): Promise<T> {
    this.#open.add(username);
    try {
      return await this.#opened(username, work);
    } finally {
      this.#open.delete(username);
    }
  }

  async #opened<T>(username: string, work: (database: SqliteDatabase) => T): Promise<T> {
    const path = this.#pathOf(username);
    const base = await this.#download(username, path);
    const database = new Database(path);
    let value: T;
    try {
      if (base === undefined) this.#options.createDatabase(database);
      value = database.transaction(() => work(database))();
    } finally {
      database.close();
    }
    await this.#upload(username, path, base);
    return value;
  }

  /** The bytes of all cached files. */
  cachedBytes(): number {
    return [...this.#cache.keys()].reduce((sum, username) => sum + statSync(this.#pathOf(username)).size, 0);
  }

  /** Removes the files that were opened longest ago until at most that many bytes are left: week 1's clean-up of `/tmp`. */
  cleanUp(bytesMax: number): void {
    let total = this.cachedBytes();
    for (const username of [...this.#cache.keys()].filter((name) => !this.#open.has(name))) {
      if (total <= bytesMax) return;
      total -= statSync(this.#pathOf(username)).size;
      this.#forget(username);
    }
  }

  /** Leaves the current file at `path` and returns its ETag; undefined where the store has none. */
  async #download(username: string, path: string): Promise<string | undefined> {
    const { client, bucket, ttlMs, clock } = this.#options;
    const cached = existsSync(path) ? this.#cache.get(username) : undefined;
    if (cached !== undefined) {
      this.#cache.delete(username);
      this.#cache.set(username, cached);
      if (clock.monotonic() - cached.timestamp <= ttlMs) return cached.etag;
    }
    const current = await this.#head(username);
    if (current === undefined) {
      rmSync(path, { force: true });
      return undefined;
    }
    if (cached?.etag === current) {
      cached.timestamp = clock.monotonic();
      return current;
    }
    const reply = await client.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(username) }));
    writeFileSync(path, (await reply.Body?.transformToByteArray()) ?? '');
    return this.#remember(username, reply.ETag);
  }

  async #upload(username: string, path: string, base: string | undefined): Promise<void> {
    const { client, bucket } = this.#options;
    if (base !== undefined && (await this.#head(username)) !== base) {
      // The file holds changes that were refused: nobody may read it again.
      this.#forget(username);
      throw new WeekOneConflict(`"${username}" was modified by another process`);
    }
    const { size } = statSync(path);
    const body = createReadStream(path, { end: size - 1 });
    const reply = await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: keyOf(username), Body: body, ContentLength: size }),
    );
    this.#remember(username, reply.ETag);
  }

  async #head(username: string): Promise<string | undefined> {
    const { client, bucket } = this.#options;
    try {
      return (await client.send(new HeadObjectCommand({ Bucket: bucket, Key: keyOf(username) }))).ETag;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  #remember(username: string, etag: string | undefined): string {
    if (etag === undefined) throw new Error('the store answered without an ETag');
    this.#cache.delete(username);
    this.#cache.set(username, { etag, timestamp: this.#options.clock.monotonic() });
    return etag;
  }

  #forget(username: string): void {
    this.#cache.delete(username);
    rmSync(this.#pathOf(username), { force: true });
  }

  #pathOf(username: string): string {
    return join(this.#options.directory, `${username}.anki2`);
  }
}
