import type { CacheEntry } from './entry.ts';

type CachedFile = Pick<CacheEntry, 'path' | 'inode'>;

// Beyond this, a process checks some files twice.
const VERIFIED_MAX = 10_000;

/** The cached files that a process has checked against their digests, once each. */
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
