import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFailure, isDiskFull } from '../core/cache-directory.ts';
import type { Clock } from '../core/clock.ts';
import { codeOf, JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { makeWorkDirectory, orphanedWorkDirectories, type WorkDirectory } from './work-directory.ts';

/** The work directories of a cache: for working copies, and as a staging place for removals. */
export class WorkDirectories {
  readonly #parent: string;
  readonly #clock: Clock;
  readonly #random: Random;
  #swept = false;
  #taken = 0;

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

  /**
   * Removes a directory by renaming it first: removing it in place could race with another process that renames an
   * entry into it. `into`: a work directory that is released soon; a new one costs a write a millisecond.
   */
  takeAway(path: string, into?: WorkDirectory): void {
    if (!existsSync(path)) return;
    const work = into ?? this.#makeIfThereIsRoom();
    // A full disk has no room for another directory, and removing this one makes some.
    if (work === undefined) {
      rmSync(path, { recursive: true, force: true });
      return;
    }
    try {
      renameSync(path, join(work.path, `removed-${this.#taken++}`));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw cacheFailure(path, error);
    } finally {
      if (into === undefined) work.release();
    }
  }

  sweep(): void {
    this.#swept = true;
    for (const path of orphanedWorkDirectories(this.#parent, this.#clock)) {
      rmSync(path, { recursive: true, force: true });
    }
  }

  #makeIfThereIsRoom(): WorkDirectory | undefined {
    try {
      return this.make();
    } catch (error) {
      if (error instanceof JavumboError && isDiskFull(error.cause)) return undefined;
      throw error;
    }
  }
}
