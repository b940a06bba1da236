import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Counts } from './remote-server.ts';

export interface ClientCounts {
  readonly counts: Counts;
  stop(): void;
}

/** Counts this process's HTTP traffic, by any library, for a server that does not. Bodies count by their headers. */
export function countRequests(): ClientCounts {
  const counts = { requests: 0, bytesUp: 0, bytesDown: 0, connections: 0, operations: { GetObject: 0, PutObject: 0 } };
  const started = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    counts.requests += 1;
    counts.bytesUp += Number(request.getHeader('content-length') ?? 0);
    if (namesAnObject(request)) {
      if (request.method === 'GET') counts.operations.GetObject += 1;
      if (request.method === 'PUT') counts.operations.PutObject += 1;
    }
  };
  const answered = (message: unknown): void => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    if (!request.reusedSocket) counts.connections += 1;
    // A reply to HEAD announces a body that is not sent.
    if (request.method !== 'HEAD') counts.bytesDown += Number(response.headers['content-length'] ?? 0);
  };
  subscribe('http.client.request.start', started);
  subscribe('http.client.response.finish', answered);
  return {
    counts,
    stop: () => {
      unsubscribe('http.client.request.start', started);
      unsubscribe('http.client.response.finish', answered);
    },
  };
}

/** True for `/bucket/key`, not for a bucket. */
function namesAnObject({ path }: ClientRequest): boolean {
  return /^\/[^/?]+\/[^?]/.test(path);
}
