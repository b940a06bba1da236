import { foldCase, normalizedPath } from './text.ts';

export interface CanonicalTags {
  /** In the order and spelling that the note stores. */
  readonly tags: readonly string[];
  /** Those that are new to the collection. */
  readonly added: readonly string[];
}

/** Registered tags by their levels, so that the nearest parent of a tag is found in one walk along it. */
class TagTree {
  readonly #levels = new Map<string, TagTree>();
  #tag: string | undefined;

  add(tag: string): void {
    let level: TagTree = this;
    for (const part of tag.split('::')) {
      const key = foldCase(part);
      const next = level.#levels.get(key) ?? new TagTree();
      level.#levels.set(key, next);
      level = next;
    }
    level.#tag = tag;
  }

  /** Spells the tag's beginning like its nearest registered parent. */
  likeItsParent(tag: string): string {
    const parts = tag.split('::');
    let level: TagTree | undefined = this;
    let nearest: [string, number] | undefined;
    for (let length = 1; length < parts.length && level !== undefined; length += 1) {
      level = level.#levels.get(foldCase(parts[length - 1] ?? ''));
      if (level !== undefined && level.#tag !== undefined) nearest = [level.#tag, length];
    }
    return nearest === undefined ? tag : [nearest[0], ...parts.slice(nearest[1])].join('::');
  }
}

/** The tags of a collection, which new ones join. */
export class TagRegister {
  readonly #known: Map<string, string>;
  readonly #tree = new TagTree();
  /** Those that were not registered before. */
  readonly added: string[] = [];

  constructor(registered: Iterable<string>) {
    this.#known = new Map(Array.from(registered, (tag) => [foldCase(tag), tag]));
    for (const tag of this.#known.values()) this.#tree.add(tag);
  }

  /**
   * Returns tags as Anki stores them: split at spaces, normalised, spelt as in the collection, unique, sorted without
   * regard to case. Source: rslib/src/tags/register.rs (`canonify_tags`).
   */
  canonical(given: readonly string[]): string[] {
    const tags = new Map<string, string>();
    for (const part of given.flatMap((tag) => tag.split(/[ \u3000]/)).filter((tag) => tag !== '')) {
      const normalized = normalizedPath(part);
      let tag = this.#known.get(foldCase(normalized));
      if (tag === undefined) {
        tag = this.#tree.likeItsParent(normalized);
        this.#known.set(foldCase(tag), tag);
        this.#tree.add(tag);
        this.added.push(tag);
      }
      tags.set(foldCase(tag), tag);
    }
    const sorted = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([, tag]) => tag);
  }
}

/** Returns tags as a collection stores them, with those that are new to it. */
export function canonicalTags(given: readonly string[], registered: Iterable<string>): CanonicalTags {
  const register = new TagRegister(registered);
  return { tags: register.canonical(given), added: register.added };
}

/** Returns the column `notes.tags`: a space on both sides, so that ` tag ` can be searched; empty without tags. */
export function joinedTags(tags: readonly string[]): string {
  return tags.length === 0 ? '' : ` ${tags.join(' ')} `;
}
