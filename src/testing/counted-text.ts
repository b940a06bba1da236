import type { Text } from '../core/scan.ts';

/** A text that counts the characters that were looked at. */
export class CountedText implements Text {
  readonly length: number;
  readonly #text: string;
  steps = 0;

  constructor(text: string) {
    this.#text = text;
    this.length = text.length;
  }

  charCodeAt(index: number): number {
    this.steps += 1;
    return this.#text.charCodeAt(index);
  }

  indexOf(needle: string, from: number): number {
    const found = this.#text.indexOf(needle, from);
    this.steps += 1 + (found === -1 ? Math.max(0, this.length - from) : found - from);
    return found;
  }

  slice(start: number, end: number = this.length): string {
    const part = this.#text.slice(start, end);
    this.steps += 1 + part.length;
    return part;
  }
}
