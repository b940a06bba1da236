/** How often each of some names was seen. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, count: number): void {
    this.#counts.set(name, this.of(name) + count);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** The most frequent first. */
  entries(): [string, number][] {
    return [...this.#counts].sort(([, a], [, b]) => b - a);
  }

  toString(): string {
    return this.entries()
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  }
}
