import type { Around } from './around.ts';

/** Requests to a store, including retries, and the bytes of databases in each direction. */
export interface RequestCounts {
  readonly get: number;
  readonly put: number;
  readonly head: number;
  readonly delete: number;
  readonly list: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Requests to the user and lock tables, including retries, as DynamoDB bills them. */
export interface TableRequests {
  readonly read: number;
  readonly write: number;
}

/** Calls of the function and the memory they held, in GB-seconds of 2^30 bytes, as Lambda bills them. */
export interface FunctionUse {
  readonly invocations: number;
  readonly gbSeconds: number;
}

/** The requests to all services of a deployment. */
export interface Usage {
  readonly store: RequestCounts;
  readonly tables: TableRequests;
  readonly function: FunctionUse;
}

export const NO_USAGE: Usage = {
  store: { get: 0, put: 0, head: 0, delete: 0, list: 0, bytesUp: 0, bytesDown: 0 },
  tables: { read: 0, write: 0 },
  function: { invocations: 0, gbSeconds: 0 },
};

export function addUsage(left: Usage, right: Usage): Usage {
  return {
    store: addCounts(left.store, right.store),
    tables: addCounts(left.tables, right.tables),
    function: addCounts(left.function, right.function),
  };
}

/** Returns the difference between two usages. */
export function usageSince(earlier: Usage, now: Usage): Usage {
  return {
    store: countsSince(earlier.store, now.store),
    tables: countsSince(earlier.tables, now.tables),
    function: countsSince(earlier.function, now.function),
  };
}

function addCounts<T extends object>(left: T, right: T): T {
  return combined(left, right, (a, b) => a + b);
}

export function countsSince<T extends object>(earlier: T, now: T): T {
  return combined(now, earlier, (a, b) => a - b);
}

/** Returns the use of the function as reports show it: absent if it was not called. */
export function lambdaOf({ function: use }: Usage): { readonly lambda?: FunctionUse } {
  return use.invocations === 0 ? {} : { lambda: use };
}

/** A request beyond the one that was called for. `tombstone`: a PUT instead of the DELETE. */
export type ExtraRequest = 'get' | 'head' | 'put' | 'delete' | 'tombstone';

/** Counts the usage of a deployment. */
export class UsageMeter {
  readonly #store: Mutable<RequestCounts> = { ...NO_USAGE.store };
  readonly #tables: Mutable<TableRequests> = { ...NO_USAGE.tables };
  readonly #function: Mutable<FunctionUse> = { ...NO_USAGE.function };

  /** Returns a copy of the counts. */
  usage(): Usage {
    return { store: { ...this.#store }, tables: { ...this.#tables }, function: { ...this.#function } };
  }

  readonly countStore = (counts: Partial<RequestCounts>): void => increase(this.#store, counts);

  readonly countTables = (counts: Partial<TableRequests>): void => increase(this.#tables, counts);

  readonly countFunction = (use: Partial<FunctionUse>): void => increase(this.#function, use);

  /** Counts a request that a store sent beyond the one that was called, or, for a tombstone, in its place. */
  readonly countExtra = (request: ExtraRequest, bytesUp: number): void =>
    this.countStore(request === 'tombstone' ? { delete: -1, put: 1, bytesUp } : { [request]: 1, bytesUp });
}

/** Counts the requests to a table. Stands below the retries, so that every attempt is counted. */
export function counting(meter: UsageMeter): Around {
  return {
    read: (request) => {
      meter.countTables({ read: 1 });
      return request();
    },
    write: (_username, request) => {
      meter.countTables({ write: 1 });
      return request();
    },
  };
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

function increase<T extends object>(counts: Mutable<T>, by: Partial<T>): void {
  const target = counts as Record<string, number>;
  for (const [name, more] of Object.entries(by as Record<string, number>)) target[name] = (target[name] ?? 0) + more;
}

function combined<T extends object>(left: T, right: T, how: (a: number, b: number) => number): T {
  const others = right as Readonly<Record<string, number>>;
  return Object.fromEntries(Object.entries(left).map(([name, value]) => [name, how(value, others[name] ?? 0)])) as T;
}
