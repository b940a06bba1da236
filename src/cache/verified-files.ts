import type { CacheEntry } from './entry.ts';

type CachedFile = Pick<CacheEntry, 'path' | 'inode'>;

// A process that works on more users looks at some of them twice.
const VERIFIED_MAX = 10_000;

/** The cached files whose bytes a process has compared with what was stored: each is looked at once. */
export class VerifiedFiles {
  readonly #names = new Set<string>();

  has({ path, inode }: CachedFile): boolean {
    return this.#names.has(`${inode} ${path}`);
  }

  add({ path, inode }: CachedFile): void {
    if (this.#names.size >= VERIFIED_MAX) this.#names.clear();
    this.#names.add(`${inode} ${path}`);
  }
}
