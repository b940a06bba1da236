/** What a scanner needs of a string. A test hands in one that counts the characters it looks at. */
export interface Text {
  readonly length: number;
  charCodeAt(index: number): number;
  indexOf(needle: string, from: number): number;
  slice(start: number, end?: number): string;
}

/**
 * Finds the next occurrences of a needle from positions that only grow. No part of the text is searched twice, so a
 * scanner that asks again and again for an end that never comes still takes linear time.
 */
export class Finder {
  readonly #text: Text;
  readonly #needle: string;
  #found: number;

  constructor(text: Text, needle: string) {
    this.#text = text;
    this.#needle = needle;
    this.#found = Number.NEGATIVE_INFINITY;
  }

  /** Returns the first occurrence at or after a position, or Infinity. */
  from(position: number): number {
    if (this.#found < position) {
      const found = this.#text.indexOf(this.#needle, position);
      this.#found = found === -1 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#found;
  }
}
