import type { Around } from './around.ts';
import type { Clock } from './clock.ts';
import { JavumboError } from './failure.ts';

/** A request that has ended, for a person who wants to see each. */
export interface EndedRequest {
  readonly operation: string;
  /** What it was about: the key of an object, or a table and a user. */
  readonly key: string;
  /** 1, and one more after each attempt that may be repeated. */
  readonly attempt: number;
  readonly milliseconds: number;
  /** How it ended: the outcome, or the kind of failure. */
  readonly status: string;
}

/** The bytes of one request on their way, for a person who waits for them. */
export interface Transfer {
  readonly direction: 'up' | 'down';
  readonly totalBytes: number;
  /** How many the system has taken or given so far. */
  doneBytes(): number;
}

/** Makes a request, and tells how it ended. */
export type TellRequest = <T>(
  operation: string,
  key: string,
  request: () => Promise<T>,
  statusOf?: (result: T) => string,
) => Promise<T>;

/** Tells of each request to a table. */
export function telling(tell: TellRequest, table: string): Around {
  return {
    read: (request) => tell('READ', table, request),
    write: (username, request) => tell('WRITE', `${table} ${username}`, request),
  };
}

/** Returns what tells of each request. Stands below the retries, so that it sees every attempt. */
export function requestTeller(clock: Clock, onRequest: (ended: EndedRequest) => void): TellRequest {
  const repeated = new Map<string, number>();
  return async (operation, key, request, statusOf = () => 'ok') => {
    const startedAt = clock.monotonic();
    const name = `${operation} ${key}`;
    const attempt = repeated.get(name) ?? 1;
    repeated.delete(name);
    const ended = (status: string): void =>
      onRequest({ operation, key, attempt, milliseconds: clock.monotonic() - startedAt, status });
    try {
      const result = await request();
      ended(statusOf(result));
      return result;
    } catch (error) {
      if (error instanceof JavumboError && error.retryable) repeated.set(name, attempt + 1);
      ended(error instanceof JavumboError ? error.kind : 'failed');
      throw error;
    }
  };
}
