import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { type CacheEntry, refreshed } from './entry.ts';
import type { InvalidationMarks } from './invalidation-marks.ts';

export interface CacheLimits {
  readonly bytesMax: number;
  /** The age since last use, in milliseconds. */
  readonly ageMaxMs: number;
}

// Week 1 (the prototype) leaves 1,500 MB of Lambda's 2,048 MB of /tmp.
export const DEFAULT_CACHE_LIMITS: CacheLimits = { bytesMax: 1_500_000_000, ageMaxMs: 7 * 24 * 3_600_000 };

const SCAN_INTERVAL_MS = 60_000;

// Of a tenth of a millisecond each. Most caches have fewer: for them, an insertion returns when everything is done.
const FIRST_SLICE_STEPS = 500;
const SLICE_STEPS = 100;

export interface CacheEvictionsOptions {
  /** The cache directory of the deployment. */
  readonly directory: string;
  readonly clock: Clock;
  readonly limits: CacheLimits;
  readonly marks: InvalidationMarks;
  /** Reads all entries, least recently used first; yields after each. */
  readonly scan: () => Generator<void, CacheScan>;
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
  #next: NodeJS.Immediate | undefined;
  /** What changed while a scan was going on, and is yet to be counted. */
  #meanwhile: { readonly inserted: CacheEntry; readonly replaced: readonly string[] }[] = [];

  constructor(options: CacheEvictionsOptions) {
    this.#options = options;
  }

  /**
   * Removes what the entry replaces, the directories `replaced`, and now and then what exceeds the limits, but never
   * `inserted`. With many entries that goes on afterwards, in slices between which other work has its turn.
   */
  makeRoom(inserted: CacheEntry, replaced: readonly string[]): void {
    try {
      for (const directory of replaced) this.#options.remove(directory);
      this.#insertedBytes += inserted.sizeBytes;
      if (this.#next !== undefined) this.#meanwhile.push({ inserted, replaced });
      if (this.#next !== undefined || !this.#scanIsDue()) return;
      this.#meanwhile = [];
    } catch {
      // The entry was inserted, which is what matters; the next insertion tries again.
      return;
    }
    this.#goOn(this.#removeWhatIsTooMuch(inserted), FIRST_SLICE_STEPS);
  }

  /** Stops what is still going on. Another insertion begins anew. */
  close(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
  }

  #goOn(steps: Generator<void, void>, count: number): void {
    this.#next = undefined;
    try {
      for (let step = 0; step < count; step++) if (steps.next().done === true) return;
      this.#next = setImmediate(() => this.#goOn(steps, SLICE_STEPS));
    } catch {
      // As above.
    }
  }

  *#removeWhatIsTooMuch(inserted: CacheEntry): Generator<void, void> {
    const { clock, limits, marks, scan, remove } = this.#options;
    marks.removeOldMarks();
    const { entries, torn } = yield* scan();
    for (const directory of torn) {
      // One that another process is removing just now looks torn.
      const changedAt = statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? clock.now();
      if (clock.now() - changedAt > SCAN_INTERVAL_MS) remove(directory);
      yield;
    }
    const sizes = new Map([...entries, inserted].map(({ directory, sizeBytes }) => [directory, sizeBytes]));
    let total = [...sizes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    const spared = new Set([inserted.directory]);
    for (const entry of entries) {
      // Not only what the scan saw takes space, and not all of that still does.
      for (const { inserted: added, replaced } of this.#meanwhile.splice(0)) {
        for (const directory of replaced) total -= taken(sizes, directory);
        total += added.sizeBytes - taken(sizes, added.directory);
        spared.add(added.directory);
      }
      if (spared.has(entry.directory) || !sizes.has(entry.directory)) continue;
      const expired = clock.now() - entry.usedAt > limits.ageMaxMs;
      if (!expired && total <= limits.bytesMax) continue;
      total -= entry.sizeBytes;
      // It may have been replaced since it was read.
      if (refreshed(entry) !== undefined) {
        marks.mark(entry.username);
        remove(entry.directory);
      }
      yield;
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

/** Takes the size of what is in that directory out of the sizes, and returns it. */
function taken(sizes: Map<string, number>, directory: string): number {
  const size = sizes.get(directory) ?? 0;
  sizes.delete(directory);
  return size;
}
