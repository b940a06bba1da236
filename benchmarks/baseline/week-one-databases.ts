import { createReadStream, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { statusOf } from '../../src/aws/errors.ts';
import type { Clock } from '../../src/core/clock.ts';
import { keyOf } from '../../src/core/username.ts';
import type { SqliteDatabase } from '../../src/sqlite/engine.ts';

/** The object changed between opening and closing; nothing of this connection was stored. */
export class WeekOneConflict extends Error {}

export interface WeekOneOptions {
  /** Made by src/aws/s3-client.ts, like the one it is compared with. */
  readonly client: S3Client;
  readonly bucket: string;
  /** The machine's `/tmp`. */
  readonly directory: string;
  /** The age up to which a cached file is opened without asking, in milliseconds; week 1: 300 s. */
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Fills a database that does not exist yet. */
  readonly createDatabase: (database: SqliteDatabase) => void;
}

interface CacheEntry {
  etag: string;
  timestamp: number;
}

/**
 * A reimplementation of week 1's Python prototype with Day 4's locking (docs/benchmarks-method.md): HEAD and GET on
 * opening unless the cached file is younger than the TTL; work in that file; on every close, even after a read, HEAD,
 * compare, PUT.
 *
 * Between that HEAD and PUT another machine can store: its update is then lost, though both were acknowledged. The
 * baseline exists to show this, so it is not fixed.
 *
 * It differs from the prototype's code, which deletes an entry past its TTL before the HEAD that could have found it
 * current, so the file is always downloaded again. Here, as the prototype's plan says, the HEAD saves the GET.
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
   * Runs `work` in a transaction on the user's database, which is created if missing, and uploads the file. Throws
   * `WeekOneConflict` if another machine has stored since, what `work` throws (nothing is uploaded then), and the SDK's
   * errors. Only one connection per user at a time.
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

  /** Returns the size of all cached files. */
  cachedBytes(): number {
    return [...this.#cache.keys()].reduce((sum, username) => sum + statSync(this.#pathOf(username)).size, 0);
  }

  /** Removes the least recently opened files down to that many bytes, like week 1's clean-up of `/tmp`. */
  cleanUp(bytesMax: number): void {
    let total = this.cachedBytes();
    for (const username of [...this.#cache.keys()].filter((name) => !this.#open.has(name))) {
      if (total <= bytesMax) return;
      total -= statSync(this.#pathOf(username)).size;
      this.#forget(username);
    }
  }

  /** Downloads the current file to `path` and returns its ETag, or undefined. */
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
      // The file holds refused changes: no one may read it again.
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
