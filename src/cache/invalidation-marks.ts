import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFailure, namesIn } from '../core/cache-directory.ts';
import type { Clock, Moment } from '../core/clock.ts';
import { makeDirectory } from '../core/make-directory.ts';

// No request takes this long.
const MARK_AGE_MAX_MS = 3_600_000;

/**
 * Remembers when a user's entries were removed. A request that began earlier may deliver a version older than the
 * removed one, whose writer, on this machine, must not see it vanish; so what such a request delivers is not inserted.
 *
 * A mark is a time on the monotonic clock of one boot: no request outlives a boot, and that clock cannot be set.
 */
export class InvalidationMarks {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #boot: string;

  constructor(directory: string, clock: Clock, boot: string) {
    this.#directory = directory;
    this.#clock = clock;
    this.#boot = boot;
  }

  /** Call this before removing the entries, so that whoever inserts one afterwards finds the mark. */
  mark(username: string): void {
    try {
      makeDirectory(this.#directory);
      writeFileSync(join(this.#directory, username), `${this.#boot} ${this.#clock.monotonic()}`, { mode: 0o600 });
    } catch (error) {
      throw cacheFailure(this.#directory, error);
    }
  }

  /** True if the user was invalidated after that moment. */
  since(username: string, moment: Moment): boolean {
    const markedAt = this.#markedAt(username);
    return markedAt !== undefined && markedAt > moment.monotonic;
  }

  removeOldMarks(): void {
    for (const username of namesIn(this.#directory)) {
      const markedAt = this.#markedAt(username);
      const old = markedAt === undefined || this.#clock.monotonic() - markedAt > MARK_AGE_MAX_MS;
      if (old) rmSync(join(this.#directory, username), { force: true });
    }
  }

  /** Returns undefined without a mark of this boot. One in the future stems from an earlier, indistinguishable boot. */
  #markedAt(username: string): number | undefined {
    const path = join(this.#directory, username);
    // Checked first: marks are rare, and an exception is the slowest part.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
    // A mark being written by another process is briefly empty: as new as can be.
    if (text === '') return this.#clock.monotonic();
    const [boot, at] = text.split(' ');
    const markedAt = Number(at);
    return boot === this.#boot && markedAt <= this.#clock.monotonic() ? markedAt : undefined;
  }
}
