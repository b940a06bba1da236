/**
 * Wraps each request to a store or a table: may count, delay, refuse, repeat or abandon it. `aroundStore` and
 * `aroundUserTable` apply it.
 */
export interface Around {
  read<T>(request: () => Promise<T>): Promise<T>;
  write<T>(username: string, request: () => Promise<T>): Promise<T | Unanswered>;
}

/** The outcome of a write that was sent and is no longer awaited. */
export interface Unanswered {
  readonly kind: 'unknown';
  readonly cause: Error;
}
