import { foldCase, normalizedPath } from './text.ts';

export interface CanonicalTags {
  /** In the order and spelling that the note stores. */
  readonly tags: readonly string[];
  /** Those that are new to the collection. */
  readonly added: readonly string[];
}

/** Spells the tag's beginning like its nearest registered parent. */
function likeItsParent(tag: string, registered: ReadonlyMap<string, string>): string {
  const parts = tag.split('::');
  for (let length = parts.length - 1; length > 0; length -= 1) {
    const parent = registered.get(foldCase(parts.slice(0, length).join('::')));
    if (parent !== undefined) return [parent, ...parts.slice(length)].join('::');
  }
  return tag;
}

/**
 * Returns tags as Anki stores them: split at spaces, normalised, spelt as in the collection, unique, sorted without
 * regard to case. Source: rslib/src/tags/register.rs (`canonify_tags`).
 */
export function canonicalTags(given: readonly string[], registered: Iterable<string>): CanonicalTags {
  const known = new Map(Array.from(registered, (tag) => [foldCase(tag), tag]));
  const added: string[] = [];
  const tags = new Map<string, string>();
  for (const part of given.flatMap((tag) => tag.split(/[ \u3000]/)).filter((tag) => tag !== '')) {
    const normalized = normalizedPath(part);
    let tag = known.get(foldCase(normalized));
    if (tag === undefined) {
      tag = likeItsParent(normalized, known);
      known.set(foldCase(tag), tag);
      added.push(tag);
    }
    tags.set(foldCase(tag), tag);
  }
  const sorted = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
  return { tags: sorted.map(([, tag]) => tag), added };
}

/** Returns the column `notes.tags`: a space on both sides, so that ` tag ` can be searched; empty without tags. */
export function joinedTags(tags: readonly string[]): string {
  return tags.length === 0 ? '' : ` ${tags.join(' ')} `;
}
