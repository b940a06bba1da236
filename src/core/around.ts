/**
 * What stands around each request to a store or a table: it may count it, delay it, refuse it, repeat it or stop waiting
 * for it. `aroundStore`, `aroundUserTable` and `aroundLockTable` put it there.
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
