import {
  type CacheFile,
  type CacheFilesOptions,
  filesToRemove,
  listCacheFiles,
  removeCacheFiles,
} from '../cleanup/cache-files.ts';

/** What is left in a container's /tmp after each call: nothing that was not used for an hour, and at most 1,500 MB. */
export const KEPT_FILES = { ageMaxMs: 3_600_000, bytesMax: 1_500_000_000 } as const;

export interface Cleaned {
  readonly deletedCount: number;
  readonly deletedBytes: number;
}

/** The cached databases of one container. Nobody else works in its /tmp, so what was seen there once is known. */
export class TemporaryFiles {
  readonly #root: string;
  readonly #options: CacheFilesOptions;
  /** When the first of the files that were there becomes too old; undefined: nobody has looked yet. */
  #dueAt: number | undefined;
  /** How much was there, and what can have come since. */
  #bytesAtMost = 0;

  constructor(root: string, options: CacheFilesOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** Least recently used first. */
  list(): CacheFile[] {
    return listCacheFiles(this.#root, this.#options.clock);
  }

  /**
   * Removes what the limits do not allow. Looks only when something can be over them: a look at thousands of files takes as
   * long as a request. `transferredBytes`: what the call brought or sent, all of which may have stayed.
   */
  cleanAfterCall(transferredBytes: number): Cleaned {
    this.#bytesAtMost += transferredBytes;
    const isDue = this.#dueAt === undefined || this.#options.clock.now() > this.#dueAt;
    if (!isDue && this.#bytesAtMost <= KEPT_FILES.bytesMax) return { deletedCount: 0, deletedBytes: 0 };
    return this.clean();
  }

  /** Removes what the limits do not allow, or with `everything` all that nobody works on. */
  clean({ everything = false }: { readonly everything?: boolean } = {}): Cleaned {
    const now = this.#options.clock.now();
    const files = this.list();
    const removed = filesToRemove(files, { ...KEPT_FILES, always: () => everything }, now);
    removeCacheFiles(removed, this.#options);
    const kept = files.filter((file) => !removed.includes(file));
    const lastUsed = kept.map(({ lastUsedAt }) => lastUsedAt);
    // A file that comes later becomes too old later.
    this.#dueAt = Math.min(now, ...lastUsed) + KEPT_FILES.ageMaxMs;
    this.#bytesAtMost = bytesOf(kept);
    return { deletedCount: removed.length, deletedBytes: bytesOf(removed) };
  }
}

function bytesOf(files: readonly CacheFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
