import {
  type CacheFile,
  type CacheFilesOptions,
  filesToRemove,
  listCacheFiles,
  removeCacheFiles,
} from '../cleanup/cache-files.ts';

/** What stays in a container's /tmp after each call: what was used within the hour, and at most 1,500 MB. */
export const KEPT_FILES = { ageMaxMs: 3_600_000, bytesMax: 1_500_000_000 } as const;

export interface Cleaned {
  readonly deletedCount: number;
  readonly deletedBytes: number;
}

/** The cached databases of one container. No one else uses its /tmp, so earlier observations stay valid. */
export class TemporaryFiles {
  readonly #root: string;
  readonly #options: CacheFilesOptions;
  /** When the first known file becomes too old; undefined before the first look. */
  #dueAt: number | undefined;
  /** The size at the last look, plus what may have been added since. */
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
   * Removes what exceeds the limits. Looks only if something can: with thousands of files a look takes as long as a
   * request. `transferredBytes`: what the call sent or received, all of which may have stayed.
   */
  cleanAfterCall(transferredBytes: number): Cleaned {
    this.#bytesAtMost += transferredBytes;
    const isDue = this.#dueAt === undefined || this.#options.clock.now() > this.#dueAt;
    if (!isDue && this.#bytesAtMost <= KEPT_FILES.bytesMax) return { deletedCount: 0, deletedBytes: 0 };
    return this.clean();
  }

  /** Removes what exceeds the limits, or with `everything` all unused files. */
  clean({ everything = false }: { readonly everything?: boolean } = {}): Cleaned {
    const now = this.#options.clock.now();
    const files = this.list();
    const removed = filesToRemove(files, { ...KEPT_FILES, always: () => everything }, now);
    removeCacheFiles(removed, this.#options);
    const kept = files.filter((file) => !removed.includes(file));
    const lastUsed = kept.map(({ lastUsedAt }) => lastUsedAt);
    // A file added later becomes too old later.
    this.#dueAt = Math.min(now, ...lastUsed) + KEPT_FILES.ageMaxMs;
    this.#bytesAtMost = bytesOf(kept);
    return { deletedCount: removed.length, deletedBytes: bytesOf(removed) };
  }
}

function bytesOf(files: readonly CacheFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
