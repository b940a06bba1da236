import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { CacheEntry } from './entry.ts';
import type { InvalidationMarks } from './invalidation-marks.ts';

export interface CacheLimits {
  readonly bytesMax: number;
  /** The age since last use, in milliseconds. */
  readonly ageMaxMs: number;
}

// Week 1 (the prototype) leaves 1,500 MB of Lambda's 2,048 MB of /tmp.
export const DEFAULT_CACHE_LIMITS: CacheLimits = { bytesMax: 1_500_000_000, ageMaxMs: 7 * 24 * 3_600_000 };

const SCAN_INTERVAL_MS = 60_000;

export interface CacheEvictionsOptions {
  /** The cache directory of the deployment. */
  readonly directory: string;
  readonly clock: Clock;
  readonly limits: CacheLimits;
  readonly marks: InvalidationMarks;
  /** Reads all entries, least recently used first. */
  readonly scan: () => CacheScan;
  readonly remove: (path: string) => void;
}

export interface CacheScan {
  readonly entries: readonly CacheEntry[];
  /** The directories of entries that nobody can read: a power cut leaves some. */
  readonly torn: readonly string[];
}

/** Decides which entries an insertion evicts. */
export class CacheEvictions {
  readonly #options: CacheEvictionsOptions;
  #insertedBytes = 0;

  constructor(options: CacheEvictionsOptions) {
    this.#options = options;
  }

  /** Removes what the entry replaces, the directories `replaced`, and now and then what exceeds the limits, but never `inserted`. */
  makeRoom(inserted: CacheEntry, replaced: readonly string[]): void {
    try {
      this.#removeWhatIsTooMuch(inserted, replaced);
    } catch {
      // The entry was inserted, which is what matters; the next insertion tries again.
    }
  }

  #removeWhatIsTooMuch(inserted: CacheEntry, replaced: readonly string[]): void {
    const { clock, limits, marks, scan, remove } = this.#options;
    for (const directory of replaced) remove(directory);
    this.#insertedBytes += inserted.sizeBytes;
    if (!this.#scanIsDue()) return;
    marks.removeOldMarks();
    const { entries, torn } = scan();
    for (const directory of torn) {
      // One that another process is removing just now looks torn.
      const changedAt = statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? clock.now();
      if (clock.now() - changedAt > SCAN_INTERVAL_MS) remove(directory);
    }
    const all = entries.filter((entry) => entry.directory !== inserted.directory);
    let total = all.reduce((sum, entry) => sum + entry.sizeBytes, inserted.sizeBytes);
    for (const entry of all) {
      const expired = clock.now() - entry.usedAt > limits.ageMaxMs;
      if (!expired && total <= limits.bytesMax) continue;
      marks.mark(entry.username);
      remove(entry.directory);
      total -= entry.sizeBytes;
    }
  }

  /**
   * With thousands of entries a scan takes as long as a request, so it runs once a minute, in whichever process comes
   * by, and after this one has added a twentieth of the limit.
   */
  #scanIsDue(): boolean {
    const { directory, clock, limits } = this.#options;
    const marker = join(directory, 'scanned');
    const scannedAt = statSync(marker, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const age = clock.now() - scannedAt;
    if (age >= 0 && age < SCAN_INTERVAL_MS && this.#insertedBytes < limits.bytesMax / 20) return false;
    this.#insertedBytes = 0;
    writeFileSync(marker, '', { mode: 0o600 });
    utimesSync(marker, clock.now() / 1000, clock.now() / 1000);
    return true;
  }
}
