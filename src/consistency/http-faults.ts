import type { IncomingMessage } from 'node:http';

/**
 * What a proxy does to a request.
 *
 * - `lost-request`: it never arrives. `lost-reply`: it arrives, and its sender never hears of it.
 * - `late-request` (writes that create nothing): its sender is told that the connection ended, and then it arrives.
 * - `repeated-request` (the same): it arrives twice, and the second reply goes back. `throttled-repeat`: the second copy
 *   is turned away by a throttle.
 * - `delay`: it takes longer. `cut-body`: half of the reply arrives.
 * - `error-500`, `error-503`, `slow-down`, `contended` (409, conditional writes): it is turned away unseen.
 */
export const HTTP_FAULTS = [
  'lost-request',
  'lost-reply',
  'late-request',
  'repeated-request',
  'throttled-repeat',
  'delay',
  'cut-body',
  'error-500',
  'error-503',
  'slow-down',
  'contended',
] as const;

export type HttpFault = (typeof HTTP_FAULTS)[number];

type Service = 's3' | 'dynamodb';

export interface RequestKind {
  readonly service: Service;
  /** The faults that it can meet. */
  readonly faults: readonly HttpFault[];
}

const ANY: readonly HttpFault[] = ['lost-request', 'lost-reply', 'delay', 'error-500', 'slow-down'];
const COPIED: readonly HttpFault[] = ['late-request', 'repeated-request', 'throttled-repeat'];

/**
 * Says what can happen to a request. A create has no late or second copies: one that arrives after a delete brings back
 * what was deleted, which S3 cannot rule out (docs/consistency.md).
 */
export function describeRequest({ method, headers }: IncomingMessage): RequestKind {
  const target = headers['x-amz-target'];
  if (target !== undefined) {
    const changes = /\.(UpdateItem|DeleteItem)$/.test(String(target));
    return { service: 'dynamodb', faults: changes ? [...ANY, ...COPIED] : ANY };
  }
  if (method === 'GET') return { service: 's3', faults: [...ANY, 'error-503', 'cut-body'] };
  const writes = method === 'PUT' || method === 'DELETE';
  if (!writes) return { service: 's3', faults: [...ANY, 'error-503'] };
  const creates = headers['if-none-match'] !== undefined;
  return { service: 's3', faults: [...ANY, 'error-503', 'contended', ...(creates ? [] : COPIED)] };
}

/** A reply that no engine gave. */
export interface Canned {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

type Turned = 'error-500' | 'error-503' | 'slow-down' | 'contended';

const S3: Readonly<Record<Turned, readonly [status: number, code: string]>> = {
  'error-500': [500, 'InternalError'],
  'error-503': [503, 'ServiceUnavailable'],
  'slow-down': [503, 'SlowDown'],
  contended: [409, 'ConditionalRequestConflict'],
};

const DYNAMODB: Readonly<Record<Turned, readonly [status: number, type: string]>> = {
  'error-500': [500, 'InternalServerError'],
  'error-503': [503, 'ServiceUnavailable'],
  'slow-down': [400, 'ThrottlingException'],
  contended: [400, 'TransactionConflictException'],
};

/** Returns the reply with which a service turns a request away. */
export function cannedReply(fault: Turned, service: Service): Canned {
  if (service === 's3') {
    const [status, code] = S3[fault];
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>made by verify consistency</Message></Error>`;
    return { status, contentType: 'application/xml', body };
  }
  const [status, type] = DYNAMODB[fault];
  const body = JSON.stringify({
    __type: `com.amazonaws.dynamodb.v20120810#${type}`,
    message: 'made by verify consistency',
  });
  return { status, contentType: 'application/x-amz-json-1.0', body };
}
