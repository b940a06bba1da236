import {
  close,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import type { Clock } from '../core/clock.ts';
import { codeOf, JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { makeWorkDirectory, orphanedWorkDirectories, removeOrphan, type WorkDirectory } from './work-directory.ts';

// To free the blocks of 200 MB takes up to 180 ms. (benchmarks/results/one-row-write-before-and-after.md)
const SLOW_BYTES_MIN = 8 * 1024 * 1024;

/** The work directories of a cache: for working copies, and as a staging place for removals. */
export class WorkDirectories {
  readonly #parent: string;
  readonly #clock: Clock;
  readonly #random: Random;
  #swept = false;
  #taken = 0;
  #staging: WorkDirectory | undefined;
  /** An empty directory in it: what held an entry that was taken away can hold the next one. */
  #spare: string | undefined;
  #freeing: Promise<unknown> | undefined;

  constructor(cache: string, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#parent = join(cache, 'work');
    this.#clock = clock;
    this.#random = random;
  }

  /** Creates a work directory. The first call also removes those of dead processes. */
  make(): WorkDirectory {
    try {
      if (!this.#swept) this.sweep();
      return makeWorkDirectory(this.#parent, this.#random);
    } catch (error) {
      throw cacheFailure(this.#parent, error);
    }
  }

  /** Returns an empty directory, for an entry that is put together and renamed into place. */
  emptyDirectory(): string {
    const staging = this.#inStaging();
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) return spare;
    const path = join(staging.path, `entry-${this.#taken++}`);
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /**
   * Returns the work directory that this process keeps until `close`, for what is put together and taken apart in one
   * go: making one each time would take as long as that.
   */
  #inStaging(): WorkDirectory {
    // A cleaner of /tmp may have removed it.
    if (this.#staging === undefined || !existsSync(this.#staging.path)) {
      this.#spare = undefined;
      this.#staging = this.make();
    }
    return this.#staging;
  }

  close(): void {
    this.#staging?.release();
    this.#staging = undefined;
    this.#spare = undefined;
  }

  /**
   * Removes a directory by renaming it first: removing it in place could race with another process that renames an
   * entry into it. `later`: the space of its large files is free once `freed` resolves.
   */
  takeAway(path: string, space: 'now' | 'later' = 'now'): void {
    if (!existsSync(path)) return;
    const staging = this.#stagingIfThereIsRoom();
    // A full disk has no room for another directory, and removing this one makes some.
    if (staging === undefined) {
      rmSync(path, { recursive: true, force: true });
      return;
    }
    const removed = join(staging.path, `removed-${this.#taken++}`);
    try {
      renameSync(path, removed);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw cacheFailure(path, error);
      // Either is gone: the directory, or, if a cleaner of /tmp was here, the one that it was to go to.
      if (existsSync(path)) rmSync(path, { recursive: true, force: true });
      return;
    }
    this.#empty(removed, space === 'now' ? unlinkSync : this.#unlink);
  }

  /** Takes back a directory in the staging place, with what is in it. */
  giveBack(path: string): void {
    this.#empty(path, unlinkSync);
  }

  /** Resolves once the space of all that was taken away is free. */
  async freed(): Promise<void> {
    await this.#freeing;
  }

  #empty(path: string, unlink: (file: string) => void): void {
    if (!emptied(path, unlink)) rmSync(path, { recursive: true, force: true });
    else if (this.#spare === undefined) this.#spare = path;
    else rmdirSync(path);
  }

  /** Removes a name. The blocks of a large file are freed by another thread, which closes it last. */
  readonly #unlink = (file: string): void => {
    if (statSync(file).size < SLOW_BYTES_MIN) {
      unlinkSync(file);
      return;
    }
    const descriptor = openSync(file, 'r');
    try {
      unlinkSync(file);
    } finally {
      const closed = new Promise<void>((resolve) => close(descriptor, () => resolve()));
      this.#freeing = Promise.all([this.#freeing, closed]);
    }
  };

  sweep(): void {
    this.#swept = true;
    for (const path of orphanedWorkDirectories(this.#parent, this.#clock)) removeOrphan(path);
  }

  #stagingIfThereIsRoom(): WorkDirectory | undefined {
    try {
      return this.#inStaging();
    } catch (error) {
      if (error instanceof JavumboError && isDiskFull(error.cause)) return undefined;
      throw error;
    }
  }
}

/** Removes the files in a directory of a former entry. Returns false if it holds anything else. */
function emptied(path: string, unlink: (file: string) => void): boolean {
  try {
    for (const name of readdirSync(path)) unlink(join(path, name));
    return true;
  } catch {
    return false;
  }
}
