import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { namesIn } from './cache-directory.ts';

// No request lasts as long.
const MARK_AGE_MAX_MS = 3_600_000;

/**
 * Remembers when what the cache knew of a user was removed. A request that began before that may bring an older version
 * than the one that was removed, and whoever wrote that one, on this machine, must not see it vanish: what such a request
 * brings is not admitted. Found by the simulation: a slow GET beside a conflict of another process.
 */
export class ForgottenUsers {
  readonly #directory: string;
  readonly #clock: Clock;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** To be called before the entries go, so that whoever renames one in afterwards finds the mark. */
  mark(username: string): void {
    const now = this.#clock.now() / 1000;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#directory, username), '', { mode: 0o600 });
    utimesSync(join(this.#directory, username), now, now);
  }

  /** Whether the user was forgotten after that moment, in milliseconds since 1970. */
  since(username: string, moment: number): boolean {
    return Math.round(this.#markedAt(username)) > moment;
  }

  removeOldMarks(): void {
    for (const username of namesIn(this.#directory)) {
      const old = this.#clock.now() - this.#markedAt(username) > MARK_AGE_MAX_MS;
      if (old) rmSync(join(this.#directory, username), { force: true });
    }
  }

  #markedAt(username: string): number {
    return statSync(join(this.#directory, username), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }
}
