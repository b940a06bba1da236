/**
 * An HTTP proxy on loopback that repeats requests, as what stands between a client and a store may do: nginx sends a
 * PUT to its next upstream if the first reply is lost. Passes everything else on unchanged, so that signatures hold.
 * Decides by counting, never at random.
 */
import {
  Agent,
  createServer,
  request as forward,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Selects the requests that are sent upstream twice in a row; the client gets the second reply. */
export interface RepeatRule {
  /** Default: every PUT. */
  readonly matches?: (request: ProxiedRequest) => boolean;
  /** 10: every tenth request that matches. */
  readonly every: number;
  /** The most repeats in all. Default: no bound. */
  readonly times?: number;
  /** The client gets this, and no second copy is sent: the store rejected it unseen. */
  readonly answerSecond?: CannedReply;
}

export interface CannedReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A rule's counts so far, which keep growing. */
export interface RepeatCounts {
  /** Requests that matched. */
  readonly seen: number;
  readonly repeated: number;
  /** Repeated requests whose first copy was answered 2xx: without them the rule proves nothing. */
  readonly landed: number;
  /** How often the upstream answered 2xx to matching requests, each copy counted: the number of effects. */
  readonly accepted: number;
}

const NOTHING = { seen: 0, repeated: 0, landed: 0, accepted: 0 };

export interface RepeatingProxy {
  readonly endpoint: string;
  /** Replaces the rule. */
  repeat(rule: RepeatRule): RepeatCounts;
  /** Ends connections and stops listening. */
  close(): Promise<void>;
}

/** S3's throttle. */
export const SLOW_DOWN: CannedReply = {
  status: 503,
  contentType: 'application/xml',
  body: '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
};

/** DynamoDB's throttle. */
export const THROTTLED: CannedReply = {
  status: 400,
  contentType: 'application/x-amz-json-1.0',
  body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate of requests exceeds the allowed throughput."}',
};

/** True for a PUT or DELETE: a delete may be either. */
export function isPutOrDelete({ method }: ProxiedRequest): boolean {
  return method === 'PUT' || method === 'DELETE';
}

export function isItemWrite({ method, headers }: ProxiedRequest): boolean {
  return method === 'POST' && /\.(PutItem|UpdateItem|DeleteItem)$/.test(String(headers['x-amz-target']));
}

/** Starts a proxy on 127.0.0.1 in front of `upstream`, at first without a rule. The caller closes it. */
export async function startRepeatingProxy(upstream: string): Promise<RepeatingProxy> {
  const { hostname, port } = new URL(upstream);
  const agent = new Agent({ keepAlive: true });
  let rule: RepeatRule | undefined;
  let counts = { ...NOTHING };

  /** Counts a matching request, and decides whether to repeat it; undefined without a matching rule. */
  function judge(request: ProxiedRequest) {
    if (rule === undefined) return undefined;
    const { matches = isPut, every, times = Number.POSITIVE_INFINITY, answerSecond } = rule;
    if (!matches(request)) return undefined;
    counts.seen += 1;
    const twice = counts.seen % every === 0 && counts.repeated < times;
    if (twice) counts.repeated += 1;
    return { twice, answerSecond, counts };
  }

  const send = (incoming: IncomingMessage, body: Buffer): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const { method = 'GET', url: path = '/', rawHeaders } = incoming;
      // A flat list keeps the headers' order, case and signed Host.
      const onward = forward({ hostname, port, agent, method, path, headers: rawHeaders as never }, (reply) => {
        buffer(reply).then((bytes) => resolve({ head: reply, body: bytes }), reject);
      });
      onward.once('error', reject);
      onward.end(body);
    });

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const { method = 'GET', url: path = '/', headers } = incoming;
    const judged = judge({ method, path, headers });
    const first = await send(incoming, body);
    if (judged === undefined) return pass(first, outgoing);
    if (isSuccess(first)) judged.counts.accepted += 1;
    if (!judged.twice) return pass(first, outgoing);
    if (isSuccess(first)) judged.counts.landed += 1;
    const { answerSecond } = judged;
    if (answerSecond === undefined) {
      const second = await send(incoming, body);
      if (isSuccess(second)) judged.counts.accepted += 1;
      return pass(second, outgoing);
    }
    outgoing.writeHead(answerSecond.status, {
      'content-type': answerSecond.contentType,
      'content-length': Buffer.byteLength(answerSecond.body),
    });
    outgoing.end(answerSecond.body);
  }

  // No timeouts: an idle connection that closes just as the client writes to it would be an unscripted fault.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (incoming, outgoing) => {
    // Either side hung up: there is no one to answer.
    exchange(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    repeat: (next) => {
      rule = next;
      counts = { ...NOTHING };
      return counts;
    },
    close: () => {
      server.closeAllConnections();
      agent.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Reply {
  readonly head: IncomingMessage;
  readonly body: Buffer;
}

function isSuccess({ head: { statusCode = 0 } }: Reply): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function isPut({ method }: ProxiedRequest): boolean {
  return method === 'PUT';
}

function pass({ head, body }: Reply, outgoing: ServerResponse): void {
  outgoing.writeHead(head.statusCode ?? 502, head.statusMessage, head.rawHeaders);
  outgoing.end(body);
}
