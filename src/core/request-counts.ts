/** Requests to a store and database bytes sent and received, retries included. */
export interface RequestCounts {
  readonly get: number;
  readonly put: number;
  readonly head: number;
  readonly delete: number;
  readonly list: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** A request beyond the one that was called. `tombstone`: a PUT sent instead of a DELETE. */
export type ExtraRequest = 'head' | 'put' | 'delete' | 'tombstone';

export const NO_REQUESTS: RequestCounts = { get: 0, put: 0, head: 0, delete: 0, list: 0, bytesUp: 0, bytesDown: 0 };

const NAMES = Object.keys(NO_REQUESTS) as (keyof RequestCounts)[];

function combine(left: RequestCounts, right: RequestCounts, how: (a: number, b: number) => number): RequestCounts {
  return Object.fromEntries(NAMES.map((name) => [name, how(left[name], right[name])])) as unknown as RequestCounts;
}

export function requestsSince(earlier: RequestCounts, now: RequestCounts): RequestCounts {
  return combine(now, earlier, (a, b) => a - b);
}

export function addRequests(left: RequestCounts, right: RequestCounts): RequestCounts {
  return combine(left, right, (a, b) => a + b);
}
