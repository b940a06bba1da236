import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFailure, namesIn } from '../core/cache-directory.ts';
import type { Clock, Moment } from '../core/clock.ts';

// No request lasts as long.
const MARK_AGE_MAX_MS = 3_600_000;

/**
 * Remembers when what the cache knew of a user was removed. A request that began before that may bring an older version
 * than the one that was removed, and whoever wrote that one, on this machine, must not see it vanish: what such a request
 * brings is not inserted.
 *
 * A mark is a moment on the monotonic clock of one boot: no request outlives a boot, and nobody can set that clock.
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

  /** To be called before the entries go, so that whoever renames one in afterwards finds the mark. */
  mark(username: string): void {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      writeFileSync(join(this.#directory, username), `${this.#boot} ${this.#clock.monotonic()}`, { mode: 0o600 });
    } catch (error) {
      throw cacheFailure(this.#directory, error);
    }
  }

  /** Whether the user was invalidated after that moment. */
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

  /** Undefined where there is no mark of this boot; one in its future was made before a boot that nobody could tell. */
  #markedAt(username: string): number | undefined {
    const path = join(this.#directory, username);
    // Asked first, for there seldom is one, and an error costs more than all the rest.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
    // A mark that another process is writing just now is empty for a moment: as new as can be.
    if (text === '') return this.#clock.monotonic();
    const [boot, at] = text.split(' ');
    const markedAt = Number(at);
    return boot === this.#boot && markedAt <= this.#clock.monotonic() ? markedAt : undefined;
  }
}
